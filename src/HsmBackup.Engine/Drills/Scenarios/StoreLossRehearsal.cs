using HsmBackup.Engine.Clusters.Definitions;
using HsmBackup.Engine.Protection;
using HsmBackup.Engine.Stores;

namespace HsmBackup.Engine.Drills.Scenarios;

/// <summary>
/// The nodes are lost, and a store with them: a node is made anew from what the other stores have. The lost one is not even opened.
/// </summary>
internal sealed class StoreLossRehearsal(DrillRun run) : ClusterLossRehearsal(run)
{
    /// <inheritdoc/>
    protected override IReadOnlyList<ClusterStore> Stores
    {
        get
        {
            ClusterStore lost = LostStore(Run.Request);
            return [.. Run.Request.Cluster.Stores.Where(s => PlaceOf(s) != PlaceOf(lost))];
        }
    }

    /// <summary>The store that is lost.</summary>
    /// <exception cref="HsmBackupException">InvalidArgument: there is no such store. DrillNotPossible: there is no other.</exception>
    public static ClusterStore LostStore(DrillRequest request)
    {
        IReadOnlyList<ClusterStore> stores = request.Cluster.Stores;
        if (stores.DistinctBy(PlaceOf).Count() < 2)
        {
            throw new HsmBackupException(ErrorCode.DrillNotPossible,
                $"The cluster '{request.Cluster.Name}' has {(stores.Count == 0 ? "no store" : "stores in one place only")}: "
                + "without it nothing is left to recover from.",
                "Name a second store in the definition, and copy backups to it (Copy-HsmBackup).")
            { Target = request.Cluster.Name };
        }
        return request.LostStore is not { } name ? stores[0]
            : stores.FirstOrDefault(s => s.Name.Equals(name, StringComparison.OrdinalIgnoreCase))
            ?? throw new HsmBackupException(ErrorCode.InvalidArgument, $"The cluster '{request.Cluster.Name}' has no store '{name}'.",
                $"It has these: {string.Join(", ", stores.Select(s => s.Name))}.")
            { Target = name };
    }

    // One folder under two names is lost under both.
    private static string PlaceOf(ClusterStore store) => store.Kind == StoreKind.WebDav ? store.Location.TrimEnd('/')
        : RealPath.Of(store.Location);
}
