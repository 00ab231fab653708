using HsmBackup.Engine.Pkcs11;

namespace HsmBackup.Engine.Tokens;

/// <summary>
/// The attributes with which an object is made again. What a token computes by itself is left out, and so is what every token
/// assumes anyway: some tokens refuse to be told (NSS: CKA_COPYABLE), and a refused attribute refuses the object.
/// </summary>
internal static class ObjectTemplate
{
    // What the standard lets a token assume (PKCS#11 3.2: 4.4 to 4.14).
    private static readonly Dictionary<ulong, bool> AssumedBooleans = new()
    {
        [Cka.Modifiable] = true,
        [Cka.Copyable] = true,
        [Cka.Destroyable] = true,
        [Cka.Trusted] = false,
        [Cka.WrapWithTrusted] = false,
        [Cka.AlwaysAuthenticate] = false,
    };

    private static readonly byte[] AssumedNameHash = BitConverter.GetBytes(Ckm.Sha1);

    /// <summary>Makes the template.</summary>
    /// <param name="record">The object.</param>
    /// <param name="onToken">False for a trial as a session object.</param>
    /// <param name="quirks">What the token wants otherwise.</param>
    /// <param name="publicValue">The public value of an EC or DSA private key, for tokens that want it; null where it is not known.</param>
    /// <param name="opened">True to make a key that may not leave as one that may, until it is proven.</param>
    public static AttributeMap For(ObjectRecord record, bool onToken, Quirks quirks, byte[]? publicValue = null, bool opened = false)
    {
        bool unwrapped = record.Material is { Form: not WrapForm.Value };
        AttributeMap template = new AttributeMap().Set(Cka.Class, record.ObjectClass);
        if (record.KeyType is { } keyType)
        {
            template.Set(Cka.KeyType, keyType);
        }
        template.Set(Cka.Token, onToken);
        foreach (TokenAttribute attribute in record.Attributes)
        {
            if (!template.Contains(attribute.Type) && !IsSetApart(attribute.Type) && Belongs(attribute, record, unwrapped))
            {
                template.Append(attribute);
            }
        }
        foreach (TokenAttribute value in record.Material?.Values ?? [])
        {
            template.Set(value);
        }
        if (publicValue is not null && quirks.HasFlag(Quirks.UnwrapNeedsNssDb))
        {
            template.Set(Cka.NssDb, publicValue);
        }
        if (opened)
        {
            Open(template);
        }
        // Last, because SoftHSM applies a template in order and would refuse everything after it.
        if (!IsChangeable(record))
        {
            template.Set(Cka.Modifiable, false);
        }
        if (onToken && GetsIdentifierLater(record, quirks))
        {
            template.Remove(Cka.Id);
        }
        return template;
    }

    /// <summary>True where an id given while the object is made would overwrite another object, and is therefore set afterwards.</summary>
    public static bool GetsIdentifierLater(ObjectRecord record, Quirks quirks) =>
        quirks.HasFlag(Quirks.IdentifierIsUnique) && IsChangeable(record)
        && record.ObjectClass is Cko.PublicKey or Cko.PrivateKey or Cko.SecretKey && record.Id.Length > 0;

    /// <summary>True for a key that its own attributes keep from being wrapped, on a token that heeds them.</summary>
    public static bool IsClosed(ObjectRecord record) => record.Material is { Form: not WrapForm.Value }
        && (record.Attributes.Boolean(Cka.Extractable) == false || record.Attributes.Boolean(Cka.WrapWithTrusted) == true);

    /// <summary>False where CKA_MODIFIABLE is.</summary>
    public static bool IsChangeable(ObjectRecord record) => record.Attributes.Boolean(Cka.Modifiable) != false;

    /// <summary>True where leaving the attribute out means the same as giving it.</summary>
    public static bool IsAssumed(TokenAttribute attribute) =>
        AssumedBooleans.TryGetValue(attribute.Type, out bool assumed)
            ? attribute.Value is [byte value] && (value != 0) == assumed
            : attribute.Type == Cka.NameHashAlgorithm ? attribute.Value.AsSpan().SequenceEqual(AssumedNameHash)
            : attribute.Template is { } template ? template.Count == 0
            : attribute.Value.Length == 0 || IsZeroNumber(attribute) || IsDefaultNameHash(attribute);

    // The public value of NSS has a rule of its own.
    private static bool IsSetApart(ulong type) => type is Cka.Modifiable or Cka.NssDb;

    private static void Open(AttributeMap template)
    {
        if (template.Boolean(Cka.Extractable) == false)
        {
            template.Set(Cka.Extractable, true);
        }
        template.Remove(Cka.WrapWithTrusted);
    }

    /// <summary>CKA_NAME_HASH_ALGORITHM of a certificate is SHA-1 unless said otherwise (PKCS#11 4.6.3); some tokens show that, some do not.</summary>
    private static bool IsDefaultNameHash(TokenAttribute attribute) =>
        attribute.Type == Cka.NameHashAlgorithm && new AttributeMap().Set(Cka.NameHashAlgorithm, Ckm.Sha1)[0].SameAs(attribute);

    private static bool Belongs(TokenAttribute attribute, ObjectRecord record, bool unwrapped)
    {
        if (IsAssumed(attribute))
        {
            return false;
        }
        return AttributeTable.RoleOf(attribute.Type, record.ObjectClass) switch
        {
            AttributeRole.Identity or AttributeRole.Setting or AttributeRole.Content => true,
            // The public part of a private key comes out of the wrapped bytes; given twice, tokens refuse it.
            AttributeRole.PublicComponent => !unwrapped,
            _ => false,
        };
    }

    /// <summary>Certificate categories, JAVA domains and the like are 0 by default; of a class or key type 0 is a value.</summary>
    private static bool IsZeroNumber(TokenAttribute attribute) =>
        AttributeTable.KindOf(attribute.Type) is AttributeKind.Number or AttributeKind.Mechanism && !attribute.Value.AsSpan().ContainsAnyExcept((byte)0);
}
