using System.Text.Json;
using static HsmBackup.Engine.Clusters.Definitions.DefinitionTypes;

namespace HsmBackup.Engine.Clusters.Definitions;

/// <summary>Reads and writes what a definition says of metrics and alerts.</summary>
internal static class AlertsJson
{
    private static readonly (string Word, AlertChannelKind Meaning)[] Kinds =
    [
        ("webhook", AlertChannelKind.Webhook), ("command", AlertChannelKind.Command), ("mail", AlertChannelKind.Mail),
        ("heartbeat", AlertChannelKind.Heartbeat),
    ];

    private static readonly (string Word, MailSecurity Meaning)[] Securities = [("startTls", MailSecurity.StartTls),
        ("tls", MailSecurity.Tls)];

    // What each kind takes beside name, kind and timeout.
    private static readonly (AlertChannelKind Kind, string[] Needs, string[] Takes)[] Members =
    [
        (AlertChannelKind.Webhook, ["url"], ["minimumSeverity", "key", "token", "certificateAuthority", "certificatePin"]),
        (AlertChannelKind.Command, ["program"], ["minimumSeverity", "arguments"]),
        (AlertChannelKind.Mail, ["server", "from"], ["minimumSeverity", "port", "security", "user", "password", "to",
            "certificateAuthority", "certificatePin"]),
        (AlertChannelKind.Heartbeat, ["url"], ["certificateAuthority", "certificatePin"]),
    ];

    private static readonly DefinitionType<AlertChannelKind> Kind = OneOf(Kinds);
    private static readonly DefinitionType<MailSecurity> Security = OneOf(Securities);

    /// <summary>Reads where metrics go.</summary>
    public static ClusterMetrics ReadMetrics(DefinitionObject json) => new() { Path = json.Required("path", MetricsPath) };

    /// <summary>Reads who is told.</summary>
    /// <param name="json">The object.</param>
    /// <param name="readSource">Reads where a secret comes from.</param>
    public static ClusterAlerts ReadAlerts(DefinitionObject json, Func<DefinitionValue, PinSource> readSource)
    {
        IReadOnlyList<AlertChannel> channels = json.Several("channels", "a channel in braces",
            value => DefinitionObject.Read(value, "a channel in braces", c => ReadChannel(c, readSource), CheckChannel));
        json.CheckDifferent("channels", [.. channels.Select(c => c.Name)]);
        return new ClusterAlerts { Channels = channels, Repeat = json.OptionalValue("repeat", Duration) };
    }

    /// <summary>Writes where metrics go.</summary>
    public static void WriteMetrics(Utf8JsonWriter json, ClusterMetrics metrics) => json.WriteString("path", metrics.Path);

    /// <summary>Writes who is told.</summary>
    public static void WriteAlerts(Utf8JsonWriter json, ClusterAlerts alerts)
    {
        DefinitionWriter.WriteDuration(json, "repeat", alerts.Repeat);
        DefinitionWriter.WriteList(json, "channels", alerts.Channels, WriteChannel);
    }

    private static AlertChannel ReadChannel(DefinitionObject json, Func<DefinitionValue, PinSource> readSource) => new()
    {
        Name = json.Required("name", Name),
        Kind = json.Required("kind", Kind),
        MinimumSeverity = json.OptionalValue("minimumSeverity", OneOf<AlertSeverity>()) ?? AlertSeverity.Information,
        Timeout = json.OptionalValue("timeout", DefinitionTypes.Timeout) ?? AlertChannel.DefaultTimeout,
        Url = json.Optional("url", ReadAddress),
        Key = json.Optional("key", readSource),
        Token = json.Optional("token", readSource),
        Program = json.Optional("program", AbsolutePath),
        Arguments = json.List("arguments", Text),
        Server = json.Optional("server", HostName),
        Port = json.OptionalValue("port", Number(1, 65535)),
        Security = json.OptionalValue("security", Security) ?? MailSecurity.StartTls,
        User = json.Optional("user", Text),
        Password = json.Optional("password", readSource),
        From = json.Optional("from", MailAddress),
        To = json.List("to", MailAddress),
        CertificateAuthority = json.Optional("certificateAuthority", AbsolutePath),
        CertificatePin = json.Optional("certificatePin", CertificatePin),
    };

    // An address may be a secret itself, so an error does not repeat it.
    private static AlertAddress ReadAddress(DefinitionValue value) =>
        value.Kind == JsonTokenType.String && PinSource.TryParse(value.Text, out PinSource? source) && source is not PromptPin
            ? new AlertAddress(null, source)
            : new AlertAddress(WebAddress.Read(value), null);

    private static void CheckChannel(DefinitionObject json, AlertChannel channel)
    {
        (_, string[] needs, string[] takes) = Array.Find(Members, m => m.Kind == channel.Kind);
        string kind = Array.Find(Kinds, k => k.Meaning == channel.Kind).Word;
        if (Array.Find(needs, name => json.Find(name) is null) is { } missing)
        {
            throw json.Error($"{missing} is missing", $"{string.Join(" and ", needs)} for a channel of kind \"{kind}\"");
        }
        foreach (string name in Members.SelectMany(m => m.Needs.Concat(m.Takes)).Except(needs).Except(takes))
        {
            if (json.Find(name) is { } stranger)
            {
                throw stranger.Error($"a channel of kind \"{kind}\" takes none",
                    string.Join(", ", ["name", "kind", "timeout", .. needs, .. takes]));
            }
        }
        if (channel.User is null != channel.Password is null)
        {
            throw (json.Find("password") ?? json.Find("user"))!.Error("one of user and password is missing",
                "user and password, or neither");
        }
    }

    private static void WriteChannel(Utf8JsonWriter json, AlertChannel channel)
    {
        json.WriteString("name", channel.Name);
        json.WriteString("kind", Array.Find(Kinds, k => k.Meaning == channel.Kind).Word);
        DefinitionWriter.WriteText(json, "url", channel.Url?.ToString());
        DefinitionWriter.WriteText(json, "key", channel.Key?.ToString());
        DefinitionWriter.WriteText(json, "token", channel.Token?.ToString());
        DefinitionWriter.WriteText(json, "program", channel.Program);
        DefinitionWriter.WriteStrings(json, "arguments", channel.Arguments);
        DefinitionWriter.WriteText(json, "server", channel.Server);
        DefinitionWriter.WriteNumber(json, "port", channel.Port);
        DefinitionWriter.WriteText(json, "security", channel.Security == MailSecurity.StartTls
            ? null : Array.Find(Securities, s => s.Meaning == channel.Security).Word);
        DefinitionWriter.WriteText(json, "user", channel.User);
        DefinitionWriter.WriteText(json, "password", channel.Password?.ToString());
        DefinitionWriter.WriteText(json, "from", channel.From);
        DefinitionWriter.WriteStrings(json, "to", channel.To);
        DefinitionWriter.WriteText(json, "minimumSeverity", channel.MinimumSeverity == AlertSeverity.Information
            ? null : channel.MinimumSeverity.ToString());
        DefinitionWriter.WriteDuration(json, "timeout", channel.Timeout == AlertChannel.DefaultTimeout ? null : channel.Timeout);
        DefinitionWriter.WriteText(json, "certificateAuthority", channel.CertificateAuthority);
        DefinitionWriter.WriteText(json, "certificatePin", channel.CertificatePin);
    }
}
