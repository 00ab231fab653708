using System.Text.Json;
using System.Text.Json.Serialization;

namespace HsmBackup.Engine.Drills;

/// <summary>An earlier drill, as far as a later one is compared with it.</summary>
/// <param name="Id">Its id.</param>
/// <param name="Scenario">What it rehearsed.</param>
/// <param name="Started">When, in UTC.</param>
/// <param name="Result">How it ended.</param>
/// <param name="RecoveryTime">How long its recovery took; null where it did not come to its end.</param>
public sealed record FormerDrill(string Id, DrillScenario Scenario, DateTimeOffset Started, DrillResult Result, TimeSpan? RecoveryTime)
{
    /// <summary>
    /// Whether it recovered to throw-away software tokens, whose times say little about those of HSMs. Reports from before this was
    /// written down say false.
    /// </summary>
    public bool SoftwareTargets { get; init; }
}

/// <summary>All that is known of a drill. Its JSON is the record that is kept and signed; every other form is made from it.</summary>
public sealed record DrillReport
{
    /// <summary>The version of the JSON.</summary>
    public const int Version = 1;

    /// <summary>The version of the JSON.</summary>
    public int FormatVersion { get; init; } = Version;

    /// <summary>When it began, and eight random digits; sorts by time.</summary>
    public required string Id { get; init; }

    /// <summary>Name of the cluster.</summary>
    public required string Cluster { get; init; }

    /// <summary>Id of the cluster.</summary>
    public required string ClusterId { get; init; }

    /// <summary>What was rehearsed.</summary>
    public required DrillScenario Scenario { get; init; }

    /// <summary>How it ended.</summary>
    public required DrillResult Result { get; init; }

    /// <summary>What went wrong first, in words; null where nothing did.</summary>
    public string? Problem { get; init; }

    /// <summary>The stable id of what went wrong first; null where nothing did.</summary>
    public ErrorCode? Error { get; init; }

    /// <summary>When it began, in UTC.</summary>
    public required DateTimeOffset Started { get; init; }

    /// <summary>When it ended, in UTC.</summary>
    public required DateTimeOffset Ended { get; init; }

    /// <summary>Who ran it.</summary>
    public string? Operator { get; init; }

    /// <summary>Who watched.</summary>
    public string? Witness { get; init; }

    /// <summary>Why it was run, or anything else that the operator wants on record.</summary>
    public string? Notes { get; init; }

    /// <summary>The seed that random choices were made by; null where there was none.</summary>
    public long? Seed { get; init; }

    /// <summary>
    /// Name of the store that was lost with the node; null in other scenarios, and in reports from before this was written down.
    /// </summary>
    public string? LostStore { get; init; }

    /// <summary>Whether a Partial backup was accepted.</summary>
    public bool AllowPartial { get; init; }

    /// <summary>Whether it could pass though keys were not used.</summary>
    public bool AllowUnused { get; init; }

    /// <summary>Its steps, in the order of time.</summary>
    public IReadOnlyList<DrillStep> Steps { get; init; } = [];

    /// <summary>The backups that were used.</summary>
    public IReadOnlyList<DrilledBackup> Backups { get; init; } = [];

    /// <summary>Every key and certificate on every target.</summary>
    public IReadOnlyList<DrilledKey> Keys { get; init; } = [];

    /// <summary>The figures.</summary>
    public required DrillMeasures Measures { get; init; }

    /// <summary>
    /// What was otherwise than planned: passed over backups, keys that could not be used, a target missed, and what the operator adds.
    /// </summary>
    public IReadOnlyList<string> Deviations { get; init; } = [];

    /// <summary>What is to be done about it.</summary>
    public IReadOnlyList<string> FollowUps { get; init; } = [];

    /// <summary>Where it was run.</summary>
    public required DrillEnvironment Environment { get; init; }

    /// <summary>The cluster's drills before this one, the oldest first.</summary>
    public IReadOnlyList<FormerDrill> Former { get; init; } = [];

    /// <summary>The JSON in UTF-8, indented.</summary>
    public byte[] ToJson() => JsonSerializer.SerializeToUtf8Bytes(this, DrillReportJson.Default.DrillReport);

    /// <summary>Reads the JSON.</summary>
    /// <exception cref="JsonException">It is not such a report.</exception>
    public static DrillReport FromJson(ReadOnlySpan<byte> json)
    {
        DrillReport report = JsonSerializer.Deserialize(json, DrillReportJson.Default.DrillReport)
            ?? throw new JsonException("It is null.");
        return report.FormatVersion == Version ? report
            : throw new JsonException(FormattableString.Invariant($"It is of version {report.FormatVersion}."));
    }

    /// <summary>The drill and its result.</summary>
    public override string ToString() => $"{Id} ({Scenario}): {Result}";
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, UseStringEnumConverter = true, WriteIndented = true,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull, RespectNullableAnnotations = true)]
[JsonSerializable(typeof(DrillReport))]
internal sealed partial class DrillReportJson : JsonSerializerContext;
