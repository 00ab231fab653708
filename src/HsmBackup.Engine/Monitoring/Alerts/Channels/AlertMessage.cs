using System.Buffers;
using System.Globalization;
using System.Text;
using System.Text.Json;
using HsmBackup.Engine.Clusters;
using HsmBackup.Engine.Clusters.Definitions;

namespace HsmBackup.Engine.Monitoring.Alerts.Channels;

/// <summary>A notice in the forms that channels send. docs/alerts.md describes the JSON.</summary>
internal sealed record AlertMessage
{
    /// <summary>Id of the notice: the same in every attempt.</summary>
    public required string Id { get; init; }

    /// <summary>Id of the first notice of the alert; null where this is it.</summary>
    public string? FirstId { get; init; }

    /// <summary>When it was decided on.</summary>
    public required DateTimeOffset Created { get; init; }

    /// <summary>How bad it is.</summary>
    public required AlertSeverity Severity { get; init; }

    /// <summary>One line.</summary>
    public required string Subject { get; init; }

    /// <summary>All of it, for people.</summary>
    public required string Text { get; init; }

    /// <summary>All of it, for programs, in UTF-8.</summary>
    public required byte[] Json { get; init; }

    /// <summary>E-mail addresses of the contacts whom it concerns, as the definition has them.</summary>
    public IReadOnlyList<string> Addresses { get; init; } = [];

    /// <summary>The addresses that are left of an earlier attempt; empty where none was made, or none had it.</summary>
    public IReadOnlyList<string> Only { get; init; } = [];

    /// <summary>A notice of an alert.</summary>
    public static AlertMessage Of(ClusterDefinition cluster, Alert alert, AlertNotice notice)
    {
        ClusterContact[] contacts = [.. notice.Contacts.Select(name =>
            cluster.Contacts.FirstOrDefault(c => c.Name == name)).OfType<ClusterContact>()];
        EscalationStep? step = notice.Level > 0 && notice.Level <= cluster.Escalation.Count ? cluster.Escalation[notice.Level - 1] : null;
        return new AlertMessage
        {
            Id = notice.Id,
            FirstId = alert.Notices[0].Id == notice.Id ? null : alert.Notices[0].Id,
            Created = notice.Created,
            Severity = alert.Severity,
            Subject = $"[{WordOf(alert, notice)}] {cluster.Name}: {alert.Name}",
            Text = TextOf(cluster, alert, notice, contacts, step),
            Json = JsonOf(cluster, alert, notice, contacts, step),
            Addresses = [.. contacts.Select(c => c.Email).OfType<string>()],
        };
    }

    private static string WordOf(Alert alert, AlertNotice notice) => notice.Kind switch
    {
        AlertNoticeKind.Resolved => "Resolved",
        AlertNoticeKind.Test => "Test",
        AlertNoticeKind.Escalated => $"{alert.Severity}, escalated",
        _ => alert.Severity.ToString(),
    };

    private static string TextOf(ClusterDefinition cluster, Alert alert, AlertNotice notice, ClusterContact[] contacts,
        EscalationStep? step)
    {
        var text = new StringBuilder();
        text.Append(alert.Message).Append('\n');
        if (notice.Kind != AlertNoticeKind.Resolved && alert.Action is not null)
        {
            text.Append('\n').Append("What to do: ").Append(alert.Action).Append('\n');
        }
        text.Append(CultureInfo.InvariantCulture, $"\nCluster:    {cluster.Name} ({cluster.Id})\nAlert:      {alert.Name}, {alert.Severity}, {alert.Id}\nOpened:     {At(alert.Opened)}\n");
        if (alert.Resolved is { } resolved && notice.Kind == AlertNoticeKind.Resolved)
        {
            text.Append(CultureInfo.InvariantCulture, $"Resolved:   {At(resolved)}\n");
        }
        if (step is not null)
        {
            text.Append(CultureInfo.InvariantCulture, $"Escalation: step {notice.Level} of {cluster.Escalation.Count}{(step.Purpose is null ? "" : $", to {step.Purpose}")}\n");
        }
        foreach (ClusterContact contact in contacts)
        {
            text.Append("Contact:    ").AppendJoin(", ", new[] { contact.Name, contact.Role, contact.Phone, contact.Email,
                contact.Notes }.OfType<string>()).Append('\n');
        }
        return text.Append(CultureInfo.InvariantCulture, $"\nSent by HsmBackup on {Environment.MachineName}.\n").ToString();
    }

    private static string At(DateTimeOffset time) => time.UtcDateTime.ToString("yyyy-MM-dd HH:mm:ss 'UTC'", CultureInfo.InvariantCulture);

    private static byte[] JsonOf(ClusterDefinition cluster, Alert alert, AlertNotice notice, ClusterContact[] contacts,
        EscalationStep? step)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(buffer))
        {
            json.WriteStartObject();
            json.WriteString("type", $"alert.{notice.Kind.ToString().ToLowerInvariant()}");
            json.WriteString("timestamp", notice.Created.UtcDateTime);
            json.WriteStartObject("data");
            json.WriteString("noticeId", notice.Id);
            json.WriteString("alertId", alert.Id);
            json.WriteString("name", alert.Name);
            json.WriteString("key", alert.Key);
            json.WriteString("severity", alert.Severity.ToString());
            // As it was at that time: an alert may be over before anybody was told that it began.
            json.WriteString("state", notice.Kind is AlertNoticeKind.Resolved or AlertNoticeKind.Test ? "Resolved" : "Open");
            json.WriteString("message", alert.Message);
            WriteText(json, "action", alert.Action);
            json.WriteString("opened", alert.Opened.UtcDateTime);
            if (notice.Kind == AlertNoticeKind.Resolved)
            {
                json.WriteString("resolved", alert.Resolved!.Value.UtcDateTime);
            }
            json.WriteStartObject("cluster");
            json.WriteString("id", cluster.Id);
            json.WriteString("name", cluster.Name);
            json.WriteEndObject();
            json.WriteStartObject("escalation");
            json.WriteNumber("level", notice.Level);
            json.WriteNumber("levels", cluster.Escalation.Count);
            WriteText(json, "purpose", step?.Purpose);
            json.WriteStartArray("contacts");
            foreach (ClusterContact contact in contacts)
            {
                json.WriteStartObject();
                json.WriteString("name", contact.Name);
                WriteText(json, "role", contact.Role);
                WriteText(json, "email", contact.Email);
                WriteText(json, "phone", contact.Phone);
                WriteText(json, "notes", contact.Notes);
                json.WriteEndObject();
            }
            json.WriteEndArray();
            json.WriteEndObject();
            json.WriteString("host", Environment.MachineName);
            json.WriteEndObject();
            json.WriteEndObject();
        }
        return buffer.WrittenSpan.ToArray();
    }

    private static void WriteText(Utf8JsonWriter json, string name, string? text)
    {
        if (text is not null)
        {
            json.WriteString(name, text);
        }
    }
}
