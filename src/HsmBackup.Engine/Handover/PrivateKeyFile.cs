using System.Runtime.InteropServices;
using System.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using HsmBackup.Engine.Protection;

namespace HsmBackup.Engine.Handover;

/// <summary>Reads the file that an officer keeps the private key in.</summary>
internal static class PrivateKeyFile
{
    private const int MaxLength = 1024 * 1024;
    private const byte DerSequence = 0x30;

    // Keys are used in this process and stored nowhere; macOS knows no other way than its keychain.
    private static readonly X509KeyStorageFlags Flags =
        OperatingSystem.IsMacOS() ? X509KeyStorageFlags.DefaultKeySet : X509KeyStorageFlags.EphemeralKeySet;

    /// <summary>The certificates of the file with their private keys; where it has a key alone, that of the certificate that it fits.</summary>
    /// <exception cref="HsmBackupException">KeyFileNotFound, KeyFileUnreadable.</exception>
    public static List<X509Certificate2> Read(string path, SecureString? password, IReadOnlyList<X509Certificate2> certificates)
    {
        using SecretBuffer buffer = new(MaxLength);
        ReadOnlySpan<byte> content = Fill(path, buffer);
        char[] secret = CharactersOf(password);
        try
        {
            List<X509Certificate2> found = content is [DerSequence, ..]
                ? [.. X509CertificateLoader.LoadPkcs12Collection(content, secret, Flags).Where(HasKey)]
                : ReadPem(content, password is null ? null : secret, certificates);
            return found.Count > 0 ? found : throw Unreadable(path, "no private key in it belongs to a certificate that is known here.",
                "Name a file that holds the certificate too, or name the certificate with -Certificate.", null);
        }
        catch (CryptographicException e)
        {
            throw Unreadable(path, password is null ? $"it may need a password. {e.Message}" : $"the password may be wrong. {e.Message}",
                "Give the file's password with -Password, as a SecureString.", e);
        }
        finally
        {
            CryptographicOperations.ZeroMemory(MemoryMarshal.AsBytes(secret.AsSpan()));
        }
    }

    private static List<X509Certificate2> ReadPem(ReadOnlySpan<byte> content, char[]? password, IReadOnlyList<X509Certificate2> certificates)
    {
        char[] text = GC.AllocateArray<char>(content.Length, pinned: true);
        var own = new X509Certificate2Collection();
        try
        {
            int length = Encoding.Latin1.GetChars(content, text);
            own.ImportFromPem(text.AsSpan(0, length));
            var found = new List<X509Certificate2>();
            CryptographicException? refusal = null;
            foreach (X509Certificate2 certificate in own.Concat(certificates))
            {
                try
                {
                    string pem = certificate.ExportCertificatePem();
                    found.Add(password is null
                        ? X509Certificate2.CreateFromPem(pem, text.AsSpan(0, length))
                        : X509Certificate2.CreateFromEncryptedPem(pem, text.AsSpan(0, length), password));
                }
                catch (Exception e) when (e is CryptographicException or ArgumentException)
                {
                    // It cannot be opened, or (ArgumentException) is the key of another certificate; that is told where it fits none.
                    refusal = e as CryptographicException ?? new CryptographicException("It is not the key of a certificate that is known here.", e);
                }
            }
            return found.Count > 0 || refusal is null ? found : throw refusal;
        }
        finally
        {
            CryptographicOperations.ZeroMemory(MemoryMarshal.AsBytes(text.AsSpan()));
            foreach (X509Certificate2 certificate in own)
            {
                certificate.Dispose();
            }
        }
    }

    private static bool HasKey(X509Certificate2 certificate)
    {
        if (!certificate.HasPrivateKey)
        {
            certificate.Dispose();
            return false;
        }
        return true;
    }

    private static unsafe char[] CharactersOf(SecureString? password)
    {
        char[] characters = GC.AllocateArray<char>(password?.Length ?? 0, pinned: true);
        if (password is not null)
        {
            nint copy = Marshal.SecureStringToGlobalAllocUnicode(password);
            new ReadOnlySpan<char>((void*)copy, password.Length).CopyTo(characters);
            Marshal.ZeroFreeGlobalAllocUnicode(copy);
        }
        return characters;
    }

    private static ReadOnlySpan<byte> Fill(string path, SecretBuffer buffer)
    {
        try
        {
            using FileStream file = new(path, new FileStreamOptions { Share = FileShare.ReadWrite, BufferSize = 0 });
            return buffer.Span[..file.ReadAtLeast(buffer.Span, buffer.Length, throwOnEndOfStream: false)];
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new HsmBackupException(ErrorCode.KeyFileNotFound, $"There is no file '{path}' with a private key.",
                "Name the file that holds your certificate with its private key: PKCS #12 (.pfx, .p12) or PEM.", e)
            { Target = path };
        }
        catch (Exception e) when (FileErrors.Covers(e))
        {
            throw Unreadable(path, e.Message, "Run the command as the user who owns the file.", e);
        }
    }

    private static HsmBackupException Unreadable(string path, string reason, string recommendedAction, Exception? cause) => new(
        ErrorCode.KeyFileUnreadable, $"The private key in '{path}' cannot be read: {reason}", recommendedAction, cause)
    { Target = path };
}
