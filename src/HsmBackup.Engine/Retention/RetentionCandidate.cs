using HsmBackup.Engine.Format;

namespace HsmBackup.Engine.Retention;

/// <summary>A backup while it is being judged.</summary>
internal sealed class RetentionCandidate
{
    /// <summary>Clocks of several machines never agree wholly; an hour is a wrong time zone's worth, too.</summary>
    private static readonly TimeSpan Tolerance = TimeSpan.FromHours(1);

    private readonly RetentionReason?[] _wanted = new RetentionReason?[2];
    private readonly IReadOnlyList<RetentionCopy> _copies;

    public RetentionCandidate(RetentionBackup backup, RetentionPolicy policy, DateTimeOffset now)
    {
        Backup = backup;
        _copies = backup.Copies;
        IsHeld = backup.Copies.Select(c => c.Hold).Append(backup.Hold).Any(h => h is not null && h.HoldsAt(now));
        IsProven = backup.Proven is not null && IsReadable;
        // How old a test of the far future is nobody knows: a wrong clock has dated it.
        IsProvenLately = IsProven && now - backup.Proven <= policy.MaximumVerificationAge && backup.Proven - now <= policy.MaximumVerificationAge;
        Doubt = backup.Created - now > Tolerance ? RetentionReason.FutureDated
            : backup.PreviousCreated is { } previous && previous - now <= Tolerance && previous - backup.Created > Tolerance ? RetentionReason.OutOfOrder
            : null;
    }

    public RetentionBackup Backup { get; }

    public bool IsHeld { get; }

    /// <summary>There is a copy to restore from.</summary>
    public bool IsReadable => _copies.Any(c => c.Health == CopyHealth.Readable);

    /// <summary>It passed a test once, and there is a copy to restore from.</summary>
    public bool IsProven { get; }

    /// <summary>It passed a test that still counts, and there is a copy to restore from.</summary>
    public bool IsProvenLately { get; }

    /// <summary>
    /// Why its date cannot be believed. It is kept, and it does not stand in the order of the others: a date in the future would make it
    /// the newest of all for years.
    /// </summary>
    public RetentionReason? Doubt { get; }

    /// <summary>It is the newest of those that are known to restore.</summary>
    public bool IsNewestProven { get; set; }

    /// <summary>No complete backup is known to restore, and it is the newest that may.</summary>
    public bool IsNewestUntested { get; set; }

    /// <summary>Why it is what everything else goes in favour of; null where it is not.</summary>
    public RetentionReason? LastResort => IsNewestProven ? RetentionReason.NewestProven : IsNewestUntested ? RetentionReason.NewestUntested : null;

    /// <summary>Why not even a person has it removed, apart from holds; null where nothing speaks against it.</summary>
    public RetentionReason? Needed => LastResort ?? (IsProven ? Doubt : null);

    /// <summary>Whether the rules of any class want it.</summary>
    public bool IsWanted => _wanted[0] is not null || _wanted[1] is not null;

    /// <summary>The rule of a class that wants it.</summary>
    public RetentionReason? WantedBy(RetentionClass retentionClass) => _wanted[(int)retentionClass];

    /// <summary>Notes the rule of a class that wants it; the first one stays.</summary>
    public void Want(RetentionClass retentionClass, RetentionReason? rule) => _wanted[(int)retentionClass] ??= rule;

    /// <summary>Whether the rules of a class count it.</summary>
    public bool CountsFor(RetentionClass retentionClass) => _copies.Any(c => c.Class == retentionClass && Counts(c));

    /// <summary>
    /// Whether a copy takes a place: one that cannot be read, or that somebody wants removed, does not. A hold goes before such a wish.
    /// </summary>
    public bool Counts(RetentionCopy copy) => copy.Health == CopyHealth.Readable && (IsHeld || copy.Mark?.Origin != RemovalOrigin.Request);
}
