using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using HsmBackup.Engine.Clusters;

namespace HsmBackup.Engine.Tests.Clusters.Definitions;

/// <summary>The definitions that docs/cluster-definition.md shows, and changes to them.</summary>
internal static partial class TestDefinition
{
    private static readonly string[] Shown =
        [.. Example().Matches(File.ReadAllText(Path.Combine(AppContext.BaseDirectory, "docs", "cluster-definition.md"))).Select(m => m.Groups["json"].Value)];

    private static readonly string TestCertificate = MakeCertificate();

    /// <summary>The smallest one, as it is printed.</summary>
    public static string Smallest => Shown[0];

    /// <summary>The one with everything, as it is printed.</summary>
    public static string Largest => Shown[1];

    /// <summary>The one with everything, and a certificate, which would be too long to print.</summary>
    public static JsonObject Full()
    {
        JsonObject full = JsonNode.Parse(Largest)!.AsObject();
        full.Insert(full.IndexOf("clusterKey") + 1, "identityCertificate", TestCertificate);
        return full;
    }

    /// <summary>Reads a definition.</summary>
    public static ClusterDefinition Read(string json) => ClusterDefinition.Parse(Encoding.UTF8.GetBytes(json), "test");

    /// <summary>The full definition after a change.</summary>
    public static string With(Action<JsonObject> change)
    {
        JsonObject full = Full();
        change(full);
        return full.ToJsonString();
    }

    private static string MakeCertificate()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        using X509Certificate2 certificate = new CertificateRequest("CN=HsmBackup identity", key, HashAlgorithmName.SHA256)
            .CreateSelfSigned(DateTimeOffset.UnixEpoch, DateTimeOffset.UnixEpoch.AddYears(100));
        return Convert.ToBase64String(certificate.RawData);
    }

    [GeneratedRegex("```json\n(?<json>.*?)```", RegexOptions.Singleline)]
    private static partial Regex Example();
}
