namespace HsmBackup.Engine.Retention;

/// <summary>What is remembered of the clock.</summary>
/// <param name="HighWater">The latest time that it has ever shown; null where that is not known.</param>
/// <param name="UnsureSince">
/// What it showed when it may have jumped, or was seen for the first time; null where it never did. What was marked before that may have
/// waited for no longer than since then.
/// </param>
public sealed record ClockMemory(DateTimeOffset? HighWater, DateTimeOffset? UnsureSince)
{
    /// <summary>A clock that nobody has looked at.</summary>
    public static ClockMemory Nothing { get; } = new(null, null);

    /// <summary>What is to be remembered after a look at the clock.</summary>
    /// <param name="now">What it shows.</param>
    public ClockMemory After(DateTimeOffset now) => RetentionClock.Judge(now, HighWater) switch
    {
        ClockTrust.Backwards => this,
        ClockTrust.Unsure => new ClockMemory(now, now),
        _ => this with { HighWater = now },
    };
}
