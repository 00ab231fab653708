using System.Buffers.Binary;
using System.Collections;
using System.Text;

namespace HsmBackup.Engine.Pkcs11;

/// <summary>
/// One attribute. Values are kept in one form on all platforms: a CK_ULONG (and each element of a mechanism list) is eight
/// bytes, little-endian; a CK_BBOOL is one byte; everything else is the bytes of the token.
/// </summary>
/// <param name="Type">The CKA code.</param>
/// <param name="Value">The value; empty for a template attribute.</param>
/// <param name="Template">The inner attributes of CKA_WRAP_TEMPLATE and its like; null for all others.</param>
public readonly record struct TokenAttribute(ulong Type, byte[] Value, AttributeMap? Template = null)
{
    /// <summary>True where both have the same type and value.</summary>
    public bool SameAs(TokenAttribute other) =>
        Type == other.Type
        && Value.AsSpan().SequenceEqual(other.Value)
        && (Template is null ? other.Template is null or { Count: 0 } : Template.SameAs(other.Template ?? []));
}

/// <summary>The attributes of an object, in order, each at most once.</summary>
public sealed class AttributeMap : IReadOnlyList<TokenAttribute>
{
    private readonly List<TokenAttribute> _attributes;

    /// <summary>An empty map.</summary>
    public AttributeMap() => _attributes = [];

    /// <summary>An empty map with room for some attributes.</summary>
    internal AttributeMap(int capacity) => _attributes = new List<TokenAttribute>(capacity);

    /// <inheritdoc/>
    public int Count => _attributes.Count;

    /// <inheritdoc/>
    public TokenAttribute this[int index] => _attributes[index];

    /// <summary>Adds an attribute, or replaces the one of the same type in its place.</summary>
    public AttributeMap Set(TokenAttribute attribute)
    {
        int index = IndexOf(attribute.Type);
        if (index < 0)
        {
            _attributes.Add(attribute);
        }
        else
        {
            _attributes[index] = attribute;
        }
        return this;
    }

    /// <summary>Adds an attribute that is known not to be there, without looking for it.</summary>
    internal void Append(TokenAttribute attribute) => _attributes.Add(attribute);

    /// <summary>Adds or replaces an attribute by its bytes.</summary>
    public AttributeMap Set(ulong type, ReadOnlySpan<byte> value) => Set(new TokenAttribute(type, value.ToArray()));

    /// <summary>Adds or replaces a CK_BBOOL.</summary>
    public AttributeMap Set(ulong type, bool value) => Set(new TokenAttribute(type, [value ? (byte)1 : (byte)0]));

    /// <summary>Adds or replaces a CK_ULONG.</summary>
    public AttributeMap Set(ulong type, ulong value)
    {
        var bytes = new byte[8];
        BinaryPrimitives.WriteUInt64LittleEndian(bytes, value);
        return Set(new TokenAttribute(type, bytes));
    }

    /// <summary>Adds or replaces a UTF-8 text.</summary>
    public AttributeMap Set(ulong type, string value) => Set(new TokenAttribute(type, Encoding.UTF8.GetBytes(value)));

    /// <summary>Adds or replaces a list of mechanisms.</summary>
    public AttributeMap Set(ulong type, params ReadOnlySpan<ulong> values)
    {
        var bytes = new byte[checked(8 * values.Length)];
        for (int i = 0; i < values.Length; i++)
        {
            BinaryPrimitives.WriteUInt64LittleEndian(bytes.AsSpan(8 * i), values[i]);
        }
        return Set(new TokenAttribute(type, bytes));
    }

    /// <summary>Adds or replaces a template attribute.</summary>
    public AttributeMap Set(ulong type, AttributeMap template) => Set(new TokenAttribute(type, [], template));

    /// <summary>Removes an attribute if it is there.</summary>
    public bool Remove(ulong type)
    {
        int index = IndexOf(type);
        if (index >= 0)
        {
            _attributes.RemoveAt(index);
        }
        return index >= 0;
    }

    /// <summary>Finds an attribute.</summary>
    public bool TryGet(ulong type, out TokenAttribute attribute)
    {
        int index = IndexOf(type);
        attribute = index < 0 ? default : _attributes[index];
        return index >= 0;
    }

    /// <summary>True where the attribute is there.</summary>
    public bool Contains(ulong type) => IndexOf(type) >= 0;

    /// <summary>The bytes of an attribute; null where it is absent.</summary>
    public byte[]? Bytes(ulong type) => TryGet(type, out TokenAttribute a) ? a.Value : null;

    /// <summary>A CK_BBOOL; null where it is absent or not one byte long.</summary>
    public bool? Boolean(ulong type) => Bytes(type) is [byte b] ? b != 0 : null;

    /// <summary>A CK_ULONG; null where it is absent or not of its length.</summary>
    public ulong? Number(ulong type) => Bytes(type) is { Length: 8 } b ? BinaryPrimitives.ReadUInt64LittleEndian(b) : null;

    /// <summary>A UTF-8 text; null where it is absent.</summary>
    public string? Text(ulong type) => Bytes(type) is { } b ? Encoding.UTF8.GetString(b) : null;

    /// <summary>A copy that can be changed alone; the values are shared.</summary>
    public AttributeMap Copy()
    {
        var copy = new AttributeMap();
        copy._attributes.AddRange(_attributes);
        return copy;
    }

    /// <summary>True where both hold the same attributes with the same values, in whatever order.</summary>
    public bool SameAs(AttributeMap other) =>
        Count == other.Count && _attributes.TrueForAll(a => other.TryGet(a.Type, out TokenAttribute b) && a.SameAs(b));

    /// <inheritdoc/>
    public IEnumerator<TokenAttribute> GetEnumerator() => _attributes.GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    private int IndexOf(ulong type)
    {
        for (int i = 0; i < _attributes.Count; i++)
        {
            if (_attributes[i].Type == type)
            {
                return i;
            }
        }
        return -1;
    }
}
