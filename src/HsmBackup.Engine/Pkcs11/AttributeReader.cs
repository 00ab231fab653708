using System.Buffers.Binary;
using System.Runtime.InteropServices;
using HsmBackup.Engine.Pkcs11.Native;

namespace HsmBackup.Engine.Pkcs11;

/// <summary>What a token answered about the attributes of one object.</summary>
internal sealed class AttributeReading
{
    /// <summary>The attributes that the object has and shows. What the token does not know or will not show is simply not here.</summary>
    public AttributeMap Attributes { get; } = [];

    /// <summary>Attributes whose reading failed, with the CKR value: neither present nor known to be absent.</summary>
    public List<(ulong Type, ulong ReturnValue)> Failed { get; } = [];

    /// <summary>Attributes that were not read, because their values are longer than anybody here wants.</summary>
    public List<(ulong Type, ulong Length)> TooLong { get; } = [];
}

/// <summary>
/// Reads all attributes of an object in two native calls. The first brings every value of known length and asks for the length
/// of the others; the second brings those. Memory is kept between objects. Belongs to the thread of its session.
/// </summary>
internal sealed unsafe class AttributeReader : IDisposable
{
    private const ulong Unavailable = ulong.MaxValue;
    private const int FixedSlot = 8;

    /// <summary>
    /// Longest value that is read. A line of the backup file may not be longer; base64 and the other attributes need their room. And a
    /// token that claims more does not get the memory for it.
    /// </summary>
    internal const int LongestValue = 2 * 1024 * 1024;

    private readonly Pkcs11Session _session;
    private byte* _memory;
    private nuint _capacity;

    public AttributeReader(Pkcs11Session session) => _session = session;

    /// <summary>Reads attributes of an object.</summary>
    /// <param name="handle">The object.</param>
    /// <param name="types">The attributes to ask for; no one twice.</param>
    /// <param name="skip">Called between the two reads with what is known so far; true leaves an attribute's value where it is (secrets).</param>
    /// <exception cref="Pkcs11Exception">The object cannot be read at all.</exception>
    public AttributeReading Read(ulong handle, ReadOnlySpan<ulong> types, Func<AttributeMap, ulong, bool>? skip = null)
    {
        var reading = new AttributeReading();
        ulong rv = TryRead(handle, types, skip, reading);
        if (rv != Ckr.Ok)
        {
            ReadOneByOne(handle, types, skip, reading, rv);
        }
        return reading;
    }

    public void Dispose()
    {
        if (_memory != null)
        {
            new Span<byte>(_memory, checked((int)_capacity)).Clear();
            NativeMemory.Free(_memory);
            _memory = null;
        }
    }

    /// <summary>
    /// Answers that leave every attribute with a length of its own (PKCS#11 5.7.5); any other spoils the whole call. So does a buffer
    /// that is too small: the attribute then looks like one that is not there.
    /// </summary>
    private static bool IsPerAttribute(ulong rv) => rv is Ckr.Ok or Ckr.AttributeSensitive or Ckr.AttributeTypeInvalid;

    /// <summary>The length that a value of this type always has on this machine; 0 where it varies.</summary>
    private static int FixedLength(ulong type) => AttributeTable.KindOf(type) switch
    {
        AttributeKind.Boolean => 1,
        AttributeKind.MechanismList or AttributeKind.NumberList => 0,
        _ when AttributeTable.IsNumeric(type) => sizeof(CULong),
        _ => 0,
    };

    private ulong TryRead(ulong handle, ReadOnlySpan<ulong> types, Func<AttributeMap, ulong, bool>? skip, AttributeReading reading)
    {
        int header = types.Length * sizeof(CK_ATTRIBUTE);
        Reserve((nuint)(header + (types.Length * FixedSlot)));
        var array = (CK_ATTRIBUTE*)_memory;
        byte* slots = _memory + header;
        for (int i = 0; i < types.Length; i++)
        {
            int length = FixedLength(types[i]);
            array[i].type = new CULong((nuint)types[i]);
            array[i].pValue = length == 0 ? null : slots + (i * FixedSlot);
            array[i].ulValueLen = new CULong((nuint)length);
        }
        ulong rv = _session.GetAttributeValue(handle, array, types.Length);
        if (!IsPerAttribute(rv))
        {
            return rv;
        }

        var pending = new List<(ulong Type, int Length)>();
        for (int i = 0; i < types.Length; i++)
        {
            ulong length = Extend(array[i].ulValueLen);
            if (length == Unavailable)
            {
                continue;
            }
            if (length > (ulong)LongestValue)
            {
                reading.TooLong.Add((types[i], length));
            }
            else if (array[i].pValue != null && length > (ulong)FixedLength(types[i]))
            {
                // More than there was room for, and yet not called too much: what stands there is not its value.
                reading.Failed.Add((types[i], Ckr.BufferTooSmall));
            }
            else if (array[i].pValue != null || length == 0)
            {
                Add(reading, types[i], array[i].pValue, checked((int)length));
            }
            else
            {
                pending.Add((types[i], checked((int)length)));
            }
        }
        if (skip is not null)
        {
            pending.RemoveAll(p => skip(reading.Attributes, p.Type));
        }
        foreach ((ulong type, int length) in pending.Where(p => AttributeTable.KindOf(p.Type) == AttributeKind.Template).ToArray())
        {
            reading.Attributes.Set(new TokenAttribute(type, [], ReadTemplate(handle, type, length)));
            pending.Remove((type, length));
        }
        return pending.Count == 0 ? Ckr.Ok : ReadValues(handle, pending, reading);
    }

    /// <summary>The second call: values whose lengths the first one told.</summary>
    private ulong ReadValues(ulong handle, List<(ulong Type, int Length)> pending, AttributeReading reading)
    {
        int header = pending.Count * sizeof(CK_ATTRIBUTE);
        Reserve((nuint)(header + pending.Sum(p => p.Length)));
        var array = (CK_ATTRIBUTE*)_memory;
        byte* next = _memory + header;
        for (int i = 0; i < pending.Count; i++)
        {
            array[i].type = new CULong((nuint)pending[i].Type);
            array[i].pValue = next;
            array[i].ulValueLen = new CULong((nuint)pending[i].Length);
            next += pending[i].Length;
        }
        ulong rv = _session.GetAttributeValue(handle, array, pending.Count);
        if (!IsPerAttribute(rv))
        {
            return rv;
        }
        for (int i = 0; i < pending.Count; i++)
        {
            ulong length = Extend(array[i].ulValueLen);
            if (length == Unavailable || length > (ulong)pending[i].Length)
            {
                // It had a length a moment ago: changed or refused in between. Say so instead of dropping it.
                reading.Failed.Add((pending[i].Type, rv == Ckr.Ok ? Ckr.GeneralError : rv));
                continue;
            }
            Add(reading, pending[i].Type, array[i].pValue, checked((int)length));
        }
        // The memory is kept for the next object, and this one may have shown its key.
        new Span<byte>(_memory + header, checked((int)(next - _memory) - header)).Clear();
        return Ckr.Ok;
    }

    /// <summary>CKA_WRAP_TEMPLATE and its like: an array of attributes inside an attribute takes two calls of its own.</summary>
    private AttributeMap ReadTemplate(ulong handle, ulong type, int length)
    {
        int count = length / sizeof(CK_ATTRIBUTE);
        var inner = new CK_ATTRIBUTE[count];
        var outer = new CK_ATTRIBUTE { type = new CULong((nuint)type) };
        var map = new AttributeMap();
        fixed (CK_ATTRIBUTE* array = inner)
        {
            outer.pValue = array;
            outer.ulValueLen = new CULong((nuint)(count * sizeof(CK_ATTRIBUTE)));
            ulong rv = _session.GetAttributeValue(handle, &outer, 1);
            int total = rv == Ckr.Ok ? inner.Sum(a => Extend(a.ulValueLen) == Unavailable ? 0 : checked((int)a.ulValueLen.Value)) : 0;
            byte* values = (byte*)NativeMemory.AllocZeroed((nuint)total + 1);
            try
            {
                byte* next = values;
                for (int i = 0; i < count && rv == Ckr.Ok; i++)
                {
                    array[i].pValue = next;
                    next += Extend(array[i].ulValueLen) == Unavailable ? 0 : checked((int)array[i].ulValueLen.Value);
                }
                rv = rv == Ckr.Ok ? _session.GetAttributeValue(handle, &outer, 1) : rv;
                if (rv != Ckr.Ok)
                {
                    throw new Pkcs11Exception(nameof(FunctionIndex.C_GetAttributeValue), rv);
                }
                foreach (CK_ATTRIBUTE a in inner)
                {
                    map.Set(new TokenAttribute(a.type.Value, Canonical(a.type.Value, a.pValue, checked((int)a.ulValueLen.Value))));
                }
            }
            finally
            {
                NativeMemory.Free(values);
            }
        }
        return map;
    }

    /// <summary>
    /// Where one attribute spoils the call (SoftHSM: dates of private objects), the others are still wanted. If not even the
    /// class can be read, it is the object that fails and not an attribute.
    /// </summary>
    private void ReadOneByOne(
        ulong handle, ReadOnlySpan<ulong> types, Func<AttributeMap, ulong, bool>? skip, AttributeReading reading, ulong cause)
    {
        foreach (ulong type in types)
        {
            if (reading.Attributes.Contains(type))
            {
                continue;
            }
            ulong rv = TryRead(handle, [type], skip, reading);
            if (rv != Ckr.Ok)
            {
                reading.Failed.Add((type, rv));
            }
        }
        if (reading.Attributes.Count == 0)
        {
            throw new Pkcs11Exception(nameof(FunctionIndex.C_GetAttributeValue), cause);
        }
    }

    private static void Add(AttributeReading reading, ulong type, void* value, int length) =>
        reading.Attributes.Set(AttributeTable.KindOf(type) == AttributeKind.Template
            ? new TokenAttribute(type, [], [])
            : new TokenAttribute(type, Canonical(type, value, length)));

    private static byte[] Canonical(ulong type, void* value, int length)
    {
        if (length == 0)
        {
            return [];
        }
        var native = new ReadOnlySpan<byte>(value, length);
        if (!AttributeTable.IsNumeric(type) || length % sizeof(CULong) != 0 || (sizeof(CULong) == 8 && BitConverter.IsLittleEndian))
        {
            bool secret = AttributeTable.Find(type)?.Role == AttributeRole.SecretComponent;
            byte[] bytes = GC.AllocateUninitializedArray<byte>(length, pinned: secret);
            native.CopyTo(bytes);
            return bytes;
        }
        var canonical = new byte[length / sizeof(CULong) * 8];
        for (int i = 0; i < length / sizeof(CULong); i++)
        {
            BinaryPrimitives.WriteUInt64LittleEndian(
                canonical.AsSpan(8 * i), Extend(MemoryMarshal.Read<CULong>(native[(i * sizeof(CULong))..])));
        }
        return canonical;
    }

    /// <summary>CK_UNAVAILABLE_INFORMATION is all ones in whatever width CK_ULONG has.</summary>
    private static ulong Extend(CULong value) => value.Value == (sizeof(CULong) == 4 ? uint.MaxValue : nuint.MaxValue) ? Unavailable : value.Value;

    private void Reserve(nuint bytes)
    {
        if (_capacity < bytes)
        {
            Dispose();
            _capacity = Math.Max(bytes, 16 * 1024);
            _memory = (byte*)NativeMemory.Alloc(_capacity);
        }
    }
}
