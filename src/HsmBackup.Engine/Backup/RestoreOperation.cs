using System.Diagnostics;
using HsmBackup.Engine.Pkcs11;
using HsmBackup.Engine.Tokens;

namespace HsmBackup.Engine.Backup;

/// <summary>
/// Makes a token hold what a backup holds, no more and no less. <see cref="Prepare"/> authenticates the file and works out the
/// plan, and changes nothing. <see cref="Execute"/> tries every object, saves what will go, adds, proves, and only then removes;
/// killed at any point, the token holds what it held, or both, or what the backup holds, and the same restore run again finishes.
/// </summary>
public sealed class RestoreOperation : IDisposable
{
    private readonly RestoreRequest _request;
    private readonly OpenedBackup _backup;
    private readonly TokenConnection _connection;
    private readonly KeyEncryptionKey _kek;
    private readonly TokenSnapshot _snapshot;
    private readonly string _stateFolder;
    private readonly RestoreJournal? _journal;
    private readonly string _activity;
    private TimeSpan _preparation;
    private AddedObjects? _added;

    private RestoreOperation(RestoreRequest request, OpenedBackup backup, TokenConnection connection, KeyEncryptionKey kek,
        TokenSnapshot snapshot, string stateFolder, RestoreJournal? journal)
    {
        _request = request;
        _backup = backup;
        _connection = connection;
        _kek = kek;
        _snapshot = snapshot;
        _stateFolder = stateFolder;
        _journal = journal;
        _activity = ActivityOf(request);
        Plan = new RestorePlan(backup.Header.Id.ToString(), connection.Token.Label,
            RestorePlanner.Plan(snapshot.Backup, snapshot.Token), journal is not null && journal.BackupDigest == backup.Summary.Digest)
        { Node = request.Cluster?.Node };
    }

    /// <summary>Handles of what was added, by the object's place in the backup.</summary>
    internal Dictionary<int, ulong> Handles => _added?.Handles.ToDictionary(h => h.Index, h => h.Handle) ?? [];

    /// <summary>The token.</summary>
    internal TokenConnection Connection => _connection;

    /// <summary>What <see cref="Execute"/> is going to do.</summary>
    public RestorePlan Plan { get; }

    /// <summary>Authenticates the backup, reads the token and makes the plan. Nothing of the token is changed.</summary>
    /// <exception cref="HsmBackupException">Of the file, the key and the token; BackupIncomplete, TokenMismatch, WouldDestroyUnrecoverable, RestoreFailed.</exception>
    public static RestoreOperation Prepare(RestoreRequest request, IProgress<OperationProgress>? progress, CancellationToken cancellationToken)
    {
        var watch = Stopwatch.StartNew();
        progress?.Report(new OperationProgress(ActivityOf(request), "Authenticating the backup", 0, 0));
        return PrepareOpened(request, OpenedBackup.Open(request.Path, request.Key, cancellationToken), watch, progress, cancellationToken);
    }

    /// <summary>The same with a backup that was authenticated already.</summary>
    /// <param name="request">What to restore.</param>
    /// <param name="backup">The backup, which is disposed with the operation, and where it cannot be prepared.</param>
    /// <param name="watch">Running since the work on it began.</param>
    /// <param name="progress">Told how far it is.</param>
    /// <param name="cancellationToken">Stops it.</param>
    internal static RestoreOperation PrepareOpened(
        RestoreRequest request, OpenedBackup backup, Stopwatch watch, IProgress<OperationProgress>? progress, CancellationToken cancellationToken)
    {
        string activity = ActivityOf(request);
        TokenConnection? connection = null;
        KeyEncryptionKey? kek = null;
        try
        {
            string stateFolder = StateFolder.Locate(request.StateFolder);
            RestoreChecks.CheckAccepted(request, backup);
            connection = TokenConnection.Open(request.Token, request.Pin, readWrite: true, cancellationToken);
            RestoreChecks.CheckToken(request, backup, connection.Token);
            kek = backup.ImportKek(connection, request.Cluster?.ClusterKey);
            TokenSnapshot snapshot = TokenSnapshot.Take(backup, connection, kek,
                (done, total) => progress?.Report(new OperationProgress(activity, "Reading the token", done, total)), cancellationToken);
            RestoreJournal? journal = RestoreJournal.Load(stateFolder, connection.Token);
            if (journal is not null && journal.BackupDigest == backup.Summary.Digest)
            {
                snapshot.MarkDebris(journal);
            }
            var operation = new RestoreOperation(request, backup, connection, kek, snapshot, stateFolder, journal);
            RestoreChecks.CheckPlan(operation.Plan, snapshot.Token, kek.Capabilities.Quirks, request.RemoveUnrecoverable);
            operation._preparation = watch.Elapsed;
            return operation;
        }
        catch
        {
            kek?.Dispose();
            connection?.Dispose();
            backup.Dispose();
            throw;
        }
    }

    /// <summary>Carries the plan out.</summary>
    /// <exception cref="HsmBackupException">RestoreFailed: the token is as it was. RestoreInterrupted: run the same restore again.</exception>
    public RestoreResult Execute(IProgress<OperationProgress>? progress, CancellationToken cancellationToken) =>
        ExecuteGuarded(() => { }, progress, cancellationToken);

    /// <summary>The same, and says when the token is written to for the first time; what that throws ends the restore before it.</summary>
    internal RestoreResult ExecuteGuarded(Action beforeWriting, IProgress<OperationProgress>? progress, CancellationToken cancellationToken)
    {
        var watch = Stopwatch.StartNew();
        StateFolder.Create(_stateFolder);
        using IDisposable busy = RestoreJournal.Lock(_stateFolder, _connection.Token);
        var execution = new RestoreExecution(Plan, _backup, _connection, _kek, _activity, _snapshot.Token.Select(t => t.Handle).Concat(_connection.Infrastructure));
        _added = execution.Added;
        // A restore of another backup that was interrupted on this token leaves its safety backups to this one.
        RestoreJournal journal = Plan.Resumes ? _journal! : new RestoreJournal(Plan.BackupId, _backup.Summary.Digest, _journal?.SafetyBackups ?? [],
            [.. _snapshot.Token.Where(t => !t.IsWhole).Select(t => t.Fingerprint)]);
        if (!Plan.ChangesNothing)
        {
            CheckUnchanged();
            execution.TryEverything(progress, cancellationToken);
            if (Plan.NeedsSafetyBackup)
            {
                // When an interrupted restore is finished, too: somebody may have written to the token in between.
                string saved = SafetyBackup.Make(_request, Plan, _backup, _connection, _kek, _stateFolder, _activity, progress, cancellationToken);
                journal = journal with { SafetyBackups = [.. journal.SafetyBackups, saved] };
            }
            beforeWriting();
            journal.SaveWithSafetyBackup(_stateFolder, _connection.Token, Plan.NeedsSafetyBackup);
            execution.Run(ForgetUndone, progress, cancellationToken);
        }
        RestoreResult result = Finish(_added, journal, watch, progress, cancellationToken);
        RestoreJournal.Delete(_stateFolder, _connection.Token);
        return result;
    }

    /// <summary>What a restore to a token without objects is going to do.</summary>
    internal static RestorePlan PlanForBlank(OpenedBackup backup, string tokenLabel, string? node, CancellationToken cancellationToken) =>
        new(backup.Header.Id.ToString(), tokenLabel, RestorePlanner.Plan(TokenSnapshot.ReadBackup(backup, cancellationToken), []), resumes: false) { Node = node };

    /// <summary>Removes what was added; a trial on a scratch token is over.</summary>
    /// <returns>False where the token keeps something of it.</returns>
    internal bool RemoveWhatWasAdded() => _added?.Undo() ?? true;

    /// <inheritdoc/>
    public void Dispose()
    {
        _kek.Dispose();
        _connection.Dispose();
        _backup.Dispose();
    }

    private static string ActivityOf(RestoreRequest request) => $"Restoring {request.Token}";

    /// <summary>The plan is of the token as it was read; between that and the confirmation somebody may have written to it.</summary>
    private void CheckUnchanged()
    {
        var now = new HashSet<ulong>(_connection.FindContent());
        _connection.CheckPresent();
        if (!now.SetEquals(_snapshot.Token.Select(t => t.Handle)))
        {
            throw new HsmBackupException(ErrorCode.Busy, $"The objects of token '{Plan.TokenLabel}' changed since the plan was made. Nothing was touched.",
                "Make sure that nobody else writes to the token, then run the command again.")
            { Target = Plan.TokenLabel };
        }
    }

    /// <summary>Reads the token once more, and believes only what it shows.</summary>
    private RestoreResult Finish(AddedObjects added, RestoreJournal journal, Stopwatch watch,
        IProgress<OperationProgress>? progress, CancellationToken cancellationToken)
    {
        IReadOnlyList<PlanStep> final = Plan.Steps;
        if (!Plan.ChangesNothing)
        {
            ReadAgain(progress, cancellationToken);
            final = RestorePlanner.Plan(_snapshot.Backup, _snapshot.Token);
            if (final.FirstOrDefault(s => IsWrong(s, added)) is { } wrong)
            {
                throw new HsmBackupException(ErrorCode.RestoreInterrupted,
                    $"After the restore the token '{Plan.TokenLabel}' does not hold what the backup holds. {wrong.Item}.",
                    "Make sure that nobody else writes to the token, then run the same restore again.")
                { Target = Plan.TokenLabel };
            }
        }
        Dictionary<int, PlanStep> seen = final.Where(s => s.Source is not null).ToDictionary(s => s.Source!.Summary.Index);
        List<RestoredObject> objects = [.. Plan.Steps.Select(s => s.Source is { } source
            ? new RestoredObject(s.Item.Object, s.Item.Action, added.ProofOf(seen[source.Summary.Index]), added.DifferencesOf(source))
            : new RestoredObject(s.Item.Object, s.Item.Action, CheckOutcome.Skipped, []))];
        return new RestoreResult
        {
            BackupId = Plan.BackupId,
            TokenLabel = Plan.TokenLabel,
            Node = Plan.Node,
            Exact = final.All(s => s.Source is { } source && (source.IsProvenBy(s.Target) || added.IsProven(source, s.Target)))
                && objects.TrueForAll(o => o.Differences.Count == 0),
            Objects = objects,
            SafetyBackups = journal.SafetyBackups,
            Resumed = Plan.Resumes,
            Elapsed = _preparation + watch.Elapsed,
        };
    }

    /// <summary>After the change a failure to read is no longer "nothing was touched".</summary>
    private void ReadAgain(IProgress<OperationProgress>? progress, CancellationToken cancellationToken)
    {
        try
        {
            _snapshot.Refresh(_connection, _kek,
                (done, total) => progress?.Report(new OperationProgress(_activity, "Comparing the token with the backup", done, total)), cancellationToken);
        }
        catch (Exception e) when (e is Pkcs11Exception or HsmBackupException or OperationCanceledException)
        {
            throw new HsmBackupException(ErrorCode.RestoreInterrupted,
                $"Everything of the backup was put on token '{Plan.TokenLabel}' and proven, and what it does not have was removed; only the last comparison was not made: {e.Message}",
                "Run the same restore again to finish it.", e)
            { Target = Plan.TokenLabel };
        }
    }

    /// <summary>What may be left in the end: what is as in the backup, or has the backup's key and other attributes, or has no key in the backup.</summary>
    private static bool IsWrong(PlanStep step, AddedObjects added) => step.Item.Action is PlanAction.Add or PlanAction.Remove
        || (step.Item.Action == PlanAction.Replace && step.Source!.KeyDigest != step.Target!.KeyDigest && !added.IsProven(step.Source, step.Target));

    /// <summary>The journal of a restore that was taken back; one that another run has left stays.</summary>
    private void ForgetUndone()
    {
        if (_journal is null)
        {
            RestoreJournal.Delete(_stateFolder, _connection.Token);
        }
    }
}
