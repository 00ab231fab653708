using System.Buffers;
using System.Reflection;
using System.Text;
using System.Text.Json;
using HsmBackup.Engine.Pkcs11;
using HsmBackup.Engine.Tokens;

namespace HsmBackup.Engine.Backup;

/// <summary>What a backup says once about all its objects (docs/format.md, "Manifest").</summary>
/// <param name="TokenLabel">Label of the token.</param>
/// <param name="TokenSerial">Serial number of the token.</param>
/// <param name="TokenManufacturer">Manufacturer of the token.</param>
/// <param name="TokenModel">Model of the token.</param>
/// <param name="FirmwareVersion">Its firmware.</param>
/// <param name="Library">Description and version of the PKCS#11 library.</param>
/// <param name="Tool">The program that made the backup, with its version.</param>
/// <param name="Iv">The IV of keys in the form CBC-PAD.</param>
/// <param name="TransportKeys">RSA keys for the form RSA-OAEP by modulus length in bits, wrapped under the KEK.</param>
/// <param name="TransportForm">The form in which they are wrapped.</param>
public sealed record BackupManifest(
    string TokenLabel, string TokenSerial, string TokenManufacturer, string TokenModel, string FirmwareVersion, string Library,
    string Tool, byte[] Iv, IReadOnlyDictionary<int, byte[]> TransportKeys, WrapForm TransportForm)
{
    /// <summary>The cluster and its definition; null for a lone token.</summary>
    public BackupCluster? Cluster { get; init; }

    /// <summary>What the cluster key of the token is known by; null where it had none.</summary>
    public ClusterKeyIdentity? ClusterKey { get; init; }

    /// <summary>The KEK of a cluster-bound backup, wrapped under the cluster key; null in the other mode.</summary>
    public WrappedKek? Kek { get; init; }

    /// <summary>The manifest of a token that was just read.</summary>
    internal static BackupManifest Of(TokenConnection connection, KeyEncryptionKey kek, ClusterKeyIdentity? clusterKey)
    {
        LibraryInfo library = connection.Library.GetInfo();
        TokenInfo token = connection.Token;
        return new BackupManifest(token.Label, token.SerialNumber, token.Manufacturer, token.Model, token.FirmwareVersion,
            $"{library.Description} {library.Version}, PKCS#11 {library.CryptokiVersion}", ThisTool, kek.Iv.ToArray(),
            kek.TransportKeys, kek.Capabilities.PrivateKeys?.Form ?? WrapForm.Rfc5649)
        {
            ClusterKey = clusterKey,
            Kek = kek.Wrapped,
        };
    }

    private static string ThisTool =>
        "HsmBackup " + (typeof(BackupManifest).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion.Split('+')[0] ?? "");

    /// <summary>As one JSON object.</summary>
    internal byte[] ToJson()
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(buffer))
        {
            json.WriteStartObject();
            json.WriteString("tool", Tool);
            json.WriteStartObject("token");
            json.WriteString("label", TokenLabel);
            json.WriteString("serial", TokenSerial);
            json.WriteString("manufacturer", TokenManufacturer);
            json.WriteString("model", TokenModel);
            json.WriteString("firmware", FirmwareVersion);
            json.WriteEndObject();
            json.WriteString("library", Library);
            if (Cluster is not null)
            {
                json.WriteStartObject("cluster");
                json.WriteString("node", Cluster.Node);
                json.WritePropertyName("definition");
                json.WriteRawValue(Cluster.Definition.Span);
                json.WriteEndObject();
            }
            json.WriteBase64String("iv", Iv);
            if (TransportKeys.Count > 0)
            {
                json.WriteStartArray("transportKeys");
                foreach ((int bits, byte[] wrapped) in TransportKeys)
                {
                    json.WriteStartObject();
                    json.WriteNumber("bits", bits);
                    json.WriteString("form", ObjectRecordJson.FormName(TransportForm));
                    json.WriteBase64String("data", wrapped);
                    json.WriteEndObject();
                }
                json.WriteEndArray();
            }
            WriteClusterKey(json);
            json.WriteEndObject();
        }
        return buffer.WrittenSpan.ToArray();
    }

    /// <summary>Reads it back.</summary>
    /// <exception cref="HsmBackupException">AuthenticationFailed: it is not what this version writes.</exception>
    internal static BackupManifest Parse(ReadOnlyMemory<byte> json)
    {
        try
        {
            using JsonDocument document = JsonDocument.Parse(json);
            JsonElement root = document.RootElement;
            JsonElement token = root.GetProperty("token");
            var transport = new Dictionary<int, byte[]>();
            WrapForm form = WrapForm.Rfc5649;
            if (root.TryGetProperty("transportKeys", out JsonElement keys))
            {
                foreach (JsonElement key in keys.EnumerateArray())
                {
                    form = ObjectRecordJson.ParseForm(key.GetProperty("form").GetString()!);
                    transport.Add(key.GetProperty("bits").GetInt32(), key.GetProperty("data").GetBytesFromBase64());
                }
            }
            return new BackupManifest(Text(token, "label"), Text(token, "serial"), Text(token, "manufacturer"), Text(token, "model"),
                Text(token, "firmware"), Text(root, "library"), Text(root, "tool"), root.GetProperty("iv").GetBytesFromBase64(), transport, form)
            {
                Cluster = root.TryGetProperty("cluster", out JsonElement cluster) ? ParseCluster(cluster) : null,
                ClusterKey = root.TryGetProperty("clusterKey", out JsonElement clusterKey) ? ParseClusterKey(clusterKey) : null,
                Kek = root.TryGetProperty("kek", out JsonElement kek) ? ParseKek(kek, clusterKey) : null,
            };
        }
        catch (Exception e) when (e is JsonException or KeyNotFoundException or InvalidOperationException or FormatException or ArgumentException)
        {
            throw new HsmBackupException(ErrorCode.AuthenticationFailed, "The manifest of the backup is not of format version 1.",
                "The backup was made by a program that does not follow the format. Use another backup, and keep this one for analysis.", e);
        }
    }

    // The definition stays JSON here: who works with clusters knows how to read it.
    private static BackupCluster ParseCluster(JsonElement cluster)
    {
        JsonElement definition = cluster.GetProperty("definition");
        return new BackupCluster
        {
            Id = Text(definition, "id"),
            Name = Text(definition, "name"),
            Node = Text(cluster, "node"),
            Definition = Encoding.UTF8.GetBytes(definition.GetRawText()),
        };
    }

    private void WriteClusterKey(Utf8JsonWriter json)
    {
        if (ClusterKey is not null)
        {
            json.WriteStartObject("clusterKey");
            json.WriteString("check", ClusterKey.Check);
            json.WriteStartObject("wrapChecks");
            foreach ((WrapForm form, string check) in ClusterKey.WrapChecks)
            {
                json.WriteString(ObjectRecordJson.FormName(form), check);
            }
            json.WriteEndObject();
            json.WriteEndObject();
        }
        if (Kek is not null)
        {
            json.WriteStartObject("kek");
            json.WriteString("form", ObjectRecordJson.FormName(Kek.Form));
            json.WriteBase64String("data", Kek.Data);
            json.WriteString("clusterKeyCheck", ClusterKey!.Check);
            json.WriteEndObject();
        }
    }

    private static ClusterKeyIdentity ParseClusterKey(JsonElement json)
    {
        var wrapChecks = new Dictionary<WrapForm, string>();
        foreach (JsonProperty form in json.GetProperty("wrapChecks").EnumerateObject())
        {
            wrapChecks.Add(ParseAesForm(form.Name), Check(form.Value));
        }
        return new ClusterKeyIdentity(Check(json.GetProperty("check")), wrapChecks);
    }

    /// <summary>A KEK says which cluster key wraps it, and that must be the one that the manifest describes.</summary>
    private static WrappedKek ParseKek(JsonElement json, JsonElement clusterKey)
    {
        if (json.GetProperty("clusterKeyCheck").GetString() != clusterKey.GetProperty("check").GetString())
        {
            throw new FormatException("The KEK is wrapped by another cluster key.");
        }
        byte[] data = json.GetProperty("data").GetBytesFromBase64();
        return data.Length > 0 ? new WrappedKek(ParseAesForm(json.GetProperty("form").GetString()!), data) : throw new FormatException("A KEK without bytes.");
    }

    /// <summary>A form that AES alone gives.</summary>
    private static WrapForm ParseAesForm(string name) => ObjectRecordJson.ParseForm(name) switch
    {
        WrapForm.RsaOaep or WrapForm.Value => throw new FormatException("No form of a wrapping under a cluster key."),
        WrapForm form => form,
    };

    private static string Check(JsonElement json) =>
        json.GetString() is { } check && ClusterKeyIdentity.IsCheck(check) ? check : throw new FormatException("No check value.");

    private static string Text(JsonElement parent, string name) => parent.GetProperty(name).GetString() ?? "";
}
