using System.Security.Cryptography;
using HsmBackup.Engine.Pkcs11;
using HsmBackup.Engine.Protection;

namespace HsmBackup.Engine.Tokens;

/// <summary>
/// Uses keys on a token for everything that their flags allow. The result is judged by this process's own cryptography, on the key's value
/// where the backup can be opened to it, and else on its public half; where neither is to be had, by what the same key does in the other
/// direction. That a key is the key of the backup is proven elsewhere (<see cref="KeyProof"/>); here it is shown that it works.
/// </summary>
public static class KeyUses
{
    /// <summary>Uses each private key, secret key and certificate that is there.</summary>
    /// <param name="connection">The token.</param>
    /// <param name="pin">Its PIN, for keys that ask for it at each use; null where such keys are not to be used.</param>
    /// <param name="records">The objects of the backup, public keys included; they are gone through twice.</param>
    /// <param name="handles">Which of them are there, by <see cref="ObjectRecord.Index"/>.</param>
    /// <param name="open">Gives the value or PKCS #8 of a key; null where this process must not see keys.</param>
    /// <param name="cancellationToken">Stops between two keys.</param>
    /// <returns>One after the other, in the order of the records. A key whose flags allow nothing has no uses.</returns>
    public static IEnumerable<(ObjectRecord Record, IReadOnlyList<KeyUse> Uses)> Of(
        TokenConnection connection, Pin? pin, IEnumerable<ObjectRecord> records, IReadOnlyDictionary<int, ulong> handles,
        Func<ObjectRecord, SecretBuffer?>? open, CancellationToken cancellationToken)
    {
        var relatives = new KeyRelatives(records, handles);
        var login = new KeyLogin(pin);
        var privateKeys = new PrivateKeyUses(connection.Session, login);
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
                using SecretBuffer? value = open?.Invoke(record);
                return record.ObjectClass == Cko.PrivateKey
                    ? privateKeys.Of(record, handle, value, relatives)
                    : secretKeys.Of(record, handle, value);
            }
            catch (CryptographicException e)
            {
                return [new KeyUse(UseFlags.Of(record).FirstOrDefault(KeyUse.Sign), false, $"the key in the backup is not a valid key: {e.Message}")];
            }
        }

        KeyUse UseOfCertificate(ObjectRecord certificate) => relatives.PrivateKeysOf(certificate) is { Count: > 0 } keys
            ? privateKeys.OfCertificate(certificate, keys)
            : new KeyUse(KeyUse.Certificate, null, "no private key with its id is there");
    }
}

/// <summary>The PIN for keys that ask for it at each use.</summary>
internal sealed class KeyLogin(Pin? pin)
{
    private Pin? _pin = pin;

    /// <summary>Whether a key asks for a PIN that is not to be had.</summary>
    public bool IsMissingFor(ObjectRecord record) => Asks(record) && _pin is null;

    /// <summary>The PIN where the key asks for it; else empty.</summary>
    public ReadOnlySpan<byte> For(ObjectRecord record) => Asks(record) && _pin is not null ? _pin.Bytes : default;

    /// <summary>Takes note of an answer. A PIN that was refused is not sent again.</summary>
    public void Note(ulong rv)
    {
        if (rv is Ckr.PinIncorrect or Ckr.PinInvalid or Ckr.PinLenRange or Ckr.PinExpired or Ckr.PinLocked)
        {
            _pin = null;
        }
    }

    private static bool Asks(ObjectRecord record) => record.Attributes.Boolean(Cka.AlwaysAuthenticate) == true;
}

/// <summary>What belongs to a private key by CKA_ID: its public key and its certificates, in the backup and on the token.</summary>
internal sealed class KeyRelatives
{
    private readonly Dictionary<string, List<(ObjectRecord Record, ulong Handle)>> _publicKeys = new(StringComparer.Ordinal);
    private readonly Dictionary<string, List<ObjectRecord>> _certificates = new(StringComparer.Ordinal);
    private readonly Dictionary<string, List<(ObjectRecord Record, ulong Handle)>> _privateKeys = new(StringComparer.Ordinal);

    public KeyRelatives(IEnumerable<ObjectRecord> records, IReadOnlyDictionary<int, ulong> handles)
    {
        foreach (ObjectRecord record in records.Where(r => r.Id.Length > 0))
        {
            handles.TryGetValue(record.Index, out ulong handle);
            switch (record.ObjectClass)
            {
                case Cko.PublicKey:
                    Add(_publicKeys, record.Id, (record, handle));
                    break;
                case Cko.PrivateKey when handle != 0:
                    Add(_privateKeys, record.Id, (record, handle));
                    break;
                case Cko.Certificate when record.Attributes.Number(Cka.CertificateType) == Ckc.X509:
                    Add(_certificates, record.Id, record);
                    break;
            }
        }
    }

    /// <summary>The public halves that a private key may have. Ids are not always unique: there may be several.</summary>
    public List<PublicHalf> HalvesOf(ObjectRecord key, SecretBuffer? value)
    {
        PublicHalf? own = value is not null ? PublicHalf.OfPrivateKey(key.KeyType, value.Span)
            : key.KeyType == Ckk.Rsa && PublicHalf.OfModulus(key) is { } rsa ? rsa
            : key.Attributes.Bytes(Cka.PublicKeyInfo) is { Length: > 0 } info ? PublicHalf.OfInfo(key.KeyType, info)
            : null;
        return own is not null ? [own]
            : [.. PublicKeysOf(key).Select(p => PublicHalf.OfPublicKey(p.Record))
                .Concat(Found(_certificates, key.Id).Select(c => PublicHalf.OfCertificate(key.KeyType, c))).OfType<PublicHalf>()];
    }

    /// <summary>The public keys with its id and kind; the handle is 0 where one is not on the token.</summary>
    public IEnumerable<(ObjectRecord Record, ulong Handle)> PublicKeysOf(ObjectRecord key) =>
        Found(_publicKeys, key.Id).Where(p => p.Record.KeyType == key.KeyType);

    /// <summary>The private keys on the token with the id of a certificate.</summary>
    public List<(ObjectRecord Record, ulong Handle)> PrivateKeysOf(ObjectRecord certificate) => Found(_privateKeys, certificate.Id);

    private static List<T> Found<T>(Dictionary<string, List<T>> relatives, string id) => relatives.TryGetValue(id, out List<T>? found) ? found : [];

    private static void Add<T>(Dictionary<string, List<T>> relatives, string id, T item)
    {
        if (!relatives.TryGetValue(id, out List<T>? list))
        {
            relatives[id] = list = [];
        }
        list.Add(item);
    }
}
