using System.Text;
using HsmBackup.Engine.Clusters.Definitions;
using HsmBackup.Engine.Tests.Protection;
using HsmBackup.Engine.Tests.Support;
using Xunit;

namespace HsmBackup.Engine.Tests.Monitoring;

/// <summary>Against Debian's exim.</summary>
[Needs("/usr/sbin/exim4", "exim4-daemon-light")]
public sealed class AlertMailTests
{
    [SuiteFact]
    public void A_mail_arrives_once_at_all_whom_it_concerns() => Arrives("startTls");

    [SuiteFact]
    public void And_where_the_connection_is_encrypted_from_the_beginning() => Arrives("tls");

    [SuiteFact]
    public void An_outage_loses_no_mail_and_a_wrong_password_tells_nobody_what_it_is()
    {
        using var server = new EximServer();
        using var secrets = new TestFolder();
        using var trial = new AlertTrial(Channel(server, secrets, "startTls", "hsm-team@example.com"));
        trial.Raise();
        File.WriteAllText(secrets.File("password"), "s3cr3t-wrong");
        string reason = Assert.Single(trial.Deliver()).Reason;
        Assert.Contains("535 to AUTH", reason, StringComparison.Ordinal);
        string encoded = Convert.ToBase64String(Encoding.UTF8.GetBytes("s3cr3t-wrong"));
        Assert.DoesNotContain("s3cr3t", reason + trial.AllText, StringComparison.Ordinal);
        Assert.DoesNotContain(encoded, reason + trial.AllText, StringComparison.Ordinal);
        File.WriteAllText(secrets.File("password"), EximServer.Password);

        server.Stop();
        Assert.Contains("not reached", Assert.Single(trial.Deliver()).Reason, StringComparison.Ordinal);
        server.Start();
        Assert.Empty(trial.Deliver());
        Assert.Empty(trial.Deliver());
        Assert.Single(server.Mails);
    }

    [SuiteFact]
    public void Whom_the_server_puts_off_gets_it_later_and_nobody_else_gets_it_twice()
    {
        using var server = new EximServer { IsBusy = true };
        using var secrets = new TestFolder();
        using var trial = new AlertTrial(Channel(server, secrets, "startTls", "hsm-team@example.com", "later@example.com"));
        trial.Raise();
        Assert.StartsWith("not to later@example.com: the mail server answered 451 to RCPT", Assert.Single(trial.Deliver()).Reason,
            StringComparison.Ordinal);
        Assert.Equal(["later@example.com"], trial.Kept[0].Notices[0].Deliveries[0].Waiting);
        Assert.Single(trial.Deliver());
        Assert.DoesNotContain("later@example.com", Assert.Single(server.Mails).Recipients);
        server.IsBusy = false;

        Assert.Empty(trial.Deliver());
        Assert.Empty(trial.Deliver());
        Assert.Equal(["hsm-team@example.com", "later@example.com"], server.Mails.SelectMany(mail => mail.Recipients)
            .Order(StringComparer.Ordinal));
        Assert.Equal(0, trial.Kept[0].Pending);
    }

    [SuiteFact]
    public void Whoever_is_put_off_holds_up_no_notice_for_the_others_and_ends_when_he_is_refused_or_no_recipient_any_more()
    {
        using var server = new EximServer { IsBusy = true };
        using var secrets = new TestFolder();
        using var trial = new AlertTrial(Channel(server, secrets, "startTls", "hsm-team@example.com", "later@example.com"));
        foreach (string name in (string[])["One", "Two", "Three"])
        {
            trial.Raise(name);
            Assert.Contains("451", trial.Deliver()[0].Reason, StringComparison.Ordinal);
            trial.Clock.Now += TimeSpan.FromMinutes(1);
        }
        Assert.Equal(["hsm-team@example.com", "hsm-team@example.com", "hsm-team@example.com"], server.Mails.SelectMany(mail => mail.Recipients));
        Assert.Equal([1, 1, 1], trial.Kept.Select(a => a.Pending));

        server.IsStrict = true;
        Assert.Equal(3, trial.Deliver().Count);
        Assert.Empty(trial.Deliver());
        Assert.All(trial.Kept, a => Assert.Contains("550", a.Notices[0].Deliveries[0].Error, StringComparison.Ordinal));

        server.IsStrict = false;
        trial.Raise("Four");
        Assert.Single(trial.Deliver());
        Assert.Equal(1, trial.Kept[3].Pending);
        trial.Cluster = trial.Cluster with
        {
            Alerts = trial.Cluster.Alerts! with { Channels = [trial.Cluster.Alerts.Channels[0] with { To = ["hsm-team@example.com"] }] },
        };
        Assert.Empty(trial.Deliver());
        Assert.Equal(0, trial.Kept[3].Pending);
        Assert.Equal(4, server.Mails.Count);
    }

    [SuiteFact]
    public void A_server_that_is_not_known_is_told_nothing()
    {
        using var server = new EximServer();
        using var other = new TestFolder();
        using var stranger = new TlsIdentity(other.File("tls"));
        using var trial = new AlertTrial(new
        {
            name = "mail",
            kind = "mail",
            server = "localhost",
            port = server.Port,
            from = "a@example.com",
            to = new[] { "b@example.com" },
            certificateAuthority = stranger.AuthorityFile
        });
        trial.Raise();
        Assert.Contains("not trusted", Assert.Single(trial.Deliver()).Reason, StringComparison.Ordinal);
        Assert.Empty(server.Mails);
    }

    [SuiteFact]
    public void Where_there_is_nobody_to_send_it_to_that_is_told()
    {
        using var trial = new AlertTrial(new { name = "mail", kind = "mail", server = "localhost", port = 1, from = "a@example.com" });
        trial.Raise();
        Assert.Contains("nobody to send it to", Assert.Single(trial.Deliver()).Reason, StringComparison.Ordinal);
    }

    private static void Arrives(string security)
    {
        using var server = new EximServer(security == "tls");
        using var secrets = new TestFolder();
        using var trial = new AlertTrial(Channel(server, secrets, security, "hsm-team@example.com", "refused@example.com"));
        trial.Raise(severity: AlertSeverity.Critical);
        trial.Clock.Now += TimeSpan.FromMinutes(31);
        trial.Operation.Evaluate(StatusSample.Well with { Time = trial.Clock.Now });
        const string Refusal = "not to refused@example.com: the mail server answered 550 to RCPT: Administrative prohibition";
        Assert.Equal([Refusal, Refusal], trial.Deliver().Select(f => f.Reason));
        Assert.Empty(trial.Deliver());
        Assert.Equal(2, server.Mails.Count);
        (TakenMail raised, TakenMail escalated) = server.Mails[0].Envelope.Contains("In-Reply-To", StringComparison.Ordinal)
            ? (server.Mails[1], server.Mails[0]) : (server.Mails[0], server.Mails[1]);
        Assert.Contains("34 °C in the room of zurich-1.", raised.Body, StringComparison.Ordinal);
        Assert.Contains("Duty desk, operations", raised.Body, StringComparison.Ordinal);
        Assert.Contains("Subject: [Critical] payments: RoomTooWarm", raised.Envelope, StringComparison.Ordinal);
        Assert.Contains("hsm-team@example.com", raised.Envelope, StringComparison.Ordinal);
        Assert.DoesNotContain("officer@example.com", raised.Envelope, StringComparison.Ordinal);
        Assert.Contains("officer@example.com", escalated.Envelope, StringComparison.Ordinal);
        Assert.Contains($"In-Reply-To: <{trial.Kept[0].Notices[0].Id}@example.com>", escalated.Envelope, StringComparison.Ordinal);
        Assert.Equal(Refusal, trial.Kept[0].Notices[0].Deliveries[0].Error);
        Assert.DoesNotContain(EximServer.Password, trial.AllText, StringComparison.Ordinal);
    }

    private static object Channel(EximServer server, TestFolder secrets, string security, params string[] to) => new
    {
        name = "mail",
        kind = "mail",
        server = "localhost",
        port = server.Port,
        security,
        user = EximServer.User,
        password = AlertTrial.Secret(secrets, "password", EximServer.Password),
        from = "hsmbackup@example.com",
        to,
        certificateAuthority = server.Identity.AuthorityFile,
    };
}
