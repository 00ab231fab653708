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

    /// <summary>Makes the template.</summary>
    /// <param name="record">The object.</param>
    /// <param name="onToken">False for a trial as a session object.</param>
    /// <param name="quirks">What the token wants otherwise.</param>
    public static AttributeMap For(ObjectRecord record, bool onToken, Quirks quirks)
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
            if (!template.Contains(attribute.Type) && attribute.Type != Cka.Modifiable && Belongs(attribute, record, unwrapped))
            {
                template.Set(attribute);
            }
        }
        foreach (TokenAttribute value in record.Material?.Values ?? [])
        {
            template.Set(value);
        }
        if (unwrapped && quirks.HasFlag(Quirks.UnwrapNeedsNssDb) && record.ObjectClass == Cko.PrivateKey && record.KeyType is Ckk.Ec or Ckk.Dsa)
        {
            template.Set(Cka.NssDb, record.Attributes.Bytes(Cka.Id) is { Length: > 0 } id ? id : [0]);
        }
        // Last, because SoftHSM applies a template in order and would refuse everything after it.
        if (record.Attributes.Boolean(Cka.Modifiable) == false)
        {
            template.Set(Cka.Modifiable, false);
        }
        return template;
    }

    /// <summary>True where leaving the attribute out means the same as giving it.</summary>
    public static bool IsAssumed(TokenAttribute attribute) =>
        AssumedBooleans.TryGetValue(attribute.Type, out bool assumed)
            ? attribute.Value is [byte value] && (value != 0) == assumed
            : attribute.Template is { } template ? template.Count == 0
            : attribute.Value.Length == 0 || IsZeroNumber(attribute);

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
