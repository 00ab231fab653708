namespace HsmBackup.Engine.Retention;

/// <summary>
/// Which copies of one class of stores are kept. A copy is kept for as long as any keep rule wants it, and all are where there is no keep
/// rule; but what is older than the maximum age is wanted by none. All periods are in UTC.
/// </summary>
public sealed record RetentionRules
{
    /// <summary>The newest so many.</summary>
    public int? KeepLast { get; init; }

    /// <summary>The newest of each of so many days that have a backup.</summary>
    public int? KeepDaily { get; init; }

    /// <summary>The newest of each of so many weeks, from Monday to Sunday (ISO 8601).</summary>
    public int? KeepWeekly { get; init; }

    /// <summary>The newest of each of so many months.</summary>
    public int? KeepMonthly { get; init; }

    /// <summary>The newest of each of so many years.</summary>
    public int? KeepYearly { get; init; }

    /// <summary>Everything that is younger.</summary>
    public TimeSpan? KeepWithin { get; init; }

    /// <summary>What is older goes, whatever the keep rules want.</summary>
    public TimeSpan? MaximumAge { get; init; }

    /// <summary>Whether any rule says what is kept.</summary>
    internal bool HasKeepRule => (KeepLast ?? KeepDaily ?? KeepWeekly ?? KeepMonthly ?? KeepYearly) is not null || KeepWithin is not null;
}
