using HsmBackup.Engine.Backup;
using HsmBackup.Engine.Protection;

namespace HsmBackup.Engine.Clusters.Definitions;

/// <summary>Gets the definition of a cluster back out of one of its backups, which carry it.</summary>
public static class DefinitionRecovery
{
    /// <summary>
    /// The definition in a backup. A definition names libraries to load and files to read, so it is believed only once the one-time key has
    /// authenticated the whole backup.
    /// </summary>
    /// <param name="backupPath">The backup.</param>
    /// <param name="key">Its one-time key.</param>
    /// <param name="path">Where the definition is going to be written.</param>
    /// <param name="cancellationToken">Stops it.</param>
    /// <returns>The definition; the one that is at <paramref name="path"/> where an earlier run has written it.</returns>
    /// <exception cref="HsmBackupException">DefinitionNotFound: the backup has none. DefinitionExists: another one is in that place. Of the file and the key.</exception>
    public static ClusterDefinition Read(string backupPath, OneTimeKey key, string path, CancellationToken cancellationToken)
    {
        using OpenedBackup backup = OpenedBackup.Open(backupPath, key, cancellationToken);
        if (backup.Manifest.Cluster is not { } carried)
        {
            throw new HsmBackupException(ErrorCode.DefinitionNotFound, $"The backup {backup.Header.Id} is of a lone token, and carries no definition of a cluster.",
                "Restore it with -Library and -TokenLabel, or describe the cluster with New-HsmCluster.")
            { Target = backupPath };
        }
        var definition = ClusterDefinition.Parse(carried.Definition.Span, $"The definition in backup {backup.Header.Id}");
        string full = Path.GetFullPath(path);
        if (!Path.Exists(full))
        {
            return definition;
        }
        return TryLoad(full) is { } there && IsOfEarlierRun(there, definition) ? there : throw new HsmBackupException(ErrorCode.DefinitionExists,
            $"There is something else at '{full}' than what the backup carries of cluster '{definition.Name}' ({definition.Id}). It is neither overwritten nor believed.",
            "Name another file with -DefinitionPath; or, if you trust the one that is there, name it with -Cluster.")
        { Target = full };
    }

    /// <summary>
    /// Whether a file is what the backup carries, but for what a restore writes into it: serial numbers of new tokens, and the number of the
    /// set of shares. Whoever can write to the folder could otherwise have another library loaded, and given the PINs.
    /// </summary>
    private static bool IsOfEarlierRun(ClusterDefinition there, ClusterDefinition carried) =>
        Essence(there).AsSpan().SequenceEqual(Essence(carried));

    private static byte[] Essence(ClusterDefinition definition) => (definition with
    {
        Schema = null,
        Nodes = [.. definition.Nodes.Select(n => n with { Address = n.Address with { TokenLabel = n.Address.TokenLabel ?? "", TokenSerial = null } })],
        ClusterKey = definition.ClusterKey is { } key ? key with { ShareSetId = 0, RetiredShareSets = [] } : null,
    }).ToJson();

    private static ClusterDefinition? TryLoad(string path)
    {
        try
        {
            return ClusterDefinition.Load(path);
        }
        catch (HsmBackupException)
        {
            return null;
        }
    }
}
