using HsmBackup.Engine.Retention;
using HsmBackup.Engine.Stores;

namespace HsmBackup.Engine.Scheduling;

/// <summary>Retention at the end of a scheduled run.</summary>
internal static class ScheduledRetention
{
    // Somebody may be at it by hand in this moment.
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(10);
    private static readonly TimeSpan TryAgainAfter = TimeSpan.FromSeconds(1);

    /// <summary>Applies the retention of the cluster.</summary>
    /// <param name="request">The run.</param>
    /// <param name="stores">All stores of the cluster that could be opened.</param>
    /// <param name="cancellationToken">Stops it.</param>
    public static RunRetention Apply(ScheduledRunRequest request, IReadOnlyList<IBackupStore> stores, CancellationToken cancellationToken)
    {
        RetentionResult result = Run(new RetentionRequest
        {
            Stores = stores,
            UnopenedStores = [.. request.Cluster.Stores.Where(s => s.Kind != StoreKind.Offline && stores.All(o => o.Name != s.Name))
                .Select(s => s.Name)],
            ClusterId = request.Cluster.Id,
            Policy = request.Cluster.RetentionPolicy,
            StateFolder = request.StateFolder,
            Clock = request.Clock,
        }, cancellationToken);
        // A store that could not be looked into has failed its copy already, or is a medium that is away.
        string[] problems = [.. result.Errors.Select(e => e.Message), .. result.Warnings];
        return new RunRetention
        {
            Kept = result.Copies.Where(c => c.Outcome is not (RetentionOutcome.Marked or RetentionOutcome.Removed))
                .DistinctBy(c => c.BackupId).Count(),
            Marked = CopiesThat(RetentionOutcome.Marked),
            Removed = CopiesThat(RetentionOutcome.Removed),
            Problem = problems.Length == 0 ? null : string.Join(' ', problems),
        };

        IReadOnlyList<string> CopiesThat(RetentionOutcome outcome) =>
            [.. result.Copies.Where(c => c.Outcome == outcome).Select(c => $"{c.BackupId} in {c.Store}")];
    }

    private static RetentionResult Run(RetentionRequest request, CancellationToken cancellationToken)
    {
        long began = Environment.TickCount64;
        while (true)
        {
            try
            {
                return RetentionOperation.Run(request, null, cancellationToken);
            }
            catch (HsmBackupException e) when (e.Code == ErrorCode.Busy && Environment.TickCount64 - began < Patience.TotalMilliseconds)
            {
                _ = cancellationToken.WaitHandle.WaitOne(TryAgainAfter);
            }
        }
    }
}
