using System.Diagnostics;
using HsmBackup.Engine.Pkcs11;
using HsmBackup.Engine.Tokens;

namespace HsmBackup.Engine.Backup;

/// <summary>
/// Brings chosen objects out of a backup into a live token and leaves the rest of the token alone. It costs as many native calls as
/// the chosen objects need, however many others there are; only where something has to go, the safety backup reads the whole token.
/// Killed at any point, the token holds what it held, and of the chosen objects some; run again, it finds those and adds the others.
/// </summary>
public sealed class KeyRestoreOperation : IDisposable
{
    private readonly KeyRestoreRequest _request;
    private readonly OpenedBackup _backup;
    private readonly TokenConnection _connection;
    private readonly KeyEncryptionKey _kek;
    private readonly TokenSnapshot _snapshot;
    private readonly Namesakes _namesakes;
    private readonly string _stateFolder;
    private readonly string _journalKind;
    private readonly RestoreJournal? _journal;
    private readonly string _activity;
    private readonly TimeSpan _preparation;

    private KeyRestoreOperation(KeyRestoreRequest request, OpenedBackup backup, TokenConnection connection, KeyEncryptionKey kek,
        TokenSnapshot snapshot, Namesakes namesakes, SelectedObjects selected, string stateFolder, Stopwatch watch)
    {
        _request = request;
        _backup = backup;
        _connection = connection;
        _kek = kek;
        _snapshot = snapshot;
        _namesakes = namesakes;
        _stateFolder = stateFolder;
        _journalKind = RestoreJournal.KindOf(backup.Summary.Digest, selected.Entries.Select(e => e.Summary.Index));
        _journal = RestoreJournal.Load(stateFolder, connection.Token, _journalKind);
        if (_journal is not null)
        {
            snapshot.MarkDebris(_journal);
        }
        _activity = ActivityOf(request);
        Plan = new KeyRestorePlan(backup.Header.Id.ToString(), connection.Token.Label,
            KeyRestorePlanner.Plan(snapshot.Backup, selected.Chosen, selected.Companions, snapshot.Token,
                new KeyRestoreRules(request.Replace, request.AllowDuplicateLabel)),
            selected.Chosen.Count, selected.Companions.Count, resumes: _journal is not null);
        _preparation = watch.Elapsed;
    }

    /// <summary>What <see cref="Execute"/> is going to do.</summary>
    public KeyRestorePlan Plan { get; }

    /// <summary>The token, for tests that change it between plan and execution.</summary>
    internal TokenConnection Connection => _connection;

    /// <summary>Authenticates the backup, picks the objects, looks for their names on the token and makes the plan. Nothing of the token is changed.</summary>
    /// <exception cref="HsmBackupException">Of the file, the key and the token; NothingSelected, TokenMismatch, WouldDestroyUnrecoverable, RestoreFailed.</exception>
    public static KeyRestoreOperation Prepare(KeyRestoreRequest request, IProgress<OperationProgress>? progress, CancellationToken cancellationToken)
    {
        var watch = Stopwatch.StartNew();
        string activity = ActivityOf(request);
        string stateFolder = StateFolder.Locate(request.StateFolder);
        progress?.Report(new OperationProgress(activity, "Authenticating the backup", 0, 0));
        OpenedBackup? backup = null;
        TokenConnection? connection = null;
        KeyEncryptionKey? kek = null;
        try
        {
            backup = OpenedBackup.Open(request.Path, request.Key, cancellationToken);
            // Before the token is opened: a mistyped label costs no login.
            SelectedObjects selected = SelectedObjects.Pick(backup, request.Selection, cancellationToken);
            connection = TokenConnection.Open(request.Token, request.Pin, readWrite: true, cancellationToken);
            RestoreChecks.CheckToken(request, backup, connection.Token);
            kek = backup.ImportKek(connection, request.Cluster?.ClusterKey);
            var namesakes = new Namesakes(connection, selected.Entries);
            TokenSnapshot snapshot = TokenSnapshot.Take(backup, connection, kek,
                (done, total) => progress?.Report(new OperationProgress(activity, "Looking for the objects on the token", done, total)),
                cancellationToken, keepRecords: true, new SnapshotScope(selected.Scope, namesakes.Find));
            CheckReadable(snapshot);
            var operation = new KeyRestoreOperation(request, backup, connection, kek, snapshot, namesakes, selected, stateFolder, watch);
            RestoreChecks.CheckPlan(operation.Plan, snapshot.Token, kek.Capabilities.Quirks, request.RemoveUnrecoverable);
            return operation;
        }
        catch
        {
            kek?.Dispose();
            connection?.Dispose();
            backup?.Dispose();
            throw;
        }
    }

    /// <summary>What stands in the way of <see cref="Execute"/> and can be seen in the plan; it is asked before anybody is asked to confirm.</summary>
    /// <exception cref="HsmBackupException">RestoreConflict, BackupIncomplete; with the plan as its result.</exception>
    public void CheckFeasible()
    {
        if (Plan.Conflicts > 0)
        {
            throw new HsmBackupException(ErrorCode.RestoreConflict,
                $"The token '{Plan.TokenLabel}' has something else in the place of {Plan.Conflicts} of the {Plan.Chosen + Plan.Companions} objects: "
                + Listed(PlanAction.Conflict) + " Nothing was touched.",
                "-WhatIf shows the whole plan. Choose fewer objects, or let what is in their place go with -Replace; a safety backup will hold it. "
                + "-AllowDuplicateLabel accepts another object of the same label and another id.")
            { Target = Plan.TokenLabel, Result = Plan };
        }
        List<PlanStep> halves = [.. Plan.Steps.Where(s => s.Source is { Summary.Verdict: not Verdict.Captured })];
        if (halves.Count > 0 && !_request.AllowPartial)
        {
            throw new HsmBackupException(ErrorCode.BackupIncomplete,
                $"The backup {Plan.BackupId} does not hold {halves.Count} of the {Plan.Chosen + Plan.Companions} objects whole: "
                + string.Join("; ", halves.Take(5).Select(s => $"{s.Source!.Summary}: {s.Source.Summary.Verdict}, {s.Source.Summary.Reason}"))
                + (halves.Count > 5 ? $"; and {halves.Count - 5} more." : ".") + " Nothing was touched.",
                "Choose other objects, or another backup; with -AllowPartial what can be restored is, and the rest is named.")
            { Target = _request.Path, Result = Plan };
        }
    }

    /// <summary>Carries the plan out.</summary>
    /// <exception cref="HsmBackupException">
    /// RestoreConflict, BackupIncomplete, Busy, WouldDestroyUnrecoverable: nothing was touched. RestoreFailed: the token is as it was.
    /// RestoreInterrupted: run the same restore again.
    /// </exception>
    public KeyRestoreResult Execute(IProgress<OperationProgress>? progress, CancellationToken cancellationToken)
    {
        var watch = Stopwatch.StartNew();
        CheckFeasible();
        StateFolder.Create(_stateFolder);
        using IDisposable busy = RestoreJournal.Lock(_stateFolder, _connection.Token);
        CheckUnchanged();
        var execution = new RestoreExecution(Plan, _backup, _connection, _kek, _activity, _namesakes.All);
        // Of the namesakes only: nothing else is ever taken for what this restore left half made.
        RestoreJournal journal = _journal ?? new RestoreJournal(Plan.BackupId, _backup.Summary.Digest, [], [.. _snapshot.Token.Where(t => !t.IsWhole).Select(t => t.Fingerprint)]);
        if (!Plan.ChangesNothing)
        {
            execution.TryEverything(progress, cancellationToken);
            if (Plan.NeedsSafetyBackup)
            {
                string saved = SafetyBackup.Make(_request, Plan, _backup, _connection, _kek, _stateFolder, _activity, progress, cancellationToken);
                journal = journal with { SafetyBackups = [.. journal.SafetyBackups, saved] };
            }
            journal.SaveWithSafetyBackup(_stateFolder, _connection.Token, Plan.NeedsSafetyBackup, _journalKind);
            execution.Run(ForgetUndone, progress, cancellationToken);
            ReadAgain(progress);
        }
        var result = new KeyRestoreResult
        {
            BackupId = Plan.BackupId,
            TokenLabel = Plan.TokenLabel,
            Node = _request.Cluster?.Node,
            Objects = [.. Plan.Steps.Select(s => Finish(s, execution.Added))],
            SafetyBackups = journal.SafetyBackups,
            Resumed = Plan.Resumes,
            Elapsed = _preparation + watch.Elapsed,
        };
        RestoreJournal.Delete(_stateFolder, _connection.Token, _journalKind);
        return result;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _kek.Dispose();
        _connection.Dispose();
        _backup.Dispose();
    }

    private static string ActivityOf(RestoreRequest request) => $"Restoring keys to {request.Token}";

    /// <summary>What has the name of a wanted object and does not say what it is may be that object: adding another would make two.</summary>
    private static void CheckReadable(TokenSnapshot snapshot)
    {
        if (snapshot.Token.FirstOrDefault(o => o.Summary.Class.Length == 0) is { } unreadable)
        {
            throw new HsmBackupException(ErrorCode.RestoreFailed,
                $"The token holds an object with the id or label of one that was asked for, and it cannot be read: {unreadable.Summary.Reason}. Nothing was touched.",
                "Find out what is wrong with the token before anything is written to it; Test-HsmBackup -Level Live says more.");
        }
    }

    /// <summary>The plan is of the token as it was read; between that and the confirmation somebody may have written to it.</summary>
    private void CheckUnchanged()
    {
        var now = new HashSet<ulong>(_namesakes.Find());
        _connection.CheckPresent();
        if (!now.SetEquals(_snapshot.Token.Select(t => t.Handle)))
        {
            throw new HsmBackupException(ErrorCode.Busy,
                $"What token '{Plan.TokenLabel}' holds under the names of the objects changed since the plan was made. Nothing was touched.",
                "Make sure that nobody else writes to the token, then run the command again.")
            { Target = Plan.TokenLabel };
        }
    }

    /// <summary>The journal of a restore that was taken back; one that another run has left stays.</summary>
    private void ForgetUndone()
    {
        if (_journal is null)
        {
            RestoreJournal.Delete(_stateFolder, _connection.Token, _journalKind);
        }
    }

    /// <summary>Looks at the objects once more; they are proven and in their place, so that nothing is stopped here any more.</summary>
    private void ReadAgain(IProgress<OperationProgress>? progress)
    {
        try
        {
            _snapshot.Refresh(_connection, _kek,
                (done, total) => progress?.Report(new OperationProgress(_activity, "Comparing the objects with the backup", done, total)), CancellationToken.None);
        }
        catch (Exception e) when (e is Pkcs11Exception or HsmBackupException)
        {
            throw new HsmBackupException(ErrorCode.RestoreInterrupted,
                $"The objects were put on token '{Plan.TokenLabel}' and proven; only the last comparison was not made: {e.Message}",
                "Run the same restore again to finish it.", e)
            { Target = Plan.TokenLabel };
        }
    }

    private RestoredObject Finish(PlanStep step, AddedObjects added)
    {
        if (step.Source is not { } source)
        {
            return new RestoredObject(step.Item.Object, step.Item.Action, CheckOutcome.Skipped, []);
        }
        ulong handle = added.HandleOf(source) ?? step.Target?.Handle ?? 0;
        PlanObject? now = step.Item.Action == PlanAction.Unrestorable ? null : _snapshot.Token.FirstOrDefault(t => t.Handle == handle)
            ?? throw new HsmBackupException(ErrorCode.RestoreInterrupted,
                $"After the restore {step.Item.Object} is not on token '{Plan.TokenLabel}' any more.",
                "Make sure that nobody else writes to the token, then run the same restore again.")
            { Target = Plan.TokenLabel };
        CheckOutcome proof = KeyRestorePlanner.IsSameCertificate(source, now) ? CheckOutcome.Passed : added.ProofOf(step with { Target = now });
        return new RestoredObject(step.Item.Object, step.Item.Action, proof,
            step.Item.Action == PlanAction.Keep ? ObjectComparison.Differences(source.Record!, now!.Record!) : added.DifferencesOf(source));
    }

    private string Listed(PlanAction action)
    {
        List<PlanItem> items = [.. Plan.Items.Where(i => i.Action == action)];
        return string.Join("; ", items.Take(5).Select(i => $"{i.Object}: {i.Reason}")) + (items.Count > 5 ? $"; and {items.Count - 5} more." : ".");
    }
}
