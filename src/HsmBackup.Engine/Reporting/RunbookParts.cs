using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using HsmBackup.Engine.Clusters;

namespace HsmBackup.Engine.Reporting;

/// <summary>
/// The parts of a definition that a runbook depends on, each with a fingerprint, so that it can be said which of them has changed.
/// </summary>
internal static class RunbookParts
{
    private const int FingerprintLength = 16;

    private static readonly string[] Names =
    [
        "name", "description", "nodes", "clusterKey", "identityCertificate", "acknowledged", "contacts", "escalation", "stores",
        "schedule", "retention", "drill", "targets", "policy",
    ];

    /// <summary>
    /// The fingerprints by the names of the members in the definition: 16 hex digits of the SHA-256, or "none". "definition" is the
    /// path of its file.
    /// </summary>
    public static IReadOnlyDictionary<string, string> Of(ClusterDefinition cluster)
    {
        using JsonDocument json = JsonDocument.Parse(cluster.ToJson());
        var parts = Names.ToDictionary(n => n,
            n => json.RootElement.TryGetProperty(n, out JsonElement part) ? Fingerprint(part.GetRawText()) : "none",
            StringComparer.Ordinal);
        // The commands name the file: where it has moved, they find nothing, or what was left behind.
        parts["definition"] = cluster.DefinitionPath is { } path ? Fingerprint(path) : "none";
        return parts;
    }

    private static string Fingerprint(string text) =>
        Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text)))[..FingerprintLength];

    /// <summary>Which parts are not what they were.</summary>
    public static IReadOnlyList<string> Changed(IReadOnlyDictionary<string, string> then, ClusterDefinition cluster) =>
        [.. Of(cluster).Where(p => then.GetValueOrDefault(p.Key) != p.Value).Select(p => p.Key)];
}
