using HsmBackup.Engine.Clusters.Keys;
using HsmBackup.Engine.Protection;

namespace HsmBackup.Engine.Clusters.Restore;

/// <summary>
/// Secrets for one node, each a copy of its own: a node that answers too late must not find one overwritten in its hands. Whoever works on
/// the node disposes them.
/// </summary>
/// <param name="Key">The one-time key.</param>
/// <param name="Pin">The user PIN.</param>
/// <param name="SoPin">The security officer's PIN; null where it is not needed.</param>
/// <param name="ClusterKey">The cluster key that the node gets; null where it gets none.</param>
internal sealed record NodeSecrets(OneTimeKey Key, Pin Pin, Pin? SoPin, ClusterKey? ClusterKey) : IDisposable
{
    /// <inheritdoc/>
    public void Dispose()
    {
        Key.Dispose();
        Pin.Dispose();
        SoPin?.Dispose();
        ClusterKey?.Dispose();
    }
}
