using System.Formats.Asn1;
using System.Security.Cryptography;
using HsmBackup.Engine.Pkcs11;
using HsmBackup.Engine.Protection;

namespace HsmBackup.Engine.Tokens;

/// <summary>
/// Opens wrapped keys in this process, with the KEK that a one-time key gives. For the tests that need an opinion independent of any
/// token, and only in one-time-key mode: in cluster-bound mode the host has no KEK. Values live in pinned, zeroed buffers.
/// </summary>
internal static class HostUnwrap
{
    /// <summary>The value of a secret key, or the PKCS #8 PrivateKeyInfo of a private key; null where it does not unwrap, or has no such form.</summary>
    /// <param name="record">The key.</param>
    /// <param name="kek">The KEK.</param>
    /// <param name="iv">The backup's IV.</param>
    /// <param name="transportKeys">The backup's transport keys.</param>
    /// <param name="transportForm">Their form.</param>
    public static SecretBuffer? Open(
        ObjectRecord record, SecretBuffer kek, byte[] iv, IReadOnlyDictionary<int, byte[]> transportKeys, WrapForm transportForm)
    {
        if (record.Material is not { } material)
        {
            return null;
        }
        if (material.Form == WrapForm.Value)
        {
            return record.ObjectClass == Cko.SecretKey && material.Values?.Bytes(Cka.Value) is { } value ? SecretBuffer.CopyOf(value) : null;
        }
        if (material.Form == WrapForm.RsaOaep)
        {
            return OpenOaep(material, kek, iv, transportKeys, transportForm);
        }
        SecretBuffer? content = Open(material.Form, material.Data, kek, iv);
        if (content is null)
        {
            return null;
        }
        // SoftHSM pads with zero bytes before it wraps: PKCS #8 says its own length, a secret key's stands in the record.
        int length = record.ObjectClass == Cko.PrivateKey ? LengthOfDer(content.Span) : material.Length ?? content.Length;
        using (content)
        {
            return length is > 0 && length <= content.Length ? SecretBuffer.CopyOf(content.Span[..length]) : null;
        }
    }

    private static SecretBuffer? Open(WrapForm form, byte[] wrapped, SecretBuffer kek, byte[] iv)
    {
        using var buffer = new SecretBuffer(wrapped.Length + 16);
        int length;
        switch (form)
        {
            case WrapForm.Rfc5649 when KeyWrap.TryUnwrap5649(kek.Span, wrapped, buffer.Span, out length):
            case WrapForm.Rfc3394 when KeyWrap.TryUnwrap3394(kek.Span, wrapped, buffer.Span, out length):
                break;
            case WrapForm.Rfc3394Pkcs7 when KeyWrap.TryUnwrap3394(kek.Span, wrapped, buffer.Span, out length)
                    && buffer.Span[length - 1] is > 0 and <= 8:
                length -= buffer.Span[length - 1];
                break;
            case WrapForm.CbcPad:
                using (Aes aes = Aes.Create())
                {
                    aes.SetKey(kek.Span);
                    if (!aes.TryDecryptCbc(wrapped, iv, buffer.Span, out length))
                    {
                        return null;
                    }
                }
                break;
            default:
                return null;
        }
        return SecretBuffer.CopyOf(buffer.Span[..length]);
    }

    private static SecretBuffer? OpenOaep(
        KeyMaterial material, SecretBuffer kek, byte[] iv, IReadOnlyDictionary<int, byte[]> transportKeys, WrapForm transportForm)
    {
        if (!transportKeys.TryGetValue(material.Data.Length * 8, out byte[]? wrapped))
        {
            return null;
        }
        using SecretBuffer? pkcs8 = Open(transportForm, wrapped, kek, iv);
        if (pkcs8 is null)
        {
            return null;
        }
        try
        {
            using var rsa = RSA.Create();
            rsa.ImportPkcs8PrivateKey(pkcs8.Span, out _);
            using var buffer = new SecretBuffer(material.Data.Length);
            return rsa.TryDecrypt(material.Data, buffer.Span, TransportKey.PaddingOf(material.OaepHash), out int length)
                ? SecretBuffer.CopyOf(buffer.Span[..length])
                : null;
        }
        catch (CryptographicException)
        {
            return null;
        }
    }

    private static int LengthOfDer(ReadOnlySpan<byte> content)
    {
        try
        {
            AsnDecoder.ReadEncodedValue(content, AsnEncodingRules.BER, out _, out _, out int length);
            return length;
        }
        catch (AsnContentException)
        {
            return 0;
        }
    }
}
