namespace HsmBackup.Engine.Retention;

/// <summary>What a plan says to a person's wish to have a backup removed.</summary>
internal static class WishedRemoval
{
    /// <summary>The input as it would be with the wish beside every copy.</summary>
    /// <exception cref="HsmBackupException">BackupNotFound; InvalidArgument: the reason is no plain text.</exception>
    public static RetentionInput Apply(RetentionInput input, RemovalWish wish, RetentionRequest request, DateTimeOffset now)
    {
        if (!input.Backups.Any(b => b.BackupId == wish.BackupId && b.Copies.Any(c => Concerns(c.Store, request.OnlyStores))))
        {
            throw new HsmBackupException(ErrorCode.BackupNotFound,
                $"There is no backup {wish.BackupId} that could be read in {string.Join(", ", request.Stores.Where(s => Concerns(s.Name, request.OnlyStores)).Select(s => $"'{s.Name}'"))}.",
                "Get-HsmBackup lists the backups of the stores. A file that cannot be read is not removed: look at it, and delete it by hand.")
            { Target = wish.BackupId };
        }
        _ = StoreDocument.CheckText(wish.Reason);
        var mark = RemovalMark.At(now, request.Policy.RemovalDelay, RemovalOrigin.Request);
        return input with
        {
            Backups = [.. input.Backups.Select(b => b.BackupId != wish.BackupId ? b : b with
            {
                // The time that the copy has been marked by the rules counts for the wish as well.
                Copies = [.. b.Copies.Select(c => Concerns(c.Store, request.OnlyStores) ? c with { Mark = c.Mark is null ? mark : c.Mark with { Origin = RemovalOrigin.Request } } : c)],
            })],
        };
    }

    /// <summary>The items that the wish is about: what is not marked yet is to be.</summary>
    /// <exception cref="HsmBackupException">BackupHeld, BackupNeeded, ClockUntrusted.</exception>
    public static IReadOnlyList<RetentionItem> Restrict(
        RetentionPlan plan, RetentionInput before, RetentionInput wished, RemovalWish wish, IReadOnlyCollection<string>? onlyStores)
    {
        List<RetentionItem> items = [.. plan.Items.Where(i => i.BackupId == wish.BackupId && i.Class is not null && Concerns(i.Store, onlyStores))];
        if (items.TrueForAll(i => Refusal(i) is not null))
        {
            throw Refusal(items[0])!;
        }
        RetentionBackup old = before.Backups.Single(b => b.BackupId == wish.BackupId), now = wished.Backups.Single(b => b.BackupId == wish.BackupId);
        HashSet<string> marked = [.. now.Copies.Where(c => !old.Copies.Contains(c)).Select(c => c.Store)];
        return [.. items.Select(i => i.Reason == RetentionReason.RemovalPending && marked.Contains(i.Store)
            ? i with { Decision = RetentionDecision.MarkForRemoval, Reason = RetentionReason.Requested }
            : i)];
    }

    /// <summary>Why a copy stays although somebody wants it removed; null where it does not.</summary>
    public static HsmBackupException? Refusal(RetentionItem item) => item.Reason switch
    {
        RetentionReason.Held => Refused(ErrorCode.BackupHeld, item, "Find out why it is held (Get-HsmBackup shows the copies), then unlock it: Unlock-HsmBackup."),
        RetentionReason.NewestProven => Refused(ErrorCode.BackupNeeded, item, "Make a new backup, test it at level Content, and remove this one then."),
        RetentionReason.NewestUntested => Refused(ErrorCode.BackupNeeded, item,
            "Test it with Test-HsmBackup at level Content, or run the command under the account and on the computer where its tests are known."),
        RetentionReason.MinimumCopies => Refused(ErrorCode.BackupNeeded, item, "Make another copy with Copy-HsmBackup first, or remove the backup from all its stores."),
        RetentionReason.FutureDated or RetentionReason.OutOfOrder => Refused(ErrorCode.BackupNeeded, item, "Look at it; delete the file by hand if it is not needed."),
        RetentionReason.Unreadable or RetentionReason.Different => Refused(ErrorCode.BackupNeeded, item,
            "Find out what the file is; delete it by hand if it is not needed."),
        RetentionReason.ClockBackwards => Refused(ErrorCode.ClockUntrusted, item, "Set the clock right; docs/retention.md says what to do where it is right now."),
        _ => null,
    };

    private static HsmBackupException Refused(ErrorCode code, RetentionItem item, string action) =>
        new(code, $"Backup {item.BackupId} is not removed from store '{item.Store}'. {item.Explanation}", action) { Target = item.BackupId };

    private static bool Concerns(string store, IReadOnlyCollection<string>? onlyStores) => onlyStores is null || onlyStores.Contains(store);
}
