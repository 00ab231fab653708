using HsmBackup.Engine.Backup;

namespace HsmBackup.Engine.Drills;

/// <summary>One step of a drill, with its time.</summary>
public sealed record DrillStep
{
    /// <summary>The target or backup was chosen: the backup is looked for in the stores.</summary>
    public const string Find = "Find";

    /// <summary>The file is brought here from its store.</summary>
    public const string Fetch = "Fetch";

    /// <summary>One-time key and custodians' shares are collected from people or files.</summary>
    public const string Secrets = "Secrets";

    /// <summary>The whole file is authenticated.</summary>
    public const string Authenticate = "Authenticate";

    /// <summary>
    /// What the scenario needs before its loss is set up: a peer, or a node with all keys. It is no part of the recovery.
    /// </summary>
    public const string Prepare = "Prepare";

    /// <summary>Tokens are initialised.</summary>
    public const string Initialize = "Initialize";

    /// <summary>The cluster key is brought in from custodians' shares.</summary>
    public const string Join = "Join";

    /// <summary>
    /// The loss that the scenario is about is brought about on the target: keys are deleted. It is no part of the recovery.
    /// </summary>
    public const string Lose = "Lose";

    /// <summary>Objects are brought back.</summary>
    public const string Restore = "Restore";

    /// <summary>Each object is compared with the backup, each key by wrapping it again.</summary>
    public const string Prove = "Prove";

    /// <summary>Each key is used.</summary>
    public const string Use = "Use";

    /// <summary>What was made for the drill is removed. It is no part of the recovery.</summary>
    public const string CleanUp = "CleanUp";

    /// <summary>The name: one of the constants here.</summary>
    public required string Name { get; init; }

    /// <summary>What it was done to, where a scenario has several of a kind: a node or a backup id; null where there is one only.</summary>
    public string? Subject { get; init; }

    /// <summary>How it ended. A step after one that failed is NotRun.</summary>
    public required CheckOutcome Outcome { get; init; }

    /// <summary>When it began, in UTC; null where it was not run.</summary>
    public DateTimeOffset? Started { get; init; }

    /// <summary>How long it took.</summary>
    public TimeSpan Elapsed { get; init; }

    /// <summary>Whether its time is a part of the recovery time.</summary>
    public required bool IsRecovery { get; init; }

    /// <summary>What was done, or what went wrong; never a secret.</summary>
    public string? Detail { get; init; }

    /// <summary>The stable id of the error; null where there was none.</summary>
    public ErrorCode? Error { get; init; }

    /// <summary>The step and its outcome.</summary>
    public override string ToString() => $"{Name}{(Subject is null ? "" : $" ({Subject})")}: {Outcome}";
}
