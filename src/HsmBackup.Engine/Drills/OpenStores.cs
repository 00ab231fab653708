using HsmBackup.Engine.Clusters.Definitions;
using HsmBackup.Engine.Stores;

namespace HsmBackup.Engine.Drills;

/// <summary>Stores that a drill has opened, as far as they could be.</summary>
internal sealed class OpenStores : IDisposable
{
    private readonly List<IBackupStore> _all = [];

    /// <summary>The stores.</summary>
    public IReadOnlyList<IBackupStore> All => _all;

    /// <summary>The others, and why they could not be opened.</summary>
    public List<(ClusterStore Store, HsmBackupException Error)> Refusals { get; } = [];

    /// <summary>Opens stores.</summary>
    /// <exception cref="HsmBackupException">Why the last one could not be opened, where none could.</exception>
    public static OpenStores Open(IReadOnlyList<ClusterStore> stores, Func<ClusterStore, IBackupStore> open)
    {
        var opened = new OpenStores();
        HsmBackupException? refusal = null;
        foreach (ClusterStore store in stores)
        {
            try
            {
                opened._all.Add(open(store));
            }
            catch (HsmBackupException e) when (e.Code != ErrorCode.Cancelled)
            {
                opened.Refusals.Add((store, e));
                refusal = e;
            }
        }
        return opened._all.Count > 0 ? opened
            : throw refusal ?? new HsmBackupException(ErrorCode.StoreUnavailable, "No store is left.",
                "Name more than one store in the definition.");
    }

    /// <inheritdoc/>
    public void Dispose() => _all.ForEach(s => s.Dispose());
}
