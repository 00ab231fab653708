using System.Buffers.Binary;
using System.Runtime.InteropServices;
using HsmBackup.Engine.Pkcs11.Native;

namespace HsmBackup.Engine.Pkcs11;

/// <summary>
/// Attributes as an array of CK_ATTRIBUTE in native memory, for the length of one call. The memory is zeroed before it is
/// freed, because a template may hold a key.
/// </summary>
internal unsafe ref struct NativeTemplate
{
    private byte* _block;
    private readonly nuint _length;

    public NativeTemplate(AttributeMap attributes)
    {
        _length = SizeOf(attributes);
        _block = (byte*)NativeMemory.Alloc(_length + 1);
        byte* next = _block;
        Pointer = Write(attributes, ref next);
        Count = new CULong((nuint)attributes.Count);
    }

    /// <summary>The array.</summary>
    public CK_ATTRIBUTE* Pointer { get; }

    /// <summary>Its number of elements.</summary>
    public CULong Count { get; }

    public void Dispose()
    {
        if (_block != null)
        {
            new Span<byte>(_block, checked((int)_length)).Clear();
            NativeMemory.Free(_block);
            _block = null;
        }
    }

    private static nuint SizeOf(AttributeMap attributes)
    {
        nuint size = checked((nuint)(attributes.Count * sizeof(CK_ATTRIBUTE)));
        for (int i = 0; i < attributes.Count; i++)
        {
            // Rounded up, so that every value and every inner array is aligned for what it holds.
            size += attributes[i].Template is { } inner ? SizeOf(inner) : (nuint)Aligned(NativeLength(attributes[i]));
        }
        return size;
    }

    private static CK_ATTRIBUTE* Write(AttributeMap attributes, ref byte* next)
    {
        var array = (CK_ATTRIBUTE*)next;
        next += attributes.Count * sizeof(CK_ATTRIBUTE);
        for (int i = 0; i < attributes.Count; i++)
        {
            TokenAttribute attribute = attributes[i];
            array[i].type = new CULong((nuint)attribute.Type);
            if (attribute.Template is { } inner)
            {
                array[i].pValue = Write(inner, ref next);
                array[i].ulValueLen = new CULong((nuint)(inner.Count * sizeof(CK_ATTRIBUTE)));
                continue;
            }
            int length = NativeLength(attribute);
            WriteValue(attribute, new Span<byte>(next, length));
            array[i].pValue = length == 0 ? null : next;
            array[i].ulValueLen = new CULong((nuint)length);
            next += Aligned(length);
        }
        return array;
    }

    private static int NativeLength(TokenAttribute attribute) =>
        IsNumeric(attribute) ? attribute.Value.Length / 8 * sizeof(CULong) : attribute.Value.Length;

    private static bool IsNumeric(TokenAttribute attribute) =>
        AttributeTable.IsNumeric(attribute.Type) && attribute.Value.Length % 8 == 0;

    private static void WriteValue(TokenAttribute attribute, Span<byte> destination)
    {
        if (!IsNumeric(attribute) || (sizeof(CULong) == 8 && BitConverter.IsLittleEndian))
        {
            attribute.Value.CopyTo(destination);
            return;
        }
        for (int i = 0; i < attribute.Value.Length / 8; i++)
        {
            ulong value = BinaryPrimitives.ReadUInt64LittleEndian(attribute.Value.AsSpan(8 * i));
            MemoryMarshal.Write(destination[(i * sizeof(CULong))..], new CULong(checked((nuint)value)));
        }
    }

    private static int Aligned(int length) => (length + 7) & ~7;
}
