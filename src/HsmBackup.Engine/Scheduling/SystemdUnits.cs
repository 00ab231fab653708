using System.Globalization;
using System.Text;
using HsmBackup.Engine.Clusters.Definitions;

namespace HsmBackup.Engine.Scheduling;

/// <summary>
/// The units of a schedule as text: a service that may do little beside making backups, and its timer. What is left open, a PKCS#11 library
/// or PowerShell needs: pages that are written and then run (the JIT compiler), devices (HSMs in the machine), the network (all others), and
/// memory shared with other processes (RemoveIPC would take it away under their hands).
/// </summary>
public static class SystemdUnits
{
    private const string VariableData = "/var/lib/";

    /// <summary>The service.</summary>
    public static string Service(ScheduledCommand command)
    {
        ArgumentNullException.ThrowIfNull(command);
        var unit = new StringBuilder();
        unit.AppendLine(CultureInfo.InvariantCulture, $"""
            # Written by Register-HsmBackupSchedule for {command.Cluster.Id}; it writes it anew. Changes belong into a drop-in (systemctl edit).
            [Unit]
            Description=HsmBackup of cluster {command.Cluster.Name}
            Wants=network-online.target
            After=network-online.target

            [Service]
            Type=oneshot
            ExecStart={string.Join(' ', command.Arguments(ifDue: false).Select(a => Quote(a).Replace("$", "$$", StringComparison.Ordinal)))}
            Environment=POWERSHELL_TELEMETRY_OPTOUT=1 POWERSHELL_UPDATECHECK=Off DOTNET_EnableDiagnostics=0
            UMask=0077
            LimitCORE=0
            NoNewPrivileges=yes
            LockPersonality=yes
            RestrictRealtime=yes
            RestrictSUIDSGID=yes
            RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK
            SystemCallArchitectures=native
            SystemCallFilter=@system-service
            SystemCallFilter=~@privileged
            SystemCallErrorNumber=EPERM
            """);
        if (command.Scope == ScheduleScope.System)
        {
            AppendSystem(unit, command);
        }
        return unit.Replace("\r\n", "\n").ToString();
    }

    /// <summary>The timer.</summary>
    public static string Timer(ScheduledCommand command)
    {
        ArgumentNullException.ThrowIfNull(command);
        var unit = new StringBuilder();
        unit.AppendLine(CultureInfo.InvariantCulture, $"""
            # Written by Register-HsmBackupSchedule for {command.Cluster.Id}; it writes it anew.
            [Unit]
            Description=Times of HsmBackup of cluster {command.Cluster.Name}

            [Timer]
            {string.Join('\n', command.Schedule.Times.Select(time => "OnCalendar=" + Calendar(command.Schedule, time)))}
            Persistent=yes
            AccuracySec=1s
            RandomizedDelaySec=30s

            [Install]
            WantedBy=timers.target
            """);
        return unit.Replace("\r\n", "\n").ToString();
    }

    // What needs the rights of the system's own service manager.
    private static void AppendSystem(StringBuilder unit, ScheduledCommand command)
    {
        List<string> writable = [.. command.FoldersWritten()];
        unit.AppendLine(CultureInfo.InvariantCulture, $"""
            User={command.User!.Replace("%", "%%", StringComparison.Ordinal)}
            Environment=XDG_CACHE_HOME=%C/{command.Name} XDG_CONFIG_HOME=%C/{command.Name} XDG_DATA_HOME=%C/{command.Name}
            CacheDirectory={command.Name}
            CacheDirectoryMode=0700
            """);
        if (command.StateFolder.StartsWith(VariableData, StringComparison.Ordinal))
        {
            // systemd makes this one, for the account, if it is not there.
            unit.AppendLine(CultureInfo.InvariantCulture, $"StateDirectory={Quote(command.StateFolder[VariableData.Length..])}");
            unit.AppendLine("StateDirectoryMode=0700");
            writable.Remove(command.StateFolder);
        }
        foreach (string folder in writable)
        {
            // A medium that is away, or a folder that is not made yet, is the run's to report.
            unit.AppendLine(CultureInfo.InvariantCulture, $"ReadWritePaths={Quote("-" + folder)}");
        }
        unit.AppendLine("""
            ProtectSystem=strict
            ProtectHome=read-only
            PrivateTmp=yes
            ProtectKernelTunables=yes
            ProtectKernelModules=yes
            ProtectKernelLogs=yes
            ProtectControlGroups=yes
            ProtectHostname=yes
            ProtectProc=invisible
            RestrictNamespaces=yes
            KeyringMode=private
            CapabilityBoundingSet=
            AmbientCapabilities=
            """);
    }

    private static string Calendar(ClusterSchedule schedule, TimeOnly time)
    {
        string days = schedule.Days.Count == 0 ? "" : string.Join(',', schedule.Days.Select(d => d.ToString()[..3])) + " ";
        return $"{days}*-*-* {time.ToString("HH:mm", CultureInfo.InvariantCulture)}:00{(schedule.Utc ? " UTC" : "")}";
    }

    // systemd.syntax(7), "Quoting", and systemd.unit(5), "Specifiers".
    private static string Quote(string text) => $"\"{text.Replace("\\", "\\\\", StringComparison.Ordinal)
        .Replace("\"", "\\\"", StringComparison.Ordinal).Replace("%", "%%", StringComparison.Ordinal)}\"";
}
