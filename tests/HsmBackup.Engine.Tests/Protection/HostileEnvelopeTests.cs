using System.Formats.Asn1;
using HsmBackup.Engine.Protection;
using Xunit;

namespace HsmBackup.Engine.Tests.Protection;

/// <summary>Sealed files that are right as DER, and that only somebody with bad intent or another program would make.</summary>
public sealed class HostileEnvelopeTests : IDisposable
{
    private const string Data = "1.2.840.113549.1.7.1";
    private const string EnvelopedData = "1.2.840.113549.1.7.3";
    private const string Aes256Cbc = "2.16.840.1.101.3.4.1.42";
    private const string RsaOaep = "1.2.840.113549.1.1.7";

    // A name of one country; and a sequence that is no name at all.
    private static readonly byte[] Issuer = Convert.FromHexString("300D310B3009060355040613025858");
    private static readonly byte[] NoIssuer = Convert.FromHexString("3003020105");

    private static readonly Asn1Tag Tag0 = new(TagClass.ContextSpecific, 0);
    private static readonly Asn1Tag Tag1 = new(TagClass.ContextSpecific, 1);

    private readonly TestFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void A_well_formed_file_for_a_stranger_is_sealed()
    {
        HsmBackupException error = Read(Envelope(RsaRecipient(Issuer, RsaOaep)));
        Assert.Equal(ErrorCode.KeyFileSealed, error.Code);
        Assert.Contains("serial number 07", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("1.2.840.113549.1.7.2", Data, Aes256Cbc, 16)] // SignedData
    [InlineData(EnvelopedData, EnvelopedData, Aes256Cbc, 16)]
    [InlineData(EnvelopedData, Data, "2.16.840.1.101.3.4.1.2", 16)] // AES-128-CBC
    [InlineData(EnvelopedData, Data, Aes256Cbc, 15)]
    [InlineData(EnvelopedData, Data, Aes256Cbc, 0)]
    public void Another_content_or_cipher_is_not_a_key_file(string outer, string inner, string cipher, int ivLength) =>
        Assert.Equal(
            ErrorCode.KeyTextInvalid,
            Read(Envelope(RsaRecipient(Issuer, RsaOaep), outer, inner, cipher, ivLength)).Code);

    [Fact]
    public void An_issuer_that_is_no_name_still_gives_the_serial_number()
    {
        HsmBackupException error = Read(Envelope(RsaRecipient(NoIssuer, RsaOaep)));
        Assert.Equal(ErrorCode.KeyFileSealed, error.Code);
        Assert.Contains("serial number 07", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Recipients_of_other_kinds_are_stepped_over()
    {
        // RSA without OAEP, a key identifier in place of the issuer, a password recipient, an agreement with a static key.
        foreach (Action<AsnWriter> recipient in new Action<AsnWriter>[]
        {
            RsaRecipient(Issuer, "1.2.840.113549.1.1.1"), KeyIdentifierRecipient, PasswordRecipient, StaticKeyRecipient,
        })
        {
            HsmBackupException error = Read(Envelope(recipient));
            Assert.Equal(ErrorCode.KeyFileSealed, error.Code);
            Assert.Contains("method that this program does not know", error.Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void A_file_with_no_recipient_is_sealed_for_nobody() =>
        Assert.Equal(ErrorCode.KeyFileSealed, Read(Envelope(_ => { })).Code);

    private HsmBackupException Read(byte[] content)
    {
        string path = _folder.File("key.p7m");
        File.WriteAllBytes(path, content);
        return Assert.Throws<HsmBackupException>(() => KeyFile.Read(path));
    }

    private static byte[] Envelope(
        Action<AsnWriter> recipients,
        string outer = EnvelopedData, string inner = Data, string cipher = Aes256Cbc, int ivLength = 16)
    {
        AsnWriter writer = new(AsnEncodingRules.DER);
        using (writer.PushSequence())
        {
            writer.WriteObjectIdentifier(outer);
            using (writer.PushSequence(Tag0))
            using (writer.PushSequence())
            {
                writer.WriteInteger(0);
                using (writer.PushSetOf())
                {
                    recipients(writer);
                }
                using (writer.PushSequence())
                {
                    writer.WriteObjectIdentifier(inner);
                    using (writer.PushSequence())
                    {
                        writer.WriteObjectIdentifier(cipher);
                        writer.WriteOctetString(new byte[ivLength]);
                    }
                    writer.WriteOctetString(new byte[32], Tag0);
                }
            }
        }
        return writer.Encode();
    }

    private static Action<AsnWriter> RsaRecipient(byte[] issuer, string algorithm) => writer =>
    {
        using (writer.PushSequence())
        {
            writer.WriteInteger(0);
            using (writer.PushSequence())
            {
                writer.WriteEncodedValue(issuer);
                writer.WriteInteger(7);
            }
            using (writer.PushSequence())
            {
                writer.WriteObjectIdentifier(algorithm);
                // The parameters of OAEP with SHA-256 for the hash.
                writer.WriteEncodedValue(Convert.FromHexString("300FA00D300B0609608648016503040201"));
            }
            writer.WriteOctetString(new byte[256]);
        }
    };

    private static void KeyIdentifierRecipient(AsnWriter writer)
    {
        using (writer.PushSequence())
        {
            writer.WriteInteger(2);
            writer.WriteOctetString(new byte[20], Tag0);
        }
    }

    private static void PasswordRecipient(AsnWriter writer)
    {
        using (writer.PushSequence(new Asn1Tag(TagClass.ContextSpecific, 3)))
        {
            writer.WriteInteger(0);
        }
    }

    private static void StaticKeyRecipient(AsnWriter writer)
    {
        using (writer.PushSequence(Tag1))
        {
            writer.WriteInteger(3);
            using (writer.PushSequence(Tag0))
            {
                writer.WriteOctetString(new byte[20], Tag0);
            }
        }
    }
}
