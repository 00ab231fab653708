using System.Formats.Asn1;

namespace HsmBackup.Engine.Format;

/// <summary>
/// Steps through nested DER values by their places in one buffer, so that the largest of them can be decrypted where it
/// stands. Every step names the tag that must come; anything else is an <see cref="AsnContentException"/>.
/// </summary>
internal ref struct DerCursor
{
    private readonly ReadOnlySpan<byte> _data;
    private int _position;
    private readonly int _end;

    public DerCursor(ReadOnlySpan<byte> data)
    {
        _data = data;
        _end = data.Length;
    }

    private DerCursor(ReadOnlySpan<byte> data, Range range)
    {
        _data = data;
        _position = range.Start.Value;
        _end = range.End.Value;
    }

    /// <summary>Takes the next value and gives the place of its contents.</summary>
    public Range Next(Asn1Tag tag)
    {
        Asn1Tag found = AsnDecoder.ReadEncodedValue(_data[_position.._end], AsnEncodingRules.DER, out int offset,
            out int length, out int consumed);
        if (found != tag || found.IsConstructed != tag.IsConstructed) throw new AsnContentException("Another tag is due.");
        Range contents = (_position + offset)..(_position + offset + length);
        _position += consumed;
        return contents;
    }

    /// <summary>Takes the next value, whose contents have one length only.</summary>
    public Range Next(Asn1Tag tag, int length)
    {
        Range contents = Next(tag);
        return contents.End.Value - contents.Start.Value == length
            ? contents
            : throw new AsnContentException("A value has another length than the format gives it.");
    }

    /// <summary>Takes the next value, steps into it, and steps over it here.</summary>
    public DerCursor Enter(Asn1Tag tag) => new(_data, Next(tag));

    /// <summary>Takes a run of bytes that never differs.</summary>
    public void Expect(ReadOnlySpan<byte> encoded)
    {
        if (!_data[_position.._end].StartsWith(encoded)) throw new AsnContentException("A fixed value differs.");
        _position += encoded.Length;
    }

    /// <summary>Nothing may be left over.</summary>
    public readonly void AssertEnd()
    {
        if (_position != _end) throw new AsnContentException("There is more than the format has.");
    }
}
