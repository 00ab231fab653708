using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using HsmBackup.Engine.Auditing;
using HsmBackup.Engine.Format;
using HsmBackup.Engine.Tests.Protection;

namespace HsmBackup.Engine.Tests.Auditing;

/// <summary>A log in a folder of its own, and a cluster whose identity key signs it.</summary>
internal sealed class AuditSample : IDisposable
{
    public const string ClusterId = "cluster-0123456789abcdef";

    private readonly TestFolder _folder = new();
    private readonly TestCertificate _identity = TestCertificate.Ec(ECCurve.NamedCurves.nistP256);

    public AuditSample(long maxFileLength = 4 * 1024 * 1024) => Log = Open(maxFileLength);

    public AuditLog Log { get; }

    public string State => _folder.File("state");

    public ReadOnlyMemory<byte> Certificate => _identity.Public.RawDataMemory;

    /// <summary>Files of the log, as verification gets them.</summary>
    public List<AuditFile> Files => [.. Directory.GetFiles(Log.Folder, "*.jsonl").Order(StringComparer.Ordinal)
        .Select(f => new AuditFile(Path.GetFileName(f), File.ReadAllBytes(f)))];

    public string LastFile => Directory.GetFiles(Log.Folder, "*.jsonl").Order(StringComparer.Ordinal).Last();

    /// <summary>The definition that pins the certificate.</summary>
    public AuditFacts Pinned => new() { Signers = new Dictionary<string, ReadOnlyMemory<byte>?> { [ClusterId] = Certificate } };

    public AuditLog Open(long maxFileLength = 4 * 1024 * 1024) => new(State) { MaxFileLength = maxFileLength, Patience = TimeSpan.FromSeconds(20) };

    public AuditEntry Add(string target = "token 'payments'") => Log.Append(new AuditRecord("New-HsmBackup", AuditResult.Started)
    {
        ClusterId = ClusterId,
        ClusterName = "payments",
        Target = target,
        Details = new Dictionary<string, string> { ["backup"] = "20261121T225300Z-payments-0a1b2c3d" },
    });

    public AuditEntry Sign() => Log.Checkpoint(ClusterId, "payments", Certificate, Signer)!;

    /// <summary>What the token of the cluster does.</summary>
    public byte[] Signer(byte[] hash)
    {
        using ECDsa key = _identity.WithKey.GetECDsaPrivateKey()!;
        return key.SignHash(hash, DSASignatureFormat.Rfc3279DerSequence);
    }

    public List<AuditEntry> Entries() => [.. Log.Read(new AuditFilter(), e => throw e, CancellationToken.None)];

    /// <summary>What somebody does who can write the folder and has no key: the entries from some place on, chained anew.</summary>
    public static IEnumerable<byte[]> Chained(IEnumerable<AuditEntry> entries, AuditEntry? previous)
    {
        foreach (AuditEntry entry in entries)
        {
            (previous, byte[] line) = AuditLine.Write(entry with { Sequence = (previous?.Sequence ?? 0) + 1, Previous = previous?.Hash ?? AuditEntry.NoHash });
            yield return line;
        }
    }

    public static AuditFact Fact(AuditHead head) => new("backup 20261121T225300Z-payments-0a1b2c3d", head);

    public static byte[] Bytes(string text) => Encoding.UTF8.GetBytes(text);

    public void Dispose()
    {
        _identity.Dispose();
        _folder.Dispose();
    }
}
