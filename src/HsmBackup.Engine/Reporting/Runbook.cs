using System.Security.Cryptography;
using HsmBackup.Engine.Clusters;

namespace HsmBackup.Engine.Reporting;

/// <summary>The recovery runbook of a cluster, made from its live configuration.</summary>
public static class Runbook
{
    /// <summary>Renders a runbook in one form.</summary>
    /// <param name="source">The cluster as it is now.</param>
    /// <param name="format">The form.</param>
    public static byte[] Render(RunbookSource source, RunbookFormat format)
    {
        ArgumentNullException.ThrowIfNull(source);
        Document document = RunbookDocument.Of(source);
        return RunbookSeal.Of(source).AppendTo(format == RunbookFormat.Html ? HtmlPage.Render(document) : MarkdownPage.Render(document));
    }

    /// <summary>The file that a form of a cluster's runbook is written to.</summary>
    public static string PathOf(string folder, string cluster, RunbookFormat format) =>
        Path.Combine(Path.GetFullPath(folder), $"{cluster}-runbook{(format == RunbookFormat.Html ? ".html" : ".md")}");

    /// <summary>
    /// Writes a runbook in one or several forms, and remembers that. A runbook of the same cluster that is there is replaced; nothing
    /// else is, and where something else stands in the place of one form, none is written.
    /// </summary>
    /// <param name="source">The cluster as it is now.</param>
    /// <param name="folder">The folder; it is made where there is none.</param>
    /// <param name="formats">The forms.</param>
    /// <param name="overwrite">True to replace whatever stands there.</param>
    /// <param name="stateFolder">The state folder; null for that of this account.</param>
    /// <exception cref="HsmBackupException">InvalidArgument: something else stands there. DestinationUnwritable, DiskFull.</exception>
    public static IReadOnlyList<ExportedRunbook> Export(RunbookSource source, string folder, IReadOnlyList<RunbookFormat> formats,
        bool overwrite, string? stateFolder)
    {
        ArgumentNullException.ThrowIfNull(source);
        ArgumentNullException.ThrowIfNull(formats);
        List<(RunbookFormat Format, string Path)> files = [.. formats.Distinct().Select(f => (f, PathOf(folder, source.Cluster.Name, f)))];
        if (!overwrite)
        {
            files.ForEach(f => CheckReplaceable(f.Path, source.Cluster.Id));
        }
        List<ExportedRunbook> exported = [];
        try
        {
            foreach ((RunbookFormat format, string path) in files)
            {
                byte[] content = Render(source, format);
                Write(path, content);
                exported.Add(new ExportedRunbook
                {
                    Cluster = source.Cluster.Name,
                    Format = format,
                    Path = path,
                    Made = source.Made.ToUniversalTime(),
                    Digest = Convert.ToHexStringLower(SHA256.HashData(content)),
                });
            }
        }
        finally
        {
            // A form that was written is a good one, whatever became of the next.
            Remember(source.Cluster, exported, stateFolder);
        }
        return exported;
    }

    private static void Remember(ClusterDefinition cluster, List<ExportedRunbook> exported, string? stateFolder)
    {
        if (exported.Count > 0)
        {
            IReadOnlyDictionary<string, string> parts = RunbookParts.Of(cluster);
            RunbookRecords.Add(stateFolder, cluster, [.. exported.Select(e => new RunbookExport(e.Path, e.Made, e.Digest, parts))]);
        }
    }

    // An edited runbook has somebody's work in it.
    private static void CheckReplaceable(string path, string clusterId)
    {
        try
        {
            if (!File.Exists(path) || (RunbookSeal.Read(path) is { Intact: true } found && found.Seal.ClusterId == clusterId))
            {
                return;
            }
        }
        catch (Exception e) when (FileErrors.Covers(e))
        {
            throw FileErrors.From(e, path);
        }
        throw new HsmBackupException(ErrorCode.InvalidArgument,
            $"'{path}' is there, and is not a runbook of this cluster as it was exported: perhaps somebody has edited it.",
            "Put it elsewhere, name another folder, or replace it with -Force.")
        { Target = path };
    }

    // Whole or not at all: at night nobody wants half a page.
    private static void Write(string path, byte[] content)
    {
        string temporary = path + ".new";
        try
        {
            Directory.CreateDirectory(Path.GetDirectoryName(path)!);
            using (FileStream file = new(temporary, FileMode.Create, FileAccess.Write, FileShare.None))
            {
                file.Write(content);
                file.Flush(flushToDisk: true);
            }
            File.Move(temporary, path, overwrite: true);
            _ = FolderFlush.TryFlush(Path.GetDirectoryName(path)!);
        }
        catch (Exception e) when (FileErrors.Covers(e))
        {
            throw FileErrors.From(e, path);
        }
    }
}
