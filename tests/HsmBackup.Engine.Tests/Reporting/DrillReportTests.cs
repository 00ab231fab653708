using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using System.Xml.Linq;
using HsmBackup.Engine.Backup;
using HsmBackup.Engine.Drills;
using HsmBackup.Engine.Reporting;
using Xunit;

namespace HsmBackup.Engine.Tests.Reporting;

/// <summary>What the forms of a drill report say, and what they must never do.</summary>
public sealed partial class DrillReportTests
{
    public static TheoryData<string> Samples => ["passed", "failed", "interrupted", "verified", "node", "store", "many"];

    [Theory]
    [MemberData(nameof(Samples))]
    public void A_report_is_the_same_bytes_in_every_culture(string sample)
    {
        DrillReport report = Of(sample);
        IReadOnlyDictionary<string, byte[]> here = DrillPublication.Render(report, signed: true);
        CultureInfo before = CultureInfo.CurrentCulture;
        try
        {
            foreach (string culture in (string[])["tr-TR", "de-DE", "ar-SA", "th-TH"])
            {
                CultureInfo.CurrentCulture = new CultureInfo(culture);
                Assert.All(DrillPublication.Render(DrillReport.FromJson(report.ToJson()), signed: true), f =>
                    Assert.True(here[f.Key].AsSpan().SequenceEqual(f.Value), f.Key));
            }
        }
        finally
        {
            CultureInfo.CurrentCulture = before;
        }
    }

    [Theory]
    [MemberData(nameof(Samples))]
    public void The_page_asks_for_nothing_and_runs_nothing(string sample)
    {
        string html = Html(Of(sample));
        Assert.DoesNotMatch(Outside(), html);
        // The browser is told so as well, and lets in this style sheet alone.
        string style = Between(html, "<style>", "</style>");
        string hash = Convert.ToBase64String(SHA256.HashData(Encoding.UTF8.GetBytes(style)));
        // The base64 of a digest can have a plus sign, which needs no escape in an attribute.
        Assert.Contains($"default-src &#39;none&#39;; style-src &#39;sha256-{hash}&#39;", html, StringComparison.Ordinal);
        Assert.DoesNotContain(" style=", html, StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(Samples))]
    public void The_page_is_well_formed(string sample)
    {
        string body = "<body>" + Between(Html(Of(sample)), "<body>", "</body>") + "</body>";
        XElement page = XElement.Parse(body);
        string[] ids = [.. page.Descendants().Attributes("id").Select(a => a.Value)];
        Assert.Equal(ids.Length, ids.Distinct(StringComparer.Ordinal).Count());
        Assert.Equal("h1", page.Descendants().First(e => e.Name.LocalName.StartsWith('h') && e.Name.LocalName.Length == 2).Name.LocalName);
        Assert.All(page.Descendants().Attributes("href"), a => Assert.Contains(a.Value[1..], ids));
    }

    [Fact]
    public void What_a_label_says_is_text_in_every_form()
    {
        IReadOnlyDictionary<string, byte[]> files = DrillPublication.Render(SampleDrills.Failed(), signed: false);
        string html = Text(files[DrillRecords.HtmlFile]);
        Assert.Contains("&lt;script&gt;alert(&#39;\uFFFD&quot;&amp;amp;|`&#39;)&lt;/script&gt;", html, StringComparison.Ordinal);
        Assert.DoesNotContain("<script", html, StringComparison.OrdinalIgnoreCase);
        string markdown = Text(files[DrillRecords.MarkdownFile]);
        Assert.Contains("&lt;script&gt;alert('\uFFFD\"&amp;amp;\\|\\`')&lt;/script&gt;", markdown, StringComparison.Ordinal);
        Assert.DoesNotContain("<script", markdown, StringComparison.OrdinalIgnoreCase);
        Assert.Contains(XDocument.Parse(Text(files[DrillRecords.JUnitFile])).Descendants("testcase").Attributes("name"),
            n => n.Value.Contains("<script>alert('\uFFFD\"&amp;|`')</script>", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("\u0000\u001b[31mred")]
    [InlineData("a\uFFFE\uFFFFb")]
    [InlineData("half \uD800 of a pair")]
    [InlineData("line\r\nbreak | cell")]
    public void Whatever_a_label_is_every_form_can_be_read(string label)
    {
        DrillReport report = SampleDrills.Passed(4);
        IReadOnlyDictionary<string, byte[]> files = DrillPublication.Render(
            report with { Keys = [report.Keys[0] with { Label = label }], Operator = label, Deviations = [label], Problem = label },
            signed: false);
        _ = XElement.Parse("<body>" + Between(Text(files[DrillRecords.HtmlFile]), "<body>", "</body>") + "</body>");
        _ = XDocument.Parse(Text(files[DrillRecords.JUnitFile]));
        Assert.All(files.Values, f => Assert.DoesNotContain('\u001b', Text(f)));
        Assert.All(TableRows(Text(files[DrillRecords.MarkdownFile])), r => Assert.True(r.EndsWith('|'), r));
    }

    [Theory]
    [InlineData("passed", "Passed", "good")]
    [InlineData("failed", "Failed", "bad")]
    [InlineData("interrupted", "Interrupted", "warning")]
    public void The_verdict_comes_first(string sample, string word, string tone)
    {
        string html = Html(Of(sample));
        Assert.Contains($"<div class=\"verdict {tone}\">\n<p class=\"word\">{word}</p>",
            html[html.IndexOf("<main>", StringComparison.Ordinal)..][..120], StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("passed", "None: the drill went as planned.")]
    [InlineData("failed", "None beside what is said at the top.")]
    [InlineData("interrupted", "None beside what is said at the top.")]
    public void Only_a_drill_that_passed_can_have_gone_as_planned(string sample, string words)
    {
        Assert.Empty(Of(sample).Deviations);
        Assert.Contains($"<h3>Deviations</h3>\n<p>{words}</p>", Html(Of(sample)), StringComparison.Ordinal);
    }

    [Fact]
    public void A_missed_target_is_no_failure_and_not_green()
    {
        DrillReport report = SampleDrills.Passed();
        string html = Html(report with { Measures = report.Measures with { RecoveryTimeTarget = TimeSpan.FromMinutes(30) } });
        Assert.Contains("<div class=\"verdict warning\">\n<p class=\"word\">Passed</p>", html, StringComparison.Ordinal);
        Assert.Contains("target 30\u00A0min: missed", html, StringComparison.Ordinal);
    }

    [Fact]
    public void What_failed_stands_before_what_passed_and_is_never_folded()
    {
        string html = Html(SampleDrills.Failed());
        int failed = html.IndexOf("The public key does not verify what the private key signed.", StringComparison.Ordinal);
        Assert.InRange(failed, 1, html.IndexOf("Passed (", StringComparison.Ordinal));
        Assert.DoesNotContain("<details", html[..failed], StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(21)]
    [InlineData(1001)]
    public void Failures_of_one_reason_are_all_open_and_printed_however_many_they_are(int number)
    {
        DrillReport report = SampleDrills.Passed(number);
        const string Reason = "The token refused to wrap it.";
        string html = Html(report with
        {
            Result = DrillResult.Failed,
            Keys = [.. report.Keys.Where(k => k.Node == "hsm-a").Select(k => k with { Result = CheckOutcome.Failed, Reason = Reason })],
        });
        Assert.Equal(1, Regex.Count(html, Reason));
        Assert.Equal(number, Regex.Count(html, "<strong>issuer-"));
        Assert.DoesNotContain("<details", html, StringComparison.Ordinal);
    }

    [Fact]
    public void What_was_skipped_for_one_reason_is_folded()
    {
        DrillReport report = SampleDrills.Passed(21);
        string html = Html(report with
        {
            Keys = [.. report.Keys.Where(k => k.Node == "hsm-a")
                .Select(k => k with { Result = CheckOutcome.Skipped, Reason = "Its flags allow no use." })],
        });
        Assert.Equal(1, Regex.Count(html, "<details"));
    }

    [Fact]
    public void Certificates_are_not_said_to_have_been_wrapped()
    {
        DrillReport report = SampleDrills.Passed();
        string html = Html(report with { Keys = [.. report.Keys.Where(k => k.Class == "CKO_CERTIFICATE")] });
        Assert.Contains("<caption>Each was proven to be that of the backup, and used</caption>", html, StringComparison.Ordinal);
        Assert.DoesNotContain("wrapping", html, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("passed", 0)]
    [InlineData("failed", 4)]
    [InlineData("interrupted", 2)]
    public void A_pipeline_sees_whatever_is_not_a_pass(string sample, int failures)
    {
        DrillReport report = Of(sample);
        XElement suite = XDocument.Parse(Text(DrillPublication.Render(report, signed: false)[DrillRecords.JUnitFile]))
            .Descendants("testsuite").Single();
        Assert.Equal(failures, (int)suite.Attribute("failures")!);
        Assert.Equal(failures, suite.Descendants("failure").Count());
        Assert.Equal(1 + report.Steps.Count + report.Keys.Count, suite.Elements("testcase").Count());
        Assert.Equal((int)suite.Attribute("skipped")!, suite.Descendants("skipped").Count());
    }

    [Fact]
    public void A_verification_has_no_recovery_time_that_could_be_missing()
    {
        string html = Html(SampleDrills.Verified());
        Assert.Contains("<dt>Backups verified</dt><dd class=\"value\">3 of 3</dd>", html, StringComparison.Ordinal);
        Assert.DoesNotContain("<dt>Recovery time</dt>", html, StringComparison.Ordinal);
    }

    [Fact]
    public void Times_of_software_tokens_are_told_from_those_of_HSMs()
    {
        DrillReport report = SampleDrills.Passed();
        report = report with { Former = [.. report.Former.Select((f, i) => f with { SoftwareTargets = i == report.Former.Count - 1 })] };
        string html = Html(report);
        Assert.Contains(">39 min (software tokens)</td>", html, StringComparison.Ordinal);
        Assert.Contains(">2026-08-19 (software)</text>", html, StringComparison.Ordinal);
        Assert.Contains(">2026-11-22, this drill</text>", html, StringComparison.Ordinal);
        Assert.Equal(2, Regex.Count(html[..html.IndexOf("id=\"keys\"", StringComparison.Ordinal)], @"\(software\)"));
        Assert.Contains("this drill (software)", Html(report with { Environment = report.Environment with { SoftwareTargets = true } }),
            StringComparison.Ordinal);
    }

    [Fact]
    public void A_report_from_before_a_member_was_added_is_still_read()
    {
        JsonNode json = JsonNode.Parse(SampleDrills.StoreLost().ToJson())!;
        Assert.True(json.AsObject().Remove("lostStore"));
        Assert.All(json["former"]!.AsArray(), f => Assert.True(f!.AsObject().Remove("softwareTargets")));
        DrillReport report = DrillReport.FromJson(Encoding.UTF8.GetBytes(json.ToJsonString()));
        Assert.Null(report.LostStore);
        Assert.NotEmpty(report.Former);
        Assert.All(report.Former, f => Assert.False(f.SoftwareTargets));
    }

    [Fact]
    public void A_lost_store_is_named_and_no_more_is_claimed_than_one_node()
    {
        DrillReport report = SampleDrills.StoreLost();
        string html = Html(report);
        Assert.Contains("One node was to be made anew from what is left without the store &#39;vault &lt;2&gt;&#39;.", html,
            StringComparison.Ordinal);
        Assert.Contains("<dt>Store that was lost</dt><dd>vault &lt;2&gt;</dd>", html, StringComparison.Ordinal);
        Assert.DoesNotContain("primary", html, StringComparison.Ordinal);
        Assert.DoesNotContain("new cluster", html, StringComparison.OrdinalIgnoreCase);
        Assert.Equal("vault <2>", DrillReport.FromJson(report.ToJson()).LostStore);
        Assert.Contains("without one of the stores.", Html(report with { LostStore = null }), StringComparison.Ordinal);
    }

    [Fact]
    public void A_node_that_peers_filled_has_no_recovery_point_that_could_be_missing()
    {
        DrillReport report = SampleDrills.NodeLost();
        string html = Html(report);
        Assert.Contains("<dt>Recovery time</dt>", html, StringComparison.Ordinal);
        Assert.DoesNotContain("<dt>Recovery point</dt>", html, StringComparison.Ordinal);
        Assert.Contains("<dt>Recovery point</dt><dd class=\"value\">7 h 30 min</dd>", Html(SampleDrills.Passed()),
            StringComparison.Ordinal);
        // Where no backup was found, that is what has to be seen.
        string none = Html(SampleDrills.Failed() with { Backups = [], Measures = report.Measures });
        Assert.Contains("<div class=\"bad\"><dt>Recovery point</dt><dd class=\"value\">no backup</dd>", none, StringComparison.Ordinal);
    }

    [Fact]
    public void Every_form_carries_the_digest_of_the_record()
    {
        IReadOnlyDictionary<string, byte[]> files = DrillPublication.Render(SampleDrills.Passed(), signed: true);
        string digest = Convert.ToHexStringLower(SHA256.HashData(files[DrillRecords.JsonFile]));
        Assert.Contains(digest, Text(files[DrillRecords.HtmlFile]), StringComparison.Ordinal);
        Assert.Contains(digest, Text(files[DrillRecords.MarkdownFile]), StringComparison.Ordinal);
    }

    [Fact]
    public void Ten_thousand_keys_are_one_page_that_can_be_read()
    {
        string html = Html(SampleDrills.Passed(10_000));
        // One line for a key on three nodes, each kind folded; none is lost.
        Assert.Equal(10_000, Regex.Count(html, "<strong>issuer-"));
        Assert.Equal(4, Regex.Count(html, "<details"));
        Assert.InRange(html.Length, 1, 3 << 20);
    }

    internal static DrillReport Of(string sample) => sample switch
    {
        "passed" => SampleDrills.Passed(),
        "failed" => SampleDrills.Failed(),
        "interrupted" => SampleDrills.Interrupted(),
        "verified" => SampleDrills.Verified(),
        "node" => SampleDrills.NodeLost(),
        "store" => SampleDrills.StoreLost(),
        _ => SampleDrills.Passed(400),
    };

    private static string Html(DrillReport report) => Text(DrillPublication.Render(report, signed: true)[DrillRecords.HtmlFile]);

    private static string Text(byte[] utf8) => Encoding.UTF8.GetString(utf8);

    private static string Between(string text, string start, string end) =>
        text[(text.IndexOf(start, StringComparison.Ordinal) + start.Length)..text.IndexOf(end, StringComparison.Ordinal)];

    private static IEnumerable<string> TableRows(string markdown) => markdown.Split('\n').Where(l => l.StartsWith('|'));

    [GeneratedRegex("""<script|<link|<img|<iframe|<object|<base|@import|url\(|\ssrc=|\son[a-z]+=|href="(?!#)""", RegexOptions.IgnoreCase)]
    private static partial Regex Outside();
}
