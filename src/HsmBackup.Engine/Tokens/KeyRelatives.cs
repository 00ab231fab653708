using HsmBackup.Engine.Pkcs11;

namespace HsmBackup.Engine.Tokens;

/// <summary>What belongs to a private key by CKA_ID: its public key and its certificates, in the backup and on the token.</summary>
internal sealed class KeyRelatives
{
    private readonly Dictionary<string, List<(ObjectRecord Record, ulong Handle)>> _publicKeys = new(StringComparer.Ordinal);
    private readonly Dictionary<string, List<ObjectRecord>> _certificates = new(StringComparer.Ordinal);
    private readonly Dictionary<string, List<(ObjectRecord Record, ulong Handle)>> _privateKeys = new(StringComparer.Ordinal);
    private readonly List<ObjectRecord> _keys = [];

    public KeyRelatives(IEnumerable<ObjectRecord> records, IReadOnlyDictionary<int, ulong> handles)
    {
        foreach (ObjectRecord record in records)
        {
            handles.TryGetValue(record.Index, out ulong handle);
            switch (record.ObjectClass)
            {
                case Cko.PublicKey:
                    Add(_publicKeys, record.Id, (record, handle));
                    break;
                case Cko.PrivateKey when handle != 0:
                    Add(_privateKeys, record.Id, (record, handle));
                    _keys.Add(record);
                    break;
                case Cko.Certificate when record.Attributes.Number(Cka.CertificateType) == Ckc.X509:
                    Add(_certificates, record.Id, record);
                    break;
            }
        }
    }

    /// <summary>The private keys on the token, in the order of the records.</summary>
    public IReadOnlyList<ObjectRecord> PrivateKeys => _keys;

    /// <summary>The public halves that a private key may have. Ids are not always unique: there may be several.</summary>
    public List<PublicHalf> HalvesOf(ObjectRecord key)
    {
        PublicHalf? own = key.KeyType == Ckk.Rsa && PublicHalf.OfModulus(key) is { } rsa ? rsa
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

    private static List<T> Found<T>(Dictionary<string, List<T>> relatives, string id) =>
        relatives.TryGetValue(id, out List<T>? found) ? found : [];

    private static void Add<T>(Dictionary<string, List<T>> relatives, string id, T item)
    {
        if (id.Length == 0)
        {
            return;
        }
        if (!relatives.TryGetValue(id, out List<T>? list))
        {
            relatives[id] = list = [];
        }
        list.Add(item);
    }
}
