using System.Formats.Asn1;
using System.Security.Cryptography;
using HsmBackup.Engine.Protection;

namespace HsmBackup.Engine.Format;

/// <summary>
/// One sealed segment: a CMS ContentInfo with AuthEnvelopedData (RFC 5083) for one key-encryption-key recipient, its
/// content encrypted with AES-256-GCM (RFC 5084). Of all encodings that CMS allows, exactly one is written and read.
/// </summary>
internal static class AuthEnvelopedData
{
    public const int KeyIdLength = 16;
    private const int KeyLength = 32;
    private const int WrappedKeyLength = KeyLength + 8;
    private const int NonceLength = 12;
    private const int TagLength = 16;

    private static readonly byte[] TypeAuthEnvelopedData = EncodeOid("1.2.840.113549.1.9.16.1.23");
    private static readonly byte[] TypeData = EncodeOid("1.2.840.113549.1.7.1");
    private static readonly byte[] Aes256Gcm = EncodeOid("2.16.840.1.101.3.4.1.46");
    // RFC 3565, section 2.3.2: the parameters of AES key wrap are absent.
    private static readonly byte[] Aes256Wrap = [Der.Sequence, 11, .. EncodeOid("2.16.840.1.101.3.4.1.45")];
    private static readonly byte[] Version0 = [0x02, 0x01, 0];
    private static readonly byte[] Version4 = [0x02, 0x01, 4];
    // RFC 5084: the length of the tag stands there because the default is 12 bytes.
    private static readonly byte[] TagLengthParameter = [0x02, 0x01, TagLength];

    private static readonly Asn1Tag Context0 = new(TagClass.ContextSpecific, 0);
    private static readonly Asn1Tag ConstructedContext0 = new(TagClass.ContextSpecific, 0, isConstructed: true);
    private static readonly Asn1Tag ConstructedContext2 = new(TagClass.ContextSpecific, 2, isConstructed: true);

    /// <summary>Where the parts of a segment stand in its DER.</summary>
    public readonly record struct Layout(Range KeyId, Range WrappedKey, Range Nonce, Range Content, Range Tag);

    /// <summary>
    /// Encrypts under a fresh random key and writes the segment. The ciphertext replaces the content in its own buffer.
    /// </summary>
    public static void Write(ReadOnlySpan<byte> kek, ReadOnlySpan<byte> keyId, Span<byte> content, HashedOutput output)
    {
        Span<byte> wrappedKey = stackalloc byte[WrappedKeyLength];
        Span<byte> nonce = stackalloc byte[NonceLength];
        Span<byte> trailer = stackalloc byte[2 + TagLength];
        RandomNumberGenerator.Fill(nonce);
        using (SecretBuffer key = SecretBuffer.Random(KeyLength))
        {
            KeyWrap.Wrap3394(kek, key.Span, wrappedKey);
            using AesGcm gcm = new(key.Span, TagLength);
            gcm.Encrypt(nonce, content, content, Der.WriteHeader(trailer, Der.OctetString, TagLength));
        }
        output.Write(EncodePrefix(keyId, wrappedKey, nonce, content.Length));
        output.Write(content);
        output.Write(trailer);
    }

    /// <summary>Finds the parts of a segment.</summary>
    /// <exception cref="AsnContentException">It is not the one encoding that this format has.</exception>
    public static Layout Read(ReadOnlySpan<byte> der)
    {
        DerCursor file = new(der);
        DerCursor contentInfo = file.Enter(Asn1Tag.Sequence);
        file.AssertEnd();
        contentInfo.Expect(TypeAuthEnvelopedData);
        DerCursor explicitContent = contentInfo.Enter(ConstructedContext0);
        contentInfo.AssertEnd();
        DerCursor authEnveloped = explicitContent.Enter(Asn1Tag.Sequence);
        explicitContent.AssertEnd();

        authEnveloped.Expect(Version0);
        DerCursor recipients = authEnveloped.Enter(Asn1Tag.SetOf);
        DerCursor recipient = recipients.Enter(ConstructedContext2);
        recipients.AssertEnd();
        recipient.Expect(Version4);
        DerCursor kekId = recipient.Enter(Asn1Tag.Sequence);
        Range keyId = kekId.Next(Asn1Tag.PrimitiveOctetString, KeyIdLength);
        kekId.AssertEnd();
        recipient.Expect(Aes256Wrap);
        Range wrappedKey = recipient.Next(Asn1Tag.PrimitiveOctetString, WrappedKeyLength);
        recipient.AssertEnd();

        DerCursor encrypted = authEnveloped.Enter(Asn1Tag.Sequence);
        encrypted.Expect(TypeData);
        DerCursor algorithm = encrypted.Enter(Asn1Tag.Sequence);
        algorithm.Expect(Aes256Gcm);
        DerCursor parameters = algorithm.Enter(Asn1Tag.Sequence);
        algorithm.AssertEnd();
        Range nonce = parameters.Next(Asn1Tag.PrimitiveOctetString, NonceLength);
        parameters.Expect(TagLengthParameter);
        parameters.AssertEnd();
        Range content = encrypted.Next(Context0);
        encrypted.AssertEnd();
        Range tag = authEnveloped.Next(Asn1Tag.PrimitiveOctetString, TagLength);
        authEnveloped.AssertEnd();
        return new Layout(keyId, wrappedKey, nonce, content, tag);
    }

    /// <summary>Decrypts in place: afterwards the plaintext stands where <see cref="Layout.Content"/> says.</summary>
    /// <returns>False when the segment was not made under this key or was changed; nothing is revealed then.</returns>
    public static bool TryDecrypt(ReadOnlySpan<byte> kek, Span<byte> der, Layout layout)
    {
        using SecretBuffer key = new(KeyLength);
        if (!KeyWrap.TryUnwrap3394(kek, der[layout.WrappedKey], key.Span, out int keyLength) || keyLength != KeyLength)
            return false;
        using AesGcm gcm = new(key.Span, TagLength);
        Span<byte> content = der[layout.Content];
        try
        {
            gcm.Decrypt(der[layout.Nonce], content, der[layout.Tag], content);
            return true;
        }
        catch (AuthenticationTagMismatchException)
        {
            CryptographicOperations.ZeroMemory(content);
            return false;
        }
    }

    private static byte[] EncodePrefix(ReadOnlySpan<byte> keyId, ReadOnlySpan<byte> wrappedKey, ReadOnlySpan<byte> nonce,
        int contentLength)
    {
        AsnWriter recipients = new(AsnEncodingRules.DER);
        using (recipients.PushSetOf())
        using (recipients.PushSequence(ConstructedContext2))
        {
            recipients.WriteInteger(4);
            using (recipients.PushSequence()) recipients.WriteOctetString(keyId);
            recipients.WriteEncodedValue(Aes256Wrap);
            recipients.WriteOctetString(wrappedKey);
        }
        AsnWriter algorithm = new(AsnEncodingRules.DER);
        using (algorithm.PushSequence())
        {
            algorithm.WriteEncodedValue(Aes256Gcm);
            using (algorithm.PushSequence())
            {
                algorithm.WriteOctetString(nonce);
                algorithm.WriteInteger(TagLength);
            }
        }

        // From the inside out: what each value around the content is long.
        int encrypted = TypeData.Length + algorithm.GetEncodedLength() + Der.HeaderLength(contentLength) + contentLength;
        int authEnveloped = Version0.Length + recipients.GetEncodedLength()
            + Der.HeaderLength(encrypted) + encrypted + 2 + TagLength;
        int explicitContent = Der.HeaderLength(authEnveloped) + authEnveloped;
        int contentInfo = TypeAuthEnvelopedData.Length + Der.HeaderLength(explicitContent) + explicitContent;

        byte[] prefix = new byte[Der.HeaderLength(contentInfo) + contentInfo - contentLength - 2 - TagLength];
        Span<byte> rest = Der.WriteHeader(prefix, Der.Sequence, contentInfo);
        rest = Append(rest, TypeAuthEnvelopedData);
        rest = Der.WriteHeader(rest, Der.ConstructedContext0, explicitContent);
        rest = Der.WriteHeader(rest, Der.Sequence, authEnveloped);
        rest = Append(rest, Version0);
        rest = rest[recipients.Encode(rest)..];
        rest = Der.WriteHeader(rest, Der.Sequence, encrypted);
        rest = Append(rest, TypeData);
        rest = rest[algorithm.Encode(rest)..];
        Der.WriteHeader(rest, Der.PrimitiveContext0, contentLength);
        return prefix;
    }

    private static Span<byte> Append(Span<byte> destination, ReadOnlySpan<byte> bytes)
    {
        bytes.CopyTo(destination);
        return destination[bytes.Length..];
    }

    private static byte[] EncodeOid(string oid)
    {
        AsnWriter writer = new(AsnEncodingRules.DER);
        writer.WriteObjectIdentifier(oid);
        return writer.Encode();
    }
}
