using System.Globalization;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using System.Text.Json;
using HsmBackup.Engine.Format;

namespace HsmBackup.Engine.Drills;

/// <summary>
/// The drills of a cluster: a folder each in the state folder. In each are the report in its forms, a list of their SHA-256 that
/// <c>sha256sum -c</c> reads, and a detached CMS signature over that list by the cluster's identity key, which <c>openssl cms -verify</c>
/// checks.
/// </summary>
public sealed class DrillRecords
{
    /// <summary>The report as it is signed.</summary>
    public const string JsonFile = "report.json";

    /// <summary>The page for people.</summary>
    public const string HtmlFile = "report.html";

    /// <summary>The same as text.</summary>
    public const string MarkdownFile = "report.md";

    /// <summary>The same for pipelines.</summary>
    public const string JUnitFile = "report.junit.xml";

    /// <summary>The SHA-256 of each of them.</summary>
    public const string DigestFile = "SHA256SUMS";

    /// <summary>The signature over that.</summary>
    public const string SignatureFile = "SHA256SUMS.p7s";

    private const int MaxFileLength = 256 << 20;

    // A drill that was killed while it wrote leaves this, and there is no record of it: it is no record that was altered.
    private const string Unfinished = ".new";

    private readonly string _folder;

    private DrillRecords(string folder) => _folder = folder;

    /// <summary>The drills of a cluster. Nothing is made or read.</summary>
    /// <param name="stateFolder">The state folder; null for that of this account.</param>
    /// <param name="clusterId">The cluster.</param>
    public static DrillRecords Of(string? stateFolder, string clusterId) =>
        new(Path.Combine(StateFolder.Locate(stateFolder), "drills", clusterId));

    /// <summary>Drills whose folders lie in another place, such as where they were copied to.</summary>
    /// <param name="folder">The folder that holds the drills' folders.</param>
    public static DrillRecords In(string folder) => new(Path.GetFullPath(folder));

    /// <summary>A new id, which sorts by time.</summary>
    public static string NewId(DateTimeOffset now) => string.Create(CultureInfo.InvariantCulture,
        $"{now.ToUniversalTime():yyyyMMdd'T'HHmmss'Z'}-{RandomNumberGenerator.GetHexString(8, lowercase: true)}");

    /// <summary>Every drill, the oldest first, each with the state of its files.</summary>
    /// <param name="certificate">Certificate of the cluster's identity key, in DER; null where it has none.</param>
    /// <exception cref="HsmBackupException">DestinationUnwritable: the folder cannot be read.</exception>
    public IReadOnlyList<DrillRecord> List(ReadOnlyMemory<byte>? certificate)
    {
        try
        {
            return !Directory.Exists(_folder) ? [] : [.. InOrder(Directory.EnumerateDirectories(_folder)
                .Where(f => !f.EndsWith(Unfinished, StringComparison.Ordinal))
                .Where(f => File.Exists(Path.Combine(f, DigestFile)) || File.Exists(Path.Combine(f, JsonFile)))
                .Select(f => Read(f, certificate)))];
        }
        catch (Exception e) when (FileErrors.Covers(e))
        {
            throw FileErrors.From(e, _folder);
        }
    }

    /// <summary>Writes the files of a drill: the folder gets its name when all are in it.</summary>
    /// <param name="id">The drill.</param>
    /// <param name="files">The report in its forms, by the names of the files here.</param>
    /// <param name="sign">Signs the SHA-256 of the list; null where nobody can.</param>
    /// <returns>The folder.</returns>
    /// <exception cref="HsmBackupException">DestinationUnwritable, DiskFull.</exception>
    public string Write(string id, IReadOnlyDictionary<string, byte[]> files, BackupSigner? sign)
    {
        ArgumentNullException.ThrowIfNull(files);
        string folder = Path.Combine(_folder, id);
        string staging = folder + Unfinished;
        byte[] digests = Digests(files);
        try
        {
            StateFolder.Create(_folder);
            StateFolder.Create(staging);
            foreach ((string name, byte[] content) in files)
            {
                WriteFile(staging, name, content);
            }
            if (sign is not null)
            {
                WriteFile(staging, SignatureFile, sign(SHA256.HashData(digests)));
            }
            WriteFile(staging, DigestFile, digests);
            Directory.Move(staging, folder);
            _ = FolderFlush.TryFlush(_folder);
            return folder;
        }
        catch (Exception e) when (FileErrors.Covers(e))
        {
            throw FileErrors.From(e, folder);
        }
    }

    /// <summary>Drills, of one folder or of several, the oldest first.</summary>
    public static IEnumerable<DrillRecord> InOrder(IEnumerable<DrillRecord> records) => records.OrderBy(WhenOf, StringComparer.Ordinal);

    // An id tells the second; of two drills in one the reports tell more.
    private static string WhenOf(DrillRecord record) => record.Report is { } report
        ? report.Started.UtcDateTime.ToString("yyyyMMdd'T'HHmmss'Z'-fffffff", CultureInfo.InvariantCulture) : record.Id;

    private static byte[] Digests(IReadOnlyDictionary<string, byte[]> files) => Encoding.UTF8.GetBytes(string.Concat(files
        .OrderBy(f => f.Key, StringComparer.Ordinal).Select(f => $"{Convert.ToHexStringLower(SHA256.HashData(f.Value))}  {f.Key}\n")));

    private static void WriteFile(string folder, string name, byte[] content)
    {
        using FileStream file = StateFolder.CreateFile(Path.Combine(folder, name));
        file.Write(content);
        file.Flush(flushToDisk: true);
    }

    /// <summary>One drill with the state of its files.</summary>
    /// <param name="folder">Its folder, with a separator at the end or without.</param>
    /// <param name="certificate">Certificate of the cluster's identity key, in DER; null where it has none.</param>
    public static DrillRecord Read(string folder, ReadOnlyMemory<byte>? certificate)
    {
        folder = Path.TrimEndingDirectorySeparator(folder);
        string id = Path.GetFileName(folder);
        try
        {
            byte[] digests = ReadFile(folder, DigestFile);
            Dictionary<string, byte[]> files = CheckDigests(folder, digests);
            string? signer = CheckSignature(folder, digests, certificate);
            DrillReport report = DrillReport.FromJson(files[JsonFile]);
            return report.Id != id
                ? Altered(id, folder, $"it is the report of drill {report.Id}")
                : new DrillRecord
                {
                    Id = id,
                    Folder = folder,
                    Report = report,
                    Integrity = signer is null ? DrillIntegrity.Unsigned : DrillIntegrity.Signed,
                    Signer = signer,
                };
        }
        catch (InvalidDataException e)
        {
            return Altered(id, folder, e.Message);
        }
        catch (JsonException e)
        {
            return Altered(id, folder, $"{JsonFile} is not a report: {e.Message}");
        }
        catch (Exception e) when (FileErrors.Covers(e))
        {
            return Altered(id, folder, e.Message);
        }
    }

    private static DrillRecord Altered(string id, string folder, string problem) =>
        new() { Id = id, Folder = folder, Integrity = DrillIntegrity.Altered, Problem = problem };

    private static Dictionary<string, byte[]> CheckDigests(string folder, byte[] digests)
    {
        Dictionary<string, byte[]> files = [];
        foreach (string name in (string[])[JsonFile, HtmlFile, MarkdownFile, JUnitFile])
        {
            files.Add(name, ReadFile(folder, name));
        }
        foreach ((string name, byte[] content) in files)
        {
            if (!Encoding.UTF8.GetString(digests)
                .Contains($"{Convert.ToHexStringLower(SHA256.HashData(content))}  {name}\n", StringComparison.Ordinal))
            {
                throw new InvalidDataException($"{name} was changed");
            }
        }
        return Digests(files).AsSpan().SequenceEqual(digests) ? files : throw new InvalidDataException($"{DigestFile} was changed");
    }

    /// <summary>The signer; null where there is no signature, which only a cluster without an identity key may do without.</summary>
    private static string? CheckSignature(string folder, byte[] digests, ReadOnlyMemory<byte>? certificate)
    {
        if (!File.Exists(Path.Combine(folder, SignatureFile)))
        {
            return null;
        }
        byte[] signature = ReadFile(folder, SignatureFile);
        if (certificate is not { } trusted)
        {
            throw new InvalidDataException("it is signed, and the certificate of the cluster's identity key is not known");
        }
        if (!SealSignature.Verify(signature, SHA256.HashData(digests), trusted))
        {
            throw new InvalidDataException("its signature is not by the cluster's identity key");
        }
        using X509Certificate2 signer = X509CertificateLoader.LoadCertificate(trusted.Span);
        return signer.Subject;
    }

    private static byte[] ReadFile(string folder, string name)
    {
        string path = Path.Combine(folder, name);
        var info = new FileInfo(path);
        return !info.Exists ? throw new InvalidDataException($"{name} is missing")
            : info.Length > MaxFileLength ? throw new InvalidDataException($"{name} is too long to be one")
            : File.ReadAllBytes(path);
    }
}
