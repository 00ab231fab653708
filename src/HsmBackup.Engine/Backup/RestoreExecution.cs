using HsmBackup.Engine.Pkcs11;
using HsmBackup.Engine.Tokens;

namespace HsmBackup.Engine.Backup;

/// <summary>
/// Carries out a plan on a token, whichever restore made it: tries every object, adds and proves, and removes only then. What fails
/// before anything was removed is taken back.
/// </summary>
internal sealed class RestoreExecution
{
    private const int LastTurn = 2;

    private readonly RestorePlan _plan;
    private readonly OpenedBackup _backup;
    private readonly TokenConnection _connection;
    private readonly KeyEncryptionKey _kek;
    private readonly string _activity;
    private readonly ObjectWriter _writer;
    private readonly List<PlanStep> _displaced;

    /// <param name="plan">What to do.</param>
    /// <param name="backup">Where the objects come from.</param>
    /// <param name="connection">The token, open for writing.</param>
    /// <param name="kek">The backup's KEK in it.</param>
    /// <param name="activity">What a progress bar calls it.</param>
    /// <param name="before">Handles of all objects that the token holds.</param>
    public RestoreExecution(RestorePlan plan, OpenedBackup backup, TokenConnection connection, KeyEncryptionKey kek, string activity, IEnumerable<ulong> before)
    {
        _plan = plan;
        _backup = backup;
        _connection = connection;
        _kek = kek;
        _activity = activity;
        HostKeys? host = backup.Host;
        _writer = new ObjectWriter(connection, kek, backup.Manifest.TransportKeys, backup.Manifest.TransportForm, host);
        Added = new AddedObjects(connection, kek, _writer, host, before);
        _displaced = Displaced();
    }

    /// <summary>What was added so far.</summary>
    public AddedObjects Added { get; }

    /// <summary>Each object as a session object: what a token refuses it refuses here, where nothing is at stake.</summary>
    /// <exception cref="HsmBackupException">RestoreFailed: the token cannot take an object.</exception>
    public void TryEverything(IProgress<OperationProgress>? progress, CancellationToken cancellationToken)
    {
        foreach ((PlanStep step, ObjectRecord record, int number) in Pending(cancellationToken))
        {
            progress?.Report(new OperationProgress(_activity, "Trying every object", number, _plan.Add + _plan.Replace));
            try
            {
                _writer.Try(record);
            }
            catch (Pkcs11Exception e)
            {
                throw Refused(step, e, "Nothing was touched.");
            }
        }
    }

    /// <summary>Adds what is to be added, proves each key, then removes what is to go.</summary>
    /// <param name="undone">Called where a failure was taken back whole.</param>
    /// <param name="progress">Told how far it is.</param>
    /// <param name="cancellationToken">Stops it; looked at until something is removed.</param>
    /// <exception cref="HsmBackupException">RestoreFailed: the token is as it was. RestoreInterrupted: it is not.</exception>
    public void Run(Action undone, IProgress<OperationProgress>? progress, CancellationToken cancellationToken)
    {
        AddAndProve(undone, progress, cancellationToken);
        RemoveOld(_plan.Steps.Where(s => s.Item.Action is PlanAction.Replace or PlanAction.Remove).Except(_displaced), progress);
    }

    private void AddAndProve(Action whenUndone, IProgress<OperationProgress>? progress, CancellationToken cancellationToken)
    {
        bool removed = false;
        PlanStep? current = null;
        try
        {
            foreach ((PlanStep step, ObjectRecord record, int number) in Pending(cancellationToken))
            {
                current = step;
                if (!removed && TurnOf(step) == LastTurn)
                {
                    RemoveOld(_displaced, progress);
                    removed = _displaced.Count > 0;
                }
                progress?.Report(new OperationProgress(_activity, "Adding and proving", number, _plan.Add + _plan.Replace));
                Added.Add(step, record);
            }
        }
        catch (Exception e) when (e is Pkcs11Exception or HsmBackupException or OperationCanceledException)
        {
            // Once something was removed, what was added and proven is better kept: taking it back would leave less than before.
            bool undone = !removed && Added.Undo();
            if (undone)
            {
                whenUndone();
            }
            string state = undone ? $"The token '{_plan.TokenLabel}' is as it was." : $"Run the same restore again to finish it.";
            throw e switch
            {
                OperationCanceledException when undone => e,
                Pkcs11Exception native when undone => Refused(current!, native, state),
                HsmBackupException own => new HsmBackupException(undone ? own.Code : ErrorCode.RestoreInterrupted, $"{own.Message} {state}", own.RecommendedAction, own),
                _ => new HsmBackupException(ErrorCode.RestoreInterrupted,
                    $"The restore was stopped at {current?.Item.Object.ToString() ?? "its first object"}, and not all that was added could be taken back: {e.Message}", state, e),
            };
        }
    }

    /// <summary>
    /// Certificates of the token beside which the backup's cannot be made (<see cref="Quirks.IdentifierIsUnique"/>): they go just before
    /// the last turn. They are no keys, and the safety backup has them.
    /// </summary>
    private List<PlanStep> Displaced()
    {
        if (!_kek.Capabilities.Quirks.HasFlag(Quirks.IdentifierIsUnique))
        {
            return [];
        }
        HashSet<string> coming = [.. _plan.Steps.Where(s => TurnOf(s) == LastTurn && s.Source?.UniqueKey is not null).Select(s => s.Source!.UniqueKey!)];
        return [.. _plan.Steps.Where(s => s.Item.Action is PlanAction.Replace or PlanAction.Remove
            && s.Target!.UniqueKey is { } key && coming.Contains(key) && IsCertificate(s.Target))];
    }

    private static bool IsCertificate(PlanObject o) => o.Summary.Class == Names.OfClass(Cko.Certificate);

    private void RemoveOld(IEnumerable<PlanStep> steps, IProgress<OperationProgress>? progress)
    {
        int number = 0;
        foreach (PlanStep step in steps)
        {
            progress?.Report(new OperationProgress(_activity, "Removing what the backup does not have", ++number, _plan.Replace + _plan.Remove));
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

    /// <summary>
    /// First what cannot be changed and must be made with its id while no other has it, last what cannot be taken back if something else
    /// fails, and certificates, which may have to push others aside.
    /// </summary>
    private int TurnOf(PlanStep step) => step.Source switch
    {
        null => -1,
        { IsDestroyable: false } => LastTurn,
        { } source when IsCertificate(source) && _kek.Capabilities.Quirks.HasFlag(Quirks.IdentifierIsUnique) => LastTurn,
        { IsChangeable: false } => 0,
        _ => 1,
    };

    /// <summary>The records of the objects to be added, turn by turn, as they come out of the file.</summary>
    private IEnumerable<(PlanStep Step, ObjectRecord Record, int Number)> Pending(CancellationToken cancellationToken)
    {
        int number = 0;
        foreach (IGrouping<int, PlanStep> turn in _plan.Steps.Where(s => s.Item.Action is PlanAction.Add or PlanAction.Replace)
            .GroupBy(TurnOf).OrderBy(t => t.Key))
        {
            Dictionary<int, PlanStep> wanted = turn.ToDictionary(s => s.Source!.Summary.Index);
            foreach (ObjectRecord record in _backup.Records(cancellationToken).TakeWhile(_ => wanted.Count > 0))
            {
                if (wanted.Remove(record.Index, out PlanStep? step))
                {
                    cancellationToken.ThrowIfCancellationRequested();
                    yield return (step, record, ++number);
                }
            }
        }
    }

    private static HsmBackupException Refused(PlanStep step, Pkcs11Exception e, string state) => new(ErrorCode.RestoreFailed,
        $"The token refused {step.Item.Object}: {e.Function} returned {Names.OfReturnValue(e.ReturnValue)}. {state}",
        "The token cannot take this object. Restore into a token of the kind that the backup was made of.", e);
}
