using HsmBackup.Engine.Pkcs11;
using HsmBackup.Engine.Tokens;

namespace HsmBackup.Engine.Clusters.Keys;

/// <summary>Brings the identity key from one node to another, under the cluster key that both hold: it is never outside of an HSM in the clear.</summary>
internal static class IdentityTransfer
{
    /// <summary>Copies it, and proves the copy by a signature.</summary>
    /// <exception cref="Pkcs11Exception">The target refused; nothing of the attempt is left.</exception>
    /// <exception cref="HsmBackupException">TokenCannotWrap, IdentityKeyMissing.</exception>
    public static IdentityKey Copy(IdentityKey identity, TokenConnection source, TokenClusterKey sourceKey, TokenConnection target, TokenClusterKey targetKey)
    {
        using var kek = KeyEncryptionKey.Generate(source, sourceKey);
        using var arrived = KeyEncryptionKey.Unwrap(target, targetKey, kek.Wrapped!, kek.Iv.ToArray());
        var reader = new ObjectReader(source, kek);
        var writer = new ObjectWriter(target, arrived, kek.TransportKeys, WrapForm.Rfc5649, host: null);
        var made = new List<ulong>();
        try
        {
            byte[]? point = null;
            foreach (ulong handle in (ulong[])[identity.PublicKey, identity.PrivateKey])
            {
                ObjectRecord record = reader.Capture(handle);
                point ??= record.Attributes.Bytes(Cka.EcPoint) is { } value ? EcPublicPoint.Raw(value) : null;
                if (record.ObjectClass == Cko.PrivateKey && point is not null)
                {
                    // For a token that unwraps an EC key only when told its public value; the others are not told.
                    record.Attributes.Set(Cka.NssDb, point);
                }
                if (record.Verdict != Verdict.Captured)
                {
                    throw new HsmBackupException(ErrorCode.TokenCannotWrap,
                        $"The identity key cannot leave token '{source.Token.Label}': {record.Reason}.",
                        "Name a node first whose token wraps EC keys, or do without an identity key.")
                    { Target = source.Token.Label };
                }
                made.Add(writer.Add(record, new HashSet<ulong>(target.Session.FindTokenObjects())));
            }
            return IdentityKey.Require(target, identity.Certificate);
        }
        catch
        {
            made.ForEach(h => target.Session.TryDestroyObject(h));
            throw;
        }
    }
}
