using System.Globalization;
using System.Text;
using System.Xml;
using HsmBackup.Engine.Backup;
using HsmBackup.Engine.Drills;

namespace HsmBackup.Engine.Reporting;

/// <summary>
/// A drill for pipelines: the JUnit XML that they all read. Its first test case is the result as a whole, so that a drill which came to no
/// key, or was stopped, cannot look like one that passed.
/// </summary>
internal static class DrillJUnit
{
    /// <summary>The XML in UTF-8.</summary>
    public static byte[] Render(DrillReport report)
    {
        Case[] cases = [Whole(report), .. report.Steps.Select(OfStep), .. report.Keys.Select(OfKey)];
        using var output = new MemoryStream();
        using (var xml = XmlWriter.Create(output,
            new XmlWriterSettings { Indent = true, NewLineChars = "\n", Encoding = new UTF8Encoding(false) }))
        {
            xml.WriteStartElement("testsuites");
            WriteCounts(xml, report, cases);
            xml.WriteStartElement("testsuite");
            WriteCounts(xml, report, cases);
            Attribute(xml, "timestamp", report.Started.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss", CultureInfo.InvariantCulture));
            Attribute(xml, "hostname", report.Environment.Computer);
            WriteProperties(xml, report);
            foreach (Case one in cases)
            {
                Write(xml, one);
            }
            xml.WriteEndElement();
            xml.WriteEndElement();
        }
        output.WriteByte((byte)'\n');
        return output.ToArray();
    }

    private static Case Whole(DrillReport report) => new("Drill", $"{report.Scenario} of {report.Cluster}", TimeSpan.Zero,
        report.Result == DrillResult.Passed ? CheckOutcome.Passed : CheckOutcome.Failed,
        report.Problem ?? $"The drill was {DrillWords.Of(report.Result)}.", report.Error?.ToString() ?? report.Result.ToString());

    private static Case OfStep(DrillStep step, int index) => new("Step",
        string.Create(CultureInfo.InvariantCulture, $"{index + 1:00} {step.Name}{(step.Subject is null ? "" : $" ({step.Subject})")}"),
        step.Elapsed, step.Outcome, step.Detail ?? "", step.Error?.ToString() ?? "DrillFailed");

    private static Case OfKey(DrilledKey key) => new($"Key.{key.Node}",
        $"{key.Class}{(key.KeyType is null ? "" : " " + key.KeyType)} {key.Label}"
            + $"{(key.Id.Length == 0 ? "" : $" (id {key.Id})")} of {key.BackupId}",
        TimeSpan.Zero, key.Result, key.Reason ?? "", "Key");

    private static void WriteCounts(XmlWriter xml, DrillReport report, Case[] cases)
    {
        Attribute(xml, "name", $"Drill {report.Scenario} of {report.Cluster}");
        Attribute(xml, "tests", Number(cases.Length));
        Attribute(xml, "failures", Number(cases.Count(c => c.Outcome == CheckOutcome.Failed)));
        Attribute(xml, "errors", "0");
        Attribute(xml, "skipped", Number(cases.Count(c => c.Outcome is CheckOutcome.Skipped or CheckOutcome.NotRun)));
        Attribute(xml, "time", Seconds(report.Ended - report.Started));
    }

    private static void WriteProperties(XmlWriter xml, DrillReport report)
    {
        xml.WriteStartElement("properties");
        foreach ((string name, string? value) in (IEnumerable<(string, string?)>)
        [
            ("drill", report.Id), ("cluster", report.Cluster), ("clusterId", report.ClusterId), ("scenario", report.Scenario.ToString()),
            ("result", report.Result.ToString()), ("lostStore", report.LostStore),
            ("recoveryTimeSeconds", report.Measures.RecoveryTime is { } time ? Seconds(time) : null),
            ("recoveryPointSeconds", report.Measures.RecoveryPoint is { } age ? Seconds(age) : null),
            ("recoveryTimeMet", Truth(report.Measures.RecoveryTimeMet)), ("recoveryPointMet", Truth(report.Measures.RecoveryPointMet)),
            ("keysExpected", Number(report.Measures.KeysExpected)), ("keysRecovered", Number(report.Measures.KeysRecovered)),
            ("keysProven", Number(report.Measures.KeysProven)), ("keysUsed", Number(report.Measures.KeysUsed)),
        ])
        {
            if (value is not null)
            {
                xml.WriteStartElement("property");
                Attribute(xml, "name", name);
                Attribute(xml, "value", value);
                xml.WriteEndElement();
            }
        }
        xml.WriteEndElement();
    }

    private static void Write(XmlWriter xml, Case one)
    {
        xml.WriteStartElement("testcase");
        Attribute(xml, "classname", one.Class);
        Attribute(xml, "name", one.Name);
        Attribute(xml, "time", Seconds(one.Elapsed));
        if (one.Outcome == CheckOutcome.Failed)
        {
            xml.WriteStartElement("failure");
            Attribute(xml, "type", one.Error);
            Attribute(xml, "message", one.Message);
            xml.WriteEndElement();
        }
        else if (one.Outcome != CheckOutcome.Passed)
        {
            xml.WriteStartElement("skipped");
            Attribute(xml, "message", $"{one.Outcome}: {one.Message}");
            xml.WriteEndElement();
        }
        xml.WriteEndElement();
    }

    private static void Attribute(XmlWriter xml, string name, string value) => xml.WriteAttributeString(name, PlainText.LineOf(value));

    private static string Number(int number) => number.ToString(CultureInfo.InvariantCulture);

    private static string Seconds(TimeSpan time) => time.TotalSeconds.ToString("0.###", CultureInfo.InvariantCulture);

    private static string? Truth(bool? value) => value switch { true => "true", false => "false", null => null };

    private sealed record Case(string Class, string Name, TimeSpan Elapsed, CheckOutcome Outcome, string Message, string Error);
}
