using HsmBackup.Engine.Format;

namespace HsmBackup.Engine.Retention;

/// <summary>What a plan is made of: the backups of one cluster, in all stores that could be read.</summary>
public sealed partial record RetentionInput
{
    /// <summary>The backups, each id once, in any order.</summary>
    public required IReadOnlyList<RetentionBackup> Backups { get; init; }

    /// <summary>Whether a store is away that should always be there: the hold of any backup may be in it.</summary>
    public bool IsStoreMissing { get; init; }

    /// <summary>Files that have the name of a backup and could not be read.</summary>
    public IReadOnlyList<UnreadableFile> Unreadable { get; init; } = [];
}

/// <summary>A file that has the name of a backup and could not be read: nobody knows whose it is.</summary>
/// <param name="Store">The name of its store.</param>
/// <param name="Name">Its own name.</param>
public sealed record UnreadableFile(string Store, string Name);

/// <summary>A backup, by what its header claims and what is known of it here.</summary>
public sealed record RetentionBackup
{
    /// <summary>Its id.</summary>
    public required string BackupId { get; init; }

    /// <summary>When it was made, as it says itself.</summary>
    public required DateTimeOffset Created { get; init; }

    /// <summary>When the backup was made that it names as the one before it; null where it names none.</summary>
    public DateTimeOffset? PreviousCreated { get; init; }

    /// <summary>Whether every object of the token is in it whole.</summary>
    public required bool Complete { get; init; }

    /// <summary>When it last passed a test at level Content or better; null for a backup that never did.</summary>
    public DateTimeOffset? Proven { get; init; }

    /// <summary>A hold on it that this machine remembers; null where there is none.</summary>
    public RetentionHold? Hold { get; init; }

    /// <summary>Its copies, one a store, in any order.</summary>
    public required IReadOnlyList<RetentionCopy> Copies { get; init; }
}

/// <summary>What a look at a copy showed.</summary>
public enum CopyHealth
{
    /// <summary>It is there, and nothing speaks against it.</summary>
    Readable,

    /// <summary>It is there and cannot be read.</summary>
    Unreadable,

    /// <summary>It is damaged, or not the file that was tested, or not the one that other stores have under the same id.</summary>
    Different,
}

/// <summary>A copy of a backup in a store.</summary>
/// <param name="Store">The name of the store.</param>
/// <param name="Class">Whose rules it falls under.</param>
public sealed record RetentionCopy(string Store, RetentionClass Class)
{
    /// <summary>What a look at it showed.</summary>
    public CopyHealth Health { get; init; }

    /// <summary>A hold beside it; null where there is none. It holds all copies.</summary>
    public RetentionHold? Hold { get; init; }

    /// <summary>Its pending removal; null where none is pending.</summary>
    public RemovalMark? Mark { get; init; }
}

/// <summary>A hold on a backup.</summary>
/// <param name="Until">When it ends by itself; null for never.</param>
public sealed record RetentionHold(DateTimeOffset? Until)
{
    /// <summary>Whether it holds at a time.</summary>
    internal bool HoldsAt(DateTimeOffset now) => Until is null || Until > now;
}

/// <summary>Who wants a copy removed.</summary>
public enum RemovalOrigin
{
    /// <summary>The rules did not want it. The mark is taken away when they want it again.</summary>
    Policy,

    /// <summary>A person named it. What the rules want does not matter then, apart from the protections.</summary>
    Request,
}

/// <summary>The mark of a pending removal. It is a claim of whoever can write to the store.</summary>
/// <param name="Since">When it was set.</param>
/// <param name="Due">When it said that the copy could go; a policy with a longer delay goes before it, one with a shorter delay does not.</param>
/// <param name="Origin">Who wants it.</param>
public sealed record RemovalMark(DateTimeOffset Since, DateTimeOffset Due, RemovalOrigin Origin)
{
    /// <summary>A mark that is set now.</summary>
    internal static RemovalMark At(DateTimeOffset now, TimeSpan delay, RemovalOrigin origin) => new(now, Later(now, delay), origin);

    /// <summary>Whether the copy has waited long enough: by differences, because sums of such claims may overflow.</summary>
    internal bool IsDue(TimeSpan delay, DateTimeOffset now, DateTimeOffset? unsureSince) => now - Waits(unsureSince) >= delay && now >= Due;

    /// <summary>When the copy may go under a policy.</summary>
    internal DateTimeOffset DueUnder(TimeSpan delay, DateTimeOffset? unsureSince) =>
        Later(Waits(unsureSince), delay) is var earliest && Due > earliest ? Due : earliest;

    // How long before a jump of the clock the mark was set nobody knows: no time that it has waited counts but that since the jump.
    private DateTimeOffset Waits(DateTimeOffset? unsureSince) => unsureSince > Since ? unsureSince.Value : Since;

    private static DateTimeOffset Later(DateTimeOffset time, TimeSpan delay) =>
        DateTimeOffset.MaxValue - time > delay ? time + delay : DateTimeOffset.MaxValue;
}
