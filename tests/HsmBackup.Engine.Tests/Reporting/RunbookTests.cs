using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;
using System.Xml.Linq;
using HsmBackup.Engine.Drills;
using HsmBackup.Engine.Reporting;
using HsmBackup.Engine.Tests.Protection;
using Xunit;

namespace HsmBackup.Engine.Tests.Reporting;

/// <summary>A runbook says what is needed, the same in every form, and knows what it was made from.</summary>
public sealed class RunbookTests : IDisposable
{
    private readonly TestFolder _folder = new();

    [Fact]
    public void A_runbook_is_the_same_bytes_in_every_culture()
    {
        byte[][] here = [.. Forms(SampleRunbooks.Source())];
        CultureInfo before = CultureInfo.CurrentCulture;
        try
        {
            foreach (string culture in (string[])["tr-TR", "de-DE", "ar-SA"])
            {
                CultureInfo.CurrentCulture = new CultureInfo(culture);
                Assert.Equal(here, Forms(SampleRunbooks.Source()));
            }
        }
        finally
        {
            CultureInfo.CurrentCulture = before;
        }
    }

    [Fact]
    public void Every_link_leads_to_a_section_and_every_section_is_in_the_contents()
    {
        foreach (RunbookSource source in (RunbookSource[])[SampleRunbooks.Source(), SampleRunbooks.Bare(), SampleRunbooks.Alone()])
        {
            string html = Encoding.UTF8.GetString(Runbook.Render(source, RunbookFormat.Html));
            XElement page = XElement.Parse(
                html[html.IndexOf("<body>", StringComparison.Ordinal)..(html.IndexOf("</body>", StringComparison.Ordinal) + 7)]);
            string[] sections = [.. page.Descendants("section").Select(s => s.Attribute("id")!.Value)];
            Assert.Equal(sections.Select(s => "#" + s), page.Descendants("nav").Descendants("a").Select(a => a.Attribute("href")!.Value));
            // "section 3" must be what stands before the heading.
            foreach (XElement link in page.Descendants("main").Elements("section").Descendants("a"))
            {
                XElement target = page.Descendants("section").Single(s => "#" + s.Attribute("id")!.Value == link.Attribute("href")!.Value);
                Assert.StartsWith(link.Value["section ".Length..] + " ", target.Element("h2")!.Value, StringComparison.Ordinal);
            }
        }
    }

    [Fact]
    public void What_is_not_known_is_said_and_not_left_out()
    {
        string text = Markdown(SampleRunbooks.Bare());
        foreach (string gap in (string[])
        [
            "The definition has no escalation matrix", "The definition names no contacts", "The definition names no stores",
            "No backup was found when this was written",
            "No passed drill is on record", "This procedure has not been rehearsed", "No recovery time is set", "____________",
        ])
        {
            Assert.Contains(gap, text, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void A_path_with_blanks_and_quotes_is_one_word_of_a_command()
    {
        string text = Markdown(SampleRunbooks.Source());
        Assert.Contains("-BackupPath '/media/hsm safe' -InitializeToken", text, StringComparison.Ordinal);
        Assert.Equal("'it''s'", ShellText.Value("it's"));
        Assert.Equal("'a\u2019\u2019b'", ShellText.Value("a\u2019b"));
        Assert.Equal("'$(x)'", ShellText.Value("$(x)"));
        Assert.Equal("'-Force'", ShellText.Value("-Force"));
        Assert.Equal("''", ShellText.Value(""));
        Assert.Equal("/etc/a.json", ShellText.Value("/etc/a.json"));
        Assert.Equal("./a.json", ShellText.Value("./a.json"));
        // A parameter that takes more than text would get numbers.
        Assert.Equal(["'7'", "'1e3'", "'.5'"], ((string[])["7", "1e3", ".5"]).Select(ShellText.Value));
    }

    [Fact]
    public void A_drill_that_nobody_signed_does_not_count_where_there_is_an_identity_key()
    {
        RunbookSource source = SampleRunbooks.Source();
        Assert.Contains("Last rehearsed on 2026-11-22: Passed", Markdown(source), StringComparison.Ordinal);
        string certificate = Clusters.Definitions.TestDefinition.Full()["identityCertificate"]!.GetValue<string>();
        Assert.Contains("No passed drill is on record",
            Markdown(source with { Cluster = source.Cluster with { IdentityCertificate = certificate } }), StringComparison.Ordinal);
    }

    [Fact]
    public void The_procedures_name_every_node_and_each_store()
    {
        string text = Markdown(SampleRunbooks.Source());
        Assert.True(Regex.Count(text, Regex.Escape("$cluster = '/etc/hsmbackup/payments.hsmcluster.json'")) >= 4);
        foreach (string node in (string[])["zurich-1", "bern-1", "basel-1"])
        {
            Assert.Contains($"Repair-HsmCluster -Cluster $cluster -Node {node} -WhatIf\n", text, StringComparison.Ordinal);
        }
        Assert.Contains("Restore-HsmCluster -Cluster $cluster -InitializeToken\n", text, StringComparison.Ordinal);
        Assert.Contains("Get-HsmBackup -LiteralPath /srv/hsmbackup | Where-Object ClusterId -eq 'cluster-00112233aabbccdd'", text,
            StringComparison.Ordinal);
        Assert.Contains("`https://dav.example.com/hsm/` must be downloaded first", text, StringComparison.Ordinal);
    }

    [Fact]
    public void No_command_carries_the_backup_of_the_day_of_the_export()
    {
        foreach (RunbookSource source in (RunbookSource[])[SampleRunbooks.Source(), SampleRunbooks.Bare(), SampleRunbooks.Alone(),
            WithoutClusterKey()])
        {
            string[] listings = [.. Regex.Matches(Markdown(source), "(?s)```powershell\n(.*?)```").Select(m => m.Groups[1].Value)];
            Assert.NotEmpty(listings);
            Assert.DoesNotContain(listings, l => l.Contains("20261122T", StringComparison.Ordinal));
        }
    }

    [Fact]
    public void What_is_pasted_never_does_what_was_only_to_be_looked_at()
    {
        foreach (RunbookSource source in (RunbookSource[])[SampleRunbooks.Source(), SampleRunbooks.Bare(), SampleRunbooks.Alone(),
            WithoutClusterKey()])
        {
            string[][] listings = [.. Regex.Matches(Markdown(source), "(?s)```powershell\n(.*?)```")
                .Select(m => m.Groups[1].Value.TrimEnd().Split('\n'))];
            string[] changing = ["Restore-", "Repair-", "Sync-"];
            string[][] touching =
                [.. listings.Where(l => l.Any(c => changing.Any(v => c.TrimStart().StartsWith(v, StringComparison.Ordinal))))];
            Assert.NotEmpty(touching);
            // One command each, and before each that changes anything its plan.
            Assert.All(touching, l => Assert.Single(l));
            string[] plans = [.. touching.Select(l => l[0].Trim()).Where(c => c.EndsWith(" -WhatIf", StringComparison.Ordinal))
                .Select(c => c[..^" -WhatIf".Length])];
            Assert.All(touching.Select(l => l[0].Trim()).Where(c => !c.Contains("-WhatIf", StringComparison.Ordinal)),
                c => Assert.Contains(c, plans));
            // What is asked for is answered before anything that follows.
            Assert.All(listings.Where(l => l.Any(c => c.Contains("Read-Host", StringComparison.Ordinal))),
                l => Assert.Contains("Read-Host", l[^1], StringComparison.Ordinal));
        }
    }

    [Fact]
    public void No_command_has_a_place_to_fill_that_PowerShell_takes_for_a_redirection()
    {
        string text = Markdown(SampleRunbooks.Source());
        Assert.DoesNotMatch("`[^`\n]*-Hsm[^`\n]*<[^`\n]*`", text);
        Assert.Contains("`Export-HsmRunbook -Cluster $cluster -Destination FOLDER`", text, StringComparison.Ordinal);
    }

    [Fact]
    public void What_is_restored_without_stores_or_a_cluster_key_is_named_or_a_gap_to_see()
    {
        string bare = Markdown(SampleRunbooks.Bare());
        Assert.Contains("$backup = Get-HsmBackup -LiteralPath BACKUPS | Where-Object ClusterId -eq 'cluster-ffffffffffffffff'", bare,
            StringComparison.Ordinal);
        Assert.Contains("Restore-HsmCluster -Cluster $cluster -LiteralPath $backup.Path -InitializeToken", bare, StringComparison.Ordinal);
        Assert.Contains("in place of BACKUPS", bare, StringComparison.Ordinal);
        Assert.Contains("Repair-HsmCluster -Cluster $cluster -Node only -LiteralPath $backup.Path\n", bare, StringComparison.Ordinal);
        Assert.DoesNotContain("-Resplit", bare, StringComparison.Ordinal);
        Assert.Contains("-Resplit -Threshold 3 -ShareCount 5", Markdown(SampleRunbooks.Source()), StringComparison.Ordinal);
    }

    [Fact]
    public void Who_receives_a_key_is_told_the_place_and_the_state_folder()
    {
        string text = Markdown(SampleRunbooks.Source() with { KeyFolder = "/srv/keys", StatePath = "/srv/my state" });
        Assert.Contains("Keys wait in `/srv/keys`", text, StringComparison.Ordinal);
        Assert.Contains("-BackupId $backup.BackupId -StatePath '/srv/my state' -KeyPath ./payments.key", text, StringComparison.Ordinal);
        Assert.Contains("`-PrivateKeyPath FILE`", text, StringComparison.Ordinal);
    }

    [Fact]
    public void Every_command_that_can_is_told_the_state_folder()
    {
        string[] stateful =
        [
            "Get-HsmClusterHealth", "Get-HsmAuditLog", "Test-HsmAuditLog", "Restore-HsmCluster", "Restore-HsmKey", "Repair-HsmCluster",
            "Sync-HsmCluster",
            "Receive-HsmBackupKey", "Register-HsmBackupSchedule", "Invoke-HsmDrill", "Test-HsmRunbook", "Export-HsmRunbook",
        ];
        string text = Markdown(SampleRunbooks.Source() with { StatePath = "/srv/my state" });
        string[] commands = [.. Regex.Matches(text, "(?s)```powershell\n(.*?)```").SelectMany(m => m.Groups[1].Value.Split('\n')),
            .. Regex.Matches(text, "`([^`\n]+)`").Select(m => m.Groups[1].Value)];
        foreach (string cmdlet in stateful)
        {
            string[] uses = [.. commands.Where(c => c.Contains(cmdlet + " ", StringComparison.Ordinal))];
            Assert.NotEmpty(uses);
            Assert.All(uses, c => Assert.True(c.Contains(" -StatePath '/srv/my state'", StringComparison.Ordinal)
                || c.Contains("-Action " + cmdlet, StringComparison.Ordinal), c));
        }
        Assert.DoesNotContain("-StatePath", Markdown(SampleRunbooks.Source()), StringComparison.Ordinal);
    }

    [Fact]
    public void A_node_that_has_no_peers_is_filled_from_a_backup_whether_there_is_a_cluster_key_or_not()
    {
        string text = Markdown(SampleRunbooks.Alone());
        Assert.Contains("Repair-HsmCluster -Cluster $cluster -Node zurich-1 -LiteralPath $backup.Path\n", text, StringComparison.Ordinal);
        Assert.Contains("It has no peers: it is initialised, joined by the custodians' shares, and filled from the latest backup.", text,
            StringComparison.Ordinal);
        Assert.DoesNotContain("Sync-HsmCluster", text, StringComparison.Ordinal);
        Assert.DoesNotContain("from the nodes that are left", text, StringComparison.Ordinal);
    }

    [Fact]
    public void A_failed_drill_of_the_whole_cluster_is_said_whatever_passed_since()
    {
        RunbookSource source = SampleRunbooks.Source();
        DrillRecord last = source.Drills[^1];
        DrillReport failed = SampleDrills.Failed() with { Scenario = DrillScenario.ClusterLoss, Started = last.Report!.Started.AddDays(1) };
        DrillReport passed = SampleDrills.Passed() with
        {
            Scenario = DrillScenario.BackupVerification,
            Started = last.Report.Started.AddDays(2),
        };
        string text = Markdown(source with { Drills = [last, last with { Report = failed }, last with { Report = passed }] });
        Assert.Contains("The last drill of the loss of the whole cluster, on 2026-11-23, did not pass: ", text, StringComparison.Ordinal);
        Assert.Contains($"The last passed drill ({DrillWords.Of(DrillScenario.BackupVerification)})", text, StringComparison.Ordinal);
    }

    public void Dispose() => _folder.Dispose();

    private static IEnumerable<byte[]> Forms(RunbookSource source) =>
        Enum.GetValues<RunbookFormat>().Select(f => Runbook.Render(source, f));

    private static RunbookSource WithoutClusterKey() =>
        SampleRunbooks.Source() is var source ? source with { Cluster = source.Cluster with { ClusterKey = null } } : null!;

    private static string Markdown(RunbookSource source) => Encoding.UTF8.GetString(Runbook.Render(source, RunbookFormat.Markdown));
}
