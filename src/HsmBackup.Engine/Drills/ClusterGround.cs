using System.Text.Json;
using HsmBackup.Engine.Clusters;
using HsmBackup.Engine.Pkcs11;
using HsmBackup.Engine.Protection;
using HsmBackup.Engine.Tokens;

namespace HsmBackup.Engine.Drills;

/// <summary>
/// The tokens of a drill cluster. They are none of the cluster's own and hold nothing, or the drill does not begin; what it puts on them is
/// written down first, and exactly that is removed, by the next drill if this one is killed.
/// </summary>
internal sealed class ClusterGround : DrillGround
{
    private readonly DrillRequest _request;
    private readonly ClusterDefinition _drillCluster;
    private readonly List<DrillTargetNode> _targets = [];
    private readonly List<string> _deviations = [];
    private readonly List<ClusterNode> _own = [];
    private readonly string _journalPath;
    private readonly List<AnnouncedObject> _announced = [];

    private ClusterGround(DrillRequest request)
    {
        _request = request;
        _drillCluster = request.DrillCluster!;
        _journalPath = Path.Combine(DrillTurn.FolderOf(request, _drillCluster.Id), "targets.json");
    }

    /// <inheritdoc/>
    public override IReadOnlyList<DrillTargetNode> Targets => _targets;

    /// <inheritdoc/>
    public override IReadOnlyList<string> Deviations => _deviations;

    /// <inheritdoc/>
    public override string? DrillCluster => _drillCluster.Name;

    /// <summary>Makes sure that a drill cluster can be recovered to, and removes what a killed drill has left on it.</summary>
    /// <param name="request">The drill.</param>
    /// <param name="places">The nodes whose places are taken.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <exception cref="HsmBackupException">DrillNotPossible; of the tokens and their PINs.</exception>
    public static ClusterGround Open(DrillRequest request, IReadOnlyList<ClusterNode> places, CancellationToken cancellationToken)
    {
        var ground = new ClusterGround(request);
        try
        {
            ground.TakePlaces(places);
            Untouchable.CheckDefinition(request.Cluster, ground._own);
            ground.RemoveLeftovers(cancellationToken);
            ground.CheckBlank(cancellationToken);
            return ground;
        }
        catch
        {
            ground.Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    public override void Announce(IReadOnlyList<AnnouncedObject> objects)
    {
        _announced.AddRange(objects);
        if (_request.Cluster.ClusterKey is { } key)
        {
            _announced.Add(new AnnouncedObject(Cko.SecretKey, ClusterKeyIdentity.Label, key.Check));
        }
        Write();
    }

    /// <inheritdoc/>
    public override void Clear(DrillTargetNode target) => Remove([target], Journal());

    /// <inheritdoc/>
    public override string CleanUp()
    {
        if (_announced.Count == 0)
        {
            return "nothing was put on the tokens of the drill cluster";
        }
        int removed = Remove(_targets, Journal());
        File.Delete(_journalPath);
        return FormattableString.Invariant($"{removed} objects removed from {_targets.Count} tokens of drill cluster '{_drillCluster.Name}', which are blank again");
    }

    /// <inheritdoc/>
    public override void Dispose() => _targets.ForEach(t => t.Pin.Dispose());

    private void TakePlaces(IReadOnlyList<ClusterNode> places)
    {
        int count = Math.Min(places.Count, _drillCluster.Nodes.Count);
        if (count < places.Count && _request.Scenario != DrillScenario.ClusterLoss)
        {
            throw NotPossible($"A drill of the scenario {_request.Scenario} needs {places.Count} tokens, and drill cluster '{_drillCluster.Name}' has {_drillCluster.Nodes.Count}.",
                "Add a blank token to the drill cluster.");
        }
        if (count < places.Count)
        {
            _deviations.Add($"Drill cluster '{_drillCluster.Name}' has {count} nodes, so the recovery of {count} of {places.Count} nodes was rehearsed.");
        }
        foreach ((ClusterNode place, ClusterNode own) in places.Take(count).Zip(_drillCluster.Nodes))
        {
            Pin pin = (_request.OpenDrillPin ?? throw NotPossible("The PINs of the drill cluster's tokens were not given.", "Give them with -DrillPin, or name their source in its definition."))(own);
            _own.Add(own);
            _targets.Add(new DrillTargetNode(own with { Name = place.Name }, pin, _request.SoPin));
        }
    }

    /// <summary>They are neither nodes of the cluster nor anybody else's: they hold nothing.</summary>
    private void CheckBlank(CancellationToken cancellationToken)
    {
        IReadOnlyList<(InitializedToken Found, int Objects)> seen = TargetThreads.Run(_targets, Silent.Instance, (target, _, stop) =>
        {
            string[] others = [.. _own.Where(n => n.Address.Library.Path == target.Node.Address.Library.Path && n.Address.TokenSerial != target.Node.Address.TokenSerial)
                .Select(n => n.Address.TokenSerial).OfType<string>()];
            InitializedToken found = TokenInitialization.Look(target.Node.Address, others);
            if (found.Step != InitializationStep.None)
            {
                return (found, 0);
            }
            using Pin pin = target.Pin.Clone();
            using TokenConnection connection = TokenConnection.Open(target.Node.Address, pin, readWrite: false, stop);
            return (found, connection.Session.FindTokenObjects().Count);
        }, cancellationToken);
        Untouchable.CheckTokens(_request.Cluster, [.. seen.Select(s => s.Found.Token)], cancellationToken);
        foreach ((DrillTargetNode target, (InitializedToken found, int objects)) in _targets.Zip(seen))
        {
            if (objects > 0)
            {
                throw NotPossible($"The token '{found.Token.Label}' of drill cluster '{_drillCluster.Name}' is not blank: it holds {objects} objects, which no drill has put there. Nothing was touched.",
                    "Find out whose they are. A token of a drill cluster holds nothing between drills.");
            }
            if (found.Step == InitializationStep.None)
            {
                target.Token = found.Token;
            }
            else if (_request.SoPin is null)
            {
                throw NotPossible($"The token of node '{target.Node.Name}' of drill cluster '{_drillCluster.Name}' is to be initialised, and there is no PIN of a security officer.",
                    "Give it with -SoPin, as a SecureString.");
            }
        }
        int ready = seen.Count(s => s.Found.Step == InitializationStep.None);
        if (ready > 0)
        {
            _deviations.Add($"{ready} tokens of the drill cluster were initialised before the drill, so the recovery time lacks that.");
        }
    }

    private void RemoveLeftovers(CancellationToken cancellationToken)
    {
        DrillJournal? left;
        try
        {
            left = StateDocument.Read(_journalPath, DrillJournalJson.Default.DrillJournal);
        }
        catch (Exception e) when (e is JsonException || FileErrors.Covers(e))
        {
            throw NotPossible($"What an earlier drill has left on drill cluster '{_drillCluster.Name}' is not known: '{_journalPath}' cannot be read ({e.Message}).",
                "Make the tokens of the drill cluster blank with the vendor's tool, then remove that file.");
        }
        if (left is null)
        {
            return;
        }
        // By the drill cluster's own names: this drill may take fewer of its tokens.
        List<DrillTargetNode> tokens = [.. _drillCluster.Nodes.Where(n => left.Tokens.Any(t => t.Node == n.Name)).Select(TargetOf)];
        try
        {
            cancellationToken.ThrowIfCancellationRequested();
            int removed = Remove(tokens, left);
            File.Delete(_journalPath);
            _deviations.Add($"A drill of {left.Started.UtcDateTime:yyyy-MM-dd HH:mm:ss}Z did not come to its end; the {removed} objects that it had left on the drill cluster were removed.");
        }
        finally
        {
            tokens.Where(t => !_targets.Contains(t)).ToList().ForEach(t => t.Pin.Dispose());
        }
    }

    private DrillTargetNode TargetOf(ClusterNode own) => _own.IndexOf(own) is >= 0 and var index ? _targets[index]
        : new DrillTargetNode(own, _request.OpenDrillPin!(own), null);

    /// <summary>Removes what a drill has put on tokens, and nothing else.</summary>
    /// <returns>How many objects.</returns>
    /// <exception cref="HsmBackupException">DrillFailed: something stays on a token.</exception>
    private int Remove(IReadOnlyList<DrillTargetNode> tokens, DrillJournal journal)
    {
        IReadOnlyList<(int Removed, List<string> Left)> outcomes = TargetThreads.Run(tokens, Silent.Instance, (target, _, _) => Remove(target, journal), CancellationToken.None);
        List<string> left = [.. outcomes.SelectMany(o => o.Left)];
        return left.Count == 0 ? outcomes.Sum(o => o.Removed) : throw new HsmBackupException(ErrorCode.DrillFailed,
            $"Drill cluster '{_drillCluster.Name}' is not blank: {string.Join("; ", left.Take(5))}{(left.Count > 5 ? $"; and {left.Count - 5} more" : "")}.",
            "Find out whose these objects are; a token of a drill cluster holds nothing between drills.")
        { Target = _drillCluster.Name };
    }

    private static (int Removed, List<string> Left) Remove(DrillTargetNode target, DrillJournal journal)
    {
        if (TokenInitialization.Look(target.Node.Address).Step != InitializationStep.None)
        {
            return (0, []);
        }
        using Pin pin = target.Pin.Clone();
        using TokenConnection connection = TokenConnection.Open(target.Node.Address, pin, readWrite: true, CancellationToken.None);
        List<string> left = [];
        int removed = 0;
        foreach (ulong handle in connection.Session.FindTokenObjects())
        {
            AttributeMap names = connection.Session.ReadAttributes(handle, [Cka.Class, Cka.Label, Cka.Id]).Attributes;
            (ulong? objectClass, string label, string id) = (names.Number(Cka.Class), names.Text(Cka.Label) ?? "", Convert.ToHexStringLower(names.Bytes(Cka.Id) ?? []));
            string what = $"{(objectClass is { } known ? Names.OfClass(known) : "an object")} '{DisplayText.Harmless(label)}' on {target.Node.Name}";
            if (!journal.Covers(objectClass, label, id))
            {
                left.Add($"{what} is none of the drill's");
            }
            else if (connection.Session.TryDestroyObject(handle) is not Ckr.Ok and var rv)
            {
                left.Add($"{what} cannot be removed ({Names.OfReturnValue(rv)})");
            }
            else
            {
                removed++;
            }
        }
        return (removed, left);
    }

    private void Write()
    {
        StateFolder.Create(Path.GetDirectoryName(_journalPath)!);
        StateDocument.Write(_journalPath, Journal(), DrillJournalJson.Default.DrillJournal);
    }

    private DrillJournal Journal() => new()
    {
        Started = _request.Clock.GetUtcNow().ToUniversalTime(),
        ClusterId = _request.Cluster.Id,
        Tokens = [.. _own.Select(n => new AnnouncedToken(n.Name, n.Address.TokenLabel, n.Address.TokenSerial))],
        Objects = [.. _announced.Distinct()],
    };

    private HsmBackupException NotPossible(string what, string remedy) => new(ErrorCode.DrillNotPossible, what, remedy) { Target = _drillCluster.Name };

    /// <summary>Nobody watches what comes before and after a drill.</summary>
    private sealed class Silent : IProgress<OperationProgress>
    {
        public static readonly Silent Instance = new();

        public void Report(OperationProgress value)
        {
        }
    }
}
