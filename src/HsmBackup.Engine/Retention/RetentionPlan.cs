namespace HsmBackup.Engine.Retention;

/// <summary>What is to become of every copy of every backup.</summary>
/// <param name="Items">One for each copy and each file that could not be read, by backup id and then by store.</param>
/// <param name="Clock">How far the clock could be relied on.</param>
/// <param name="NewestProven">The newest backup by a test that still counts; null where there is none, and then nothing goes.</param>
public sealed record RetentionPlan(IReadOnlyList<RetentionItem> Items, ClockTrust Clock, string? NewestProven);
