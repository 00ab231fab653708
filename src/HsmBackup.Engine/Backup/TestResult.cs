using HsmBackup.Engine.Catalogue;

namespace HsmBackup.Engine.Backup;

/// <summary>How a check ended. Only Passed is passed.</summary>
public enum CheckOutcome
{
    /// <summary>What was expected was seen.</summary>
    Passed,

    /// <summary>Something else was seen.</summary>
    Failed,

    /// <summary>It does not apply, for the reason given.</summary>
    Skipped,

    /// <summary>It could not be tried, because something before it failed.</summary>
    NotRun,
}

/// <summary>One check of a test.</summary>
/// <param name="Name">What was checked.</param>
/// <param name="Outcome">How it ended.</param>
/// <param name="Expected">What was expected.</param>
/// <param name="Actual">What was seen.</param>
/// <param name="Detail">More.</param>
public sealed record BackupCheck(string Name, CheckOutcome Outcome, string? Expected, string? Actual, string? Detail)
{
    /// <inheritdoc/>
    public override string ToString() => $"{Outcome,-7} {Name}" + (Detail is null ? "" : $": {Detail}");
}

/// <summary>The outcome of a test.</summary>
public sealed class TestResult
{
    /// <summary>The backup's id; null where not even the header could be read.</summary>
    public string? BackupId { get; init; }

    /// <summary>The file.</summary>
    public required string Path { get; init; }

    /// <summary>Its cluster; null where not even the header could be read.</summary>
    public string? ClusterId { get; init; }

    /// <summary>The digest that the file ends with; null where the file is not whole, or that was not looked at.</summary>
    public string? Digest { get; init; }

    /// <summary>SHA-256 of magic line and header; null where they could not be read.</summary>
    public string? Binding { get; init; }

    /// <summary>Length of the file in bytes; 0 where it could not be read.</summary>
    public long Length { get; init; }

    /// <summary>The level that was asked for.</summary>
    public required TestLevel Level { get; init; }

    /// <summary>True where there was at least one check and every one that applies passed. Live and Restore also need an object that was proven.</summary>
    public bool Passed => Checks.Any(c => c.Outcome == CheckOutcome.Passed)
        && Checks.All(c => c.Outcome is CheckOutcome.Passed or CheckOutcome.Skipped);

    /// <summary>False for a Partial backup: it passes or fails for what it holds, and still misses objects. Null where unknown.</summary>
    public bool? Complete { get; init; }

    /// <summary>All checks.</summary>
    public required IReadOnlyList<BackupCheck> Checks { get; init; }

    /// <summary>When, in UTC.</summary>
    public required DateTimeOffset Tested { get; init; }

    /// <summary>How long it took.</summary>
    public required TimeSpan Elapsed { get; init; }

    /// <summary>The error behind a failed test, where there is one in particular.</summary>
    public ErrorCode? Error { get; init; }

    /// <summary>The result in one line.</summary>
    public string Summary
    {
        get
        {
            int skipped = Checks.Count(c => c.Outcome == CheckOutcome.Skipped);
            string partial = (skipped > 0 ? $" {skipped} skipped." : "") + (Complete == false ? " Partial backup." : "");
            if (Passed)
            {
                return $"Passed at level {Level}: {Checks.Count(c => c.Outcome == CheckOutcome.Passed)} checks.{partial}";
            }
            BackupCheck? first = Checks.FirstOrDefault(c => c.Outcome == CheckOutcome.Failed);
            return $"Failed at level {Level}: {first?.Name ?? "nothing was checked"}{(first?.Detail is null ? "" : ": " + first.Detail)}{partial}";
        }
    }

    /// <summary>
    /// What is to be remembered of the test; null where it says nothing of the backup: its header could not be read, or the key was
    /// another one.
    /// </summary>
    /// <param name="location">The file that was tested, if it is a copy from elsewhere that lay in <see cref="Path"/>.</param>
    public TestRecord? ToTestRecord(string? location = null) => BackupId is null || ClusterId is null || Error is ErrorCode.KeyMismatch ? null : new TestRecord
    {
        BackupId = BackupId,
        ClusterId = ClusterId,
        Location = location ?? System.IO.Path.GetFullPath(Path),
        Level = Level,
        Passed = Passed,
        Tested = Tested,
        By = TestRecord.Tester,
        Digest = Digest,
        Binding = Binding,
        Length = Length,
        Error = Passed ? null : Summary,
    };
}
