namespace HsmBackup.Engine.Clusters.Definitions;

/// <summary>Where the state of the cluster is written for Prometheus.</summary>
public sealed record ClusterMetrics
{
    /// <summary>
    /// Absolute path of the text file, in the folder that the node exporter's textfile collector reads; it ends with <c>.prom</c>.
    /// </summary>
    public required string Path { get; init; }
}

/// <summary>Who is told when something is wrong with the cluster.</summary>
public sealed record ClusterAlerts
{
    /// <summary>The ways on which alerts go out, at least one.</summary>
    public required IReadOnlyList<AlertChannel> Channels { get; init; }

    /// <summary>After which time an alert that is still open is sent again; null to send it again only when it escalates.</summary>
    public TimeSpan? Repeat { get; init; }
}

/// <summary>How bad it is.</summary>
public enum AlertSeverity
{
    /// <summary>Good to know.</summary>
    Information,

    /// <summary>It must be seen to in the next days.</summary>
    Warning,

    /// <summary>It must be seen to now: a recovery might fail today.</summary>
    Critical,
}

/// <summary>What a channel is.</summary>
public enum AlertChannelKind
{
    /// <summary>JSON is posted to an address, signed as Standard Webhooks describe it.</summary>
    Webhook,

    /// <summary>A program is run, with JSON on its standard input.</summary>
    Command,

    /// <summary>Mail is sent through an SMTP server.</summary>
    Mail,

    /// <summary>An address is called after each run in which all went well; whoever watches it raises the alarm when that stops.</summary>
    Heartbeat,
}

/// <summary>How the connection to a mail server is protected.</summary>
public enum MailSecurity
{
    /// <summary>It begins in the clear, and nothing is said before it is encrypted (RFC 3207).</summary>
    StartTls,

    /// <summary>It is encrypted from the beginning (RFC 8314).</summary>
    Tls,
}

/// <summary>An address, or where it comes from if whoever knows it may use it.</summary>
/// <param name="Text">The address; null where it comes from a source.</param>
/// <param name="Source">The source; null where the address stands in the definition.</param>
public sealed record AlertAddress(string? Text, PinSource? Source)
{
    /// <summary>What stands in the definition.</summary>
    public override string ToString() => Text ?? Source?.ToString() ?? "";
}

/// <summary>A way on which alerts go out.</summary>
public sealed record AlertChannel
{
    /// <summary>How long a channel may take where its definition does not say.</summary>
    public static readonly TimeSpan DefaultTimeout = TimeSpan.FromSeconds(30);

    /// <summary>The name, unique among the channels whatever the case.</summary>
    public required string Name { get; init; }

    /// <summary>What it is.</summary>
    public required AlertChannelKind Kind { get; init; }

    /// <summary>What is less severe is not sent on it.</summary>
    public AlertSeverity MinimumSeverity { get; init; }

    /// <summary>How long one attempt may take.</summary>
    public TimeSpan Timeout { get; init; } = DefaultTimeout;

    /// <summary>Of a webhook and a heartbeat: the address.</summary>
    public AlertAddress? Url { get; init; }

    /// <summary>Of a webhook: where the key comes from by which bodies are signed; null to sign none.</summary>
    public PinSource? Key { get; init; }

    /// <summary>Of a webhook: where the bearer token comes from; null to send none.</summary>
    public PinSource? Token { get; init; }

    /// <summary>Of a command: absolute path of the program.</summary>
    public string? Program { get; init; }

    /// <summary>Of a command: its arguments.</summary>
    public IReadOnlyList<string> Arguments { get; init; } = [];

    /// <summary>Of mail: name of the server.</summary>
    public string? Server { get; init; }

    /// <summary>Of mail: its port; null for the usual one, 587 or 465.</summary>
    public int? Port { get; init; }

    /// <summary>Of mail: how the connection is protected.</summary>
    public MailSecurity Security { get; init; }

    /// <summary>Of mail: the user; null where the server wants none.</summary>
    public string? User { get; init; }

    /// <summary>Of mail: where the user's password comes from.</summary>
    public PinSource? Password { get; init; }

    /// <summary>Of mail: who sends it.</summary>
    public string? From { get; init; }

    /// <summary>Of mail: who gets it besides the contacts that the escalation names.</summary>
    public IReadOnlyList<string> To { get; init; } = [];

    /// <summary>Absolute path of a PEM file with the authorities that may vouch for the server; null for those of the system.</summary>
    public string? CertificateAuthority { get; init; }

    /// <summary>SHA-256 of the server's certificate in hex; null where any of its authorities will do.</summary>
    public string? CertificatePin { get; init; }

    /// <summary>The name.</summary>
    public override string ToString() => Name;
}
