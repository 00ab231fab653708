using System.Security.Cryptography;
using HsmBackup.Engine.Pkcs11;
using HsmBackup.Engine.Protection;

namespace HsmBackup.Engine.Tokens;

/// <summary>
/// Uses keys on a token for everything that their flags allow. The result is judged by this process's own cryptography: of private keys
/// on the public half, of secret keys on the value, where this process may open it, and else by what the same key does in the other
/// direction. That a key is the key of the backup is proven elsewhere (<see cref="KeyProof"/>); here it is shown that it works.
/// </summary>
public static class KeyUses
{
    /// <summary>Uses each private key, secret key and certificate that is there.</summary>
    /// <param name="connection">The token.</param>
    /// <param name="pin">Its PIN, for keys that ask for it at each use; null where such keys are not to be used.</param>
    /// <param name="records">The objects of the backup, public keys included; they may be gone through twice.</param>
    /// <param name="handles">Which of them are there, by <see cref="ObjectRecord.Index"/>.</param>
    /// <param name="open">Gives the value or PKCS #8 of a key; null where this process must not see keys.</param>
    /// <param name="cancellationToken">Stops between two keys.</param>
    /// <returns>One after the other, in the order of the records. A key whose flags allow nothing has no uses.</returns>
    public static IEnumerable<(ObjectRecord Record, IReadOnlyList<KeyUse> Uses)> Of(
        TokenConnection connection, Pin? pin, IEnumerable<ObjectRecord> records, IReadOnlyDictionary<int, ulong> handles,
        Func<ObjectRecord, SecretBuffer?>? open, CancellationToken cancellationToken)
    {
        if (open is null)
        {
            // No secret stands in them then, which would have to be gone soon: they are read once and kept.
            records = [.. records.Where(r => r.HasSecret || r.ObjectClass is Cko.PublicKey or Cko.Certificate)];
        }
        var relatives = new KeyRelatives(records, handles);
        using var halves = new HalvesAhead(relatives, cancellationToken);
        using var privateKeys = new PrivateKeyUses(connection.Session, new KeyLogin(pin), relatives);
        var secretKeys = new SecretKeyUses(connection.Session);
        foreach (ObjectRecord record in records)
        {
            cancellationToken.ThrowIfCancellationRequested();
            if (!handles.TryGetValue(record.Index, out ulong handle))
            {
                continue;
            }
            if (record.HasSecret)
            {
                yield return (record, UsesOf(record, handle));
            }
            else if (record.ObjectClass == Cko.Certificate)
            {
                yield return (record, [UseOfCertificate(record)]);
            }
        }

        IReadOnlyList<KeyUse> UsesOf(ObjectRecord record, ulong handle)
        {
            try
            {
                if (record.ObjectClass == Cko.PrivateKey)
                {
                    return privateKeys.Of(record, handle, halves.Take(record), open);
                }
                using SecretBuffer? value = open?.Invoke(record);
                return secretKeys.Of(record, handle, value);
            }
            catch (CryptographicException e)
            {
                return [new KeyUse(UseFlags.Of(record).FirstOrDefault(KeyUse.Sign), false,
                    $"the key in the backup is not a valid key: {e.Message}")];
            }
        }

        KeyUse UseOfCertificate(ObjectRecord certificate)
        {
            try
            {
                return relatives.PrivateKeysOf(certificate) is { Count: > 0 } keys
                    ? privateKeys.OfCertificate(certificate, keys)
                    : UseAnswer.NotJudged(KeyUse.Certificate, "no private key with its id is there");
            }
            catch (Exception e) when (PublicHalf.IsUnknown(e))
            {
                return UseAnswer.NotJudged(KeyUse.Certificate, $"this process cannot judge its kind of key: {e.Message}");
            }
        }
    }
}
