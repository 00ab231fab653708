using System.Buffers.Binary;
using System.Runtime.InteropServices;
using HsmBackup.Engine.Pkcs11.Native;

namespace HsmBackup.Engine.Pkcs11;

/// <summary>What a token answered about the attributes of one object.</summary>
internal sealed class AttributeReading
{
    // Room for the attributes of most objects, so that the list need not grow.
    private const int UsualCount = 40;

    /// <summary>The attributes that the object has and shows. What the token does not know or will not show is simply not here.</summary>
    public AttributeMap Attributes { get; } = new(UsualCount);

    /// <summary>Attributes whose reading failed, with the CKR value: neither present nor known to be absent.</summary>
    public List<(ulong Type, ulong ReturnValue)> Failed { get; } = [];

    /// <summary>Attributes that were not read, because their values are longer than anybody here wants.</summary>
    public List<(ulong Type, ulong Length)> TooLong { get; } = [];
}

/// <summary>
/// Reads all attributes of an object in two native calls. The first brings every value of usual length, and asks for the length of those
/// that may be secrets; the second brings what of them is wanted, and makes sure that what did not come is not there. An unusually long
/// value costs a third. A token opens each encrypted value anew for every call that names it, so that none is asked for twice without
/// need. Memory is kept between objects. Belongs to the thread of its session.
/// </summary>
internal sealed unsafe class AttributeReader : IDisposable
{
    private const ulong Unavailable = ulong.MaxValue;

    // An object has twenty of them, and nobody writes into the value of an attribute.
    private static readonly byte[] False = [0];
    private static readonly byte[] True = [1];

    /// <summary>
    /// Longest value that is read. A line of the backup file may not be longer; base64 and the other attributes need their room. And a
    /// token that claims more does not get the memory for it.
    /// </summary>
    internal const int LongestValue = 2 * 1024 * 1024;

    private readonly Pkcs11Session _session;
    private readonly List<(AttributeList.Entry Entry, int Length)> _pending = [];
    private readonly List<AttributeList.Entry> _unsure = [];
    private byte* _memory;
    private nuint _capacity;

    public AttributeReader(Pkcs11Session session) => _session = session;

    /// <summary>Reads attributes of an object.</summary>
    /// <param name="handle">The object.</param>
    /// <param name="list">The attributes to ask for.</param>
    /// <param name="skip">
    /// Called between the two reads with what is known so far; true leaves an attribute's value where it is (secrets), and takes one that did
    /// not come for one that is not there.
    /// </param>
    /// <exception cref="Pkcs11Exception">The object cannot be read at all.</exception>
    public AttributeReading Read(ulong handle, AttributeList list, Func<AttributeMap, ulong, bool>? skip = null)
    {
        var reading = new AttributeReading();
        ulong rv = TryRead(handle, list.Entries, skip, reading, hasRoom: true);
        if (rv == Ckr.BufferTooSmall && reading.Attributes.Count == 0)
        {
            // Which of them is too long, the answer does not tell: it looks like one that is not there.
            rv = TryRead(handle, list.Entries, skip, reading, hasRoom: false);
        }
        if (rv != Ckr.Ok)
        {
            ReadOneByOne(handle, list.Entries, skip, reading, rv);
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

    private ulong TryRead(ulong handle, ReadOnlySpan<AttributeList.Entry> entries, Func<AttributeMap, ulong, bool>? skip, AttributeReading reading,
        bool hasRoom)
    {
        int header = entries.Length * sizeof(CK_ATTRIBUTE);
        int total = header;
        foreach (AttributeList.Entry entry in entries)
        {
            total += Aligned(RoomFor(entry, hasRoom));
        }
        Reserve((nuint)total);
        var array = (CK_ATTRIBUTE*)_memory;
        byte* next = _memory + header;
        for (int i = 0; i < entries.Length; i++)
        {
            int room = RoomFor(entries[i], hasRoom);
            array[i].type = new CULong((nuint)entries[i].Type);
            array[i].pValue = room == 0 ? null : next;
            array[i].ulValueLen = new CULong((nuint)room);
            next += Aligned(room);
        }
        ulong rv = _session.GetAttributeValue(handle, array, entries.Length);
        if (!IsPerAttribute(rv))
        {
            return rv;
        }
        // First what is there, because whether to take the rest is judged by it.
        _pending.Clear();
        _unsure.Clear();
        for (int i = 0; i < entries.Length; i++)
        {
            ulong length = Extend(array[i].ulValueLen);
            if (length == Unavailable)
            {
                // Not there, or longer than its room: where something else is missing as well, SoftHSM says only that.
                if (entries[i].FixedLength == 0 && array[i].pValue != null)
                {
                    _unsure.Add(entries[i]);
                }
                continue;
            }
            if (length > (ulong)LongestValue)
            {
                reading.TooLong.Add((entries[i].Type, length));
            }
            else if (entries[i].FixedLength > 0 && length > (ulong)entries[i].FixedLength)
            {
                // More than there was room for, and yet not called too much: what stands there is not its value.
                reading.Failed.Add((entries[i].Type, Ckr.BufferTooSmall));
            }
            else if (length <= (ulong)RoomFor(entries[i], hasRoom))
            {
                Add(reading, entries[i], array[i].pValue, checked((int)length));
            }
            else
            {
                _pending.Add((entries[i], checked((int)length)));
            }
        }
        Settle(handle, skip, reading);
        return _pending.Count + _unsure.Count == 0 ? Ckr.Ok : ReadValues(handle, reading);
    }

    // A library may write a CK_ULONG as one.
    private static int Aligned(int length) => (length + 7) & ~7;

    /// <summary>Room for a value; where there is none, its length is asked for.</summary>
    private static int RoomFor(AttributeList.Entry entry, bool hasRoom) =>
        entry.FixedLength > 0 ? entry.FixedLength : hasRoom ? entry.Room : 0;

    /// <summary>The second call: values whose lengths the first one told, and the lengths of those that did not come.</summary>
    private ulong ReadValues(ulong handle, AttributeReading reading)
    {
        int header = (_pending.Count + _unsure.Count) * sizeof(CK_ATTRIBUTE);
        int total = 0;
        foreach ((_, int length) in _pending)
        {
            total += length;
        }
        Reserve((nuint)(header + total));
        var array = (CK_ATTRIBUTE*)_memory;
        byte* next = _memory + header;
        for (int i = 0; i < _pending.Count; i++)
        {
            array[i].type = new CULong((nuint)_pending[i].Entry.Type);
            array[i].pValue = next;
            array[i].ulValueLen = new CULong((nuint)_pending[i].Length);
            next += _pending[i].Length;
        }
        for (int i = 0; i < _unsure.Count; i++)
        {
            array[_pending.Count + i] = new CK_ATTRIBUTE { type = new CULong((nuint)_unsure[i].Type) };
        }
        ulong rv = _session.GetAttributeValue(handle, array, _pending.Count + _unsure.Count);
        if (!IsPerAttribute(rv))
        {
            return rv;
        }
        for (int i = 0; i < _pending.Count; i++)
        {
            ulong length = Extend(array[i].ulValueLen);
            if (length == Unavailable || length > (ulong)_pending[i].Length)
            {
                // It had a length a moment ago: changed or refused in between. Say so instead of dropping it.
                reading.Failed.Add((_pending[i].Entry.Type, rv == Ckr.Ok ? Ckr.GeneralError : rv));
                continue;
            }
            Add(reading, _pending[i].Entry, array[i].pValue, checked((int)length));
        }
        CollectLong(array + _pending.Count, reading);
        // The memory is kept for the next object, and this one may have shown its key.
        new Span<byte>(_memory + header, total).Clear();
        return _pending.Count == 0 ? Ckr.Ok : ReadValues(handle, reading);
    }

    /// <summary>What did not come at first and yet has a length: pending now, and nothing else.</summary>
    private void CollectLong(CK_ATTRIBUTE* answers, AttributeReading reading)
    {
        _pending.Clear();
        for (int i = 0; i < _unsure.Count; i++)
        {
            ulong length = Extend(answers[i].ulValueLen);
            if (length == Unavailable)
            {
                continue;
            }
            if (length > (ulong)LongestValue)
            {
                reading.TooLong.Add((_unsure[i].Type, length));
            }
            else
            {
                _pending.Add((_unsure[i], checked((int)length)));
            }
        }
        _unsure.Clear();
    }

    /// <summary>Takes out of what is pending that which the second call is not to bring.</summary>
    private void Settle(ulong handle, Func<AttributeMap, ulong, bool>? skip, AttributeReading reading)
    {
        for (int i = _unsure.Count - 1; i >= 0; i--)
        {
            if (skip?.Invoke(reading.Attributes, _unsure[i].Type) == true)
            {
                _unsure.RemoveAt(i);
            }
        }
        for (int i = _pending.Count - 1; i >= 0; i--)
        {
            (AttributeList.Entry entry, int length) = _pending[i];
            if (skip?.Invoke(reading.Attributes, entry.Type) == true)
            {
                _pending.RemoveAt(i);
            }
            else if (entry.Kind == AttributeKind.Template)
            {
                ReadTemplate(handle, entry.Type, length, reading);
                _pending.RemoveAt(i);
            }
        }
    }

    private void ReadTemplate(ulong handle, ulong type, int length, AttributeReading reading)
    {
        ulong rv = TryReadTemplate(handle, type, length, out AttributeMap template);
        if (rv == Ckr.Ok)
        {
            reading.Attributes.Append(new TokenAttribute(type, [], template));
        }
        else
        {
            reading.Failed.Add((type, rv));
        }
    }

    /// <summary>CKA_WRAP_TEMPLATE and its like: an array of attributes inside an attribute takes two calls of its own.</summary>
    private ulong TryReadTemplate(ulong handle, ulong type, int length, out AttributeMap template)
    {
        template = [];
        var inner = new CK_ATTRIBUTE[length / sizeof(CK_ATTRIBUTE)];
        var outer = new CK_ATTRIBUTE { type = new CULong((nuint)type) };
        fixed (CK_ATTRIBUTE* array = inner)
        {
            outer.pValue = array;
            outer.ulValueLen = new CULong((nuint)(inner.Length * sizeof(CK_ATTRIBUTE)));
            ulong rv = _session.GetAttributeValue(handle, &outer, 1);
            // A length that nobody believes: either the token is wrong about it, or it gave something else than attributes.
            if (rv != Ckr.Ok || inner.Any(a => a.ulValueLen.Value > LongestValue))
            {
                return rv != Ckr.Ok ? rv : Ckr.AttributeValueInvalid;
            }
            byte* values = (byte*)NativeMemory.AllocZeroed((nuint)inner.Sum(a => (long)a.ulValueLen.Value) + 1);
            try
            {
                byte* next = values;
                for (int i = 0; i < inner.Length; i++)
                {
                    array[i].pValue = next;
                    next += array[i].ulValueLen.Value;
                }
                CK_ATTRIBUTE[] asked = [.. inner];
                rv = _session.GetAttributeValue(handle, &outer, 1);
                for (int i = 0; i < inner.Length && rv == Ckr.Ok; i++)
                {
                    // NSS stores the array as it stands, with the addresses that it had in the process which made the object.
                    rv = array[i].pValue == asked[i].pValue && array[i].ulValueLen.Value <= asked[i].ulValueLen.Value ? Ckr.Ok : Ckr.AttributeValueInvalid;
                }
                for (int i = 0; i < inner.Length && rv == Ckr.Ok; i++)
                {
                    ulong innerType = array[i].type.Value;
                    template.Set(new TokenAttribute(
                        innerType, Canonical(AttributeList.Entry.Of(innerType), array[i].pValue, checked((int)array[i].ulValueLen.Value))));
                }
                return rv;
            }
            finally
            {
                NativeMemory.Free(values);
            }
        }
    }

    /// <summary>
    /// Where one attribute spoils the call (SoftHSM: dates of private objects), the others are still wanted. If not even the
    /// class can be read, it is the object that fails and not an attribute.
    /// </summary>
    private void ReadOneByOne(ulong handle, ReadOnlySpan<AttributeList.Entry> entries, Func<AttributeMap, ulong, bool>? skip,
        AttributeReading reading, ulong cause)
    {
        for (int i = 0; i < entries.Length; i++)
        {
            if (reading.Attributes.Contains(entries[i].Type))
            {
                continue;
            }
            ulong rv = TryRead(handle, entries.Slice(i, 1), skip, reading, hasRoom: false);
            if (rv != Ckr.Ok)
            {
                reading.Failed.Add((entries[i].Type, rv));
            }
        }
        if (reading.Attributes.Count == 0)
        {
            throw new Pkcs11Exception(nameof(FunctionIndex.C_GetAttributeValue), cause);
        }
    }

    // No attribute is asked for twice, so none can be there already.
    private static void Add(AttributeReading reading, AttributeList.Entry entry, void* value, int length) =>
        reading.Attributes.Append(entry.Kind == AttributeKind.Template
            ? new TokenAttribute(entry.Type, [], [])
            : new TokenAttribute(entry.Type, Canonical(entry, value, length)));

    private static byte[] Canonical(AttributeList.Entry entry, void* value, int length)
    {
        if (length == 0)
        {
            return [];
        }
        var native = new ReadOnlySpan<byte>(value, length);
        if (native is [0 or 1] && entry is { Kind: AttributeKind.Boolean, IsSecret: false })
        {
            return native[0] == 0 ? False : True;
        }
        if (!entry.IsNumeric || length % sizeof(CULong) != 0 || (sizeof(CULong) == 8 && BitConverter.IsLittleEndian))
        {
            byte[] bytes = GC.AllocateUninitializedArray<byte>(length, pinned: entry.IsSecret);
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
