namespace HsmBackup.Engine.Retention;

/// <summary>How far a clock can be relied on.</summary>
public enum ClockTrust
{
    /// <summary>It goes on where it was seen last.</summary>
    Good,

    /// <summary>It was never seen before, or so long ago that it may have jumped: marks are set, and every delay is counted anew.</summary>
    Unsure,

    /// <summary>It shows a time before one that it has shown: nothing is touched.</summary>
    Backwards,
}

/// <summary>Judges a clock by the latest time that it was ever seen to show.</summary>
internal static class RetentionClock
{
    /// <summary>
    /// Who runs retention once a month must not be told each time that the clock may have jumped; a step by years must not end the time in
    /// which a removal can be undone.
    /// </summary>
    private static readonly TimeSpan LongestGap = TimeSpan.FromDays(35);

    /// <summary>Judges it.</summary>
    /// <param name="now">What it shows.</param>
    /// <param name="highWater">The latest time that it has shown; null where that is not known.</param>
    public static ClockTrust Judge(DateTimeOffset now, DateTimeOffset? highWater) => highWater switch
    {
        null => ClockTrust.Unsure,
        { } seen when now < seen => ClockTrust.Backwards,
        { } seen when now - seen > LongestGap => ClockTrust.Unsure,
        _ => ClockTrust.Good,
    };
}
