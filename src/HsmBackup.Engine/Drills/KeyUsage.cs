using HsmBackup.Engine.Backup;
using HsmBackup.Engine.Pkcs11;
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
        var use = new UseProof(connection, pin);
        Dictionary<string, ulong> publicKeys = new(StringComparer.Ordinal);
        foreach (ObjectRecord record in backup.Records(cancellationToken).Where(r => r.ObjectClass == Cko.PublicKey))
        {
            if (handles.TryGetValue(record.Index, out ulong handle))
            {
                publicKeys.TryAdd(record.KeyType + "/" + record.Id, handle);
            }
        }
        foreach (ObjectRecord record in backup.Records(cancellationToken).Where(r => r.HasSecret))
        {
            if (!handles.TryGetValue(record.Index, out ulong handle))
            {
                continue;
            }
            using SecretBuffer? value = backup.Host?.Open(record);
            UseOutcome outcome = use.Use(handle, record, value, publicKeys.GetValueOrDefault(record.KeyType + "/" + record.Id));
            yield return (record.Index,
            [
                new DrilledUse("Use", outcome.Used switch { true => CheckOutcome.Passed, false => CheckOutcome.Failed, null => CheckOutcome.Skipped }, outcome.Detail),
            ]);
        }
    }
}
