using System.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using HsmBackup.Engine.Tests.Protection;

namespace HsmBackup.Engine.Tests.Handover;

/// <summary>Private keys as officers keep them.</summary>
internal static class PrivateKeys
{
    /// <summary>Writes a certificate with its key as PKCS #12 ("pfx") or PEM ("pem"), or the key alone ("key").</summary>
    public static string Write(TestFolder folder, TestCertificate officer, string kind, string? password)
    {
        string path = folder.File($"{Guid.NewGuid():N}.{kind}");
        AsymmetricAlgorithm key = (AsymmetricAlgorithm?)officer.WithKey.GetRSAPrivateKey() ?? officer.WithKey.GetECDiffieHellmanPrivateKey()!;
        switch (kind)
        {
            case "pfx":
                File.WriteAllBytes(path, officer.WithKey.Export(X509ContentType.Pfx, password));
                break;
            case "pem":
                File.WriteAllText(path, officer.Public.ExportCertificatePem() + "\n" + key.ExportPkcs8PrivateKeyPem() + "\n");
                break;
            default:
                File.WriteAllText(path, password is null ? key.ExportPkcs8PrivateKeyPem()
                    : key.ExportEncryptedPkcs8PrivateKeyPem(password, new PbeParameters(PbeEncryptionAlgorithm.Aes256Cbc, HashAlgorithmName.SHA256, 1000)));
                break;
        }
        return path;
    }

    public static SecureString? Secure(string? text)
    {
        if (text is null)
        {
            return null;
        }
        var result = new SecureString();
        foreach (char c in text)
        {
            result.AppendChar(c);
        }
        return result;
    }
}
