using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using HsmBackup.Engine.Pkcs11;
using HsmBackup.Engine.Protection;
using HsmBackup.Engine.Protection.Sealing;
using HsmBackup.Engine.Tokens;

namespace HsmBackup.Engine.Handover;

/// <summary>The private key of an officer's certificate on a PKCS#11 token. It never leaves the token.</summary>
/// <param name="connection">The token.</param>
/// <param name="certificate">The certificate.</param>
/// <param name="privateKey">Handle of the private key that is taken to be its own.</param>
/// <param name="pin">The PIN, for a key that asks for it each time.</param>
internal sealed class TokenRecipientKey(TokenConnection connection, X509Certificate2 certificate, ulong privateKey, Pin pin) : IRecipientKey
{
    // Longer than any RSA modulus that a token has.
    private const int LongestResult = 2048;

    public bool Owns(CertificateId id) => id.Names(certificate);

    public SecretBuffer Decrypt(byte[] encrypted)
    {
        using SecretBuffer opened = new(LongestResult);
        ulong rv = Decrypt(Mechanism.RsaOaep(Ckm.Sha256), encrypted, opened, out int length);
        if (rv == Ckr.Ok)
        {
            return SecretBuffer.CopyOf(opened.Span[..length]);
        }
        if (!MeansUnknown(rv))
        {
            throw Refused("C_Decrypt by RSA-OAEP", rv);
        }
        // SoftHSM 2.6 and others know OAEP with SHA-1 alone. The bare operation with the key is the same whatever the padding.
        rv = Decrypt(new Mechanism(Ckm.RsaX509), encrypted, opened, out length);
        if (rv != Ckr.Ok)
        {
            throw Refused("C_Decrypt by CKM_RSA_X_509 (it knows no RSA-OAEP with SHA-256)", rv);
        }
        return OaepPadding.Remove(AsLongAsModulus(opened, length, encrypted.Length), EnvelopeRecipient.ContentKeyLength);
    }

    public SecretBuffer Agree(byte[] originator)
    {
        using ECDiffieHellman theirs = certificate.GetECDiffieHellmanPublicKey() ?? throw new CryptographicException("Its certificate is for another kind of key.");
        // The platform says whether it is a point of the curve: not every token asks itself, and others give their key away for it.
        using ECDiffieHellman sender = EcKeyAgreement.ImportPoint(theirs.PublicKey.ExportParameters().Curve, originator);
        int fieldLength = originator.Length / 2;
        AttributeMap template = new AttributeMap().Set(Cka.Class, Cko.SecretKey).Set(Cka.KeyType, Ckk.GenericSecret)
            .Set(Cka.Token, false).Set(Cka.Sensitive, false).Set(Cka.Extractable, true).Set(Cka.ValueLen, (ulong)fieldLength);
        ulong rv = connection.Session.TryDeriveEcdh(privateKey, originator, template, out ulong derived);
        if (rv != Ckr.Ok)
        {
            throw Refused("C_DeriveKey by CKM_ECDH1_DERIVE", rv);
        }
        byte[] value = connection.Session.GetAttributes(derived, Cka.Value).Bytes(Cka.Value) ?? [];
        try
        {
            if (value.Length is 0 || value.Length > fieldLength)
            {
                throw Refused("C_GetAttributeValue of the agreed secret", Ckr.AttributeSensitive);
            }
            using SecretBuffer secret = new(fieldLength);
            value.CopyTo(secret.Span[(fieldLength - value.Length)..]);
            return EcKeyAgreement.DeriveKek(secret);
        }
        finally
        {
            CryptographicOperations.ZeroMemory(value);
            _ = connection.Session.TryDestroyObject(derived);
        }
    }

    private ulong Decrypt(Mechanism mechanism, byte[] encrypted, SecretBuffer result, out int length)
    {
        bool asksEachTime = connection.Session.GetAttributes(privateKey, Cka.AlwaysAuthenticate).Boolean(Cka.AlwaysAuthenticate) ?? false;
        return connection.Session.TryDecrypt(mechanism, privateKey, encrypted, result.Span, out length, asksEachTime ? pin.Bytes : default);
    }

    // Some tokens leave the zeros in front away.
    private static Span<byte> AsLongAsModulus(SecretBuffer opened, int length, int modulusLength)
    {
        if (length > modulusLength)
        {
            throw new CryptographicException("The token gave more than a decryption gives.");
        }
        Span<byte> whole = opened.Span[..modulusLength];
        opened.Span[..length].CopyTo(whole[(modulusLength - length)..]);
        whole[..(modulusLength - length)].Clear();
        return whole;
    }

    // What a token says of a mechanism, or of the hash in it, that it does not have. Anything else may be about the ciphertext.
    private static bool MeansUnknown(ulong rv) =>
        rv is Ckr.MechanismInvalid or Ckr.MechanismParamInvalid or Ckr.ArgumentsBad or Ckr.FunctionNotSupported;

    private CryptographicException Refused(string what, ulong rv) =>
        new($"The token '{connection.Token.Label}' refused: {what} returned {Names.OfReturnValue(rv)}.");
}
