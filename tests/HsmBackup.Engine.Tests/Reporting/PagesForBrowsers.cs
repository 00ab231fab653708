using HsmBackup.Engine.Drills;
using HsmBackup.Engine.Reporting;
using Xunit;

namespace HsmBackup.Engine.Tests.Reporting;

/// <summary>Writes the pages that tests/Accessibility looks at in a browser, beside the tests.</summary>
public sealed class PagesForBrowsers
{
    [Fact]
    public void They_are_written()
    {
        string folder = Directory.CreateDirectory(Path.Combine(AppContext.BaseDirectory, "pages")).FullName;
        foreach (string sample in (string[])["passed", "failed", "interrupted", "verified", "node", "store", "many"])
        {
            DrillReport report = DrillReportTests.Of(sample);
            File.WriteAllBytes(Path.Combine(folder, $"drill-{sample}.html"),
                DrillPublication.Render(report, signed: sample != "failed")[DrillRecords.HtmlFile]);
        }
        File.WriteAllBytes(Path.Combine(folder, "runbook.html"), Runbook.Render(SampleRunbooks.Source(), RunbookFormat.Html));
        File.WriteAllBytes(Path.Combine(folder, "runbook-bare.html"), Runbook.Render(SampleRunbooks.Bare(), RunbookFormat.Html));
        Assert.Equal(9, Directory.GetFiles(folder, "*.html").Length);
    }
}
