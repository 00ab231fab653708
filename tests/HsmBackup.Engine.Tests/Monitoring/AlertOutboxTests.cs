using System.Text.Json.Nodes;
using HsmBackup.Engine.Clusters.Definitions;
using HsmBackup.Engine.Monitoring.Alerts;
using HsmBackup.Engine.Tests.Protection;
using HsmBackup.Engine.Tests.Support;
using Xunit;

namespace HsmBackup.Engine.Tests.Monitoring;

/// <summary>What becomes of alerts where the state folder itself fails.</summary>
public sealed class AlertOutboxTests : IDisposable
{
    private readonly WebReceiver _receiver = new();
    private readonly AlertTrial _trial;

    public AlertOutboxTests() => _trial = new AlertTrial(new { name = "duty", kind = "webhook", url = _receiver.Url, timeout = 5 });

    private AlertOutbox Outbox => AlertOutbox.Of(_trial.State, _trial.Cluster.Id);

    public void Dispose()
    {
        _trial.Dispose();
        _receiver.Dispose();
    }

    [Fact]
    public void A_damaged_record_is_told_and_keeps_no_other_from_being_sent()
    {
        Alert lost = _trial.Raise("One");
        _trial.Raise("Two");
        string path = Directory.GetFiles(_trial.State, lost.Id + ".json", SearchOption.AllDirectories)[0];
        File.WriteAllText(path, "{ half");
        Assert.Equal([path], Outbox.ListDamaged());
        Assert.Empty(_trial.Deliver());
        Assert.Single(_receiver.Taken);

        IReadOnlyList<Alert> told = _trial.Operation.Evaluate(StatusSample.Well with { DamagedAlerts = Outbox.ListDamaged() });
        Assert.Contains(path, Assert.Single(told, a => a.Name == "AlertsDamaged").Message, StringComparison.Ordinal);
        Assert.True(File.Exists(path));
        File.Delete(path);
        told = _trial.Operation.Evaluate(StatusSample.Well with { DamagedAlerts = Outbox.ListDamaged() });
        Assert.False(Assert.Single(told, a => a.Name == "AlertsDamaged").IsOpen);
    }

    [Fact]
    public void A_record_from_before_a_member_was_added_is_sent_as_any_other()
    {
        Alert alert = _trial.Raise("One");
        string path = Directory.GetFiles(_trial.State, alert.Id + ".json", SearchOption.AllDirectories)[0];
        JsonNode json = JsonNode.Parse(File.ReadAllText(path))!;
        Assert.True(json["notices"]![0]!["deliveries"]![0]!.AsObject().Remove("waiting"));
        File.WriteAllText(path, json.ToJsonString());
        Assert.Empty(_trial.Deliver());
        Assert.Single(_receiver.Taken);
    }

    [MountFact]
    public void On_a_full_disk_nothing_is_sent_that_could_not_be_written_down_and_nothing_is_lost()
    {
        using var volume = new SmallVolume(_trial.State, 256);
        _trial.Raise("One");
        volume.Fill();
        Assert.Equal(ErrorCode.DiskFull, Assert.Throws<HsmBackupException>(() => _trial.Raise("Two")).Code);
        Assert.Single(_trial.Deliver());
        Assert.Empty(_receiver.Received);
        volume.Empty();
        Assert.Empty(_trial.Deliver());
        Assert.Empty(_trial.Deliver());
        Assert.Single(_receiver.Taken);
        Assert.Equal("One", Assert.Single(_trial.Kept).Name);
    }

    [Fact]
    public void Several_that_deliver_at_a_time_send_each_notice_once()
    {
        for (int i = 0; i < 5; i++)
        {
            _trial.Raise($"Alert{i}", AlertSeverity.Warning);
        }
        Parallel.For(0, 4, _ => Assert.Empty(_trial.Deliver()));
        Assert.Equal(5, _receiver.Taken.Select(r => r.Headers["webhook-id"]).Distinct(StringComparer.Ordinal).Count());
        Assert.Equal(5, _receiver.Taken.Count);
    }
}
