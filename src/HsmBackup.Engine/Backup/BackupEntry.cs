using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using HsmBackup.Engine.Pkcs11;
using HsmBackup.Engine.Tokens;

namespace HsmBackup.Engine.Backup;

/// <summary>An object of a backup by what names it, small enough to keep of every one.</summary>
internal sealed class BackupEntry
{
    private static readonly ulong[] NamingAttributes = [Cka.Class, Cka.KeyType, Cka.Label, Cka.Id, Cka.Subject, Cka.Issuer, Cka.SerialNumber];

    private BackupEntry(ObjectRecord record)
    {
        Summary = ObjectSummary.Of(record);
        Label = record.Label;
        foreach (ulong type in NamingAttributes)
        {
            if (record.Attributes.TryGet(type, out TokenAttribute attribute))
            {
                Names.Set(attribute);
            }
        }
        if (record.ObjectClass == Cko.Certificate && record.Attributes.Bytes(Cka.Value) is { Length: > 0 } value)
        {
            ReadKeyIdentifiers(value);
        }
    }

    /// <summary>The object for people.</summary>
    public ObjectSummary Summary { get; }

    /// <summary>The label as it is; a summary's has been made harmless for terminals.</summary>
    public string Label { get; }

    /// <summary>The attributes that name it.</summary>
    public AttributeMap Names { get; } = [];

    /// <summary>Its class.</summary>
    public ulong ObjectClass => Names.Number(Cka.Class) ?? ulong.MaxValue;

    /// <summary>True where the backup has another object of the same class, type, label and id.</summary>
    public bool SharesItsName { get; private set; }

    /// <summary>The subject key identifier of a certificate in hex; null where it has none.</summary>
    public string? SubjectKey { get; private set; }

    /// <summary>The authority key identifier of a certificate in hex; null where it has none.</summary>
    public string? AuthorityKey { get; private set; }

    /// <summary>Everything that an authenticated backup lists.</summary>
    public static IReadOnlyList<BackupEntry> ReadAll(OpenedBackup backup, CancellationToken cancellationToken)
    {
        List<BackupEntry> entries = [.. backup.Records(cancellationToken).Select(r => new BackupEntry(r))];
        foreach (IGrouping<(string, string?, string, string), BackupEntry> same in entries
            .GroupBy(e => (e.Summary.Class, e.Summary.KeyType, e.Summary.Label, e.Summary.Id)).Where(g => g.Count() > 1))
        {
            foreach (BackupEntry entry in same)
            {
                entry.SharesItsName = true;
            }
        }
        return entries;
    }

    private void ReadKeyIdentifiers(byte[] value)
    {
        try
        {
            using X509Certificate2 certificate = X509CertificateLoader.LoadCertificate(value);
            SubjectKey = Hex(certificate.Extensions.OfType<X509SubjectKeyIdentifierExtension>().FirstOrDefault()?.SubjectKeyIdentifierBytes);
            AuthorityKey = Hex(certificate.Extensions.OfType<X509AuthorityKeyIdentifierExtension>().FirstOrDefault()?.KeyIdentifier);
        }
        catch (CryptographicException)
        {
            // A token takes any bytes for a certificate; its issuer is then known by name only.
            return;
        }
    }

    private static string? Hex(ReadOnlyMemory<byte>? bytes) => bytes is { Length: > 0 } some ? Convert.ToHexStringLower(some.Span) : null;
}
