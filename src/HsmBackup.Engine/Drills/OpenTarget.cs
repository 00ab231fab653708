using HsmBackup.Engine.Backup;
using HsmBackup.Engine.Pkcs11;
using HsmBackup.Engine.Protection;
using HsmBackup.Engine.Tokens;

namespace HsmBackup.Engine.Drills;

/// <summary>A target that was compared with the backup, and stays open until its keys have been used.</summary>
internal sealed class OpenTarget : IDisposable
{
    private readonly TokenConnection _connection;
    private readonly DrillBackup _backup;
    private readonly Pin _pin;
    private readonly Lock _turn = new();
    private bool _inUse;
    private bool _forgotten;

    private OpenTarget(DrillTargetNode target, DrillBackup backup, TokenConnection connection, Pin pin, IReadOnlyList<PlanStep> steps)
    {
        Target = target;
        _backup = backup;
        _connection = connection;
        _pin = pin;
        Steps = steps;
    }

    /// <summary>The target.</summary>
    public DrillTargetNode Target { get; }

    /// <summary>Every object of the backup beside that of the token, and what the token has beyond.</summary>
    public IReadOnlyList<PlanStep> Steps { get; }

    /// <summary>Reads the target, each key wrapped again, and lays it beside the backup. Nothing is changed.</summary>
    /// <param name="cluster">The cluster that the target is a node of for now.</param>
    /// <param name="target">The target.</param>
    /// <param name="backup">The backup.</param>
    /// <param name="progress">Told how far it is.</param>
    /// <param name="toChange">Whether something of it is going to be deleted.</param>
    /// <param name="cancellationToken">Stops it.</param>
    public static OpenTarget Read(ClusterKeyIdentity? cluster, DrillTargetNode target, DrillBackup backup,
        IProgress<OperationProgress> progress, bool toChange, CancellationToken cancellationToken)
    {
        using OpenedBackup opened = backup.Open(cancellationToken);
        Pin pin = target.Pin.Clone();
        TokenConnection? connection = null;
        try
        {
            connection = TokenConnection.Open(target.Node.Address, pin, readWrite: toChange, cancellationToken);
            using KeyEncryptionKey kek = opened.ImportKek(connection, cluster);
            TokenSnapshot snapshot = TokenSnapshot.Take(opened, connection, kek,
                (done, total) => progress.Report(new OperationProgress("", "comparing with the backup", done, total)), cancellationToken);
            return new OpenTarget(target, backup, connection, pin, RestorePlanner.Plan(snapshot.Backup, snapshot.Token));
        }
        catch
        {
            connection?.Dispose();
            pin.Dispose();
            throw;
        }
    }

    /// <summary>What is wrong with an object of the token; null where it is that of the backup.</summary>
    /// <param name="step">The object of the backup, and that of the token.</param>
    /// <param name="wasProven">
    /// Whether its key was proven when it was brought there; a token may close a key to all wrapping afterwards.
    /// </param>
    public static string? FaultOf(PlanStep step, bool wasProven) => step switch
    {
        { Source: null } => "it is on the token, and not in the backup",
        { Source.Summary.Verdict: not Verdict.Captured } =>
            $"the backup does not have it whole: {step.Source.Summary.Verdict}, {step.Source.Summary.Reason}",
        { Target: null } => "it is not on the token",
        _ when step.Source.IsProvenBy(step.Target) => null,
        { Target.KeyDigest: "", Source.HasSecret: true } when wasProven => null,
        { Source.HasSecret: true } when step.Source.KeyDigest != step.Target.KeyDigest => "the token has another key in its place",
        _ => "the token has it with other attributes",
    };

    /// <summary>Deletes objects: the loss that the drill is about.</summary>
    /// <param name="indexes">Their places in the backup.</param>
    /// <exception cref="Pkcs11Exception">The token refused.</exception>
    public void Delete(IReadOnlySet<int> indexes)
    {
        foreach (PlanStep step in Steps.Where(s => s is { Source: not null, Target: not null } && indexes.Contains(s.Source.Summary.Index)))
        {
            ulong rv = _connection.Session.TryDestroyObject(step.Target!.Handle);
            if (rv != Ckr.Ok)
            {
                throw new Pkcs11Exception("C_DestroyObject", rv);
            }
        }
        int left = Steps.Count(s => s.Target is not null) - indexes.Count;
        int now = _connection.FindContent().Count;
        if (now != left)
        {
            throw new HsmBackupException(ErrorCode.TokenError,
                FormattableString.Invariant($"The token '{_connection.Token.Label}' holds {now} objects ")
                + FormattableString.Invariant($"after {indexes.Count} were deleted, and should hold {left}."),
                "Make sure that nobody else writes to the token.")
            { Target = _connection.Token.Label };
        }
    }

    /// <summary>Uses keys.</summary>
    /// <param name="expected">Whether a private or secret key is to be used.</param>
    /// <param name="progress">Told how far it is.</param>
    /// <param name="cancellationToken">Stops it.</param>
    /// <returns>What each object of the backup was used for, by its place in it.</returns>
    public Dictionary<int, IReadOnlyList<DrilledUse>> UseKeys(Func<int, bool> expected, IProgress<OperationProgress> progress,
        CancellationToken cancellationToken)
    {
        using IDisposable turn = Enter();
        Dictionary<int, ulong> handles = Steps.Where(s => s is { Source: not null, Target: not null })
            .ToDictionary(s => s.Source!.Summary.Index, s => s.Target!.Handle);
        using OpenedBackup opened = _backup.Open(cancellationToken);
        // With the halves that others can see: they tell whether a private key is right.
        IEnumerable<ObjectRecord> records = opened.Records(cancellationToken).Where(r => !r.HasSecret || expected(r.Index));
        Dictionary<int, IReadOnlyList<DrilledUse>> uses = [];
        foreach ((ObjectRecord record, IReadOnlyList<KeyUse> tried) in KeyUses.Of(_connection, _pin, records, handles, HostOf(opened),
            cancellationToken))
        {
            uses[record.Index] = [.. tried.Select(u => new DrilledUse(u.Use,
                u.Worked switch { true => CheckOutcome.Passed, false => CheckOutcome.Failed, null => CheckOutcome.Skipped }, u.Detail))];
            progress.Report(new OperationProgress("", "using every key", uses.Count, handles.Count));
        }
        return uses;
    }

    /// <summary>Nobody waits for it any more. The thread that is at work on it lets go of it once its library comes back.</summary>
    public void Forget()
    {
        lock (_turn)
        {
            _forgotten = true;
            if (_inUse)
            {
                return;
            }
        }
        _pin.Dispose();
        // To let go of a token takes native calls, which may block as any other.
        new Thread(_connection.Dispose) { IsBackground = true, Name = $"target {Target.Node.Name}, forgotten" }.Start();
    }

    private Use Enter()
    {
        lock (_turn)
        {
            if (_forgotten)
            {
                throw new OperationCanceledException("The target was given up.");
            }
            _inUse = true;
            return new Use(this);
        }
    }

    private void Leave()
    {
        lock (_turn)
        {
            _inUse = false;
            if (!_forgotten)
            {
                return;
            }
        }
        Dispose();
    }

    private static Func<ObjectRecord, SecretBuffer?>? HostOf(OpenedBackup opened) => opened.Host is { } host ? host.Open : null;

    /// <inheritdoc/>
    public void Dispose()
    {
        _connection.Dispose();
        _pin.Dispose();
    }

    private sealed class Use(OpenTarget target) : IDisposable
    {
        public void Dispose() => target.Leave();
    }
}
