using System.Security;
using System.Security.Cryptography.X509Certificates;
using HsmBackup.Engine.Protection;
using HsmBackup.Engine.Protection.Sealing;
using HsmBackup.Engine.Tokens;

namespace HsmBackup.Engine.Handover;

/// <summary>The private keys that an officer has at hand to open what waits for him.</summary>
public sealed class OfficerKeys : IDisposable
{
    private readonly List<IDisposable> _owned;

    private OfficerKeys(string origin, IEnumerable<IRecipientKey> keys, List<IDisposable> owned)
    {
        Origin = origin;
        Keys = [.. keys];
        _owned = owned;
    }

    /// <summary>Where they are, for the record: a file, the certificate store, a token.</summary>
    public string Origin { get; }

    /// <summary>The keys.</summary>
    internal IReadOnlyList<IRecipientKey> Keys { get; }

    /// <summary>Those of the user's own certificate store.</summary>
    public static OfficerKeys FromStore()
    {
        CertificatesAtHand atHand = new(null);
        return new OfficerKeys("private key in the certificate store", atHand.Keys, [atHand]);
    }

    /// <summary>Those of a file: PKCS #12, or PEM with a private key (PKCS #8, encrypted or not).</summary>
    /// <param name="path">The file.</param>
    /// <param name="password">Its password; null where it has none.</param>
    /// <param name="certificates">Certificates, for a PEM file that holds the key alone.</param>
    /// <exception cref="HsmBackupException">KeyFileNotFound, KeyFileUnreadable: also where the password is wrong.</exception>
    public static OfficerKeys FromFile(string path, SecureString? password, IReadOnlyList<X509Certificate2> certificates)
    {
        List<X509Certificate2> found = PrivateKeyFile.Read(path, password, certificates);
        return new OfficerKeys($"private key in file '{path}'", found.Select(c => new CertificateKey(c)), [.. found]);
    }

    /// <summary>Those of a token, which stays open and ours until this is disposed.</summary>
    /// <param name="token">The token.</param>
    /// <param name="pin">Its user PIN, sent once.</param>
    /// <param name="certificates">Certificates whose keys may be on it, beside those that it holds itself.</param>
    /// <param name="cancellationToken">Ends the wait for the token.</param>
    /// <exception cref="HsmBackupException">Of the token.</exception>
    public static OfficerKeys FromToken(
        TokenAddress token, Pin pin, IReadOnlyList<X509Certificate2> certificates, CancellationToken cancellationToken)
    {
        TokenConnection connection = TokenConnection.Open(token, pin, readWrite: false, cancellationToken);
        Pin own = pin.Clone();
        var found = new List<X509Certificate2>();
        try
        {
            IEnumerable<IRecipientKey> keys = TokenKeys.Find(connection, certificates, own, found);
            return new OfficerKeys($"private key on token '{connection.Token.Label}'", keys, [.. found, own, connection]);
        }
        catch
        {
            found.ForEach(c => c.Dispose());
            own.Dispose();
            connection.Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _owned.ForEach(o => o.Dispose());
        _owned.Clear();
    }
}
