using HsmBackup.Engine.Backup;
using HsmBackup.Engine.Clusters.Keys;
using HsmBackup.Engine.Pkcs11;
using HsmBackup.Engine.Protection;
using HsmBackup.Engine.Tokens;

namespace HsmBackup.Engine.Clusters.Restore;

/// <summary>What the restores of all nodes have in common.</summary>
/// <param name="Request">What was asked for.</param>
/// <param name="Backup">The backup, authenticated; used on the caller's thread, and for what is known of it.</param>
/// <param name="Pins">The nodes' PINs.</param>
/// <param name="KeyInfo">The cluster key that new nodes get; null where there is none.</param>
internal sealed record ClusterRestoreContext(ClusterRestoreRequest Request, OpenedBackup Backup, NodePins Pins, ClusterKeyInfo? KeyInfo)
{
    /// <summary>True where nothing can be restored without the cluster key.</summary>
    public bool IsBound => Backup.Manifest.Kek is not null;

    /// <summary>A node's PIN; one that was refused is not given out again.</summary>
    public Pin PinOf(ClusterNode node) => Pins.Of(node);

    /// <summary>Serial numbers of the tokens of the same library that are other nodes'.</summary>
    public IReadOnlyCollection<string> SpokenFor(ClusterNode node) =>
    [
        .. (Request.Cluster?.Nodes ?? []).Where(n => n.Name != node.Name && n.Address.Library.Path == node.Address.Library.Path)
            .Select(n => n.Address.TokenSerial).OfType<string>(),
    ];

    /// <summary>The restore of one node.</summary>
    public RestoreRequest RequestFor(ClusterNode node, TokenAddress address, Pin? pin, OneTimeKey key) => new()
    {
        Path = Request.Path,
        Key = key,
        Token = address,
        Pin = pin,
        Cluster = Request.Cluster?.ForBackup(node),
        AllowPartial = Request.AllowPartial,
        AllowOtherToken = Request.AllowOtherToken,
        RemoveUnrecoverable = Request.RemoveUnrecoverable,
        StateFolder = Request.StateFolder,
        Clock = Request.Clock,
    };

    /// <summary>What a restore would refuse is refused before the token is initialised for it.</summary>
    public void CheckToken(ClusterNode node, TokenInfo token)
    {
        RestoreRequest request = RequestFor(node, node.Address, null, Request.Key);
        RestoreChecks.CheckToken(request, Backup, token with { Label = node.Address.TokenLabel ?? token.Label });
    }

    /// <summary>The cluster key that the backup needs, or else the cluster's: what the custodians' shares must give.</summary>
    public static ClusterKeyInfo? FindKey(ClusterDefinition? cluster, OpenedBackup backup)
    {
        string? needed = backup.Manifest.Kek is null ? cluster?.ClusterKey?.Check : backup.Manifest.ClusterKey!.Check;
        if (needed is null || cluster?.ClusterKey?.Check == needed)
        {
            return cluster?.ClusterKey;
        }
        // The cluster has got another key since the backup was made; the definition of that time tells of the old one.
        ClusterKeyInfo? old = backup.Manifest.Cluster is { } carried
            ? ClusterDefinition.Parse(carried.Definition.Span, $"The definition in backup {backup.Header.Id}").ClusterKey : null;
        return old?.Check == needed ? old : null;
    }
}
