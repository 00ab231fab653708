using HsmBackup.Engine.Format;
using HsmBackup.Engine.Protection;
using HsmBackup.Engine.Stores;

namespace HsmBackup.Engine.Backup;

/// <summary>
/// Writes a backup under a temporary name, flushes it to the disk, reads it back, and only then gives it the name of a backup.
/// Whatever happens on the way, no half file ever looks like a backup.
/// </summary>
internal sealed class BackupPublication : IDisposable
{
    /// <summary>For no longer than this is a file of a running backup not locked.</summary>
    private static readonly TimeSpan UnlockedAtMost = TimeSpan.FromSeconds(5);

    private const string TemporarySuffix = ".partial";

    private readonly BackupId _id;
    private readonly string _temporary;
    private readonly FileStream _file;

    private BackupPublication(string folder, BackupId id)
    {
        _id = id;
        FinalPath = Path.Combine(folder, id.FileName);
        _temporary = Path.Combine(folder, "." + id.FileName + TemporarySuffix);
        var options = new FileStreamOptions
        {
            Mode = FileMode.CreateNew,
            Access = FileAccess.ReadWrite,
            // Windows renames an open file only where that is shared; Unix locks it for us alone.
            Share = OperatingSystem.IsWindows() ? FileShare.Delete : FileShare.None,
            BufferSize = 128 * 1024,
        };
        if (!OperatingSystem.IsWindows())
        {
            options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        }
        _file = new FileStream(_temporary, options);
    }

    /// <summary>The name that the backup gets.</summary>
    public string FinalPath { get; }

    /// <summary>Makes sure of a folder that can be written, before any work is done, and removes what killed runs have left in it.</summary>
    /// <exception cref="HsmBackupException">DestinationUnwritable, DiskFull.</exception>
    public static BackupPublication Begin(string folder, BackupId id)
    {
        try
        {
            Directory.CreateDirectory(folder);
            RemoveLeftovers(folder);
            return new BackupPublication(folder, id);
        }
        catch (Exception e) when (FileErrors.Covers(e))
        {
            throw FileErrors.From(e, folder);
        }
    }

    /// <summary>Writes the file to the disk. It still has its temporary name.</summary>
    public BackupFileSummary Write(
        BackupHeader header, BackupKeys keys, ReadOnlySpan<byte> manifest, ContentSpool objects, BackupSigner? signer, CancellationToken cancellationToken)
    {
        try
        {
            BackupFileSummary written = BackupFileWriter.Write(_file, header, keys, manifest, objects, signer: signer, cancellationToken: cancellationToken);
            _file.Flush(flushToDisk: true);
            return written;
        }
        catch (Exception e) when (FileErrors.Covers(e))
        {
            throw FileErrors.From(e, _temporary);
        }
    }

    /// <summary>Opens the file with its key as a restore would, and reads every object: what cannot be read now is no backup.</summary>
    /// <exception cref="HsmBackupException">IntegrityFailed: the file system, or this program, did not keep what was written.</exception>
    public void ReadBack(OneTimeKey key, BackupFileSummary written, VerdictList verdicts, CancellationToken cancellationToken)
    {
        try
        {
            _file.Position = 0;
            using OpenedBackup opened = OpenedBackup.Open(_file, key, cancellationToken);
            bool same = opened.Summary.Digest == written.Digest
                && opened.Records(cancellationToken).Select(r => r.Verdict).SequenceEqual(verdicts.Select(v => v.Verdict));
            if (!same)
            {
                throw NotKept(null);
            }
        }
        catch (HsmBackupException e)
        {
            throw NotKept(e);
        }
        catch (Exception e) when (FileErrors.Covers(e))
        {
            throw FileErrors.From(e, _temporary);
        }
    }

    private HsmBackupException NotKept(Exception? cause) => new(ErrorCode.IntegrityFailed,
        $"The backup was written to '{_temporary}' and does not read back as it was written. It was removed.",
        "Do not trust this volume; name another destination. If that fails too, report it.", cause)
    { Target = _temporary };

    /// <summary>Gives the file its name.</summary>
    public void Publish()
    {
        try
        {
            if (OperatingSystem.IsWindows())
            {
                // Windows does not rename a file that is open.
                _file.Dispose();
            }
            // Elsewhere it stays locked until it has its name: another backup would take it for a leftover.
            File.Move(_temporary, FinalPath, overwrite: false);
            _file.Dispose();
            _ = FolderFlush.TryFlush(Path.GetDirectoryName(FinalPath)!);
        }
        catch (Exception e) when (FileErrors.Covers(e))
        {
            throw FileErrors.From(e, FinalPath);
        }
    }

    /// <summary>Adds the file to stores under its name, instead of giving it that name here.</summary>
    /// <exception cref="HsmBackupException">CopiesMissing: none of the stores took it; Cancelled, in the same case.</exception>
    public IReadOnlyList<CopyResult> PublishTo(IReadOnlyList<IBackupStore> stores, Action<int, IBackupStore> progress, CancellationToken cancellationToken)
    {
        IReadOnlyList<CopyResult> copies = BackupDistribution.Run(_id, _file, stores, progress, cancellationToken);
        if (!copies.All(c => c.IsMissing))
        {
            return copies;
        }
        throw copies.FirstOrDefault(c => c.Error!.Code == ErrorCode.Cancelled)?.Error ?? BackupDistribution.Missing(_id, copies, 1);
    }

    public void Dispose()
    {
        try
        {
            _file.Dispose();
        }
        catch (IOException)
        {
            // A full disk refuses once more what is still in the buffer. The failure itself is on its way already.
        }
        // After Publish there is nothing under this name any more.
        File.Delete(_temporary);
    }

    private static void RemoveLeftovers(string folder)
    {
        IEnumerable<string> left = Directory.EnumerateFiles(folder, ".*" + BackupFormat.FileExtension + TemporarySuffix)
            .Concat(Directory.EnumerateFiles(folder, ContentSpool.FilePattern));
        foreach (string path in left)
        {
            try
            {
                if (DateTime.UtcNow - File.GetLastWriteTimeUtc(path) < UnlockedAtMost)
                {
                    // It may belong to a backup that begins at this very moment: a file is made first and locked then.
                    continue;
                }
                // A running backup holds its file locked; what can be opened alone belongs to nobody any more.
                using (new FileStream(path, FileMode.Open, FileAccess.ReadWrite, OperatingSystem.IsWindows() ? FileShare.Delete : FileShare.None))
                {
                    File.Delete(path);
                }
            }
            catch (Exception e) when (FileErrors.Covers(e))
            {
                continue;
            }
        }
    }
}
