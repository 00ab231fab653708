using System.Diagnostics;
using System.Formats.Asn1;

namespace HsmBackup.Engine.Format;

/// <summary>
/// Headers of DER values. <see cref="AsnWriter"/> would copy a 4 MiB value once for each level that it is nested in, so
/// the few headers around sealed content are written here.
/// </summary>
internal static class Der
{
    public const byte Sequence = 0x30;
    public const byte Set = 0x31;
    public const byte OctetString = 0x04;
    public const byte ConstructedContext0 = 0xA0;
    public const byte PrimitiveContext0 = 0x80;

    /// <summary>Most bytes of a header that this format has.</summary>
    public const int MaxHeaderLength = 5;

    /// <summary>Bytes of tag and length before a value of some length.</summary>
    public static int HeaderLength(int valueLength) => valueLength switch
    {
        < 0x80 => 2,
        < 0x100 => 3,
        < 0x1_0000 => 4,
        < 0x100_0000 => 5,
        _ => throw new UnreachableException("Nothing in a backup is longer than 16 MiB in one piece."),
    };

    /// <summary>Writes tag and length; gives back what is left of the destination.</summary>
    public static Span<byte> WriteHeader(Span<byte> destination, byte tag, int valueLength)
    {
        int headerLength = HeaderLength(valueLength);
        destination[0] = tag;
        if (headerLength == 2)
        {
            destination[1] = (byte)valueLength;
        }
        else
        {
            destination[1] = (byte)(0x80 + headerLength - 2);
            for (int i = headerLength - 1; i >= 2; i--, valueLength >>= 8) destination[i] = (byte)(valueLength & 0xFF);
        }
        return destination[headerLength..];
    }

    /// <summary>
    /// Reads a SEQUENCE header that stands at the beginning of some bytes, under DER: definite and shortest length.
    /// </summary>
    /// <param name="start">The first bytes of the value.</param>
    /// <param name="headerLength">Length of the header.</param>
    /// <param name="totalLength">Length of header and value; the value need not be there yet.</param>
    public static bool TryReadSequenceHeader(ReadOnlySpan<byte> start, out int headerLength, out long totalLength)
    {
        headerLength = 0;
        totalLength = 0;
        if (start.Length < 2 || start[0] != Sequence) return false;
        if (!AsnDecoder.TryDecodeLength(start[1..], AsnEncodingRules.DER, out int? length, out int lengthBytes)) return false;
        if (length is null) return false;
        headerLength = 1 + lengthBytes;
        totalLength = (long)headerLength + length.Value;
        return true;
    }
}
