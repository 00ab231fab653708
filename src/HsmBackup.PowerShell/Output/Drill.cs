using HsmBackup.Engine;
using HsmBackup.Engine.Drills;

namespace HsmBackup.PowerShell.Output;

/// <summary>A drill on record, with what people ask for first; the whole report is in <see cref="Report"/>.</summary>
public sealed class Drill
{
    internal Drill(DrillRecord record)
    {
        Record = record;
        Report = record.Report!;
    }

    /// <summary>Its id, which sorts by time.</summary>
    public string Id => Report.Id;

    /// <summary>Name of the cluster.</summary>
    public string Cluster => Report.Cluster;

    /// <summary>What was rehearsed.</summary>
    public DrillScenario Scenario => Report.Scenario;

    /// <summary>How it ended.</summary>
    public DrillResult Result => Report.Result;

    /// <summary>What went wrong first; null where nothing did.</summary>
    public string? Problem => Report.Problem;

    /// <summary>The id of that error; null where there is none.</summary>
    public ErrorCode? ErrorCode => Report.Error;

    /// <summary>When it began, in UTC.</summary>
    public DateTimeOffset Started => Report.Started;

    /// <summary>When it ended, in UTC.</summary>
    public DateTimeOffset Ended => Report.Ended;

    /// <summary>How long the recovery took; null where it did not come to its end.</summary>
    public TimeSpan? RecoveryTime => Report.Measures.RecoveryTime;

    /// <summary>Whether that met the objective; null where there is none.</summary>
    public bool? RecoveryTimeMet => Report.Measures.RecoveryTimeMet;

    /// <summary>How old the backup was; null where none was found, and where nothing came back from one, as where peers fill a node.</summary>
    public TimeSpan? RecoveryPoint => Report.Measures.RecoveryPoint;

    /// <summary>Whether that met the objective; null where there is none.</summary>
    public bool? RecoveryPointMet => Report.Measures.RecoveryPointMet;

    /// <summary>Keys and certificates that the targets must hold afterwards.</summary>
    public int KeysExpected => Report.Measures.KeysExpected;

    /// <summary>How many of them they held.</summary>
    public int KeysRecovered => Report.Measures.KeysRecovered;

    /// <summary>How many of them were proven to be those of the backup.</summary>
    public int KeysProven => Report.Measures.KeysProven;

    /// <summary>How many of them did their work.</summary>
    public int KeysUsed => Report.Measures.KeysUsed;

    /// <summary>How many of them were proven and could not be used.</summary>
    public int KeysSkipped => Report.Measures.KeysSkipped;

    /// <summary>Its steps.</summary>
    public IReadOnlyList<DrillStep> Steps => Report.Steps;

    /// <summary>Whether its files are what was written.</summary>
    public DrillIntegrity Integrity => Record.Integrity;

    /// <summary>Who signed it; null where nobody did.</summary>
    public string? Signer => Record.Signer;

    /// <summary>The folder of its files.</summary>
    public string Folder => Record.Folder;

    /// <summary>The page for people.</summary>
    public string HtmlPath => Record.HtmlPath;

    /// <summary>The report as it was signed.</summary>
    public string JsonPath => Path.Combine(Folder, DrillRecords.JsonFile);

    /// <summary>All that is known of it.</summary>
    public DrillReport Report { get; }

    /// <summary>Where it is on record.</summary>
    internal DrillRecord Record { get; }

    /// <summary>The drill and its result.</summary>
    public override string ToString() => Report.ToString();
}
