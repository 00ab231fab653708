using System.Formats.Asn1;
using System.Security.Cryptography;
using System.Text;
using HsmBackup.Engine.Format;
using HsmBackup.Engine.Protection;

namespace HsmBackup.Engine.Tests.Format;

/// <summary>The DER structures of a backup as <see cref="AsnWriter"/> makes them, right or wrong on request.</summary>
internal static class Cms
{
    private static readonly Asn1Tag Context0 = new(TagClass.ContextSpecific, 0);
    private static readonly Asn1Tag Context1 = new(TagClass.ContextSpecific, 1);
    private static readonly Asn1Tag Context2 = new(TagClass.ContextSpecific, 2);

    /// <summary>How a segment is encoded; what is not said is right.</summary>
    public sealed record Shape(string Seed, int Index)
    {
        /// <summary>Another backup id gives another key; the key identifier stays the one of the file.</summary>
        public BackupId Id { get; init; } = Sample.Id;
        public string OuterType { get; init; } = "1.2.840.113549.1.9.16.1.23";
        public string InnerType { get; init; } = "1.2.840.113549.1.7.1";
        public string ContentCipher { get; init; } = "2.16.840.1.101.3.4.1.46";
        public string KeyCipher { get; init; } = "2.16.840.1.101.3.4.1.45";
        public int Version { get; init; }
        public int RecipientVersion { get; init; } = 4;
        public int Recipients { get; init; } = 1;
        public byte[]? KeyId { get; init; }
        public int NonceLength { get; init; } = 12;
        public int TagLength { get; init; } = 16;
        public int? NamedTagLength { get; init; }
        public bool KeyCipherHasNull { get; init; }
        public bool UnprotectedAttributes { get; init; }
        public bool ConstructedContent { get; init; }
    }

    public static byte[] Segment(Shape shape, byte[] plaintext)
    {
        using BackupKeys keys = Sample.Keys(shape.Id);
        byte[] contentKey = SHA256.HashData(Encoding.UTF8.GetBytes($"content key|{shape.Seed}|{shape.Index}"));
        byte[] nonce = SHA256.HashData(Encoding.UTF8.GetBytes($"nonce|{shape.Seed}|{shape.Index}"))[..12];
        byte[] wrapped = new byte[40];
        KeyWrap.Wrap3394(keys.Cms.Span, contentKey, wrapped);
        byte[] encrypted = new byte[plaintext.Length];
        byte[] tag = new byte[shape.TagLength];
        using (AesGcm gcm = new(contentKey, tag.Length)) gcm.Encrypt(nonce, plaintext, encrypted, tag);

        AsnWriter der = new(AsnEncodingRules.DER);
        using (der.PushSequence())
        {
            der.WriteObjectIdentifier(shape.OuterType);
            using (der.PushSequence(Context0))
            using (der.PushSequence())
            {
                der.WriteInteger(shape.Version);
                using (der.PushSetOf())
                    for (int i = 0; i < shape.Recipients; i++) WriteRecipient(der, shape, wrapped, i);
                using (der.PushSequence())
                {
                    der.WriteObjectIdentifier(shape.InnerType);
                    using (der.PushSequence())
                    {
                        der.WriteObjectIdentifier(shape.ContentCipher);
                        using (der.PushSequence())
                        {
                            der.WriteOctetString([.. nonce, .. new byte[shape.NonceLength - 12]]);
                            der.WriteInteger(shape.NamedTagLength ?? shape.TagLength);
                        }
                    }
                    if (shape.ConstructedContent)
                        using (der.PushSequence(Context0)) der.WriteOctetString(encrypted);
                    else der.WriteOctetString(encrypted, Context0);
                }
                der.WriteOctetString(tag);
                if (shape.UnprotectedAttributes)
                    using (der.PushSetOf(Context2))
                    using (der.PushSequence())
                    {
                        der.WriteObjectIdentifier("1.2.840.113549.1.9.7");
                        using (der.PushSetOf()) der.WriteNull();
                    }
            }
        }
        return der.Encode();
    }

    public static byte[] Seal(byte[] mac, int version = 1, string algorithm = "1.2.840.113549.2.9", bool withNull = true,
        byte[]? signature = null, bool extra = false)
    {
        AsnWriter der = new(AsnEncodingRules.DER);
        using (der.PushSequence())
        {
            der.WriteInteger(version);
            using (der.PushSequence())
            {
                der.WriteObjectIdentifier(algorithm);
                if (withNull) der.WriteNull();
            }
            der.WriteOctetString(mac);
            if (signature is not null)
                using (der.PushSequence(Context0)) der.WriteEncodedValue(signature);
            if (extra) der.WriteOctetString([0], Context1);
        }
        return der.Encode();
    }

    /// <summary>Something with the outer form of a SignedData; nothing in it is a signature.</summary>
    public static byte[] NotReallySigned(int padding = 0, string type = "1.2.840.113549.1.7.2")
    {
        AsnWriter der = new(AsnEncodingRules.DER);
        using (der.PushSequence())
        {
            der.WriteObjectIdentifier(type);
            using (der.PushSequence(Context0)) der.WriteOctetString(new byte[padding]);
        }
        return der.Encode();
    }

    private static void WriteRecipient(AsnWriter der, Shape shape, byte[] wrapped, int number)
    {
        using BackupKeys keys = Sample.Keys();
        byte[] keyId = shape.KeyId ?? Convert.FromHexString(keys.Check);
        if (number > 0) keyId = [.. keyId.Select(b => (byte)(b ^ 0xFF))];
        using (der.PushSequence(Context2))
        {
            der.WriteInteger(shape.RecipientVersion);
            using (der.PushSequence()) der.WriteOctetString(keyId);
            using (der.PushSequence())
            {
                der.WriteObjectIdentifier(shape.KeyCipher);
                if (shape.KeyCipherHasNull) der.WriteNull();
            }
            der.WriteOctetString(wrapped);
        }
    }
}
