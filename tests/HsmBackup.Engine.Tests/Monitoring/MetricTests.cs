using System.Globalization;
using System.Text.RegularExpressions;
using HsmBackup.Engine.Catalogue;
using HsmBackup.Engine.Clusters.Health;
using HsmBackup.Engine.Monitoring.Metrics;
using HsmBackup.Engine.Monitoring.Status;
using HsmBackup.Engine.Tests.Protection;
using Xunit;

namespace HsmBackup.Engine.Tests.Monitoring;

public sealed partial class MetricTests
{
    [Fact]
    public void The_page_describes_every_series_as_it_is() => Assert.Equal(
        MetricCatalogue.All.Select(m => $"{m.Name} | {m.Type.ToString().ToLowerInvariant()} | {string.Join(", ", m.Labels)} | {m.Help}"),
        File.ReadAllLines(Path.Combine(AppContext.BaseDirectory, "docs", "metrics.md")).Select(l => Row().Match(l)).Where(m => m.Success)
            .Select(m => $"{m.Groups[1].Value} | {m.Groups[2].Value} | {m.Groups[3].Value.Replace("`", "", StringComparison.Ordinal)} | {m.Groups[4].Value}"));

    [Fact]
    public void Of_a_cluster_of_which_all_is_known_every_series_is_there()
    {
        ClusterStatus status = StatusSample.Well with { Alerts = [StatusSample.OpenAlert] };
        Assert.Equal([], MetricCatalogue.All.Where(m => !m.Samples(status).Any()).Select(m => m.Name));
        Assert.All(MetricCatalogue.All, m => Assert.All(m.Samples(status), s => Assert.Equal(m.Labels, s.Labels.Select(l => l.Name))));
        Assert.Equal(MetricCatalogue.All.Count, MetricCatalogue.All.DistinctBy(m => m.Name).Count());
        Assert.True(MetricCatalogue.All.Count >= 25);
    }

    [Fact]
    public void What_is_not_known_is_left_out_and_never_zero()
    {
        var status = new ClusterStatus
        {
            Cluster = StatusSample.Cluster,
            Time = StatusSample.Now,
            Unknown = Enum.GetValues<StatusPart>().ToDictionary(p => p, _ => (string?)"nobody knows"),
        };
        string[] series = [.. MetricCatalogue.All.Where(m => m.Samples(status).Any()).Select(m => m.Name)];
        Assert.All(series, s => Assert.Matches("_info$|_metrics_|_look_|_policy_|_target_|_required$|_expiry_", s));
        Assert.Contains("hsmbackup_look_success{cluster=\"payments\",part=\"backups\"} 0\n", MetricText.Of(status),
            StringComparison.Ordinal);
    }

    [Fact]
    public void Values_are_what_they_should_be()
    {
        string text = MetricText.Of(StatusSample.Well with
        {
            Alerts = [StatusSample.OpenAlert],
            Nodes = [StatusSample.Node("zurich-1", HealthState.OutOfSync, HealthState.OutOfSync)],
        });
        foreach (string line in new[]
        {
            "hsmbackup_run_duration_seconds{cluster=\"payments\"} 12.5",
            "hsmbackup_run_consecutive_failures{cluster=\"payments\"} 0",
            "hsmbackup_backup_timestamp_seconds{cluster=\"payments\"} 1795314600",
            "hsmbackup_backup_objects{cluster=\"payments\",verdict=\"not_extractable\"} 0",
            "hsmbackup_store_copies{cluster=\"payments\",store=\"local\",state=\"present\"} 1",
            "hsmbackup_node_state{cluster=\"payments\",node=\"zurich-1\",state=\"out_of_sync\"} 1",
            "hsmbackup_node_state{cluster=\"payments\",node=\"zurich-1\",state=\"online\"} 0",
            "hsmbackup_node_drift_objects{cluster=\"payments\",node=\"zurich-1\",kind=\"missing\"} 1",
            "hsmbackup_drill_recovery_time_seconds{cluster=\"payments\",scenario=\"cluster_loss\"} 95.25",
            "hsmbackup_alerts_open{cluster=\"payments\",severity=\"warning\"} 1",
            "hsmbackup_alerts_undelivered{cluster=\"payments\"} 2",
            "# TYPE hsmbackup_audit_entries_total counter",
        })
        {
            Assert.Contains($"{line}\n", text, StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData("tr-TR")]
    [InlineData("de-DE")]
    public void The_text_is_the_same_in_every_culture(string culture)
    {
        string here = MetricText.Of(StatusSample.Well);
        CultureInfo before = CultureInfo.CurrentCulture;
        CultureInfo.CurrentCulture = new CultureInfo(culture);
        try
        {
            Assert.Equal(here, MetricText.Of(StatusSample.Well));
        }
        finally
        {
            CultureInfo.CurrentCulture = before;
        }
    }

    [Fact]
    public void A_label_can_end_nothing()
    {
        string text = MetricText.Of(StatusSample.Well with
        {
            Stores = [new StoreStatus("a\"} 1\nx{b=\"\\", default, null,
            new Dictionary<CopyState, int>())]
        });
        Assert.Contains("store=\"a\\\"} 1\\nx{b=\\\"\\\\\"", text, StringComparison.Ordinal);
        Assert.DoesNotContain("\nx{", text, StringComparison.Ordinal);
    }

    [Fact]
    public void The_file_is_for_all_to_read_and_takes_the_place_of_the_one_before()
    {
        using var folder = new TestFolder();
        string path = folder.File("payments.prom");
        File.WriteAllText(path, "before");
        MetricFile.Write(path, StatusSample.Well);
        Assert.Equal(MetricText.Of(StatusSample.Well), File.ReadAllText(path));
        Assert.Equal([path], Directory.GetFiles(folder.Root));
        if (!OperatingSystem.IsWindows())
        {
            Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead | UnixFileMode.OtherRead,
                File.GetUnixFileMode(path));
        }
        Assert.Equal(ErrorCode.DestinationUnwritable, Assert.Throws<HsmBackupException>(() =>
            MetricFile.Write(folder.File("none/x.prom"), StatusSample.Well)).Code);
    }

    [GeneratedRegex(@"^\| `(hsmbackup_\w+)` \| (\w+) \| (.*?) \| (.*) \|$")]
    private static partial Regex Row();
}
