using HsmBackup.Engine.Catalogue;
using HsmBackup.Engine.Stores;

namespace HsmBackup.Engine.Retention;

/// <summary>The document <c>&lt;backup-id&gt;.removal.json</c>: the copy beside it is to be removed, and that can still be undone.</summary>
public sealed record RemovalDocument
{
    /// <summary>Who set it.</summary>
    public required string By { get; init; }

    /// <summary>On which computer.</summary>
    public required string Host { get; init; }

    /// <summary>Whether the rules or a person want the copy removed.</summary>
    public required RemovalOrigin Origin { get; init; }

    /// <summary>When it was set, in UTC.</summary>
    public required DateTimeOffset Since { get; init; }

    /// <summary>When the copy may go, in UTC.</summary>
    public required DateTimeOffset Due { get; init; }

    /// <summary>Why.</summary>
    public required string Reason { get; init; }

    /// <summary>Reads one.</summary>
    /// <returns>Null where it is malformed; that counts as no mark.</returns>
    public static RemovalDocument? Parse(ReadOnlyMemory<byte> json) => StoreDocument.Parse(json, members => new RemovalDocument
    {
        By = StoreDocument.ReadText(members, "by"),
        Host = StoreDocument.ReadText(members, "host"),
        Origin = members.String("origin") switch
        {
            nameof(RemovalOrigin.Policy) => RemovalOrigin.Policy,
            nameof(RemovalOrigin.Request) => RemovalOrigin.Request,
            _ => throw new FormatException("there is no such origin"),
        },
        Since = StoreDocument.ReadTime(members, "since"),
        Due = StoreDocument.ReadTime(members, "due"),
        Reason = StoreDocument.ReadText(members, "reason"),
    });

    /// <summary>The document as it is stored.</summary>
    public byte[] ToJson() => StoreDocument.Write(json =>
    {
        json.WriteString("by", By);
        json.WriteString("host", Host);
        json.WriteString("origin", Origin.ToString());
        StoreDocument.WriteTime(json, "since", Since);
        StoreDocument.WriteTime(json, "due", Due);
        json.WriteString("reason", Reason);
    });

    internal RemovalMark Mark => new(Since, Due, Origin);

    internal static RemovalDocument Of(RemovalMark mark, string reason) => new()
    {
        By = Environment.UserName,
        Host = Environment.MachineName,
        Origin = mark.Origin,
        Since = mark.Since,
        Due = mark.Due,
        Reason = reason,
    };

    internal void WriteTo(IBackupStore store, string backupId, CancellationToken cancellationToken) =>
        store.Replace(StoreFile.OfRemoval(backupId), ToJson(), cancellationToken);
}
