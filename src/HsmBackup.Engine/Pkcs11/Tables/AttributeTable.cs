using System.Collections.Immutable;
using System.Runtime.InteropServices;

namespace HsmBackup.Engine.Pkcs11;

/// <summary>The attributes of PKCS#11 3.2 and those of NSS: kind and role.</summary>
public static class AttributeTable
{
    /// <summary>Every attribute with a name; one row a code.</summary>
    public static ImmutableArray<AttributeInfo> All { get; } = ImmutableCollectionsMarshal.AsImmutableArray(AttributeRows.All());

    // After All, which it is made of.
    private static readonly Dictionary<ulong, AttributeInfo> s_byType = MakeIndex();

    /// <summary>Looks an attribute up.</summary>
    /// <param name="type">The code.</param>
    /// <returns>Null for a code without a name, such as that of an unknown vendor.</returns>
    public static AttributeInfo? Find(ulong type) => s_byType.GetValueOrDefault(type);

    /// <summary>What the value of an attribute looks like.</summary>
    /// <param name="type">The code.</param>
    /// <returns><see cref="AttributeKind.Bytes"/> for a code without a name.</returns>
    public static AttributeKind KindOf(ulong type) => Find(type)?.Kind ?? AttributeKind.Bytes;

    /// <summary>True where the value is one CK_ULONG or an array of them.</summary>
    /// <param name="type">The code.</param>
    public static bool IsNumeric(ulong type) =>
        Find(type) is { } info && (info.IsNumber || info.Kind is AttributeKind.NumberList or AttributeKind.MechanismList);

    /// <summary>What an attribute is to a backup of an object of a class.</summary>
    /// <param name="type">The code of the attribute.</param>
    /// <param name="objectClass">The class of the object, one of <see cref="Cko"/>.</param>
    /// <returns><see cref="AttributeRole.Unknown"/> for a code without a name.</returns>
    public static AttributeRole RoleOf(ulong type, ulong objectClass) =>
        type == Cka.Value ? RoleOfValue(objectClass) : Find(type)?.Role ?? AttributeRole.Unknown;

    // One code, many meanings. A class that nobody described here may hold a key: its value counts as a secret.
    private static AttributeRole RoleOfValue(ulong objectClass) => objectClass switch
    {
        Cko.PublicKey or Cko.Certificate or Cko.DomainParameters or Cko.NssCrl or Cko.NssSmime => AttributeRole.PublicComponent,
        Cko.Data => AttributeRole.Content,
        Cko.HwFeature => AttributeRole.History,
        _ => AttributeRole.SecretComponent,
    };

    private static Dictionary<ulong, AttributeInfo> MakeIndex()
    {
        var index = new Dictionary<ulong, AttributeInfo>(All.Length);
        foreach (var row in All) index.Add(row.Type, row);
        return index;
    }
}
