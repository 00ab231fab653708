using HsmBackup.Engine.Backup;

namespace HsmBackup.Engine.Clusters.Sync;

/// <summary>
/// What became of each step for one node, written down as it happens: when the node stops answering, this is what is known, and another
/// thread reads it.
/// </summary>
internal sealed class SyncProtocol(IReadOnlyList<SyncStep> steps)
{
    private readonly SyncOutcome?[] _outcomes = [.. steps.Select(s => s.Item.Changes ? null : new SyncOutcome(s.Item, CheckOutcome.Skipped))];
    private readonly Lock _gate = new();
    private int _current = -1;
    private string? _safetyBackup;

    /// <summary>The steps.</summary>
    public IReadOnlyList<SyncStep> Steps { get; } = steps;

    /// <summary>Where the safety backup is; null while there is none.</summary>
    public string? SafetyBackup
    {
        get
        {
            lock (_gate)
            {
                return _safetyBackup;
            }
        }

        set
        {
            lock (_gate)
            {
                _safetyBackup = value;
            }
        }
    }

    /// <summary>Whether it was decided what becomes of a step.</summary>
    public bool IsDecided(int index)
    {
        lock (_gate)
        {
            return _outcomes[index] is not null;
        }
    }

    /// <summary>Whether what a step was to bring does not come: it is not possible, or has failed.</summary>
    public bool IsMissed(int index)
    {
        lock (_gate)
        {
            return Steps[index].Item.Action == SyncAction.NotPossible || _outcomes[index]?.Outcome == CheckOutcome.Failed;
        }
    }

    /// <summary>A step is being carried out.</summary>
    public void Begin(int index)
    {
        lock (_gate)
        {
            _current = index;
        }
    }

    /// <summary>A step is over.</summary>
    public void End(int index, CheckOutcome outcome, string? detail)
    {
        lock (_gate)
        {
            _outcomes[index] = new SyncOutcome(Steps[index].Item, outcome, detail);
            _current = -1;
        }
    }

    /// <summary>What is known now.</summary>
    /// <param name="inDoubt">Whether a step was begun and not ended.</param>
    public IReadOnlyList<SyncOutcome> Read(out bool inDoubt)
    {
        lock (_gate)
        {
            inDoubt = _current >= 0;
            return [.. _outcomes.Select((o, i) => o ?? (i == _current
                ? new SyncOutcome(Steps[i].Item, CheckOutcome.Failed, "the node stopped answering while this was done; whether it was done is not known")
                : new SyncOutcome(Steps[i].Item, CheckOutcome.NotRun)))];
        }
    }
}
