using HsmBackup.Engine.Catalogue;
using HsmBackup.Engine.Stores;

namespace HsmBackup.Engine.Retention;

/// <summary>The document <c>&lt;backup-id&gt;.hold.json</c>: while it is in any of the stores, no copy of the backup is removed.</summary>
public sealed record HoldDocument
{
    /// <summary>Who set it.</summary>
    public required string By { get; init; }

    /// <summary>On which computer.</summary>
    public required string Host { get; init; }

    /// <summary>When, in UTC.</summary>
    public required DateTimeOffset Since { get; init; }

    /// <summary>Why.</summary>
    public required string Reason { get; init; }

    /// <summary>When it ends by itself; null for never.</summary>
    public DateTimeOffset? Until { get; init; }

    /// <summary>Reads one.</summary>
    /// <returns>Null where it is malformed; that counts as a hold without end.</returns>
    public static HoldDocument? Parse(ReadOnlyMemory<byte> json) => StoreDocument.Parse(json, members => new HoldDocument
    {
        By = StoreDocument.ReadText(members, "by"),
        Host = StoreDocument.ReadText(members, "host"),
        Since = StoreDocument.ReadTime(members, "since"),
        Reason = StoreDocument.ReadText(members, "reason"),
        Until = StoreDocument.ReadOptionalTime(members, "until"),
    });

    /// <summary>The document as it is stored.</summary>
    public byte[] ToJson() => StoreDocument.Write(json =>
    {
        json.WriteString("by", By);
        json.WriteString("host", Host);
        StoreDocument.WriteTime(json, "since", Since);
        json.WriteString("reason", Reason);
        StoreDocument.WriteTime(json, "until", Until);
    });

    /// <summary>Whether it holds at a time.</summary>
    public bool HoldsAt(DateTimeOffset now) => Until is null || Until > now;

    internal void WriteTo(IBackupStore store, string backupId, CancellationToken cancellationToken) =>
        store.Replace(StoreFile.OfHold(backupId), ToJson(), cancellationToken);
}
