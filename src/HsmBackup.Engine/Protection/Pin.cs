using System.Runtime.InteropServices;
using System.Security;
using System.Text;

namespace HsmBackup.Engine.Protection;

/// <summary>A token PIN as UTF-8 (PKCS#11, 5.6), pinned and zeroed.</summary>
public sealed class Pin : IDisposable
{
    private readonly SecretBuffer _buffer;
    private readonly int _length;

    private Pin(SecretBuffer buffer, int length)
    {
        _buffer = buffer;
        _length = length;
    }

    /// <summary>The bytes that go to C_Login.</summary>
    public ReadOnlySpan<byte> Bytes => _buffer.Span[.._length];

    /// <summary>Takes the PIN from a SecureString without making a string of it.</summary>
    public static unsafe Pin FromSecureString(SecureString text)
    {
        ArgumentNullException.ThrowIfNull(text);
        nint plain = Marshal.SecureStringToGlobalAllocUnicode(text);
        try
        {
            return FromChars(new ReadOnlySpan<char>((void*)plain, text.Length));
        }
        finally
        {
            Marshal.ZeroFreeGlobalAllocUnicode(plain);
        }
    }

    /// <summary>Takes the PIN from characters that the caller zeroes.</summary>
    public static Pin FromChars(ReadOnlySpan<char> text)
    {
        var buffer = new SecretBuffer(Math.Max(1, Encoding.UTF8.GetMaxByteCount(text.Length)));
        return new Pin(buffer, Encoding.UTF8.GetBytes(text, buffer.Span));
    }

    /// <summary>Takes the PIN from UTF-8 that the caller zeroes.</summary>
    public static Pin FromUtf8(ReadOnlySpan<byte> text)
    {
        var buffer = new SecretBuffer(Math.Max(1, text.Length));
        text.CopyTo(buffer.Span);
        return new Pin(buffer, text.Length);
    }

    /// <summary>A PIN of its own with the same bytes.</summary>
    public Pin Clone() => FromUtf8(Bytes);

    /// <inheritdoc/>
    public void Dispose() => _buffer.Dispose();

    /// <inheritdoc/>
    public override string ToString() => "(PIN)";
}
