using System.Text;
using HsmBackup.Engine.Catalogue;
using HsmBackup.Engine.Format;
using HsmBackup.Engine.Stores;

namespace HsmBackup.Engine.Backup;

/// <summary>Which backup to copy, and where to.</summary>
public sealed record CopyRequest
{
    /// <summary>The backup, as the catalogue of the stores shows it.</summary>
    public required BackupInfo Backup { get; init; }

    /// <summary>The stores that its copies are in.</summary>
    public required IReadOnlyList<IBackupStore> Sources { get; init; }

    /// <summary>The stores that are to have a copy.</summary>
    public required IReadOnlyList<IBackupStore> Targets { get; init; }

    /// <summary>Put a good copy in the place of one that is damaged, cannot be read, or is another file.</summary>
    public bool ReplaceDamaged { get; init; }

    /// <summary>The state folder; null for that of this account.</summary>
    public string? StateFolder { get; init; }

    /// <summary>The clock.</summary>
    public TimeProvider Clock { get; init; } = TimeProvider.System;
}

/// <summary>A backup with what became of its copies.</summary>
public sealed record CopiedBackup
{
    /// <summary>The backup's id.</summary>
    public required string BackupId { get; init; }

    /// <summary>Where the copies were made from.</summary>
    public required string Source { get; init; }

    /// <summary>What became of each.</summary>
    public required IReadOnlyList<CopyResult> Copies { get; init; }

    /// <summary>What is known of the copies that were written: each was read back whole.</summary>
    public required IReadOnlyList<TestRecord> Tests { get; init; }
}

/// <summary>
/// Brings copies of a backup to stores that have none. The source is read whole first and compared with what was proven of the backup; each
/// copy is read back and compared with it.
/// </summary>
public static class CopyOperation
{
    private const int MaxKeyFile = 64 * 1024;

    /// <summary>Makes the copies.</summary>
    /// <exception cref="HsmBackupException">
    /// IntegrityFailed: none of the copies that there are is whole; Cancelled. What fails for one target is in the result.
    /// </exception>
    public static CopiedBackup Run(CopyRequest request, IProgress<OperationProgress>? progress, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(request);
        string activity = $"Copying {request.Backup.BackupId}";
        progress?.Report(new OperationProgress(activity, "Reading it", 0, request.Targets.Count));
        using LocalBackup source = OpenSource(request, cancellationToken, out BackupFileSummary summary);
        using FileStream content = BackupFile.Open(source.Path);
        var copies = new List<CopyResult>();
        foreach (IBackupStore target in request.Targets)
        {
            cancellationToken.ThrowIfCancellationRequested();
            progress?.Report(new OperationProgress(activity, $"Copying to store '{target.Name}'", copies.Count, request.Targets.Count));
            copies.Add(CopyTo(request, target, content, summary, cancellationToken));
        }
        DateTimeOffset now = request.Clock.GetUtcNow();
        return new CopiedBackup
        {
            BackupId = request.Backup.BackupId,
            Source = source.Location,
            Copies = copies,
            Tests = [.. copies.Where(c => c.IsThere).Select(c => new TestRecord
            {
                BackupId = request.Backup.BackupId,
                ClusterId = request.Backup.ClusterId,
                Location = c.Location,
                Level = TestLevel.Integrity,
                Passed = true,
                Tested = now,
                By = TestRecord.Tester,
                Digest = summary.Digest,
                Binding = summary.Binding,
                Length = summary.Length,
            })],
        };
    }

    private static LocalBackup OpenSource(CopyRequest request, CancellationToken cancellationToken, out BackupFileSummary summary)
    {
        var failures = new List<string>();
        foreach (BackupCopy copy in request.Backup.Copies.Where(c => c.State == CopyState.Present).OrderByDescending(c => c.IsLocal))
        {
            LocalBackup? source = null;
            try
            {
                source = LocalBackup.Fetch(copy, request.Sources, request.StateFolder, cancellationToken);
                summary = BackupFile.CheckIntegrity(source.Path, cancellationToken);
                if (request.Backup.Proof is null || summary.Digest == request.Backup.Proof.Digest)
                {
                    return source;
                }
                failures.Add($" '{copy.Location}' is not what passed a test of level {request.Backup.Proof.Level}.");
            }
            catch (HsmBackupException e) when (e.Code != ErrorCode.Cancelled)
            {
                failures.Add($" {e.Message}");
            }
            source?.Dispose();
        }
        throw new HsmBackupException(ErrorCode.IntegrityFailed,
            $"No copy of backup {request.Backup.BackupId} that could be copied is whole.{string.Concat(failures)}",
            "Mount or repair a store with a good copy. A damaged copy is not copied.")
        { Target = request.Backup.BackupId };
    }

    private static CopyResult CopyTo(CopyRequest request, IBackupStore target, FileStream content, BackupFileSummary summary, CancellationToken cancellationToken)
    {
        string name = StoreFile.OfBackup(request.Backup.BackupId);
        string location = target.LocationOf(name);
        try
        {
            CheckNoKey(target, request.Backup.BackupId);
            CarryHold(request, target, cancellationToken);
            CopyOutcome outcome = CopyOutcome.Written;
            try
            {
                content.Position = 0;
                target.Add(name, content, cancellationToken);
            }
            catch (HsmBackupException e) when (e.Code == ErrorCode.CopyExists)
            {
                outcome = IsWhole(request, target, name, summary, cancellationToken) ? CopyOutcome.AlreadyThere : Replace(request, target, name, content, cancellationToken);
            }
            return new CopyResult(target.Name, location, outcome, null);
        }
        catch (HsmBackupException e) when (e.Code != ErrorCode.Cancelled)
        {
            return new CopyResult(target.Name, location, CopyOutcome.Failed, e);
        }
        catch (Exception e) when (FileErrors.Covers(e))
        {
            return new CopyResult(target.Name, location, CopyOutcome.Failed, FileErrors.From(e, location));
        }
    }

    // Before the copy: while the stores with the hold are away, nothing else tells that this copy is held.
    private static void CarryHold(CopyRequest request, IBackupStore target, CancellationToken cancellationToken)
    {
        const int maxHold = 64 * 1024;
        string name = StoreFile.OfHold(request.Backup.BackupId);
        if (request.Backup.Copies.FirstOrDefault(c => c.Held && c.Store != target.Name) is not { } held)
        {
            return;
        }
        try
        {
            _ = target.ReadStart(name, 1, cancellationToken);
        }
        catch (HsmBackupException e) when (e.Code == ErrorCode.BackupNotFound)
        {
            byte[] hold = request.Sources.First(s => s.Name == held.Store).ReadStart(name, maxHold, cancellationToken);
            target.Replace(name, hold, cancellationToken);
        }
    }

    // What is there already counts as a copy only when it was read to its end.
    private static bool IsWhole(CopyRequest request, IBackupStore target, string name, BackupFileSummary summary, CancellationToken cancellationToken)
    {
        try
        {
            using LocalBackup there = LocalBackup.Fetch(target, name, request.StateFolder, cancellationToken);
            return BackupFile.CheckIntegrity(there.Path, cancellationToken).Digest == summary.Digest;
        }
        catch (HsmBackupException e) when (e.Code is ErrorCode.IntegrityFailed or ErrorCode.NotABackup or ErrorCode.HeaderInvalid
            or ErrorCode.UnsupportedVersion)
        {
            return false;
        }
    }

    private static CopyOutcome Replace(CopyRequest request, IBackupStore target, string name, FileStream content, CancellationToken cancellationToken)
    {
        if (!request.ReplaceDamaged)
        {
            throw new HsmBackupException(ErrorCode.CopyExists, $"'{target.LocationOf(name)}' is there already, and is not the backup: damaged, or another file.",
                "Keep it for analysis if it may have been changed on purpose. Copy-HsmBackup -Force puts a good copy in its place.")
            { Target = target.LocationOf(name) };
        }
        content.Position = 0;
        target.Replace(name, content, cancellationToken);
        return CopyOutcome.Written;
    }

    /// <summary>A backup and its key are never put in one store: a key file of the backup in a folder keeps the backup out of it.</summary>
    private static void CheckNoKey(IBackupStore target, string backupId)
    {
        if (target.Kind == StoreKind.WebDav || !Directory.Exists(target.Location))
        {
            return;
        }
        byte[] mark = Encoding.ASCII.GetBytes(backupId);
        var below = new EnumerationOptions { RecurseSubdirectories = true, IgnoreInaccessible = true, MaxRecursionDepth = 8, AttributesToSkip = FileAttributes.ReparsePoint };
        // What has no length may be a pipe, which would never end.
        foreach (FileInfo file in new DirectoryInfo(target.Location).EnumerateFiles("*", below).Where(f => f.Length is > 0 and < MaxKeyFile && !StoreFile.IsBackup(f.Name)))
        {
            if (IsKeyFileOf(file, mark))
            {
                throw new HsmBackupException(ErrorCode.KeyFileBesideBackup,
                    $"'{file.FullName}' is the key file of backup {backupId}, and stands in the folder that the backup is to be copied to.",
                    "Move the key file out of the store first: whoever copies that folder would have the key along with the backup.")
                { Target = file.FullName };
            }
        }
    }

    private static bool IsKeyFileOf(FileInfo file, byte[] mark)
    {
        try
        {
            byte[] start = new byte[256];
            using FileStream stream = file.OpenRead();
            int length = stream.ReadAtLeast(start, start.Length, throwOnEndOfStream: false);
            return start[0] == '#' && start.AsSpan(0, length).IndexOf(mark) >= 0;
        }
        catch (Exception e) when (FileErrors.Covers(e))
        {
            return false;
        }
    }
}
