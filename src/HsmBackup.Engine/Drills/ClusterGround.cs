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
            // Nobody logs in to a token, and nothing is removed, before it is known that none of them is the cluster's own.
            ground.CheckTokens(cancellationToken);
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
    public override void NoteInitialized()
    {
        if (_announced.Count > 0)
        {
            Write();
        }
    }

    /// <inheritdoc/>
    public override void Clear(DrillTargetNode target) => Remove([target], Journal(), isOther: false);

    /// <inheritdoc/>
    public override string CleanUp()
    {
        if (_announced.Count == 0)
        {
            return "nothing was put on the tokens of the drill cluster";
        }
        int removed = Remove(_targets, Journal(), isOther: false);
        File.Delete(_journalPath);
        return FormattableString.Invariant($"{removed} objects removed from {_targets.Count} tokens of drill cluster ")
            + $"'{_drillCluster.Name}', which are blank again";
    }

    /// <inheritdoc/>
    public override void Dispose() => _targets.ForEach(t => t.Pin.Dispose());

    private void TakePlaces(IReadOnlyList<ClusterNode> places)
    {
        int count = Math.Min(places.Count, _drillCluster.Nodes.Count);
        if (count < places.Count && _request.Scenario != DrillScenario.ClusterLoss)
        {
            throw NotPossible(
                $"A drill of the scenario {_request.Scenario} needs {places.Count} tokens, and drill cluster "
                + $"'{_drillCluster.Name}' has {_drillCluster.Nodes.Count}.",
                "Add a blank token to the drill cluster.");
        }
        if (count < places.Count)
        {
            _deviations.Add($"Drill cluster '{_drillCluster.Name}' has {count} nodes, "
                + $"so the recovery of {count} of {places.Count} nodes was rehearsed.");
        }
        foreach ((ClusterNode place, ClusterNode own) in places.Take(count).Zip(_drillCluster.Nodes))
        {
            Pin pin = (_request.OpenDrillPin ?? throw NotPossible("The PINs of the drill cluster's tokens were not given.",
                "Give them with -DrillPin, or name their source in its definition."))(own);
            _own.Add(own);
            _targets.Add(new DrillTargetNode(own with { Name = place.Name }, pin, _request.SoPin));
        }
    }

    /// <summary>None of the drill cluster's tokens is a node of the cluster, by whatever library and name it is reached.</summary>
    private void CheckTokens(CancellationToken cancellationToken)
    {
        List<DrillTargetNode> all = [.. _drillCluster.Nodes
            .Where(n => _own.Contains(n) || Left()?.Tokens.Any(t => t.Node == n.Name) == true)
            .Select(n => new DrillTargetNode(n, _targets[0].Pin, null))];
        IReadOnlyList<InitializedToken> seen = TargetThreads.Run(all, NoProgress.Instance, (target, _, _) => Look(target),
            cancellationToken);
        _deviations.AddRange(Untouchable.CheckTokens(_request.Cluster, [.. seen.Select(s => s.Token)], cancellationToken));
    }

    /// <summary>They are nobody else's either: they hold nothing.</summary>
    private void CheckBlank(CancellationToken cancellationToken)
    {
        IReadOnlyList<(InitializedToken Found, int Objects)> seen = TargetThreads.Run(_targets, NoProgress.Instance, (target, _, stop) =>
        {
            InitializedToken found = Look(target);
            if (found.Step != InitializationStep.None)
            {
                return (found, 0);
            }
            using Pin pin = target.Pin.Clone();
            using TokenConnection connection = TokenConnection.Open(target.Node.Address, pin, readWrite: false, stop);
            int objects = connection.Session.FindTokenObjects().Count;
            connection.CheckPresent();
            return (found, objects);
        }, cancellationToken);
        foreach ((DrillTargetNode target, (InitializedToken found, int objects)) in _targets.Zip(seen))
        {
            if (objects > 0)
            {
                throw NotPossible($"The token '{found.Token.Label}' of drill cluster '{_drillCluster.Name}' is not blank: "
                    + $"it holds {objects} objects, which no drill has put there. Nothing was touched.",
                    "Find out whose they are. A token of a drill cluster holds nothing between drills.");
            }
            if (found.Step == InitializationStep.None)
            {
                target.Token = found.Token;
            }
            else if (_request.SoPin is null)
            {
                throw NotPossible($"The token of node '{target.Node.Name}' of drill cluster '{_drillCluster.Name}' is to be initialised, "
                    + "and there is no PIN of a security officer.",
                    "Give it with -SoPin, as a SecureString.");
            }
        }
        int ready = seen.Count(s => s.Found.Step == InitializationStep.None);
        if (ready > 0)
        {
            _deviations.Add($"{ready} tokens of the drill cluster were initialised before the drill, so the recovery time lacks that.");
        }
    }

    private InitializedToken Look(DrillTargetNode target) => TokenInitialization.Look(target.Node.Address,
        [.. _drillCluster.Nodes
            .Where(n => n.Address.Library.Path == target.Node.Address.Library.Path
                && n.Address.TokenSerial != target.Node.Address.TokenSerial)
            .Select(n => n.Address.TokenSerial).OfType<string>()]);

    private DrillJournal? Left()
    {
        try
        {
            return StateDocument.Read(_journalPath, DrillJournalJson.Default.DrillJournal);
        }
        catch (Exception e) when (e is JsonException || FileErrors.Covers(e))
        {
            throw NotPossible($"What an earlier drill has left on drill cluster '{_drillCluster.Name}' is not known: "
                + $"'{_journalPath}' cannot be read ({e.Message}).", BlankByHand);
        }
    }

    private void RemoveLeftovers(CancellationToken cancellationToken)
    {
        if (Left() is not { } left)
        {
            return;
        }
        if (left.Tokens.FirstOrDefault(t => _drillCluster.Nodes.All(n => n.Name != t.Node)) is { } gone)
        {
            throw NotPossible($"An earlier drill did not come to its end, and may have left keys on the token of node '{gone.Node}', "
                + $"which drill cluster '{_drillCluster.Name}' does not have any more.",
                BlankByHand);
        }
        // By the drill cluster's own names: this drill may take fewer of its tokens.
        List<DrillTargetNode> tokens = [];
        try
        {
            tokens.AddRange(_drillCluster.Nodes.Where(n => left.Tokens.Any(t => t.Node == n.Name)).Select(TargetOf));
            cancellationToken.ThrowIfCancellationRequested();
            int removed = Remove(tokens, left, isOther: true);
            File.Delete(_journalPath);
            _deviations.Add(FormattableString.Invariant($"A drill of {left.Started.UtcDateTime:yyyy-MM-dd HH:mm:ss}Z ")
                + FormattableString.Invariant($"did not come to its end; the {removed} objects ")
                + "that it had left on the drill cluster were removed.");
        }
        catch (HsmBackupException e) when (e.Code == ErrorCode.DrillFailed)
        {
            throw NotPossible($"An earlier drill did not come to its end. {e.Message}", BlankByHand);
        }
        finally
        {
            tokens.ForEach(t => t.Pin.Dispose());
        }
    }

    private string BlankByHand =>
        "Find out whose these tokens and objects are. Make the tokens of the drill cluster blank with the vendor's tool, "
        + $"then remove '{_journalPath}'.";

    private DrillTargetNode TargetOf(ClusterNode own) => _own.IndexOf(own) is >= 0 and var index
        ? new DrillTargetNode(own, _targets[index].Pin.Clone(), null)
        : new DrillTargetNode(own, _request.OpenDrillPin!(own), null);

    /// <summary>Removes what a drill has put on tokens, and nothing else.</summary>
    /// <param name="tokens">The tokens.</param>
    /// <param name="journal">What may be removed.</param>
    /// <param name="isOther">Whether it was another drill: then a token with anything else on it is left as it is.</param>
    /// <returns>How many objects.</returns>
    /// <exception cref="HsmBackupException">DrillFailed: something stays on a token, or nobody knows.</exception>
    private int Remove(IReadOnlyList<DrillTargetNode> tokens, DrillJournal journal, bool isOther)
    {
        IReadOnlyList<(int Removed, List<string> Left)> outcomes = TargetThreads.Run(tokens, NoProgress.Instance,
            (target, _, _) => Remove(target, journal, isOther), CancellationToken.None);
        List<string> left = [.. outcomes.SelectMany(o => o.Left)];
        return left.Count == 0 ? outcomes.Sum(o => o.Removed) : throw new HsmBackupException(ErrorCode.DrillFailed,
            $"Drill cluster '{_drillCluster.Name}' is not blank: "
            + $"{string.Join("; ", left.Take(5))}{(left.Count > 5 ? $"; and {left.Count - 5} more" : "")}.",
            "Find out whose these objects are; a token of a drill cluster holds nothing between drills.")
        { Target = _drillCluster.Name };
    }

    private (int Removed, List<string> Left) Remove(DrillTargetNode target, DrillJournal journal, bool isOther)
    {
        string node = target.Node.Name;
        // By its place in the list where a target has the name of the node whose place it takes.
        string? serial = (isOther ? journal.Tokens.First(t => t.Node == node) : journal.Tokens[_targets.IndexOf(target)]).Serial;
        InitializedToken found = Look(target);
        if (serial is not null && found.Token.SerialNumber != serial)
        {
            return (0, [$"the token with the serial number '{serial}' on {node} is not to be seen, and may hold keys"]);
        }
        if (found.Step != InitializationStep.None)
        {
            return (0, []);
        }
        using Pin pin = target.Pin.Clone();
        using TokenConnection connection = TokenConnection.Open(target.Node.Address, pin, readWrite: true, CancellationToken.None);
        List<(ulong Handle, string What, bool Ours)> all = [.. connection.Session.FindTokenObjects()
            .Select(h => Describe(connection, h, node, journal))];
        List<string> left = [.. all.Where(o => !o.Ours).Select(o => $"{o.What} is none of the drill's")];
        if (isOther && left.Count > 0)
        {
            return (0, left);
        }
        foreach ((ulong handle, string what, _) in all.Where(o => o.Ours))
        {
            if (connection.Session.TryDestroyObject(handle) is not Ckr.Ok and var rv)
            {
                left.Add($"{what} cannot be removed ({Names.OfReturnValue(rv)})");
            }
        }
        int still = connection.Session.FindTokenObjects().Count;
        // A token that goes away shows nothing, which is not the same as to be blank.
        connection.CheckPresent();
        return still == left.Count ? (all.Count - still, left)
            : (0, [.. left, FormattableString.Invariant($"{still} objects on {node} are still there")]);
    }

    private static (ulong Handle, string What, bool Ours) Describe(TokenConnection connection, ulong handle, string node,
        DrillJournal journal)
    {
        AttributeMap names = connection.Session.ReadAttributes(handle, [Cka.Class, Cka.Label, Cka.Id]).Attributes;
        (ulong? objectClass, string label, string id) = (names.Number(Cka.Class), names.Text(Cka.Label) ?? "",
            Convert.ToHexStringLower(names.Bytes(Cka.Id) ?? []));
        return (handle, $"{(objectClass is { } known ? Names.OfClass(known) : "an object")} '{DisplayText.Harmless(label)}' on {node}",
            journal.Covers(objectClass, label, id));
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
        Tokens = [.. _own.Zip(_targets, (own, target) =>
            new AnnouncedToken(own.Name, own.Address.TokenLabel, target.Token?.SerialNumber ?? own.Address.TokenSerial))],
        Objects = [.. _announced.Distinct()],
    };

    private HsmBackupException NotPossible(string what, string remedy) =>
        new(ErrorCode.DrillNotPossible, what, remedy) { Target = _drillCluster.Name };
}
