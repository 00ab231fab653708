using System.Text.Json.Serialization;
using HsmBackup.Engine.Clusters.Definitions;
using HsmBackup.Engine.Monitoring.Status;

namespace HsmBackup.Engine.Monitoring.Alerts;

/// <summary>Why somebody is told.</summary>
public enum AlertNoticeKind
{
    /// <summary>Something is wrong.</summary>
    Raised,

    /// <summary>It is still wrong, and the next step of the escalation has come; or it got worse.</summary>
    Escalated,

    /// <summary>It is still wrong.</summary>
    Repeated,

    /// <summary>It is not wrong any more.</summary>
    Resolved,

    /// <summary>Nothing is wrong: somebody wants to see whether alerts arrive.</summary>
    Test,
}

/// <summary>A notice on its way through one channel.</summary>
public sealed record AlertDelivery
{
    /// <summary>Name of the channel.</summary>
    public required string Channel { get; init; }

    /// <summary>How often it was tried; tries within one delivery, seconds apart, are one.</summary>
    public int Attempts { get; init; }

    /// <summary>When it was delivered, in UTC; null while it was not.</summary>
    public DateTimeOffset? Delivered { get; init; }

    /// <summary>Addresses whom it did not reach yet, while it reached others: only to them it is sent again.</summary>
    public IReadOnlyList<string> Waiting
    {
        get;
        // A record from before there was this member has none.
        init => field = value ?? [];
    } = [];

    /// <summary>Whether some have it, and it goes to the others alone.</summary>
    [JsonIgnore]
    public bool IsRest => Waiting.Count > 0;

    /// <summary>True where it is not tried any more, because the channel is not there any more.</summary>
    public bool GivenUp { get; init; }

    /// <summary>What went wrong last; null where nothing did.</summary>
    public string? Error { get; init; }

    /// <summary>Whether it is to be tried (again).</summary>
    [JsonIgnore]
    public bool IsPending => Delivered is null && !GivenUp;

    /// <summary>Whether it goes out on a channel.</summary>
    internal bool IsOn(AlertChannel channel) => string.Equals(Channel, channel.Name, StringComparison.OrdinalIgnoreCase);

    /// <summary>The channel and how far it is.</summary>
    public override string ToString() => Delivered is not null ? $"{Channel}: delivered" : GivenUp ? $"{Channel}: given up" : Error is null
        ? $"{Channel}: pending" : $"{Channel}: pending, {Error}";
}

/// <summary>What people are told of an alert at one time.</summary>
public sealed record AlertNotice
{
    /// <summary>The same in every attempt, so that a receiver can know a notice that it had already.</summary>
    public required string Id { get; init; }

    /// <summary>Why they are told.</summary>
    public required AlertNoticeKind Kind { get; init; }

    /// <summary>The step of the escalation, from 1; 0 where none has come.</summary>
    public required int Level { get; init; }

    /// <summary>Names of the contacts whom it concerns.</summary>
    public IReadOnlyList<string> Contacts { get; init; } = [];

    /// <summary>When it was decided on, in UTC.</summary>
    public required DateTimeOffset Created { get; init; }

    /// <summary>One for each channel that it goes out on.</summary>
    public IReadOnlyList<AlertDelivery> Deliveries { get; init; } = [];
}

/// <summary>Something that is wrong, from when that was seen until everybody was told that it is not any more.</summary>
public sealed record Alert
{
    /// <summary>When it was opened, and eight random digits; sorts by time.</summary>
    public required string Id { get; init; }

    /// <summary>Name of the cluster.</summary>
    public required string Cluster { get; init; }

    /// <summary>Id of the cluster.</summary>
    public required string ClusterId { get; init; }

    /// <summary>What is wrong where: while an alert is open there is no other with its key.</summary>
    public required string Key { get; init; }

    /// <summary>What is wrong, as one word, such as BackupTooOld.</summary>
    public required string Name { get; init; }

    /// <summary>How bad it is.</summary>
    public required AlertSeverity Severity { get; init; }

    /// <summary>What is wrong, in a sentence.</summary>
    public required string Message { get; init; }

    /// <summary>What to do; null where nobody said.</summary>
    public string? Action { get; init; }

    /// <summary>The part of the cluster that shows when it is over; null where only a person knows.</summary>
    public StatusPart? Part { get; init; }

    /// <summary>The backup that it is about; null where it is about none.</summary>
    public string? BackupId { get; init; }

    /// <summary>When it was opened, in UTC.</summary>
    public required DateTimeOffset Opened { get; init; }

    /// <summary>When it was over, in UTC; null while it is not.</summary>
    public DateTimeOffset? Resolved { get; init; }

    /// <summary>The step of the escalation that has come, from 1; 0 where none has.</summary>
    public int Level { get; init; }

    /// <summary>Names of the contacts of that step.</summary>
    public IReadOnlyList<string> Contacts { get; init; } = [];

    /// <summary>What people were told, or are to be told, in the order of time.</summary>
    public IReadOnlyList<AlertNotice> Notices { get; init; } = [];

    /// <summary>Whether it is still wrong.</summary>
    [JsonIgnore]
    public bool IsOpen => Resolved is null;

    /// <summary>What it is about; null where there is only one of that.</summary>
    [JsonIgnore]
    internal string? Subject => Key.Length > Name.Length && Key.StartsWith(Name + ":", StringComparison.Ordinal)
        ? Key[(Name.Length + 1)..] : null;

    /// <summary>"Open" or "Resolved".</summary>
    [JsonIgnore]
    public string State => IsOpen ? "Open" : "Resolved";

    /// <summary>How many deliveries are still to be made.</summary>
    [JsonIgnore]
    public int Pending => Notices.Sum(n => n.Deliveries.Count(d => d.IsPending));

    /// <summary>What and how bad.</summary>
    public override string ToString() => $"{Severity}: {Name}, {State}: {Message}";
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, UseStringEnumConverter = true, WriteIndented = true,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull, RespectNullableAnnotations = true)]
[JsonSerializable(typeof(Alert))]
internal sealed partial class AlertJson : JsonSerializerContext;
