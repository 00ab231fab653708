namespace HsmBackup.Engine.Protection.Sealing;

/// <summary>The object identifiers of a sealed key file.</summary>
internal static class EnvelopeOids
{
    // RFC 5652.
    public const string Data = "1.2.840.113549.1.7.1";
    public const string EnvelopedData = "1.2.840.113549.1.7.3";

    // RFC 3565 and NIST: content encryption and key wrap with AES-256.
    public const string Aes256Cbc = "2.16.840.1.101.3.4.1.42";
    public const string Aes256Wrap = "2.16.840.1.101.3.4.1.45";

    // RFC 4055: RSA-OAEP.
    public const string RsaOaep = "1.2.840.113549.1.1.7";
    public const string Mgf1 = "1.2.840.113549.1.1.8";
    public const string Sha256 = "2.16.840.1.101.3.4.2.1";

    // RFC 5753: ephemeral-static ECDH, its result through the X9.63 KDF with SHA-256.
    public const string EcPublicKey = "1.2.840.10045.2.1";
    public const string EcdhSha256Kdf = "1.3.132.1.11.1";
}
