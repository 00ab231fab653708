namespace HsmBackup.Engine.Catalogue;

/// <summary>A test that was made of a backup, as it is remembered on this machine.</summary>
public sealed record TestRecord
{
    /// <summary>The backup's id.</summary>
    public required string BackupId { get; init; }

    /// <summary>Its cluster.</summary>
    public required string ClusterId { get; init; }

    /// <summary>The file that was tested: its path or address.</summary>
    public required string Location { get; init; }

    /// <summary>How deep the test went.</summary>
    public required TestLevel Level { get; init; }

    /// <summary>Whether it passed.</summary>
    public required bool Passed { get; init; }

    /// <summary>When, in UTC.</summary>
    public required DateTimeOffset Tested { get; init; }

    /// <summary>Who: user and computer.</summary>
    public required string By { get; init; }

    /// <summary>The digest that the file ends with, lower-case hex; null where the file was not whole.</summary>
    public string? Digest { get; init; }

    /// <summary>SHA-256 of magic line and header, lower-case hex; null where they could not be read.</summary>
    public string? Binding { get; init; }

    /// <summary>Length of the file in bytes; 0 where it could not be read.</summary>
    public long Length { get; init; }

    /// <summary>What went wrong; null where nothing did.</summary>
    public string? Error { get; init; }

    /// <summary>Whether it shows that the backup can be restored, as far as that shows without a token: all of it was authenticated and opened.</summary>
    public bool Proves => Passed && Level >= TestLevel.Content;

    /// <summary>Who is testing.</summary>
    internal static string Tester => $"{Environment.UserName}@{Environment.MachineName}";

    /// <summary>The outcome in a few words.</summary>
    public override string ToString() => $"{(Passed ? "Passed" : "Failed")} {Level}";
}
