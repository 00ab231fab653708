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
            RestorePlanner.Plan(snapshot.Backup, snapshot.Token), journal is not null);
    }

    /// <summary>Handles of what was added, by the object's place in the backup.</summary>
    internal Dictionary<int, ulong> Handles { get; } = [];

    /// <summary>The token.</summary>
    internal TokenConnection Connection => _connection;

    /// <summary>What <see cref="Execute"/> is going to do.</summary>
    public RestorePlan Plan { get; }

    /// <summary>Authenticates the backup, reads the token and makes the plan. Nothing of the token is changed.</summary>
    /// <exception cref="HsmBackupException">Of the file, the key and the token; BackupIncomplete, TokenMismatch, WouldDestroyUnrecoverable, RestoreFailed.</exception>
    public static RestoreOperation Prepare(RestoreRequest request, IProgress<OperationProgress>? progress, CancellationToken cancellationToken)
    {
        var watch = Stopwatch.StartNew();
        string activity = ActivityOf(request);
        progress?.Report(new OperationProgress(activity, "Authenticating the backup", 0, 0));
        string stateFolder = StateFolder.Locate(request.StateFolder);
        OpenedBackup? backup = null;
        TokenConnection? connection = null;
        KeyEncryptionKey? kek = null;
        try
        {
            backup = OpenedBackup.Open(request.Path, request.Key, cancellationToken);
            CheckAccepted(request, backup);
            connection = TokenConnection.Open(request.Token, request.Pin, readWrite: true, cancellationToken);
            CheckToken(request, backup, connection.Token);
            kek = backup.ImportKek(connection);
            TokenSnapshot snapshot = TokenSnapshot.Take(backup, connection, kek,
                (done, total) => progress?.Report(new OperationProgress(activity, "Reading the token", done, total)), cancellationToken);
            RestoreJournal? journal = RestoreJournal.Load(stateFolder, connection.Token);
            if (journal is not null && journal.BackupDigest == backup.Summary.Digest)
            {
                snapshot.MarkDebris(journal);
            }
            else
            {
                journal = null;
            }
            var operation = new RestoreOperation(request, backup, connection, kek, snapshot, stateFolder, journal);
            operation.CheckPlan();
            operation._preparation = watch.Elapsed;
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

    /// <summary>Carries the plan out.</summary>
    /// <exception cref="HsmBackupException">RestoreFailed: the token is as it was. RestoreInterrupted: run the same restore again.</exception>
    public RestoreResult Execute(IProgress<OperationProgress>? progress, CancellationToken cancellationToken)
    {
        var watch = Stopwatch.StartNew();
        StateFolder.Create(_stateFolder);
        using IDisposable busy = RestoreJournal.Lock(_stateFolder, _connection.Token);
        var writer = new ObjectWriter(_connection, _kek, _backup.Manifest.TransportKeys);
        var added = new List<(PlanStep Step, ulong Handle, List<string> Differences)>();
        RestoreJournal journal = _journal ?? new RestoreJournal(Plan.BackupId, _backup.Summary.Digest, [],
            [.. _snapshot.Token.Where(t => !t.IsWhole).Select(t => t.Fingerprint)]);
        if (!Plan.ChangesNothing)
        {
            CheckUnchanged();
            TryEverything(writer, progress, cancellationToken);
            if (Plan.NeedsSafetyBackup)
            {
                // When an interrupted restore is finished, too: somebody may have written to the token in between.
                journal = journal with { SafetyBackups = [.. journal.SafetyBackups, SaveToken(progress, cancellationToken)] };
            }
            journal.Save(_stateFolder, _connection.Token);
            Change(writer, added, progress, cancellationToken);
        }
        RestoreResult result = Finish(added, journal, watch, progress, cancellationToken);
        RestoreJournal.Delete(_stateFolder, _connection.Token);
        return result;
    }

    /// <summary>Removes what was added; a trial on a scratch token is over.</summary>
    internal void RemoveWhatWasAdded()
    {
        foreach (ulong handle in Handles.Values)
        {
            _connection.Session.TryDestroyObject(handle);
        }
        Handles.Clear();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _kek.Dispose();
        _connection.Dispose();
        _backup.Dispose();
    }

    private static string ActivityOf(RestoreRequest request) => $"Restoring {request.Token}";

    private static void CheckAccepted(RestoreRequest request, OpenedBackup backup)
    {
        if (!backup.Header.Complete && !request.AllowPartial)
        {
            throw new HsmBackupException(ErrorCode.BackupIncomplete,
                $"The backup {backup.Header.Id} is Partial: it holds {backup.Header.Verdicts.Captured} of {backup.Header.Objects} objects whole.",
                "Choose a complete backup, or restore what this one has with -AllowPartial.") { Target = request.Path };
        }
    }

    private static void CheckToken(RestoreRequest request, OpenedBackup backup, TokenInfo token)
    {
        if (token.Label != backup.Manifest.TokenLabel && !request.AllowOtherToken)
        {
            throw new HsmBackupException(ErrorCode.TokenMismatch,
                $"The backup {backup.Header.Id} is of token '{backup.Manifest.TokenLabel}', not of '{token.Label}'. Nothing was touched.",
                "Check -TokenLabel. To restore into another token on purpose, use -AllowOtherToken.") { Target = token.Label };
        }
        if (token.IsWriteProtected)
        {
            throw new HsmBackupException(ErrorCode.RestoreFailed, $"The token '{token.Label}' is write-protected.", "Remove the protection first.")
            {
                Target = token.Label,
            };
        }
    }

    /// <summary>What would fail or destroy is refused before anything is done.</summary>
    private void CheckPlan()
    {
        List<PlanStep> going = [.. Plan.Steps.Where(s => s.Item.Action is PlanAction.Replace or PlanAction.Remove)];
        List<PlanStep> lost = [.. going.Where(s => !s.Target!.IsWhole && !s.Target.IsDebris)];
        if (lost.Count > 0 && !_request.RemoveUnrecoverable)
        {
            throw new HsmBackupException(ErrorCode.WouldDestroyUnrecoverable,
                $"The token '{Plan.TokenLabel}' holds {lost.Count} objects that the restore would remove and that no safety backup can hold: "
                + string.Join("; ", lost.Take(5).Select(s => $"{s.Target!.Summary}: {s.Target.Summary.Verdict}"))
                + (lost.Count > 5 ? $"; and {lost.Count - 5} more." : ".") + " Nothing was touched.",
                "If these keys may be lost for ever, use -RemoveUnrecoverable. Otherwise restore into another token.")
            {
                Target = Plan.TokenLabel,
                Result = Plan,
            };
        }
        if (going.Find(s => !s.Target!.IsDestroyable) is { } fixedObject)
        {
            throw new HsmBackupException(ErrorCode.RestoreFailed,
                $"{fixedObject.Target!.Summary} is in the way and cannot be removed (CKA_DESTROYABLE is false). Nothing was touched.",
                "Initialise the token anew and restore into the blank token.") { Target = Plan.TokenLabel, Result = Plan };
        }
    }

    /// <summary>The plan is of the token as it was read; between that and the confirmation somebody may have written to it.</summary>
    private void CheckUnchanged()
    {
        var now = new HashSet<ulong>(_connection.Session.FindTokenObjects());
        _connection.CheckPresent();
        if (!now.SetEquals(_snapshot.Token.Select(t => t.Handle)))
        {
            throw new HsmBackupException(ErrorCode.Busy, $"The objects of token '{Plan.TokenLabel}' changed since the plan was made. Nothing was touched.",
                "Make sure that nobody else writes to the token, then run the command again.") { Target = Plan.TokenLabel };
        }
    }

    private void Change(ObjectWriter writer, List<(PlanStep Step, ulong Handle, List<string> Differences)> added,
        IProgress<OperationProgress>? progress, CancellationToken cancellationToken)
    {
        IEnumerable<PlanStep> replaced = Plan.Steps.Where(s => s.Item.Action == PlanAction.Replace);
        IEnumerable<PlanStep> extra = Plan.Steps.Where(s => s.Item.Action == PlanAction.Remove);
        if (_kek.Capabilities.Quirks.HasFlag(Quirks.IdentifierIsUnique))
        {
            // Added first, a key would silently take the place and the handle of the old one, and be removed in its stead.
            RemoveOld(replaced, progress);
            AddAndProve(writer, added, progress, cancellationToken);
            RemoveOld(extra, progress);
            return;
        }
        AddAndProve(writer, added, progress, cancellationToken);
        RemoveOld(replaced.Concat(extra), progress);
    }

    /// <summary>Each object as a session object: what a token refuses it refuses here, where nothing is at stake.</summary>
    private void TryEverything(ObjectWriter writer, IProgress<OperationProgress>? progress, CancellationToken cancellationToken)
    {
        foreach ((PlanStep step, ObjectRecord record, int number) in Pending(cancellationToken))
        {
            progress?.Report(new OperationProgress(_activity, "Trying every object", number, Plan.Add + Plan.Replace));
            try
            {
                writer.Try(record);
            }
            catch (Pkcs11Exception e)
            {
                throw Refused(step, e, "Nothing was touched.");
            }
        }
    }

    private void AddAndProve(ObjectWriter writer, List<(PlanStep Step, ulong Handle, List<string> Differences)> added,
        IProgress<OperationProgress>? progress, CancellationToken cancellationToken)
    {
        var known = new HashSet<ulong>(_snapshot.Token.Select(t => t.Handle));
        var proof = new KeyProof(_connection, _kek);
        var reader = new ObjectReader(_connection, _kek, forComparison: true);
        PlanStep? current = null;
        try
        {
            foreach ((PlanStep step, ObjectRecord record, int number) in Pending(cancellationToken))
            {
                current = step;
                progress?.Report(new OperationProgress(_activity, "Adding and proving", number, Plan.Add + Plan.Replace));
                ulong handle = writer.Add(record, known);
                known.Add(handle);
                added.Add((step, handle, []));
                Handles[record.Index] = handle;
                if (record.Material is not null && !proof.Prove(handle, record, out string? detail))
                {
                    throw new HsmBackupException(ErrorCode.RestoreFailed, $"{step.Item.Object} was restored, and is not the key of the backup: {detail}.",
                        "The token does not restore this key faithfully. Keep the backup, and restore into a token of the kind it was made of.");
                }
                ObjectRecord back = reader.ReadAttributes(handle);
                added[^1].Differences.AddRange(ObjectComparison.Differences(record, back));
            }
        }
        catch (Exception e) when (e is Pkcs11Exception or HsmBackupException or OperationCanceledException)
        {
            bool undone = Undo(added);
            string state = undone ? $"The token '{Plan.TokenLabel}' is as it was." : $"Run the same restore again to finish it.";
            throw e switch
            {
                OperationCanceledException when undone => e,
                Pkcs11Exception native => Refused(current!, native, state),
                HsmBackupException own => new HsmBackupException(undone ? own.Code : ErrorCode.RestoreInterrupted, $"{own.Message} {state}", own.RecommendedAction, own),
                _ => new HsmBackupException(ErrorCode.RestoreInterrupted, "The restore was stopped.", state, e),
            };
        }
    }

    /// <summary>Takes back what was added; nothing has been removed yet, so the token is then as it was.</summary>
    private bool Undo(List<(PlanStep Step, ulong Handle, List<string> Differences)> added)
    {
        bool undone = !_kek.Capabilities.Quirks.HasFlag(Quirks.IdentifierIsUnique) || Plan.Replace == 0;
        foreach ((_, ulong handle, _) in added)
        {
            undone &= _connection.Session.TryDestroyObject(handle) == Ckr.Ok;
        }
        if (undone && _journal is null)
        {
            RestoreJournal.Delete(_stateFolder, _connection.Token);
        }
        return undone;
    }

    private void RemoveOld(IEnumerable<PlanStep> steps, IProgress<OperationProgress>? progress)
    {
        int number = 0;
        foreach (PlanStep step in steps)
        {
            progress?.Report(new OperationProgress(_activity, "Removing what the backup does not have", ++number, Plan.Replace + Plan.Remove));
            ulong rv = _connection.Session.TryDestroyObject(step.Target!.Handle);
            // Gone already: another program was faster.
            if (rv is not (Ckr.Ok or Ckr.ObjectHandleInvalid))
            {
                throw new HsmBackupException(ErrorCode.RestoreInterrupted,
                    $"{step.Target.Summary} could not be removed: C_DestroyObject returned {Names.OfReturnValue(rv)}. Everything of the backup is on the token, proven.",
                    "Find out why the token keeps it, then run the same restore again to finish it.", new Pkcs11Exception("C_DestroyObject", rv));
            }
        }
    }

    /// <summary>Reads the token once more, and believes only what it shows.</summary>
    private RestoreResult Finish(List<(PlanStep Step, ulong Handle, List<string> Differences)> added, RestoreJournal journal, Stopwatch watch,
        IProgress<OperationProgress>? progress, CancellationToken cancellationToken)
    {
        IReadOnlyList<PlanStep> final = Plan.Steps;
        if (!Plan.ChangesNothing)
        {
            _snapshot.Refresh(_connection, _kek,
                (done, total) => progress?.Report(new OperationProgress(_activity, "Comparing the token with the backup", done, total)), cancellationToken);
            final = RestorePlanner.Plan(_snapshot.Backup, _snapshot.Token);
            if (final.FirstOrDefault(s => s.Item.Action is PlanAction.Add or PlanAction.Remove) is { } wrong)
            {
                throw new HsmBackupException(ErrorCode.RestoreInterrupted,
                    $"After the restore the token '{Plan.TokenLabel}' does not hold what the backup holds. {wrong.Item}.",
                    "Make sure that nobody else writes to the token, then run the same restore again.") { Target = Plan.TokenLabel };
            }
        }
        Dictionary<int, List<string>> differences = added.ToDictionary(a => a.Step.Source!.Summary.Index, a => a.Differences);
        List<RestoredObject> objects = [.. Plan.Steps.Select(s => new RestoredObject(s.Item.Object, s.Item.Action, ProofOf(s),
            s.Source is { } source && differences.TryGetValue(source.Summary.Index, out List<string>? list) ? list : []))];
        return new RestoreResult
        {
            BackupId = Plan.BackupId,
            TokenLabel = Plan.TokenLabel,
            Exact = final.All(s => s.Item.Action == PlanAction.Keep) && objects.TrueForAll(o => o.Differences.Count == 0),
            Objects = objects,
            SafetyBackups = journal.SafetyBackups,
            Resumed = Plan.Resumes,
            Elapsed = _preparation + watch.Elapsed,
        };
    }

    private static CheckOutcome ProofOf(PlanStep step) => step.Item.Action switch
    {
        PlanAction.Add or PlanAction.Replace => CheckOutcome.Passed,
        PlanAction.Keep when step.Source!.IsWhole => CheckOutcome.Passed,
        PlanAction.Unrestorable => CheckOutcome.Failed,
        _ => CheckOutcome.Skipped,
    };

    /// <summary>The records of the objects to be added, as they come out of the file.</summary>
    private IEnumerable<(PlanStep Step, ObjectRecord Record, int Number)> Pending(CancellationToken cancellationToken)
    {
        Dictionary<int, PlanStep> wanted = Plan.Steps.Where(s => s.Item.Action is PlanAction.Add or PlanAction.Replace)
            .ToDictionary(s => s.Source!.Summary.Index);
        int number = 0;
        foreach (ObjectRecord record in _backup.Records(cancellationToken))
        {
            if (wanted.TryGetValue(record.Index, out PlanStep? step))
            {
                cancellationToken.ThrowIfCancellationRequested();
                yield return (step, record, ++number);
            }
        }
    }

    private string SaveToken(IProgress<OperationProgress>? progress, CancellationToken cancellationToken)
    {
        string folder = Path.Combine(_stateFolder, "safety");
        var id = Format.BackupId.New(BackupOperation.ClusterNameOf(_connection.Token), _request.Clock);
        using BackupPublication publication = BackupPublication.Begin(folder, id);
        BackupOperation.Capture(_connection, _request.Key, id, publication, previous: null, allowPartial: true,
            (done, total) => progress?.Report(new OperationProgress(_activity, "Saving what the token holds", done, total)), cancellationToken);
        publication.Publish();
        return publication.FinalPath;
    }

    private static HsmBackupException Refused(PlanStep step, Pkcs11Exception e, string state) => new(ErrorCode.RestoreFailed,
        $"The token refused {step.Item.Object}: {e.Function} returned {Names.OfReturnValue(e.ReturnValue)}. {state}",
        "The token cannot take this object. Restore into a token of the kind that the backup was made of.", e);
}
