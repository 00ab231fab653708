using HsmBackup.Engine.Format;

namespace HsmBackup.Engine.Retention;

/// <summary>Which backups of a cluster are kept, and how they are removed.</summary>
public sealed record RetentionPolicy
{
    /// <summary>What holds where nobody has decided otherwise: 10 days online, 180 days offline, one copy, 7 days to undo a removal.</summary>
    public static RetentionPolicy Default { get; } = new();

    /// <summary>Rules for copies in stores that are always there.</summary>
    public RetentionRules Online { get; init; } = new() { KeepWithin = TimeSpan.FromDays(10) };

    /// <summary>Rules for copies on media that are put away.</summary>
    public RetentionRules Offline { get; init; } = new() { KeepWithin = TimeSpan.FromDays(180) };

    /// <summary>How many copies a backup has at least, for as long as the rules of any class want it.</summary>
    public int MinimumCopies { get; init; } = 1;

    /// <summary>The time between the marking of a copy and its removal.</summary>
    public TimeSpan RemovalDelay { get; init; } = TimeSpan.FromDays(7);

    /// <summary>How long a passed test speaks for a backup.</summary>
    public TimeSpan MaximumVerificationAge { get; init; } = TimeSpan.FromDays(90);

    /// <summary>The rules of a class.</summary>
    public RetentionRules Of(RetentionClass retentionClass) => retentionClass == RetentionClass.Offline ? Offline : Online;
}
