using System.Buffers;
using System.Globalization;
using System.Text.Encodings.Web;
using System.Text.Json;
using HsmBackup.Engine.Backup;
using HsmBackup.Engine.Clusters.Keys;
using HsmBackup.Engine.Pkcs11;
using HsmBackup.Engine.Retention;
using HsmBackup.Engine.Stores;
using HsmBackup.Engine.Tokens;

namespace HsmBackup.Engine.Clusters.Definitions;

/// <summary>Writes a definition, in the order of the documentation, without what has its usual value.</summary>
internal static class DefinitionWriter
{
    /// <summary>The forms of wrapping that a cluster key can be proven in, by their names.</summary>
    public static readonly (string Word, WrapForm Meaning)[] WrapForms =
    [
        .. new[] { WrapForm.Rfc5649, WrapForm.Rfc3394, WrapForm.Rfc3394Pkcs7,
            WrapForm.CbcPad }.Select(f => (ObjectRecordJson.FormName(f), f)),
    ];

    /// <summary>The kinds of stores, by their names.</summary>
    public static readonly (string Word, StoreKind Meaning)[] StoreKinds =
    [
        ("directory", StoreKind.Directory), ("offline", StoreKind.Offline), ("webdav", StoreKind.WebDav),
    ];

    /// <summary>The ways to tell a store who asks, by their names.</summary>
    public static readonly (string Word, StoreAuthentication Meaning)[] Authentications = [("basic", StoreAuthentication.Basic),
        ("bearer", StoreAuthentication.Bearer)];

    /// <summary>The definition as JSON in UTF-8.</summary>
    /// <param name="definition">The definition.</param>
    /// <param name="indented">True for people, with a line break at the end; false for one line.</param>
    public static byte[] Write(ClusterDefinition definition, bool indented)
    {
        var buffer = new ArrayBufferWriter<byte>();
        // Not for a web page: letters of all languages may stay as they are.
        using (var json = new Utf8JsonWriter(buffer, new JsonWriterOptions
        {
            Indented = indented,
            NewLine = "\n",
            Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        }))
        {
            json.WriteStartObject();
            WriteText(json, "$schema", definition.Schema);
            json.WriteNumber("formatVersion", ClusterDefinition.FormatVersion);
            json.WriteString("id", definition.Id);
            json.WriteString("name", definition.Name);
            WriteText(json, "description", definition.Description);
            WriteList(json, "nodes", definition.Nodes, WriteNode);
            WriteObject(json, "clusterKey", definition.ClusterKey, WriteKey);
            WriteText(json, "identityCertificate", definition.IdentityCertificate);
            WriteList(json, "acknowledged", definition.Acknowledged, WriteAcknowledged);
            WriteList(json, "contacts", definition.Contacts, WriteContact);
            WriteList(json, "escalation", definition.Escalation, WriteStep);
            WriteList(json, "stores", definition.Stores, WriteStore);
            WriteObject(json, "schedule", definition.Schedule, WriteSchedule);
            WriteObject(json, "retention", definition.Retention, WriteRetention);
            WriteObject(json, "drill", definition.Drill, WriteDrill);
            WriteObject(json, "targets", definition.Targets, WriteTargets);
            WriteObject(json, "policy", definition.Policy, WritePolicy);
            WriteObject(json, "metrics", definition.Metrics, AlertsJson.WriteMetrics);
            WriteObject(json, "alerts", definition.Alerts, AlertsJson.WriteAlerts);
            json.WriteEndObject();
        }
        if (indented)
        {
            buffer.Write("\n"u8);
        }
        return buffer.WrittenSpan.ToArray();
    }

    private static void WriteNode(Utf8JsonWriter json, ClusterNode node)
    {
        LibraryLocation library = node.Address.Library;
        json.WriteString("name", node.Name);
        json.WriteString("library", library.Path);
        WriteText(json, "tokenLabel", node.Address.TokenLabel);
        WriteText(json, "tokenSerial", node.Address.TokenSerial);
        if (library.Environment is { Count: > 0 } environment)
        {
            json.WriteStartObject("environment");
            foreach ((string name, string value) in environment.OrderBy(v => v.Key, StringComparer.Ordinal))
            {
                json.WriteString(name, value);
            }
            json.WriteEndObject();
        }
        WriteText(json, "parameters", library.Parameters);
        WriteStrings(json, "enableQuirks", NamesOf(library.QuirksOn));
        WriteStrings(json, "disableQuirks", NamesOf(library.QuirksOff));
        WriteText(json, "pin", node.Pin?.ToString());
        WriteDuration(json, "timeout", node.Timeout == ClusterNode.DefaultTimeout ? null : node.Timeout);
        WriteText(json, "zone", node.Zone);
    }

    private static IEnumerable<string> NamesOf(Quirks quirks) =>
        Enum.GetValues<Quirks>().Where(q => q != Quirks.None && quirks.HasFlag(q)).Select(q => q.ToString());

    private static void WriteKey(Utf8JsonWriter json, ClusterKeyInfo key)
    {
        json.WriteString("check", key.Check);
        json.WriteStartObject("wrapChecks");
        foreach ((string word, WrapForm form) in WrapForms)
        {
            WriteText(json, word, key.WrapChecks.GetValueOrDefault(form));
        }
        json.WriteEndObject();
        json.WriteNumber("shareSetId", key.ShareSetId);
        json.WriteNumber("threshold", key.Threshold);
        json.WriteNumber("shares", key.Shares);
        json.WriteString("created", key.Created.ToUniversalTime().ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture));
        if (key.RetiredShareSets.Count > 0)
        {
            json.WriteStartArray("retiredShareSets");
            foreach (int set in key.RetiredShareSets)
            {
                json.WriteNumberValue(set);
            }
            json.WriteEndArray();
        }
    }

    private static void WriteAcknowledged(Utf8JsonWriter json, AcknowledgedObject acknowledged)
    {
        WriteText(json, "label", acknowledged.Label);
        WriteText(json, "id", acknowledged.Id);
        WriteText(json, "class", acknowledged.Class);
        json.WriteString("reason", acknowledged.Reason);
    }

    private static void WriteContact(Utf8JsonWriter json, ClusterContact contact)
    {
        json.WriteString("name", contact.Name);
        WriteText(json, "role", contact.Role);
        WriteText(json, "email", contact.Email);
        WriteText(json, "phone", contact.Phone);
        WriteText(json, "notes", contact.Notes);
    }

    private static void WriteStep(Utf8JsonWriter json, EscalationStep step)
    {
        WriteDuration(json, "after", step.After);
        WriteStrings(json, "contacts", step.Contacts);
        WriteText(json, "purpose", step.Purpose);
    }

    private static void WriteStore(Utf8JsonWriter json, ClusterStore store)
    {
        json.WriteString("name", store.Name);
        json.WriteString("kind", Array.Find(StoreKinds, k => k.Meaning == store.Kind).Word);
        json.WriteString("location", store.Location);
        WriteText(json, "user", store.User);
        WriteText(json, "password", store.Password?.ToString());
        WriteText(json, "authentication", store.Authentication == StoreAuthentication.Basic
            ? null : Array.Find(Authentications, a => a.Meaning == store.Authentication).Word);
        WriteText(json, "certificateAuthority", store.CertificateAuthority);
        WriteText(json, "certificatePin", store.CertificatePin);
    }

    private static void WriteSchedule(Utf8JsonWriter json, ClusterSchedule schedule)
    {
        WriteStrings(json, "times", schedule.Times.Select(t => t.ToString("HH:mm", CultureInfo.InvariantCulture)));
        WriteStrings(json, "days", schedule.Days.Select(d => d.ToString()));
        if (schedule.Utc)
        {
            json.WriteBoolean("utc", true);
        }
        WriteText(json, "node", schedule.Node);
        WriteStrings(json, "stores", schedule.Stores);
        WriteStrings(json, "keyRecipients", schedule.KeyRecipients);
        WriteText(json, "keyFolder", schedule.KeyFolder);
        WriteText(json, "keyVault", schedule.KeyVault);
    }

    private static void WriteRetention(Utf8JsonWriter json, ClusterRetention retention)
    {
        WriteObject(json, "online", retention.Online, WriteRules);
        WriteObject(json, "offline", retention.Offline, WriteRules);
        WriteNumber(json, "minimumCopies", retention.MinimumCopies);
        WriteDuration(json, "removalDelay", retention.RemovalDelay);
    }

    private static void WriteRules(Utf8JsonWriter json, RetentionRules rules)
    {
        WriteNumber(json, "keepLast", rules.KeepLast);
        WriteNumber(json, "keepDaily", rules.KeepDaily);
        WriteNumber(json, "keepWeekly", rules.KeepWeekly);
        WriteNumber(json, "keepMonthly", rules.KeepMonthly);
        WriteNumber(json, "keepYearly", rules.KeepYearly);
        WriteDuration(json, "keepWithin", rules.KeepWithin);
        WriteDuration(json, "maximumAge", rules.MaximumAge);
    }

    private static void WriteDrill(Utf8JsonWriter json, ClusterDrill drill)
    {
        WriteDuration(json, "interval", drill.Interval);
        WriteText(json, "cluster", drill.Cluster);
        if (drill.SoftwareTargets)
        {
            json.WriteBoolean("softwareTargets", true);
        }
        if (drill.SampleSize != ClusterDrill.DefaultSampleSize)
        {
            json.WriteNumber("sampleSize", drill.SampleSize);
        }
        WriteStrings(json, "participants", drill.Participants);
    }

    private static void WriteTargets(Utf8JsonWriter json, RecoveryTargets targets)
    {
        WriteDuration(json, "rto", targets.Rto);
        WriteDuration(json, "rpo", targets.Rpo);
    }

    private static void WritePolicy(Utf8JsonWriter json, ClusterPolicy policy)
    {
        WriteDuration(json, "maximumBackupAge", policy.MaximumBackupAge);
        WriteDuration(json, "maximumDrillAge", policy.MaximumDrillAge);
        WriteDuration(json, "maximumVerificationAge", policy.MaximumVerificationAge);
    }

    internal static void WriteText(Utf8JsonWriter json, string name, string? text)
    {
        if (text is not null)
        {
            json.WriteString(name, text);
        }
    }

    internal static void WriteNumber(Utf8JsonWriter json, string name, int? number)
    {
        if (number is { } value)
        {
            json.WriteNumber(name, value);
        }
    }

    // The text form has no fractions; whoever has some gets seconds.
    internal static void WriteDuration(Utf8JsonWriter json, string name, TimeSpan? duration)
    {
        if (duration is { } value && value.Ticks % TimeSpan.TicksPerSecond == 0)
        {
            json.WriteString(name, value.ToString("c", CultureInfo.InvariantCulture));
        }
        else if (duration is { } fraction)
        {
            json.WriteNumber(name, fraction.TotalSeconds);
        }
    }

    internal static void WriteStrings(Utf8JsonWriter json, string name, IEnumerable<string> texts)
    {
        string[] all = [.. texts];
        if (all.Length > 0)
        {
            json.WriteStartArray(name);
            foreach (string text in all)
            {
                json.WriteStringValue(text);
            }
            json.WriteEndArray();
        }
    }

    internal static void WriteList<T>(Utf8JsonWriter json, string name, IReadOnlyList<T> items, Action<Utf8JsonWriter, T> write)
    {
        if (items.Count > 0)
        {
            json.WriteStartArray(name);
            foreach (T item in items)
            {
                json.WriteStartObject();
                write(json, item);
                json.WriteEndObject();
            }
            json.WriteEndArray();
        }
    }

    private static void WriteObject<T>(Utf8JsonWriter json, string name, T? item, Action<Utf8JsonWriter, T> write) where T : class
    {
        if (item is not null)
        {
            json.WriteStartObject(name);
            write(json, item);
            json.WriteEndObject();
        }
    }
}
