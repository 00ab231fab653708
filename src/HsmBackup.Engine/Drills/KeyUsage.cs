using HsmBackup.Engine.Backup;
using HsmBackup.Engine.Protection;
using HsmBackup.Engine.Tokens;

namespace HsmBackup.Engine.Drills;

/// <summary>Uses every key of a backup on a token for what its flags allow.</summary>
internal static class KeyUsage
{
    /// <summary>Uses them.</summary>
    /// <param name="connection">The token.</param>
    /// <param name="pin">Its PIN, for keys that want it each time.</param>
    /// <param name="backup">The backup.</param>
    /// <param name="handles">The objects of the token, by their places in the backup.</param>
    /// <param name="cancellationToken">Stops it.</param>
    /// <returns>The place of each key in the backup, and what it was used for.</returns>
    public static IEnumerable<(int Index, IReadOnlyList<DrilledUse> Uses)> Of(
        TokenConnection connection, Pin pin, OpenedBackup backup, IReadOnlyDictionary<int, ulong> handles, CancellationToken cancellationToken)
    {
        foreach ((ObjectRecord record, IReadOnlyList<KeyUse> uses) in KeyUses.Of(
            connection, pin, backup.Records(cancellationToken), handles, backup.Host is { } host ? host.Open : null, cancellationToken))
        {
            yield return (record.Index, [.. uses.Select(u => new DrilledUse(
                u.Use, u.Worked switch { true => CheckOutcome.Passed, false => CheckOutcome.Failed, null => CheckOutcome.Skipped }, u.Detail))]);
        }
    }
}
