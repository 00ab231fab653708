namespace HsmBackup.Engine.Auditing;

/// <summary>What a caller puts on record. The log adds who, where and when. Never a secret: nothing is taken out of it again.</summary>
/// <param name="Action">What is done: the name of the cmdlet.</param>
/// <param name="Result">How far it is.</param>
public sealed record AuditRecord(string Action, AuditResult Result)
{
    /// <summary>How many details are kept of an entry.</summary>
    public const int MaxDetails = 16;

    /// <summary>How many UTF-16 code units are kept of a text; the rest is cut off, and an ellipsis tells.</summary>
    public const int MaxTextLength = 512;

    /// <summary>Id of the cluster; null where there is none, or none is known yet.</summary>
    public string? ClusterId { get; init; }

    /// <summary>Its name, or the label of a lone token.</summary>
    public string? ClusterName { get; init; }

    /// <summary>What it is done to, for people.</summary>
    public string? Target { get; init; }

    /// <summary>What else is worth knowing, such as <c>backup</c>, the id of the backup, or <c>error</c>.</summary>
    public IReadOnlyDictionary<string, string> Details { get; init; } = new Dictionary<string, string>();

    /// <summary>The record as the log takes it: texts of a bounded length, without characters that a terminal would obey.</summary>
    internal AuditRecord Bounded() => this with
    {
        Action = Bounded(Action)!,
        ClusterId = Bounded(ClusterId),
        ClusterName = Bounded(ClusterName),
        Target = Bounded(Target),
        Details = Details.Select(d => KeyValuePair.Create(Bounded(d.Key)!, Bounded(d.Value)!)).DistinctBy(d => d.Key).OrderBy(d => d.Key, StringComparer.Ordinal)
            .Take(MaxDetails).ToDictionary(StringComparer.Ordinal),
    };

    private static string? Bounded(string? text) =>
        text is null ? null : DisplayText.Harmless(text.Length <= MaxTextLength ? text : string.Concat(text.AsSpan(0, MaxTextLength - 1), "\u2026"));
}
