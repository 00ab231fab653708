namespace HsmBackup.Engine.Retention;

/// <summary>What is to become of every copy of every backup.</summary>
/// <param name="Items">One for each copy and each file that could not be read, by backup id and then by store.</param>
/// <param name="Clock">How far the clock could be relied on.</param>
/// <param name="NewestProven">The newest backup by a test that still counts; null where there is none, and then the rules give nothing up.</param>
/// <param name="LastResorts">
/// The backups that everything else goes in favour of, newest first: of each sort the newest that is known to restore. One of them may turn
/// out to be damaged, and what goes may be all that is left then: each is read before anything goes for good.
/// </param>
public sealed record RetentionPlan(IReadOnlyList<RetentionItem> Items, ClockTrust Clock, string? NewestProven, IReadOnlyList<string> LastResorts);
