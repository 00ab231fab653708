using System.Security.Cryptography;
using HsmBackup.Engine;
using HsmBackup.Engine.Auditing;
using HsmBackup.Engine.Clusters;
using HsmBackup.Engine.Drills;
using HsmBackup.Engine.Format;
using HsmBackup.Engine.Reporting;
using HsmBackup.PowerShell.Output;

namespace HsmBackup.PowerShell.Commands;

/// <content>What becomes of the report: signed, kept, copied, told.</content>
public sealed partial class InvokeHsmDrillCommand
{
    /// <summary>Also where the pipeline was stopped: what was seen until then is kept.</summary>
    private DrillRecord Publish(ClusterDefinition cluster, DrillReport report)
    {
        (BackupSigner? sign, string? problem) = DrillSigner.Find(cluster,
            node => Pins.Require(node, Pin, "Give it with -Pin, or name a source in the definition.",
                $"node '{node.Name}' of cluster '{cluster.Name}'"),
            Pin is not null, CancellationToken.None);
        if (problem is not null)
        {
            TryTell(() => WriteWarning(problem));
            report = report with { Deviations = [.. report.Deviations, problem] };
        }
        DrillRecord record = DrillPublication.Publish(report, DrillRecords.Of(State, cluster.Id), sign, CertificateOf(cluster));
        return record.Report is not null ? record : throw new HsmBackupException(ErrorCode.DrillAltered,
            $"The report of drill {record.Id} in '{record.Folder}' does not read back as it was written: {record.Problem}.",
            "Look at the disk of the state folder, then run the drill again.")
        { Target = record.Folder };
    }

    private void Tell(Drill drill, AuditedAction action)
    {
        DrillReport report = drill.Report;
        action.Note("drill", drill.Id);
        action.Note("result", drill.Result.ToString());
        action.Note("digests", Convert.ToHexStringLower(SHA256.HashData(File.ReadAllBytes(Path.Combine(drill.Folder,
            DrillRecords.DigestFile)))));
        if (ReportPath is not null)
        {
            TryItem(ReportPath, () => Copy(drill.Folder, Path.Combine(Paths.Literal(ReportPath), drill.Id)));
        }
        foreach (string deviation in report.Deviations.Except(Deviation))
        {
            WriteVerbose(deviation);
        }
        string[] missed =
        [
            .. drill.RecoveryTimeMet == false ? (string[])["the recovery time objective"] : [],
            .. drill.RecoveryPointMet == false ? (string[])["the recovery point objective"] : [],
        ];
        if (missed.Length > 0)
        {
            WriteWarning($"The drill did not meet {string.Join(" and ", missed)}; its report '{drill.HtmlPath}' has the figures.");
        }
        WriteObject(drill);
        if (drill.Result != DrillResult.Passed)
        {
            string ended = drill.Result == DrillResult.Interrupted ? "was interrupted" : "did not pass";
            WriteError(Errors.From(new HsmBackupException(ErrorCode.DrillFailed,
                $"The drill {report.Scenario} of cluster '{report.Cluster}' {ended}: {report.Problem}",
                $"{(report.FollowUps.Count > 0 ? report.FollowUps[0] + " " : "")}The report '{drill.HtmlPath}' says more.")
            { Target = drill.Id }));
        }
    }

    private static void Copy(string from, string to)
    {
        try
        {
            Directory.CreateDirectory(to);
            foreach (string file in Directory.EnumerateFiles(from))
            {
                File.Copy(file, Path.Combine(to, Path.GetFileName(file)));
            }
        }
        catch (Exception e) when (FileErrors.Covers(e))
        {
            throw FileErrors.From(e, to);
        }
    }
}
