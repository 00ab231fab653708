using HsmBackup.Engine.Format;
using HsmBackup.Engine.Stores;

namespace HsmBackup.Engine.Catalogue;

/// <summary>What is known of a copy from its header, and from the tests that are remembered.</summary>
public enum CopyState
{
    /// <summary>Its header is that of the backup.</summary>
    Present,

    /// <summary>It was damaged when it was last tested, and has not been replaced since.</summary>
    Damaged,

    /// <summary>Its header or its length is another than that of the backup that was tested, or of the other copies: one of them is forged.</summary>
    Different,

    /// <summary>Its header cannot be read.</summary>
    Unreadable,
}

/// <summary>A copy of a backup in a store.</summary>
public sealed record BackupCopy
{
    /// <summary>Name of the store.</summary>
    public required string Store { get; init; }

    /// <summary>What the store is.</summary>
    public required StoreKind Kind { get; init; }

    /// <summary>The rule of retention that the copy falls under: that of its store.</summary>
    public required RetentionClass RetentionClass { get; init; }

    /// <summary>Name of its file in the store.</summary>
    public required string FileName { get; init; }

    /// <summary>The full path of its file, or its address.</summary>
    public required string Location { get; init; }

    /// <summary>Whether <see cref="Location"/> is a path of this machine.</summary>
    public required bool IsLocal { get; init; }

    /// <summary>Its length in bytes.</summary>
    public required long Length { get; init; }

    /// <summary>When it was written, by the store's clock, in UTC.</summary>
    public required DateTimeOffset Modified { get; init; }

    /// <summary>What is known of it.</summary>
    public required CopyState State { get; init; }

    /// <summary>Whether a document beside it holds the backup.</summary>
    public bool Held { get; init; }

    /// <summary>Whether a document beside it says that it is to be removed.</summary>
    public bool Pending { get; init; }

    /// <summary>The store, and what is special about the copy.</summary>
    public override string ToString()
    {
        List<string> notes = [];
        if (State != CopyState.Present)
        {
            notes.Add(State.ToString());
        }
        if (Held)
        {
            notes.Add("held");
        }
        if (Pending)
        {
            notes.Add("removal pending");
        }
        return notes.Count == 0 ? Store : $"{Store} ({string.Join(", ", notes)})";
    }
}
