using System.Text;
using HsmBackup.Engine.Clusters;
using HsmBackup.Engine.Clusters.Definitions;
using HsmBackup.Engine.Protection;

namespace HsmBackup.Engine.Scheduling;

/// <summary>What a scheduler runs, and as whom.</summary>
public sealed record ScheduledCommand
{
    /// <summary>The cluster, read from its file, with its schedule.</summary>
    public required ClusterDefinition Cluster { get; init; }

    /// <summary>Full path of pwsh.</summary>
    public required string PowerShell { get; init; }

    /// <summary>Full path of the module's manifest.</summary>
    public required string Module { get; init; }

    /// <summary>The state folder of the runs.</summary>
    public required string StateFolder { get; init; }

    /// <summary>Whose schedule it is.</summary>
    public ScheduleScope Scope { get; init; } = ScheduleScope.System;

    /// <summary>The account that it runs as; null for one's own.</summary>
    public string? User { get; init; }

    /// <summary>Folders that a run must be able to write to beside those that are known from the definition.</summary>
    public IReadOnlyList<string> WritablePaths { get; init; } = [];

    // What systemd gives every run of a system's service anew.
    private static readonly string[] PrivateFolders = ["/tmp", "/var/tmp"];

    /// <summary>What the scheduler calls it.</summary>
    public string Name => NameOf(Cluster);

    /// <summary>The schedule.</summary>
    internal ClusterSchedule Schedule => Cluster.Schedule!;

    /// <summary>The state folder of runs where none is named: the machine's for those of the machine, else one's own.</summary>
    public static string UsualState(ScheduleScope scope) => scope == ScheduleScope.User
        || Environment.GetEnvironmentVariable("HSMBACKUP_HOME") is { Length: > 0 }
        ? Engine.StateFolder.Locate(null)
        : OperatingSystem.IsWindows() ? Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.CommonApplicationData),
            "HsmBackup", "State")
        : "/var/lib/hsmbackup/state";

    /// <summary>What schedulers call the schedule of a cluster.</summary>
    public static string NameOf(ClusterDefinition cluster)
    {
        ArgumentNullException.ThrowIfNull(cluster);
        // The name is for people; the digits keep clusters apart that are called alike.
        return $"hsmbackup-{cluster.Name}-{cluster.Id[^8..]}";
    }

    /// <summary>The program and its arguments, not quoted for anybody yet.</summary>
    /// <param name="ifDue">True to run only what was missed or is due.</param>
    public IReadOnlyList<string> Arguments(bool ifDue) =>
    [
        PowerShell, "-NoProfile", "-NonInteractive", "-Command",
        $"Import-Module -Name {Literal(Module)} -ErrorAction Stop; Invoke-HsmBackupSchedule -Cluster {Literal(Cluster.DefinitionPath!)} "
            + $"-StatePath {Literal(StateFolder)}{(ifDue ? " -IfDue" : "")} -ErrorAction Stop",
    ];

    /// <summary>Refuses what no scheduler could be told, and what this one would not find.</summary>
    /// <param name="scheduler">The scheduler.</param>
    /// <exception cref="HsmBackupException">ScheduleInvalid, ScheduleNotFound.</exception>
    public void Check(SchedulerKind scheduler)
    {
        _ = Cluster.Schedule ?? throw ScheduledRun.NoSchedule(Cluster);
        if (Cluster.DefinitionPath is null)
        {
            throw Invalid("The definition of the cluster is in no file, and a scheduled run would not find it.",
                "Save it first, and name it by its path.");
        }
        if (Arguments(ifDue: true).Concat(WritablePaths).Append(User ?? "").Any(text => text.Any(char.IsControl)))
        {
            throw Invalid("A path or name has a line break or another control character in it, which no scheduler's file can hold.",
                "Rename what has it.");
        }
        if (Scope == ScheduleScope.System && User is null)
        {
            throw Invalid("It is not said as whom the runs of a schedule of the machine are made.",
                "Name an account of their own with -User, or make the schedule your own with -Scope User.");
        }
        if (scheduler == SchedulerKind.Systemd && Scope == ScheduleScope.System)
        {
            CheckNotPrivate();
        }
    }

    // A service has a /tmp of its own, which is empty when it starts and gone when it ends: backups, and the keys that wait, would go with
    // it.
    private void CheckNotPrivate()
    {
        foreach (string path in FoldersWritten().Concat(Schedule.KeyRecipients).Concat([Cluster.DefinitionPath!, Module]))
        {
            string real = RealPath.Of(path);
            if (PrivateFolders.FirstOrDefault(folder => RealPath.IsSameOrBelow(real, RealPath.Of(folder))) is { } folder)
            {
                throw Invalid($"'{path}' is in {folder}, and a service of systemd has one of its own there: what a run reads is not in it, and what it writes is gone with it.",
                    "Name another folder, outside of /tmp and /var/tmp, for the stores, the keys, the state and all else that the runs need.");
            }
        }
    }

    /// <summary>The folders that a run writes to.</summary>
    internal IEnumerable<string> FoldersWritten() => new[] { StateFolder, Schedule.KeyFolder }.OfType<string>()
        .Concat(Cluster.Stores.Where(s => s.Kind != Stores.StoreKind.WebDav
            && (Schedule.Stores.Count == 0 || Schedule.Stores.Contains(s.Name))).Select(s => s.Location))
        .Concat(Cluster.Nodes.Select(SoftHsmTokens.FolderOf).OfType<string>())
        .Concat(new[] { Path.GetDirectoryName(Cluster.Metrics?.Path) }.OfType<string>())
        .Concat(WritablePaths).Distinct(StringComparer.Ordinal);

    internal static HsmBackupException Invalid(string message, string recommendedAction) =>
        new(ErrorCode.ScheduleInvalid, message, recommendedAction);

    // PowerShell takes typographic quotation marks for the plain one.
    private static string Literal(string text)
    {
        var quoted = new StringBuilder("'");
        foreach (char c in text)
        {
            quoted.Append(c is '\'' or (>= '\u2018' and <= '\u201B') ? $"{c}{c}" : c.ToString());
        }
        return quoted.Append('\'').ToString();
    }
}
