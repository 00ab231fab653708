using HsmBackup.Engine.Clusters;
using HsmBackup.Engine.Clusters.Definitions;
using HsmBackup.Engine.Monitoring.Status;

namespace HsmBackup.Engine.Monitoring.Alerts;

/// <summary>Decides who is to be told what. Pure: the alerts, what is wrong and the time come in, and changed alerts come out.</summary>
internal static class AlertPlanner
{
    /// <summary>Opens what is newly wrong, resolves what is not wrong any more, and has what stays wrong climb the escalation.</summary>
    /// <param name="cluster">Its channels and escalation.</param>
    /// <param name="alerts">All alerts.</param>
    /// <param name="wrong">What is wrong now.</param>
    /// <param name="isOver">Whether what is not seen to be wrong any more would have been seen (<see cref="AlertEvidence"/>).</param>
    /// <param name="now">The time.</param>
    /// <returns>The alerts that are new or changed.</returns>
    public static IReadOnlyList<Alert> Plan(
        ClusterDefinition cluster, IReadOnlyList<Alert> alerts, IReadOnlyList<AlertCondition> wrong, Func<Alert, bool> isOver,
        DateTimeOffset now)
    {
        var changed = new List<Alert>();
        var met = wrong.DistinctBy(c => c.Key).ToDictionary(c => c.Key, StringComparer.Ordinal);
        foreach (Alert alert in alerts.Where(a => a.IsOpen))
        {
            Alert next = alert.Part is null ? alert
                : met.Remove(alert.Key, out AlertCondition? still)
                    ? Renew(cluster, alert with { BackupId = still.BackupId }, still.Severity, still.Message, still.Action, now)
                : isOver(alert) ? Resolve(cluster, alert, now)
                : alert;
            next = next.IsOpen ? Climb(cluster, next, now) : next;
            if (next != alert)
            {
                changed.Add(next);
            }
        }
        changed.AddRange(met.Values.Select(c => Open(cluster, c.Key, c.Name, c.Severity, c.Message, c.Action, c.Part, now) with
        {
            BackupId = c.BackupId,
        }));
        return changed;
    }

    /// <summary>A new alert.</summary>
    public static Alert Open(ClusterDefinition cluster, string key, string name, AlertSeverity severity, string message, string? action,
        StatusPart? part, DateTimeOffset now)
    {
        int level = LevelAfter(cluster, TimeSpan.Zero);
        var alert = new Alert
        {
            Id = AlertOutbox.NewId(now),
            Cluster = cluster.Name,
            ClusterId = cluster.Id,
            Key = key,
            Name = name,
            Severity = severity,
            Message = DisplayText.Harmless(message),
            Action = action,
            Part = part,
            Opened = now,
            Level = level,
            Contacts = ContactsOf(cluster, level - 1, level),
        };
        return Tell(cluster, alert, AlertNoticeKind.Raised, ContactsOf(cluster, 0, level), now);
    }

    /// <summary>The alert is over.</summary>
    public static Alert Resolve(ClusterDefinition cluster, Alert alert, DateTimeOffset now) =>
        Tell(cluster, alert with { Resolved = now }, AlertNoticeKind.Resolved, ContactsOf(cluster, 0, alert.Level), now);

    /// <summary>The step of the escalation that has come after a time, from 1; 0 where none has.</summary>
    public static int LevelAfter(ClusterDefinition cluster, TimeSpan time) => cluster.Escalation.Count(step => step.After <= time);

    /// <summary>The alert goes on, and may have got worse.</summary>
    public static Alert Renew(ClusterDefinition cluster, Alert alert, AlertSeverity severity, string message, string? action,
        DateTimeOffset now)
    {
        Alert next = alert with { Severity = severity, Message = DisplayText.Harmless(message), Action = action };
        return severity > alert.Severity ? Tell(cluster, next, AlertNoticeKind.Escalated, ContactsOf(cluster, 0, alert.Level), now) : next;
    }

    private static Alert Climb(ClusterDefinition cluster, Alert alert, DateTimeOffset now)
    {
        if (alert.Opened > now)
        {
            // The clock was set back: nobody is to wait until it is there again.
            alert = alert with { Opened = now };
        }
        int level = LevelAfter(cluster, now - alert.Opened);
        if (level > alert.Level)
        {
            IReadOnlyList<string> called = ContactsOf(cluster, alert.Level, level);
            return Tell(cluster, alert with { Level = level, Contacts = ContactsOf(cluster, level - 1, level) }, AlertNoticeKind.Escalated,
                called, now);
        }
        DateTimeOffset told = alert.Notices[^1].Created > now ? alert.Opened : alert.Notices[^1].Created;
        if (cluster.Alerts?.Repeat is { } repeat && now - told >= repeat
            && Tell(cluster, alert, AlertNoticeKind.Repeated, alert.Contacts, now) is var repeated
                && repeated.Notices[^1].Deliveries.Count > 0)
        {
            return repeated;
        }
        return TellNewChannels(cluster, alert);
    }

    /// <summary>Names of the contacts of some steps of the escalation.</summary>
    public static IReadOnlyList<string> ContactsOf(ClusterDefinition cluster, int after, int upTo) =>
        [.. cluster.Escalation.Take(upTo).Skip(Math.Max(0, after)).SelectMany(step => step.Contacts).Distinct(StringComparer.Ordinal)];

    private static Alert Tell(ClusterDefinition cluster, Alert alert, AlertNoticeKind kind, IReadOnlyList<string> contacts,
        DateTimeOffset now)
    {
        var notice = new AlertNotice
        {
            Id = AlertOutbox.NewId(now),
            Kind = kind,
            Level = alert.Level,
            Contacts = contacts,
            Created = now,
            Deliveries = [.. (cluster.Alerts?.Channels ?? []).Where(c => IsFor(c, alert, kind))
                .Select(c => new AlertDelivery { Channel = c.Name })],
        };
        return alert with { Notices = [.. alert.Notices, notice] };
    }

    /// <summary>A channel that is new, or has another name by now, gets the last notice of what is still wrong.</summary>
    private static Alert TellNewChannels(ClusterDefinition cluster, Alert alert)
    {
        AlertNotice last = alert.Notices[^1];
        AlertDelivery[] missing = [.. (cluster.Alerts?.Channels ?? [])
            .Where(c => IsFor(c, alert, last.Kind) && Reaches(cluster, c, last.Contacts) && !Has(alert, c, d => !d.GivenUp))
            .Select(c => new AlertDelivery { Channel = c.Name })];
        return missing.Length == 0 ? alert
            : alert with { Notices = [.. alert.Notices.SkipLast(1), last with { Deliveries = [.. last.Deliveries, .. missing] }] };
    }

    /// <summary>Whether there is anybody at the end of a channel.</summary>
    public static bool Reaches(ClusterDefinition cluster, AlertChannel channel, IReadOnlyList<string> contacts) =>
        channel.Kind != AlertChannelKind.Mail
        || channel.To.Concat(cluster.Contacts.Where(c => contacts.Contains(c.Name)).Select(c => c.Email).OfType<string>())
            .Any(DefinitionTypes.IsMailAddress);

    private static bool Has(Alert alert, AlertChannel channel, Func<AlertDelivery, bool> which) =>
        alert.Notices.Any(n => n.Deliveries.Any(d => d.IsOn(channel) && which(d)));

    // Whoever was told that something is wrong is told that it is over, whatever became of its severity.
    private static bool IsFor(AlertChannel channel, Alert alert, AlertNoticeKind kind) => channel.Kind != AlertChannelKind.Heartbeat
        && (kind == AlertNoticeKind.Resolved
        ? Has(alert, channel, _ => true)
        // What has not arrived yet need not be said again.
        : alert.Severity >= channel.MinimumSeverity && (kind != AlertNoticeKind.Repeated || !Has(alert, channel, d => d.IsPending && !d.IsRest)));
}
