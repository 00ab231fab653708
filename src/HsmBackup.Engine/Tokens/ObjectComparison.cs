using System.Buffers.Binary;
using HsmBackup.Engine.Pkcs11;

namespace HsmBackup.Engine.Tokens;

/// <summary>
/// When two objects are the same object. What counts is what a restore can bring back: identity, settings, public parts and the
/// key. What a token writes by itself (CKA_LOCAL, CKA_UNIQUE_ID, check values) is different in every life of an object.
/// </summary>
internal static class ObjectComparison
{
    /// <summary>A digest that is equal for equal objects.</summary>
    /// <param name="record">The object.</param>
    /// <param name="keyDigest">What stands for its key; see <see cref="KeyDigest"/>.</param>
    /// <param name="onlyPresence">Attributes of which one side can only tell that they are there, by failing to read them.</param>
    public static string Fingerprint(
        ObjectRecord record, string keyDigest, IReadOnlySet<ulong>? onlyPresence = null)
    {
        List<TokenAttribute> attributes = Comparable(record);
        attributes.AddRange(Unread(record));
        attributes.Sort(ByType);
        var hash = new DigestInput();
        foreach (TokenAttribute attribute in attributes)
        {
            Append(hash, onlyPresence?.Contains(attribute.Type) == true ? new TokenAttribute(attribute.Type, []) : attribute);
        }
        return hash.Digest() + keyDigest;
    }

    /// <summary>A digest that is equal for equal keys that were captured under the same KEK; empty where there is no key.</summary>
    public static string KeyDigest(ObjectRecord record)
    {
        if (record.Material is not { } material)
        {
            return "";
        }
        var hash = new DigestInput();
        AppendBytes(hash, KeyBytes(material));
        foreach (TokenAttribute value in material.Values?.OrderBy(v => v.Type) ?? Enumerable.Empty<TokenAttribute>())
        {
            Append(hash, value);
        }
        return hash.Digest();
    }

    /// <summary>Class, key type, id and label: what a person takes for the same object, whatever its key.</summary>
    public static string Identity(ObjectRecord record)
    {
        var hash = new DigestInput();
        foreach (ulong type in (ReadOnlySpan<ulong>)[Cka.Class, Cka.KeyType, Cka.CertificateType, Cka.Id, Cka.Label])
        {
            AppendBytes(hash, record.Attributes.Bytes(type) ?? []);
        }
        return hash.Digest();
    }

    /// <summary>
    /// What a token with <see cref="Quirks.IdentifierIsUnique"/> makes only one object of: class and id of a key, issuer and serial number
    /// of a certificate. Null where that does not apply.
    /// </summary>
    public static string? UniqueKey(ObjectRecord record)
    {
        ulong[] types = record.ObjectClass switch
        {
            Cko.PublicKey or Cko.PrivateKey or Cko.SecretKey when record.Id.Length > 0 => [Cka.Id],
            Cko.Certificate => [Cka.Issuer, Cka.SerialNumber],
            _ => [],
        };
        return types.All(t => record.Attributes.Bytes(t) is not { Length: > 0 }) ? null : $"{record.ObjectClass}/" + string.Join('/', types.Select(t => Convert.ToHexStringLower(record.Attributes.Bytes(t) ?? [])));
    }

    /// <summary>The key as the KEK wraps it: the same bytes for the same key, whatever else was stored to keep its length.</summary>
    public static byte[] KeyBytes(KeyMaterial material) => material.Check ?? material.Data;

    /// <summary>What is different, in words, one line for each attribute. Keys are compared elsewhere.</summary>
    public static List<string> Differences(ObjectRecord expected, ObjectRecord actual) =>
        [.. Different(expected, actual).Select(d => $"{Names.OfAttribute(d.Type)}: expected {Show(d.Expected)}, found {Show(d.Actual)}")];

    /// <summary>The attributes that are different.</summary>
    public static List<ulong> DifferentAttributes(ObjectRecord expected, ObjectRecord actual) => [.. Different(expected, actual).Select(d => d.Type)];

    private static List<(ulong Type, TokenAttribute? Expected, TokenAttribute? Actual)> Different(ObjectRecord expected, ObjectRecord actual)
    {
        List<(ulong Type, TokenAttribute? Expected, TokenAttribute? Actual)> different = [];
        List<TokenAttribute> want = Comparable(expected);
        List<TokenAttribute> have = Comparable(actual);
        // Both in the order of their types: the smaller of the two next ones is alone, or they are the same.
        for (int i = 0, j = 0; i < want.Count || j < have.Count;)
        {
            ulong type = Math.Min(i < want.Count ? want[i].Type : ulong.MaxValue, j < have.Count ? have[j].Type : ulong.MaxValue);
            TokenAttribute? one = i < want.Count && want[i].Type == type ? want[i++] : null;
            TokenAttribute? other = j < have.Count && have[j].Type == type ? have[j++] : null;
            bool same = one is { } a && other is { } b && a.SameAs(b);
            if (!same && !IsUnread(expected, type) && !IsUnread(actual, type))
            {
                different.Add((type, one, other));
            }
        }
        return different;
    }

    /// <summary>Whether an attribute says which object it is, what its owner decided for it, or what it holds in public.</summary>
    internal static bool Counts(ulong type, ulong objectClass) => AttributeTable.RoleOf(type, objectClass)
        is AttributeRole.Identity or AttributeRole.Setting or AttributeRole.PublicComponent or AttributeRole.Content;

    /// <summary>The attributes that count, in the order of their types.</summary>
    private static List<TokenAttribute> Comparable(ObjectRecord record)
    {
        var comparable = new List<TokenAttribute>(record.Attributes.Count);
        ulong objectClass = record.ObjectClass;
        for (int i = 0; i < record.Attributes.Count; i++)
        {
            TokenAttribute attribute = record.Attributes[i];
            // The public value that NSS keeps with a private key follows from the key.
            if (Counts(attribute.Type, objectClass) && attribute.Type != Cka.NssDb && !ObjectTemplate.IsAssumed(attribute) && !IsDenied(attribute))
            {
                comparable.Add(AttributeTable.KindOf(attribute.Type) == AttributeKind.MechanismList ? Sorted(attribute) : attribute);
            }
        }
        comparable.Sort(ByType);
        return comparable;
    }

    private static int ByType(TokenAttribute one, TokenAttribute other) => one.Type.CompareTo(other.Type);

    private static bool IsUnread(ObjectRecord record, ulong type)
    {
        for (int i = 0; i < record.Unavailable.Count; i++)
        {
            if (record.Unavailable[i].Type == type)
            {
                return true;
            }
        }
        return false;
    }

    /// <summary>What a key is not allowed, one token says and another leaves unsaid.</summary>
    private static bool IsDenied(TokenAttribute attribute) => attribute.Value is [0]
        && AttributeTable.KindOf(attribute.Type) == AttributeKind.Boolean && attribute.Type is not (Cka.Modifiable or Cka.Copyable or Cka.Destroyable);

    /// <summary>What is there and could not be read; SoftHSM fails at dates that are set, and shows those that are not.</summary>
    private static IEnumerable<TokenAttribute> Unread(ObjectRecord record) =>
        record.Unavailable.Where(u => !record.Attributes.Contains(u.Type)).Select(u => new TokenAttribute(u.Type, "unread"u8.ToArray()));

    /// <summary>A list of mechanisms is a set; SoftHSM gives it back in an order of its own.</summary>
    private static TokenAttribute Sorted(TokenAttribute list)
    {
        ulong[] codes = [.. list.Value.Chunk(8).Where(c => c.Length == 8).Select(c => BinaryPrimitives.ReadUInt64LittleEndian(c)).Order()];
        return new AttributeMap().Set(list.Type, codes)[0];
    }

    private static void Append(DigestInput hash, TokenAttribute attribute)
    {
        hash.Append(attribute.Type);
        AppendBytes(hash, attribute.Value);
        foreach (TokenAttribute inner in attribute.Template?.OrderBy(a => a.Type) ?? Enumerable.Empty<TokenAttribute>())
        {
            Append(hash, inner);
        }
    }

    private static void AppendBytes(DigestInput hash, ReadOnlySpan<byte> bytes)
    {
        hash.Append((ulong)bytes.Length);
        hash.Append(bytes);
    }

    private static string Show(TokenAttribute? attribute)
    {
        if (attribute is not { } a)
        {
            return "nothing";
        }
        return AttributeTable.KindOf(a.Type) switch
        {
            AttributeKind.Boolean when a.Value is [byte b] => b != 0 ? "true" : "false",
            AttributeKind.Text or AttributeKind.Date => DisplayText.Harmless($"'{System.Text.Encoding.UTF8.GetString(a.Value)}'"),
            AttributeKind.Template => $"a template of {a.Template?.Count ?? 0} attributes",
            AttributeKind.Mechanism when a.Value.Length == 8 => Names.OfMechanism(BinaryPrimitives.ReadUInt64LittleEndian(a.Value)),
            AttributeKind.Number when a.Value.Length == 8 => $"{BinaryPrimitives.ReadUInt64LittleEndian(a.Value)}",
            AttributeKind.MechanismList when a.Value.Length % 8 == 0 => string.Join(", ",
                a.Value.Chunk(8).Select(c => Names.OfMechanism(BinaryPrimitives.ReadUInt64LittleEndian(c)))),
            // The value of a data object may be a secret of its owner.
            _ when a.Type == Cka.Value => $"{a.Value.Length} bytes",
            _ => a.Value.Length <= 32 ? Convert.ToHexStringLower(a.Value) : $"{a.Value.Length} bytes",
        };
    }
}
