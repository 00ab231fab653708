using HsmBackup.Engine.Drills;
using HsmBackup.Engine.Format;

namespace HsmBackup.Engine.Reporting;

/// <summary>Writes the report of a drill in all its forms, and has the list of their digests signed.</summary>
public static class DrillPublication
{
    /// <summary>Renders the report, signs it and puts it with the drills on record.</summary>
    /// <param name="report">The drill.</param>
    /// <param name="records">The drills of its cluster.</param>
    /// <param name="sign">
    /// Signs with the cluster's identity key; null where nobody can. Where it fails, the report is kept unsigned and says so.
    /// </param>
    /// <param name="certificate">
    /// Certificate of that key, in DER: what was written is then read back and checked. Null where there is none.
    /// </param>
    /// <returns>The drill on record.</returns>
    /// <exception cref="HsmBackupException">DestinationUnwritable, DiskFull.</exception>
    public static DrillRecord Publish(DrillReport report, DrillRecords records, BackupSigner? sign,
        ReadOnlyMemory<byte>? certificate = null)
    {
        ArgumentNullException.ThrowIfNull(report);
        ArgumentNullException.ThrowIfNull(records);
        (string folder, DrillReport written, bool signed) = Write(report, records, sign);
        return certificate is null
            ? new DrillRecord
            {
                Id = written.Id,
                Folder = folder,
                Report = written,
                Integrity = signed ? DrillIntegrity.Signed : DrillIntegrity.Unsigned,
            }
            : DrillRecords.Read(folder, certificate);
    }

    /// <summary>The forms of a report, by the names of their files.</summary>
    /// <param name="report">The drill.</param>
    /// <param name="signed">Whether they are going to be signed.</param>
    public static IReadOnlyDictionary<string, byte[]> Render(DrillReport report, bool signed)
    {
        ArgumentNullException.ThrowIfNull(report);
        byte[] json = report.ToJson();
        Document document = DrillDocument.Of(report, json, signed);
        return new Dictionary<string, byte[]>(StringComparer.Ordinal)
        {
            [DrillRecords.JsonFile] = json,
            [DrillRecords.HtmlFile] = HtmlPage.Render(document),
            [DrillRecords.MarkdownFile] = MarkdownPage.Render(document),
            [DrillRecords.JUnitFile] = DrillJUnit.Render(report),
        };
    }

    private static (string Folder, DrillReport Written, bool Signed) Write(DrillReport report, DrillRecords records, BackupSigner? sign)
    {
        if (sign is null)
        {
            return (records.Write(report.Id, Render(report, signed: false), null), report, false);
        }
        Exception? refused = null;
        byte[] Guarded(ReadOnlySpan<byte> digest)
        {
            try
            {
                return sign(digest);
            }
            catch (Exception e) when (e is not OperationCanceledException)
            {
                refused = e;
                throw;
            }
        }
        try
        {
            return (records.Write(report.Id, Render(report, signed: true), Guarded), report, true);
        }
        catch (Exception) when (refused is not null)
        {
            // The evidence of an hour is not thrown away because an HSM does not answer at its end.
            DrillReport unsigned = report with
            {
                Deviations = [.. report.Deviations, $"The report could not be signed: {refused.Message}"],
            };
            return (records.Write(report.Id, Render(unsigned, signed: false), null), unsigned, false);
        }
    }
}
