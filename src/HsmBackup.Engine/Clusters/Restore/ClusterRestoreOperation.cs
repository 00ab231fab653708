using HsmBackup.Engine.Backup;
using HsmBackup.Engine.Clusters.Keys;
using HsmBackup.Engine.Protection;
using HsmBackup.Engine.Protection.Shares;
using HsmBackup.Engine.Tokens;

namespace HsmBackup.Engine.Clusters.Restore;

/// <summary>
/// Makes the nodes of a cluster hold what a backup holds, all at a time, each on a thread of its own. <see cref="Prepare"/> authenticates
/// the file and works out the plans, and changes nothing; <see cref="Execute"/> carries out those that were agreed to. A node that fails, or
/// does not answer, is reported and keeps no other from its keys; a PIN that was refused is not sent again.
/// </summary>
public sealed class ClusterRestoreOperation : IDisposable
{
    private readonly ClusterRestoreContext _context;
    private readonly List<NodeRestore> _nodes;
    private readonly string _activity;

    private ClusterRestoreOperation(ClusterRestoreContext context)
    {
        _context = context;
        _nodes = [.. context.Request.Nodes.Select(n => new NodeRestore(n))];
        _activity = $"Restoring {(context.Request.Cluster is { } cluster ? $"cluster {cluster}" : _nodes[0].Node.Name)}";
    }

    /// <summary>The backup's id.</summary>
    public string BackupId => _context.Backup.Header.Id.ToString();

    /// <summary>What is going to be done to each node.</summary>
    public IReadOnlyList<NodeRestorePlan> Plans => [.. _nodes.Select(n => new NodeRestorePlan
    {
        Node = n.Node.Name,
        Plan = n.Error is null ? n.Plan : null,
        Initialization = n.Step,
        Slot = n.Slot,
        Joins = n.Joins,
        Error = n.Error,
    })];

    /// <summary>The nodes as they are now: a token that was initialised anew may have another serial number.</summary>
    public IReadOnlyList<ClusterNode> Nodes => [.. _nodes.Select(n => n.Node with { Address = n.Address })];

    /// <summary>What is known of the cluster key that nodes get; null where there is none.</summary>
    public ClusterKeyInfo? ClusterKey => _context.KeyInfo;

    /// <summary>True where the cluster key is needed to restore anything; otherwise nodes can do without it for now.</summary>
    public bool IsBound => _context.IsBound;

    /// <summary>
    /// The cluster with its nodes as they are now; null for a lone token. The same object as in the request where nothing changed.
    /// </summary>
    public ClusterDefinition? Cluster
    {
        get
        {
            Dictionary<string, string?> changed = _nodes.Where(n => n.Error is null && n.Address.TokenSerial != n.Node.Address.TokenSerial)
                .ToDictionary(n => n.Node.Name, n => n.Address.TokenSerial);
            return changed.Count == 0 || _context.Request.Cluster is not { } cluster ? _context.Request.Cluster : cluster with
            {
                Nodes = [.. cluster.Nodes.Select(n => changed.TryGetValue(n.Name, out string? serial)
                    ? n with { Address = n.Address with { TokenSerial = serial } } : n)],
            };
        }
    }

    /// <summary>Authenticates the backup, reads the tokens and makes the plans. Nothing of any token is changed.</summary>
    /// <param name="request">What is asked for.</param>
    /// <param name="progress">Told how far it is, on the calling thread.</param>
    /// <param name="cancellationToken">Stops it.</param>
    /// <exception cref="HsmBackupException">Of the file and the key; BackupIncomplete. What a node fails with stands in its plan.</exception>
    public static ClusterRestoreOperation Prepare(ClusterRestoreRequest request, IProgress<OperationProgress>? progress, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(request);
        progress?.Report(new OperationProgress($"Restoring {request.Cluster?.Name ?? "the token"}", "Authenticating the backup", 0, 0));
        OpenedBackup backup = OpenedBackup.Open(request.Path, request.Key, cancellationToken);
        var pins = new NodePins([], null);
        ClusterRestoreOperation? operation = null;
        try
        {
            // Before anybody is asked for a PIN.
            RestoreChecks.CheckAccepted(backup, request.Path, request.AllowPartial);
            pins = new NodePins(request.Nodes, request.OpenPin);
            operation = new ClusterRestoreOperation(new ClusterRestoreContext(request, backup, pins, ClusterRestoreContext.FindKey(request.Cluster, backup)));
            operation.PrepareNodes(progress, cancellationToken);
            return operation;
        }
        catch
        {
            operation?.ReleaseNodes();
            pins.Dispose();
            backup.Dispose();
            throw;
        }
    }

    /// <summary>Makes sure that shares give the cluster key.</summary>
    /// <exception cref="HsmBackupException">SharesMissing, SharesInconsistent, ClusterKeyMismatch.</exception>
    public void CheckShares(ShareCombiner shares) => Keys.ClusterKey.Rebuild(shares, _context.KeyInfo!.Check).Dispose();

    /// <summary>Carries plans out.</summary>
    /// <param name="agreed">Names of the nodes whose plans were agreed to.</param>
    /// <param name="soPin">PIN of the security officer, for tokens that are initialised; stays the caller's to dispose.</param>
    /// <param name="shares">Enough shares, for nodes that get the cluster key; null where none does.</param>
    /// <param name="progress">Told how far it is, on the calling thread.</param>
    /// <param name="cancellationToken">Stops the nodes where that does no harm; they are waited for.</param>
    /// <returns>What became of each node that was agreed to.</returns>
    /// <exception cref="HsmBackupException">SharesMissing, SharesInconsistent, ClusterKeyMismatch, InvalidArgument: no node was touched.</exception>
    public IReadOnlyList<NodeRestoreOutcome> Execute(
        IReadOnlyCollection<string> agreed, Pin? soPin, ShareCombiner? shares, IProgress<OperationProgress>? progress, CancellationToken cancellationToken)
    {
        List<NodeRestore> nodes = _nodes.FindAll(n => n.Error is null && agreed.Contains(n.Node.Name));
        if (soPin is null && nodes.Find(n => n.Step != InitializationStep.None) is { } blank)
        {
            throw new HsmBackupException(ErrorCode.PinRequired, $"The token of node '{blank.Node}' is to be initialised, and there is no PIN of a security officer.",
                "Give it with -SoPin, as a SecureString.")
            { Target = blank.Node.Name };
        }
        if (shares is null && IsBound && nodes.Find(n => n.Joins) is { } joining)
        {
            throw new HsmBackupException(ErrorCode.SharesMissing, $"Node '{joining.Node}' lacks the cluster key, and the backup is bound to it.",
                "Give the custodians' shares with -Share or -SharePath, or run the command where somebody can type them.")
            { Target = joining.Node.Name };
        }
        Dictionary<NodeRestore, NodeSecrets> secrets = [];
        Dictionary<NodeRestore, OpenedBackup> backups = [];
        try
        {
            foreach (NodeRestore node in nodes)
            {
                secrets.Add(node, SecretsFor(node, soPin, shares));
                if (!node.IsHeld)
                {
                    backups.Add(node, Open(cancellationToken));
                }
            }
        }
        catch
        {
            secrets.Values.ToList().ForEach(s => s.Dispose());
            backups.Values.ToList().ForEach(b => b.Dispose());
            throw;
        }
        IReadOnlyList<NodeAnswer<RestoreResult>> answers = OnThreads(nodes, (node, pulse, told, stop) =>
            Handing(backups.GetValueOrDefault(node), open => node.Execute(_context, secrets[node], open, pulse, told, stop)), progress, cancellationToken);
        return [.. nodes.Zip(answers, (node, answer) => node.EndExecution(answer, cancellationToken))];
    }

    /// <summary>Lets go of the tokens. One that is still written to is let go of by its own thread.</summary>
    public void Dispose()
    {
        ReleaseNodes();
        _context.Pins.Dispose();
        _context.Backup.Dispose();
    }

    private OpenedBackup Open(CancellationToken cancellationToken) => OpenedBackup.Open(_context.Request.Path, _context.Request.Key, cancellationToken);

    private NodeSecrets SecretsFor(NodeRestore node, Pin? soPin, ShareCombiner? shares) => new(
        _context.Request.Key.Clone(),
        _context.PinOf(node.Node),
        node.Step == InitializationStep.None ? null : soPin!.Clone(),
        node.Joins && shares is not null ? Keys.ClusterKey.Rebuild(shares, _context.KeyInfo!.Check) : null);

    /// <summary>A PIN that was given for all goes to one node at a time until one has taken it: a wrong one is sent to a single token.</summary>
    private void PrepareNodes(IProgress<OperationProgress>? progress, CancellationToken cancellationToken)
    {
        var waiting = new Queue<NodeRestore>(_nodes);
        bool careful = _context.Request.OnePinForAll;
        while (waiting.Count > 0)
        {
            List<NodeRestore> turn = careful ? [waiting.Dequeue()] : [.. waiting];
            PrepareTurn(turn, progress, cancellationToken);
            if (!careful)
            {
                return;
            }
            if (turn[0].Error is HsmBackupException { Code: ErrorCode.PinIncorrect or ErrorCode.PinLocked } refused)
            {
                throw refused;
            }
            careful = !turn[0].LoggedIn;
        }
    }

    private void PrepareTurn(List<NodeRestore> nodes, IProgress<OperationProgress>? progress, CancellationToken cancellationToken)
    {
        Dictionary<NodeRestore, OpenedBackup> backups = nodes.ToDictionary(n => n, _ => Open(cancellationToken));
        IReadOnlyList<NodeAnswer<bool>> answers = OnThreads(nodes, (node, pulse, told, stop) =>
            Handing(backups[node], open => node.Prepare(_context, open, pulse, told, stop)), progress, cancellationToken);
        foreach ((NodeRestore node, NodeAnswer<bool> answer) in nodes.Zip(answers))
        {
            node.EndPreparation(answer, () => RestoreOperation.PlanForBlank(
                _context.Backup, node.Address.TokenLabel ?? node.Node.Name, _context.Request.Cluster is null ? null : node.Node.Name, cancellationToken), cancellationToken);
        }
        cancellationToken.ThrowIfCancellationRequested();
    }

    /// <summary>An opened backup for who asks for it and then disposes it; where nobody does, it is disposed here.</summary>
    private static T Handing<T>(OpenedBackup? backup, Func<Func<OpenedBackup>, T> work)
    {
        try
        {
            return work(() =>
            {
                OpenedBackup taken = backup!;
                backup = null;
                return taken;
            });
        }
        finally
        {
            backup?.Dispose();
        }
    }

    private IReadOnlyList<NodeAnswer<T>> OnThreads<T>(List<NodeRestore> nodes,
        Func<NodeRestore, NodePulse, IProgress<OperationProgress>, CancellationToken, T> work,
        IProgress<OperationProgress>? progress, CancellationToken cancellationToken)
    {
        Dictionary<ClusterNode, NodeRestore> byNode = new(ReferenceEqualityComparer.Instance);
        nodes.ForEach(n => byNode.Add(n.Node, n));
        var board = new ClusterProgress(_activity);
        // A node that was told to stop is waited for all the same: it says whether it could take back what it had begun.
        return board.Follow(() => NodeThreads.Run([.. nodes.Select(n => n.Node)], (node, pulse) =>
        {
            using var stop = CancellationTokenSource.CreateLinkedTokenSource(pulse.Token, cancellationToken);
            return work(byNode[node], pulse, board.Of(node, pulse), stop.Token);
        }, CancellationToken.None), progress);
    }

    /// <summary>To log out is a native call too, and may block as any other.</summary>
    private void ReleaseNodes()
    {
        List<NodeRestore> held = _nodes.FindAll(n => n.IsHeld);
        if (held.Count > 0)
        {
            OnThreads(held, (node, _, _, _) =>
            {
                node.Release();
                return true;
            }, null, CancellationToken.None);
        }
    }
}
