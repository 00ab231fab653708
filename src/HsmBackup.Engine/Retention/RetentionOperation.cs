using System.Security.Cryptography;
using System.Text;
using HsmBackup.Engine.Catalogue;

namespace HsmBackup.Engine.Retention;

/// <summary>Retention of one cluster: looks into its stores, plans, and carries the plan out.</summary>
/// <remarks>
/// Nothing goes in one step. A copy that the rules do not want is marked, and goes in a later run when it was marked for long enough. Before
/// the first copy of a run goes, the newest backups that are known to restore, of each sort one, are read whole and compared with their tests;
/// and before a copy of a backup goes of which other copies are to stay, those are.
/// </remarks>
public sealed class RetentionOperation
{
    private readonly RetentionRequest _request;
    private readonly ClusterCatalogue _catalogue;
    private readonly RetentionPlan _plan;
    private readonly IReadOnlyList<RetentionItem> _items;
    private readonly List<string> _warnings = [];
    private readonly DateTimeOffset _now;
    private readonly ClockMemory _memory;

    private RetentionOperation(RetentionRequest request, CancellationToken cancellationToken)
    {
        _request = request;
        _now = request.Clock.GetUtcNow();
        _catalogue = ClusterCatalogue.Read(new CatalogueRequest
        {
            Stores = request.Stores,
            ClusterId = request.ClusterId,
            MaximumProofAge = request.Policy.MaximumVerificationAge,
            StateFolder = request.StateFolder,
            Clock = request.Clock,
        }, cancellationToken);
        _memory = Remember(out string? warning);
        _warnings.AddRange(warning is null ? [] : [warning]);
        var input = RetentionInput.From(_catalogue, request, _warnings.Add, cancellationToken);
        if (request.Wish is { } wish)
        {
            RetentionInput wished = WishedRemoval.Apply(input, wish, request, _now);
            _plan = RetentionPlanner.Plan(request.Policy, wished, _now, _memory);
            _items = WishedRemoval.Restrict(_plan, input, wished, wish, request.OnlyStores);
        }
        else
        {
            _plan = RetentionPlanner.Plan(request.Policy, input, _now, _memory);
            _items = [.. _plan.Items.Where(i => request.OnlyStores is null || request.OnlyStores.Contains(i.Store))];
        }
        _warnings.AddRange(_plan.Clock switch
        {
            ClockTrust.Backwards => [$"The clock shows {_now:u}, and it has shown {_memory.HighWater:u} before. Nothing is removed before it has caught up; "
                + "docs/retention.md says what to do where it was wrong then and is right now."],
            _ => [],
        });
        WarnOfMissing();
    }

    // What waits for a store that is never there again waits for ever, and somebody should know.
    private void WarnOfMissing()
    {
        int waiting = _items.Count(i => i.Reason == RetentionReason.StoreMissing);
        if (waiting > 0)
        {
            IEnumerable<string> away = _request.UnopenedStores.Concat(_catalogue.MissingStores.Select(m => m.Store));
            _warnings.Add($"The removal of {(waiting == 1 ? "1 copy" : $"{waiting} copies")} is due and waits: "
                + $"a hold may be in a store that could not be looked into ({string.Join(", ", away.Select(s => $"'{s}'"))}).");
        }
    }

    /// <summary>Looks into the stores and plans. Nothing is written.</summary>
    /// <param name="request">What is asked for.</param>
    /// <param name="cancellationToken">Stops it.</param>
    /// <exception cref="HsmBackupException">
    /// Cancelled, BackupUnreadable (of the records of tests); where a removal is wished: BackupNotFound, BackupHeld, BackupNeeded,
    /// ClockUntrusted.
    /// </exception>
    public static RetentionOperation Prepare(RetentionRequest request, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(request);
        return new RetentionOperation(request, cancellationToken);
    }

    /// <summary>Plans and carries the plan out.</summary>
    /// <param name="request">What is asked for.</param>
    /// <param name="progress">Told how far it is.</param>
    /// <param name="cancellationToken">Stops it.</param>
    /// <exception cref="HsmBackupException">As for <see cref="Prepare"/> and <see cref="Apply"/>. What fails for one copy is in the result.</exception>
    public static RetentionResult Run(RetentionRequest request, IProgress<OperationProgress>? progress, CancellationToken cancellationToken) =>
        Prepare(request, cancellationToken).Apply(progress, cancellationToken);

    /// <summary>The plan.</summary>
    public RetentionResult Plan => Result([.. _items.Select(i => Describe(i, RetentionOutcome.Planned, null))]);

    /// <summary>Carries the plan out.</summary>
    /// <param name="progress">Told how far it is.</param>
    /// <param name="cancellationToken">Stops it between two copies.</param>
    /// <exception cref="HsmBackupException">Busy: retention of the cluster is at work on this machine already; DestinationUnwritable, DiskFull: of the state folder; Cancelled.</exception>
    public RetentionResult Apply(IProgress<OperationProgress>? progress, CancellationToken cancellationToken)
    {
        string state = StateFolder.Locate(_request.StateFolder);
        StateFolder.Create(state);
        using IDisposable held = StateFolder.Lock(Path.Combine(state, LockName), "retention of this cluster");
        new ClockRecord(state).Advance(_now);
        var execution = new RetentionExecution(_request, _catalogue, _plan, _now, _memory.UnsureSince, cancellationToken);
        var done = new CopyRetention[_items.Count];
        // What keeps more comes first: whatever happens then, nothing has gone that should have stayed.
        foreach (int i in Enumerable.Range(0, done.Length).OrderBy(i => _items[i].Decision == RetentionDecision.Remove))
        {
            progress?.Report(new OperationProgress("Applying retention", _items[i].BackupId, i, done.Length));
            (RetentionOutcome outcome, HsmBackupException? error) = execution.Apply(_items[i]);
            done[i] = Describe(_items[i], outcome, error);
        }
        return Result(done);
    }

    /// <summary>
    /// Where nobody knows what the clock has shown, the tests that were made by it tell whether it went back. Whether it has jumped they do
    /// not tell: they may have been made since.
    /// </summary>
    private ClockMemory Remember(out string? warning)
    {
        ClockMemory memory = new ClockRecord(StateFolder.Locate(_request.StateFolder)).Read(out warning);
        return memory.HighWater is null && _catalogue.Backups.Max(b => b.LastTest?.Tested) is { } tested && tested > _now
            ? memory with { HighWater = tested }
            : memory;
    }

    // An id from a header is any text; as a name of a file it must not lead elsewhere.
    private string LockName => $"retention-{Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(_request.ClusterId)).AsSpan(0, 8))}.lock";

    private RetentionResult Result(IReadOnlyList<CopyRetention> copies) =>
        new(copies, _plan.Clock, _plan.NewestProven, _catalogue.MissingStores, [.. _warnings]);

    private CopyRetention Describe(RetentionItem item, RetentionOutcome outcome, HsmBackupException? error) => new()
    {
        BackupId = item.BackupId,
        Store = item.Store,
        Path = _request.Stores.First(s => s.Name == item.Store).LocationOf(StoreFile.OfBackup(item.BackupId)),
        RetentionClass = item.Class,
        Created = item.Created,
        Decision = item.Decision,
        Reason = item.Reason,
        Explanation = item.Explanation,
        Due = item.Due,
        Outcome = outcome,
        Error = error,
    };
}
