using System.Security.Cryptography.X509Certificates;
using HsmBackup.Engine.Protection;
using Xunit;

namespace HsmBackup.Engine.Tests.Protection;

/// <summary>The user's own store belongs to everybody, so nothing else runs beside these tests.</summary>
[Collection(nameof(ProcessWideState))]
public sealed class UserCertificateStoreTests
{
    [LinuxFact]
    public void A_certificate_in_the_store_of_the_user_opens_a_sealed_file()
    {
        using TestFolder folder = new();
        string path = folder.File("key.p7m");
        using TestCertificate recipient = TestCertificate.Of("RSA-2048");
        using OneTimeKey key = TestKey.Counting;
        KeyFile.WriteSealed(path, backupFolder: null, key, "id", [recipient.Public]);
        // A key that lives in memory only cannot be stored on every system; one from a PFX can.
        using X509Certificate2 stored = X509CertificateLoader.LoadPkcs12(
            recipient.WithKey.Export(X509ContentType.Pkcs12), null,
            X509KeyStorageFlags.Exportable | X509KeyStorageFlags.PersistKeySet);
        using X509Store store = new(StoreName.My, StoreLocation.CurrentUser, OpenFlags.ReadWrite);
        store.Add(stored);
        try
        {
            using OneTimeKey read = KeyFile.Read(path);
            Assert.Equal(TestKey.CountingHex, TestKey.Hex(read));
        }
        finally
        {
            store.Remove(stored);
        }
        Assert.Equal(ErrorCode.KeyFileSealed, Assert.Throws<HsmBackupException>(() => KeyFile.Read(path)).Code);
    }
}
