using System.Globalization;
using HsmBackup.Engine.Format;

namespace HsmBackup.Engine.Retention;

/// <summary>What is to become of a copy.</summary>
public enum RetentionDecision
{
    /// <summary>It stays as it is.</summary>
    Keep,

    /// <summary>It is marked: its removal is pending from now on, and can be undone.</summary>
    MarkForRemoval,

    /// <summary>It was marked long enough ago and goes.</summary>
    Remove,

    /// <summary>It was marked and is wanted again: the mark goes.</summary>
    Unmark,
}

/// <summary>Why.</summary>
public enum RetentionReason
{
    /// <summary>It is one of the newest.</summary>
    KeepLast,
    /// <summary>It is the newest of its day.</summary>
    KeepDaily,
    /// <summary>It is the newest of its week.</summary>
    KeepWeekly,
    /// <summary>It is the newest of its month.</summary>
    KeepMonthly,
    /// <summary>It is the newest of its year.</summary>
    KeepYearly,
    /// <summary>It is young enough.</summary>
    KeepWithin,
    /// <summary>No rule says which copies of its class are kept, so all are.</summary>
    NoKeepRule,
    /// <summary>Somebody holds the backup.</summary>
    Held,
    /// <summary>The backup is the newest that is known to restore.</summary>
    NewestProven,
    /// <summary>The copy is the newest of its store that is known to restore.</summary>
    NewestProvenOfStore,
    /// <summary>No complete backup is known to restore here, and the backup is the newest that may.</summary>
    NewestUntested,
    /// <summary>The rules want the backup, and it would have too few copies.</summary>
    MinimumCopies,
    /// <summary>It says that it was made in the future.</summary>
    FutureDated,
    /// <summary>It says that it was made before the backup that it follows.</summary>
    OutOfOrder,
    /// <summary>It cannot be read, so nobody knows what it is.</summary>
    Unreadable,
    /// <summary>It is damaged, or not the file that was tested, or not the one that other stores have.</summary>
    Different,
    /// <summary>No backup is known to restore, so none is given up.</summary>
    NothingProven,
    /// <summary>The clock shows a time before one that it has shown.</summary>
    ClockBackwards,
    /// <summary>The clock was not looked at for long or never; its removal waits for the whole delay again.</summary>
    ClockUnsure,
    /// <summary>Its removal is pending and not due yet.</summary>
    RemovalPending,
    /// <summary>Its removal is due, and a store is away that may have a hold of it.</summary>
    StoreMissing,
    /// <summary>No rule wants it any more.</summary>
    Expired,
    /// <summary>It is older than anything may be.</summary>
    TooOld,
    /// <summary>A person asked for its removal.</summary>
    Requested,
}

/// <summary>What is to become of one copy of a backup, or of a file that could not be read, and why.</summary>
public sealed record RetentionItem
{
    /// <summary>The backup's id; of a file that could not be read, its name without the extension.</summary>
    public required string BackupId { get; init; }

    /// <summary>The name of the store.</summary>
    public required string Store { get; init; }

    /// <summary>Whose rules the copy falls under; null for a file that could not be read.</summary>
    public RetentionClass? Class { get; init; }

    /// <summary>When the backup was made, as it says itself; null for a file that could not be read.</summary>
    public DateTimeOffset? Created { get; init; }

    /// <summary>What is to become of it.</summary>
    public required RetentionDecision Decision { get; init; }

    /// <summary>Why.</summary>
    public required RetentionReason Reason { get; init; }

    /// <summary>When its removal is due; null where none is pending after this plan.</summary>
    public DateTimeOffset? Due { get; init; }

    /// <summary>Whether the rules of any class want the backup, and thus some of its copies.</summary>
    internal bool IsBackupWanted { get; init; }

    /// <summary>The mark that the copy had; null where it had none.</summary>
    internal RemovalMark? Mark { get; init; }

    /// <summary>Whether the copy stays for longer than until its removal is due.</summary>
    internal bool Stays => Decision is RetentionDecision.Keep or RetentionDecision.Unmark
        && Reason is not (RetentionReason.RemovalPending or RetentionReason.ClockUnsure or RetentionReason.StoreMissing);

    /// <summary>The reason as a sentence.</summary>
    public string Explanation => Reason switch
    {
        RetentionReason.KeepLast or RetentionReason.KeepDaily or RetentionReason.KeepWeekly or RetentionReason.KeepMonthly
            or RetentionReason.KeepYearly or RetentionReason.KeepWithin => $"The rule {Rule} of {Stores} wants it.",
        RetentionReason.NoKeepRule => $"No rule says which backups {Stores} keep, so they keep all.",
        RetentionReason.Held => "The backup is held; Unlock-HsmBackup ends that.",
        RetentionReason.NewestProven => "The backup is the newest that is known to restore, or the newest complete one, or the newest by a test that still counts.",
        RetentionReason.NewestProvenOfStore => "No newer copy in this store is known to restore.",
        RetentionReason.NewestUntested => "Nothing here knows of a test that a complete backup has passed, and this is the newest that may restore.",
        RetentionReason.MinimumCopies => "The rules want the backup, and it would have too few copies without this one.",
        RetentionReason.FutureDated => "It says that it was made in the future. A clock was or is wrong, or somebody made the file up.",
        RetentionReason.OutOfOrder => "It says that it was made before the backup that it follows: the clock was wrong then, and its age is not known.",
        RetentionReason.Unreadable => "It cannot be read, so nobody knows what would be lost.",
        RetentionReason.Different => "It is damaged, or not the file that was tested, or not the one that other stores have under this id.",
        RetentionReason.NothingProven => "No backup has passed a test at level Content or better that still counts, so none is given up.",
        RetentionReason.ClockBackwards => "The clock shows a time before one that it has shown; nothing is removed on its word.",
        RetentionReason.ClockUnsure => "This is the first look at the clock for long, so nobody knows how long its removal has been pending; the delay begins again.",
        RetentionReason.RemovalPending => $"Its removal is pending, and due at {Due?.UtcDateTime.ToString("yyyy-MM-dd HH:mm:ss'Z'", CultureInfo.InvariantCulture)}.",
        RetentionReason.StoreMissing => "Its removal is due, and a store is away that may have a hold of it; it goes when all stores but offline media are there.",
        RetentionReason.Expired => $"No rule of {Stores} wants it any more.",
        RetentionReason.TooOld => $"It is older than {Stores} keep anything.",
        RetentionReason.Requested => "Its removal was asked for.",
        _ => Reason.ToString(),
    };

    private string Rule => Reason.ToString() is var name ? char.ToLowerInvariant(name[0]) + name[1..] : "";

    private string Stores => Class == RetentionClass.Offline ? "offline stores" : "online stores";
}
