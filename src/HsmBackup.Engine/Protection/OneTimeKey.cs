using System.Runtime.InteropServices;
using System.Security;
using System.Security.Cryptography;

namespace HsmBackup.Engine.Protection;

/// <summary>
/// The one-time key of a backup: 256 random bits, made for that backup alone. Its text form is Bech32m with the prefix
/// <c>hsmkey</c>, 65 characters, made to be printed, read out and typed.
/// </summary>
public sealed class OneTimeKey : IDisposable
{
    /// <summary>The prefix of the text form, without the separator <c>1</c> that follows it.</summary>
    public const string Prefix = "hsmkey";

    /// <summary>Length of the key in bytes.</summary>
    public const int ByteLength = 32;

    /// <summary>Length of the text form in characters: prefix and separator 7, key 52, checksum 6.</summary>
    public const int TextLength = 65;

    private readonly SecretBuffer _bytes;

    private OneTimeKey(SecretBuffer bytes) => _bytes = bytes;

    /// <summary>The key itself. Do not keep it longer than this object.</summary>
    internal ReadOnlySpan<byte> Bytes => _bytes.Span;

    /// <summary>Makes a new key from the system's cryptographic generator.</summary>
    public static OneTimeKey Generate() => new(SecretBuffer.Random(ByteLength));

    /// <summary>
    /// Reads the text form: all lower case or all upper case; white space, line breaks and hyphens may stand anywhere.
    /// </summary>
    /// <param name="text">The text. The caller wipes it.</param>
    /// <exception cref="HsmBackupException">
    /// <see cref="ErrorCode.KeyTextInvalid"/>: the message says what is wrong and where, and repeats nothing of the key.
    /// </exception>
    public static OneTimeKey Parse(ReadOnlySpan<char> text) => Parse(text, path: null);

    /// <summary>Reads the text form out of a file, which the message then names.</summary>
    internal static OneTimeKey Parse(ReadOnlySpan<char> text, string? path) => new(OneTimeKeyText.Read(text, path));

    /// <summary>Reads the text form out of a secure string; no managed string is made of it.</summary>
    /// <param name="text">The text; it stays the caller's to dispose.</param>
    /// <exception cref="HsmBackupException">
    /// <see cref="ErrorCode.KeyTextInvalid"/>: as for <see cref="Parse(ReadOnlySpan{char})"/>.
    /// </exception>
    public static unsafe OneTimeKey FromSecureString(SecureString text)
    {
        ArgumentNullException.ThrowIfNull(text);
        nint copy = Marshal.SecureStringToGlobalAllocUnicode(text);
        try
        {
            return Parse(new ReadOnlySpan<char>((void*)copy, text.Length));
        }
        finally
        {
            Marshal.ZeroFreeGlobalAllocUnicode(copy);
        }
    }

    /// <summary>Gives the text form as a read-only secure string, which the caller disposes.</summary>
    public unsafe SecureString ToSecureString()
    {
        Span<char> text = stackalloc char[TextLength];
        try
        {
            CopyText(text);
            fixed (char* start = text)
            {
                SecureString result = new(start, TextLength);
                result.MakeReadOnly();
                return result;
            }
        }
        finally
        {
            CryptographicOperations.ZeroMemory(MemoryMarshal.AsBytes(text));
        }
    }

    /// <summary>Writes the text form.</summary>
    /// <param name="destination">Receives <see cref="TextLength"/> characters; the caller wipes them.</param>
    /// <exception cref="ArgumentException">The destination is too small.</exception>
    public void CopyText(Span<char> destination) => Bech32m.Encode(Prefix, Bytes, destination, out _);

    /// <summary>Makes a second key object with the same key; each is disposed on its own.</summary>
    public OneTimeKey Clone() => new(SecretBuffer.CopyOf(Bytes));

    /// <summary>Overwrites the key with zeros.</summary>
    public void Dispose() => _bytes.Dispose();

    /// <summary>Says only that there is a key, never the key.</summary>
    public override string ToString() => "(one-time key)";
}
