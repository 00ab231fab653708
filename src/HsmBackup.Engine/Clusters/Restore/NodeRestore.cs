using System.Diagnostics;
using HsmBackup.Engine.Backup;
using HsmBackup.Engine.Clusters.Keys;
using HsmBackup.Engine.Protection;
using HsmBackup.Engine.Tokens;

namespace HsmBackup.Engine.Clusters.Restore;

/// <summary>
/// The restore of one node. What touches the token happens on the node's thread; what is waited for, or given up, on the caller's. A node
/// that was given up cleans up after itself, should its library ever come back.
/// </summary>
internal sealed class NodeRestore(ClusterNode node)
{
    private readonly FirstOfTwo _preparation = new();
    private readonly FirstOfTwo _writing = new();
    private PreparedRestore? _prepared;
    private bool _writes;

    /// <summary>The node as the definition has it.</summary>
    public ClusterNode Node { get; } = node;

    /// <summary>Where its token is found.</summary>
    public TokenAddress Address { get; private set; } = node.Address;

    /// <summary>What of its initialisation is needed.</summary>
    public InitializationStep Step { get; private set; }

    /// <summary>The slot of a token that is to be initialised.</summary>
    public ulong? Slot { get; private set; }

    /// <summary>True where it gets the cluster key first.</summary>
    public bool Joins { get; private set; }

    /// <summary>What is going to be done with its objects.</summary>
    public RestorePlan? Plan { get; private set; }

    /// <summary>Why nothing can be done.</summary>
    public Exception? Error { get; private set; }

    /// <summary>What of its initialisation was done.</summary>
    public InitializationStep Initialized { get; private set; }

    /// <summary>True once it got the cluster key.</summary>
    public bool Joined { get; private set; }

    /// <summary>True where its token has taken the PIN.</summary>
    public bool LoggedIn => IsHeld || (Joins && Step == InitializationStep.None);

    /// <summary>Finds out what there is to do; nothing of the token is changed.</summary>
    public bool Prepare(ClusterRestoreContext context, Func<OpenedBackup> open, NodePulse pulse, IProgress<OperationProgress> progress, CancellationToken cancellationToken)
    {
        if (context.Request.InitializeBlank)
        {
            InitializedToken found = TokenInitialization.Look(Node.Address, context.SpokenFor(Node));
            pulse.Touch();
            Address = found.Address;
            Step = found.Step;
            if (Step != InitializationStep.None)
            {
                context.CheckToken(Node, found.Token);
                Slot = found.Token.SlotId;
                Joins = context.KeyInfo is not null;
                return true;
            }
        }
        try
        {
            using Pin pin = context.PinOf(Node);
            Deliver(PreparedRestore.Make(context.RequestFor(Node, Address, pin, context.Request.Key.Clone()), open(), progress, cancellationToken));
        }
        catch (HsmBackupException e) when (e.Code == ErrorCode.ClusterKeyMissing && context.Request.InitializeBlank && context.KeyInfo is not null)
        {
            // Initialised by an earlier run that was cut off, or by hand.
            Joins = true;
        }
        return true;
    }

    /// <summary>Takes in how the preparation came out.</summary>
    public void EndPreparation(NodeAnswer<bool> answer, Func<RestorePlan> planForBlank, CancellationToken cancellationToken)
    {
        if (answer.TimedOut && _preparation.TryBeFirst())
        {
            Error = Silent("Nothing was written to it.", ErrorCode.RestoreFailed, "Look at the HSM and its connection (Get-HsmClusterHealth), then run the command again.");
        }
        else if (answer.Error is not null)
        {
            Error = cancellationToken.IsCancellationRequested ? Cancelled(answer.Error) : answer.Error;
        }
        else
        {
            Plan = _prepared?.Operation.Plan ?? planForBlank();
        }
    }

    /// <summary>Does it.</summary>
    public RestoreResult Execute(ClusterRestoreContext context, NodeSecrets secrets, Func<OpenedBackup> open, NodePulse pulse,
        IProgress<OperationProgress> progress, CancellationToken cancellationToken)
    {
        using (secrets)
        {
            PreparedRestore? prepared = Interlocked.Exchange(ref _prepared, null);
            if (prepared is null)
            {
                MakeReady(context, secrets, pulse, progress, cancellationToken);
                prepared = PreparedRestore.Make(context.RequestFor(Node, Address, secrets.Pin, secrets.Key.Clone()), open(), progress, cancellationToken);
            }
            using (prepared)
            {
                CheckPlan(prepared.Operation.Plan);
                return prepared.Operation.ExecuteGuarded(BeginWriting, progress, cancellationToken);
            }
        }
    }

    /// <summary>What came out.</summary>
    public NodeRestoreOutcome EndExecution(NodeAnswer<RestoreResult> answer, CancellationToken cancellationToken)
    {
        bool unknown = answer.TimedOut && !_writing.TryBeFirst();
        Exception? error = !answer.TimedOut ? answer.Error
            : unknown ? Silent("It was being written to, may still be, and nobody knows what it holds now.", ErrorCode.RestoreInterrupted,
                "Look at the HSM and its connection. When it answers again, run the same restore again: it finishes what was begun, or does it anew.")
            : Silent("Nothing was written to it, and nothing will be.", ErrorCode.RestoreFailed,
                "Look at the HSM and its connection (Get-HsmClusterHealth), then run the command again.");
        return new NodeRestoreOutcome
        {
            Node = Node.Name,
            Result = answer.Value,
            Error = error is OperationCanceledException && cancellationToken.IsCancellationRequested ? Cancelled(error) : error,
            TimedOut = answer.TimedOut,
            StateUnknown = unknown,
            Initialized = Initialized,
            Joined = Joined,
        };
    }

    /// <summary>Lets go of a token that was looked at and is not restored.</summary>
    public void Release() => Interlocked.Exchange(ref _prepared, null)?.Dispose();

    /// <summary>True where there is something to let go of.</summary>
    public bool IsHeld => Volatile.Read(ref _prepared) is not null;

    private static HsmBackupException Cancelled(Exception cause) => new(ErrorCode.Cancelled, "The operation was cancelled.",
        "Run the command again; a restore that had begun goes on where it stopped.", cause);

    private HsmBackupException Silent(string state, ErrorCode code, string remedy) => new(code,
        FormattableString.Invariant($"The node '{Node.Name}' did not answer for {Node.Timeout.TotalSeconds:0.###} s. {state}"), remedy)
    { Target = Node.Name };

    private void Deliver(PreparedRestore prepared)
    {
        Volatile.Write(ref _prepared, prepared);
        if (!_preparation.TryBeFirst())
        {
            Release();
        }
    }

    /// <exception cref="OperationCanceledException">The node was given up, and it was said that nothing was written.</exception>
    private void BeginWriting()
    {
        if (!_writes && !_writing.TryBeFirst())
        {
            throw new OperationCanceledException("The node was given up.");
        }
        _writes = true;
    }

    private void MakeReady(ClusterRestoreContext context, NodeSecrets secrets, NodePulse pulse, IProgress<OperationProgress> progress, CancellationToken cancellationToken)
    {
        if (Step != InitializationStep.None)
        {
            progress.Report(new OperationProgress(Node.Name, "Initialising the token", 0, 0));
            BeginWriting();
            InitializedToken made = TokenInitialization.Initialize(Node.Address, secrets.SoPin!, secrets.Pin, context.SpokenFor(Node), cancellationToken);
            pulse.Touch();
            Initialized = made.Step;
            Address = made.Address;
        }
        if (secrets.ClusterKey is { } key)
        {
            progress.Report(new OperationProgress(Node.Name, "Bringing the cluster key in", 0, 0));
            BeginWriting();
            Joined = ClusterKeyRecovery.Join(key, new NodeAccess(Node.Name, Address, secrets.Pin), replaceExisting: false, cancellationToken).State == NodeState.Added;
            pulse.Touch();
        }
    }

    /// <summary>What was shown before the token could be looked at was that objects are added, and nothing else was agreed to.</summary>
    private void CheckPlan(RestorePlan now)
    {
        if (Plan is { } shown && !ReferenceEquals(shown, now) && now.Replace + now.Remove > 0)
        {
            throw new HsmBackupException(ErrorCode.RestoreFailed,
                FormattableString.Invariant($"The token '{now.TokenLabel}' is not empty: {now.Replace} objects would be replaced and {now.Remove} removed, which was not shown before. No object was touched."),
                "Run the command again: now that the token can be read, its plan is shown and asked about.")
            { Target = Node.Name };
        }
    }

    /// <summary>A prepared restore with its own copy of the one-time key, which it needs until its end.</summary>
    private sealed record PreparedRestore(RestoreOperation Operation, OneTimeKey Key) : IDisposable
    {
        public static PreparedRestore Make(RestoreRequest request, OpenedBackup backup, IProgress<OperationProgress> progress, CancellationToken cancellationToken)
        {
            try
            {
                return new PreparedRestore(RestoreOperation.PrepareOpened(request, backup, Stopwatch.StartNew(), progress, cancellationToken), request.Key);
            }
            catch
            {
                request.Key.Dispose();
                throw;
            }
        }

        public void Dispose()
        {
            Operation.Dispose();
            Key.Dispose();
        }
    }
}
