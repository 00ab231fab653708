using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using HsmBackup.Engine.Clusters.Definitions;
using HsmBackup.Engine.Monitoring.Alerts;
using HsmBackup.Engine.Tests.Protection;
using HsmBackup.Engine.Tests.Support;
using Xunit;

namespace HsmBackup.Engine.Tests.Monitoring;

/// <summary>Against a receiver that really listens.</summary>
public sealed class AlertWebhookTests : IDisposable
{
    private const string Key = "k3y of the receiver";
    private const string Token = "t0ken-of-the-receiver";

    private readonly TestFolder _secrets = new();
    private readonly WebReceiver _receiver = new();
    private readonly AlertTrial _trial;

    public AlertWebhookTests() => _trial = new AlertTrial(new
    {
        name = "duty",
        kind = "webhook",
        url = _receiver.Url,
        key = AlertTrial.Secret(_secrets, "key", Key),
        token = AlertTrial.Secret(_secrets, "token", Token),
        timeout = 5,
    });

    public void Dispose()
    {
        _trial.Dispose();
        _receiver.Dispose();
        _secrets.Dispose();
    }

    [Fact]
    public void A_notice_is_JSON_with_a_signature_that_the_receiver_can_check()
    {
        Alert alert = _trial.Raise(severity: AlertSeverity.Critical);
        Assert.Empty(_trial.Deliver());
        WebRequest got = Assert.Single(_receiver.Taken);
        Assert.Equal(("POST", "/alerts?team=hsm", "application/json", $"Bearer {Token}"),
            (got.Method, got.Path, got.Headers["Content-Type"], got.Headers["Authorization"]));
        byte[] signed = Encoding.UTF8.GetBytes($"{got.Headers["webhook-id"]}.{got.Headers["webhook-timestamp"]}.{got.Body}");
        Assert.Equal($"v1,{Convert.ToBase64String(HMACSHA256.HashData(Encoding.UTF8.GetBytes(Key), signed))}",
            got.Headers["webhook-signature"]);
        Assert.Equal(alert.Notices[0].Id, got.Headers["webhook-id"]);
        JsonNode json = JsonNode.Parse(got.Body)!;
        Assert.Equal("alert.raised", (string)json["type"]!);
        Assert.Equal(("RoomTooWarm", "Critical", "Open", "34 °C in the room of zurich-1.", "payments"),
            ((string)json["data"]!["name"]!, (string)json["data"]!["severity"]!,
            (string)json["data"]!["state"]!, (string)json["data"]!["message"]!, (string)json["data"]!["cluster"]!["name"]!));
        Assert.Equal((1, 3, "find out", "Duty desk", "operations"),
            ((int)json["data"]!["escalation"]!["level"]!, (int)json["data"]!["escalation"]!["levels"]!,
            (string)json["data"]!["escalation"]!["purpose"]!, (string)json["data"]!["escalation"]!["contacts"]![0]!["name"]!,
            (string)json["data"]!["escalation"]!["contacts"]![0]!["role"]!));
        Assert.DoesNotContain(Key, got.Body + _trial.AllText, StringComparison.Ordinal);
        Assert.DoesNotContain(Token, got.Body + _trial.AllText, StringComparison.Ordinal);
    }

    [Fact]
    public void A_key_of_Standard_Webhooks_is_taken_as_they_write_it()
    {
        File.WriteAllText(_secrets.File("key"), "whsec_" + Convert.ToBase64String(Encoding.UTF8.GetBytes(Key)));
        _trial.Raise();
        Assert.Empty(_trial.Deliver());
        WebRequest got = Assert.Single(_receiver.Taken);
        byte[] signed = Encoding.UTF8.GetBytes($"{got.Headers["webhook-id"]}.{got.Headers["webhook-timestamp"]}.{got.Body}");
        Assert.Equal($"v1,{Convert.ToBase64String(HMACSHA256.HashData(Encoding.UTF8.GetBytes(Key), signed))}",
            got.Headers["webhook-signature"]);
    }

    [Fact]
    public void An_outage_loses_nothing_and_each_notice_arrives_once_in_its_order()
    {
        _receiver.Stop();
        _trial.Raise("One");
        AlertFailure failure = Assert.Single(_trial.Deliver());
        Assert.Contains("not reached", failure.Reason, StringComparison.Ordinal);
        _trial.Clock.Now += TimeSpan.FromMinutes(1);
        _trial.Raise("Two");
        _trial.Clock.Now += TimeSpan.FromMinutes(1);
        Assert.NotNull(_trial.Operation.Resolve("One"));
        Assert.Single(_trial.Deliver());
        Assert.Equal(3, _trial.Kept.Sum(a => a.Pending));
        Assert.Equal(2, _trial.Kept[0].Notices[0].Deliveries[0].Attempts);

        _receiver.Start();
        Assert.Empty(_trial.Deliver());
        Assert.Empty(_trial.Deliver());
        Assert.Equal(["alert.raised One", "alert.raised Two", "alert.resolved One"], _receiver.Received.Select(r => JsonNode.Parse(r.Body)!)
            .Select(j => $"{j["type"]} {j["data"]!["name"]}"));
        Assert.Equal(0, _trial.Kept.Sum(a => a.Pending));
    }

    [Fact]
    public void What_fails_for_a_moment_is_tried_again_under_the_same_id()
    {
        _receiver.Answer = _ => _receiver.Received.Count < 3 ? "503 Service Unavailable" : "200 OK";
        _trial.Raise();
        Assert.Empty(_trial.Deliver());
        Assert.Equal(3, _receiver.Received.Count);
        Assert.Single(_receiver.Received.Select(r => r.Headers["webhook-id"]).Distinct());
    }

    [Fact]
    public void A_notice_that_is_refused_holds_up_no_other_and_is_kept()
    {
        _receiver.Answer = r => r.Body.Contains("\"One\"", StringComparison.Ordinal) ? "400 Bad Request" : "200 OK";
        _trial.Raise("One");
        _trial.Clock.Now += TimeSpan.FromSeconds(1);
        _trial.Raise("Two");
        Assert.Contains("400", Assert.Single(_trial.Deliver()).Reason, StringComparison.Ordinal);
        Assert.Equal(2, _receiver.Received.Count);
        Assert.Equal([1, 0], _trial.Kept.Select(a => a.Pending));
        _receiver.Answer = _ => "200 OK";
        Assert.Empty(_trial.Deliver());
        Assert.Equal(3, _receiver.Received.Count);
    }

    [Fact]
    public void A_notice_over_which_the_receiver_stumbles_holds_up_no_other_and_an_outage_is_not_tried_with_all_of_them()
    {
        _receiver.Answer = r => r.Body.Contains("\"One\"", StringComparison.Ordinal) ? "500 Internal Server Error" : "200 OK";
        for (int i = 0; i < 4; i++)
        {
            _trial.Raise(((string[])["One", "Two", "Three", "Four"])[i]);
            _trial.Clock.Now += TimeSpan.FromSeconds(1);
        }
        Assert.Contains("500", Assert.Single(_trial.Deliver()).Reason, StringComparison.Ordinal);
        Assert.Equal([1, 0, 0, 0], _trial.Kept.Select(a => a.Pending));

        _receiver.Answer = _ => "503 Service Unavailable";
        foreach (string name in (string[])["Five", "Six"])
        {
            _trial.Raise(name);
            _trial.Clock.Now += TimeSpan.FromSeconds(1);
        }
        Assert.Equal(2, _trial.Deliver().Count);
        Assert.Equal([1, 0, 0, 0, 1, 1], _trial.Kept.Select(a => a.Pending));
        Assert.Equal(0, _trial.Kept[5].Notices[0].Deliveries[0].Attempts);
    }

    [Fact]
    public void A_redirection_is_not_followed()
    {
        using var other = new WebReceiver();
        _receiver.Answer = _ => $"307 Temporary Redirect\r\nLocation: {other.Url}";
        _trial.Raise();
        Assert.Contains("307", Assert.Single(_trial.Deliver()).Reason, StringComparison.Ordinal);
        Assert.Empty(other.Received);
    }

    [Fact]
    public void While_an_alert_is_open_there_is_no_second_one_of_its_name()
    {
        _trial.Raise();
        _trial.Raise();
        Assert.Empty(_trial.Deliver());
        Assert.Single(_receiver.Taken);
        Assert.NotNull(_trial.Operation.Resolve("RoomTooWarm"));
        Assert.Null(_trial.Operation.Resolve("RoomTooWarm"));
        _trial.Clock.Now += TimeSpan.FromMinutes(1);
        _trial.Raise();
        Assert.Empty(_trial.Deliver());
        Assert.Equal(["alert.raised", "alert.resolved", "alert.raised"],
            _receiver.Taken.Select(r => (string)JsonNode.Parse(r.Body)!["type"]!));
    }

    [Fact]
    public void An_address_from_a_source_is_in_no_message()
    {
        using var trial = new AlertTrial(new
        {
            name = "hook",
            kind = "webhook",
            url = AlertTrial.Secret(_secrets, "url", "https://127.0.0.1:1/s3cr3t-path")
        });
        trial.Raise();
        string reason = Assert.Single(trial.Deliver()).Reason;
        Assert.DoesNotContain("s3cr3t", reason + trial.AllText, StringComparison.Ordinal);
        File.WriteAllText(_secrets.File("url"), "s3cr3t is no address");
        reason = Assert.Single(trial.Deliver()).Reason;
        Assert.Contains("not an address", reason, StringComparison.Ordinal);
        Assert.DoesNotContain("s3cr3t", reason + trial.AllText, StringComparison.Ordinal);
    }

    [Fact]
    public void A_server_that_is_not_known_is_sent_nothing()
    {
        using var identity = new TlsIdentity(_secrets.File("tls"));
        using var server = new FaultServer(identity);
        using var trial = new AlertTrial(
            new { name = "stranger", kind = "webhook", url = $"https://localhost:{server.Port}/x" },
            new
            {
                name = "known",
                kind = "webhook",
                url = $"https://localhost:{server.Port}/dav/x",
                certificateAuthority = identity.AuthorityFile
            });
        trial.Raise();
        Assert.Equal(["stranger", "known"], trial.Deliver().Select(f => f.Channel));
        // The known one gets as far as its answer, which is that it takes no POST.
        Assert.Equal(["POST /dav/x"], server.Requests.Select(r => $"{r.Method} {r.Path}"));
        Assert.Contains("not trusted", trial.Kept[0].Notices[0].Deliveries[0].Error, StringComparison.Ordinal);
    }

    [Fact]
    public void A_channel_that_is_gone_is_waited_for_no_longer()
    {
        _receiver.Stop();
        _trial.Raise();
        _trial.Deliver();
        _trial.Cluster = _trial.Cluster with
        {
            Alerts = new ClusterAlerts
            { Channels = [_trial.Cluster.Alerts!.Channels[0] with { Name = "other" }] }
        };
        Assert.Contains("no such channel", Assert.Single(_trial.Deliver()).Reason, StringComparison.Ordinal);
        Assert.Equal((0, true), (_trial.Kept[0].Pending, _trial.Kept[0].Notices[0].Deliveries[0].GivenUp));
    }

    [Fact]
    public void The_heartbeat_is_a_call_and_its_failure_is_told()
    {
        using var trial = new AlertTrial(new { name = "watchdog", kind = "heartbeat", url = _receiver.Url, timeout = 5 });
        Assert.Empty(trial.Operation.Beat(CancellationToken.None));
        Assert.Equal("GET", Assert.Single(_receiver.Taken).Method);
        _receiver.Answer = _ => "404 Not Found";
        Assert.Contains("404", Assert.Single(trial.Operation.Beat(CancellationToken.None)).Reason, StringComparison.Ordinal);
        // It says that all is well, and so no alert goes out on it.
        trial.Raise();
        trial.Operation.Test();
        Assert.Empty(trial.Deliver());
        Assert.Equal(2, _receiver.Received.Count);
    }
}
