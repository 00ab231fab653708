using System.Security.Cryptography;
using HsmBackup.Engine.Format;

namespace HsmBackup.Engine.Auditing;

/// <summary>
/// The audit log of a state folder (docs/audit-log.md): entries are added to it and never changed, each bears the hash of the one
/// before, and checkpoints are signed by the identity keys of clusters. Any number of processes may write it.
/// </summary>
public sealed class AuditLog
{
    private const string FolderName = "audit";
    private readonly string _state;

    /// <summary>Names the log; nothing is read or made before something is done with it.</summary>
    /// <param name="stateFolder">The state folder; null for the one that is found by itself.</param>
    /// <param name="clock">The clock; null for that of the system.</param>
    public AuditLog(string? stateFolder = null, TimeProvider? clock = null)
    {
        _state = StateFolder.Locate(stateFolder);
        Folder = Path.Combine(_state, FolderName);
        Clock = clock ?? TimeProvider.System;
    }

    /// <summary>Where the log is.</summary>
    public string Folder { get; }

    /// <summary>The clock.</summary>
    internal TimeProvider Clock { get; }

    /// <summary>No file of the log grows longer than this, but for what one entry takes.</summary>
    internal long MaxFileLength { get; init; } = 4 * 1024 * 1024;

    /// <summary>How long to wait for others who write.</summary>
    internal TimeSpan Patience { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>Told of the entry that says what was wrong with the log, where something was.</summary>
    public Action<AuditEntry>? Repaired { get; set; }

    /// <summary>Adds an entry. When this returns, it is on disk.</summary>
    /// <exception cref="HsmBackupException">
    /// AuditUnwritable: nothing was added. AuditDamaged: the log was changed so that it cannot go on. Busy: somebody else holds it.
    /// </exception>
    public AuditEntry Append(AuditRecord record, CancellationToken cancellationToken = default) => Add(record.Bounded(), cancellationToken);

    /// <summary>Signs the log as it is now, and adds that as an entry. The signer may take its time: others write meanwhile.</summary>
    /// <param name="clusterId">Whose identity key signs.</param>
    /// <param name="clusterName">Its name.</param>
    /// <param name="certificate">The certificate of the key, in DER.</param>
    /// <param name="key">The key.</param>
    /// <param name="cancellationToken">Stops the wait for others.</param>
    /// <returns>Null where there is no entry yet that could be signed.</returns>
    /// <exception cref="HsmBackupException">As for <see cref="Append"/>; InvalidArgument: the certificate is far too large.</exception>
    public AuditEntry? Checkpoint(string? clusterId, string? clusterName, ReadOnlyMemory<byte> certificate, HashSigner key, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(key);
        return ReadHead(cancellationToken) is { } head
            ? Add(AuditCheckpoint.Sign(head, certificate, key) with { ClusterId = clusterId, ClusterName = clusterName }, cancellationToken)
            : null;
    }

    /// <summary>How far the log is; null where there is none.</summary>
    /// <exception cref="HsmBackupException">As for <see cref="Append"/>.</exception>
    public AuditHead? ReadHead(CancellationToken cancellationToken = default) => !Directory.Exists(Folder) ? null : Guard(() =>
    {
        // What somebody else has not finished might be taken back.
        using AuditMark mark = AuditMark.Lock(Folder, Patience, cancellationToken);
        return AuditTail.Find(Folder).Last?.Head;
    });

    /// <summary>Reads the entries that are wanted, oldest first. That they are the ones that were written, only <see cref="Test"/> says.</summary>
    /// <param name="filter">Which.</param>
    /// <param name="damaged">Told of lines that are no entries, and passed over.</param>
    /// <param name="cancellationToken">Stops it.</param>
    /// <exception cref="HsmBackupException">Busy, AuditDamaged.</exception>
    public IEnumerable<AuditEntry> Read(AuditFilter filter, Action<HsmBackupException> damaged, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(filter);
        ArgumentNullException.ThrowIfNull(damaged);
        foreach (AuditFile file in AuditReading.Snapshot(Folder, Patience, cancellationToken).Files)
        {
            int line = 0;
            foreach (ReadOnlyMemory<byte> text in file.Lines())
            {
                line++;
                AuditEntry? entry = null;
                try
                {
                    entry = AuditLine.Read(text);
                }
                catch (FormatException e)
                {
                    damaged(new HsmBackupException(ErrorCode.AuditDamaged, $"Line {line} of '{file.Name}' in the audit log was changed: {e.Message}.",
                        "Run Test-HsmAuditLog.")
                    { Target = file.Name });
                }
                if (entry is not null && filter.Matches(entry))
                {
                    yield return entry;
                }
            }
        }
    }

    /// <summary>Checks the log with all that is known of it; its own mark is among that.</summary>
    /// <exception cref="HsmBackupException">Busy, AuditDamaged.</exception>
    public AuditTestResult Test(AuditFacts facts, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(facts);
        (IEnumerable<AuditFile> files, AuditHead? mark) = AuditReading.Snapshot(Folder, Patience, cancellationToken);
        // Who may read the log and not write it gets no lock, and reads the mark as it is.
        mark ??= AuditMark.Peek(Folder);
        AuditFacts all = mark is null
            ? facts with { IsMarkLost = true }
            : facts with { Heads = [.. facts.Heads, new AuditFact(AuditMark.FileName, mark)] };
        return AuditVerification.Run(files, all) with { Path = Folder };
    }

    private AuditEntry Add(AuditRecord record, CancellationToken cancellationToken) => Guard(() =>
    {
        StateFolder.Create(_state);
        StateFolder.Create(Folder);
        using AuditMark mark = AuditMark.Lock(Folder, Patience, cancellationToken);
        AuditTail tail = AuditTail.Find(Folder);
        if (AuditRepair.Of(tail, mark.Read()) is not { } repair)
        {
            (AuditEntry entry, byte[] line) = Chain(record, tail.Last);
            Write(tail, line, mark, entry.Head);
            return entry;
        }
        // In one piece with the entry: what was wrong is on record, or is still there to be seen.
        (AuditEntry repaired, byte[] first) = Chain(repair, tail.Last);
        (AuditEntry added, byte[] second) = Chain(record, repaired);
        Write(tail, [.. first, .. second], mark, added.Head);
        Repaired?.Invoke(repaired);
        return added;
    });

    private void Write(AuditTail tail, byte[] lines, AuditMark mark, AuditHead head)
    {
        bool begins = tail.Number == 0 || (tail.End > 0 && tail.End + tail.Torn.Length + lines.Length > MaxFileLength);
        // A torn line is cut off where it is, so the file that has one goes on.
        int number = begins && tail.Torn.Length == 0 ? tail.Number + 1 : tail.Number;
        long start = number == tail.Number ? tail.End : 0;
        using FileStream file = Open(Path.Combine(Folder, AuditFiles.NameOf(number)));
        try
        {
            RandomAccess.Write(file.SafeFileHandle, lines, start);
            RandomAccess.SetLength(file.SafeFileHandle, start + lines.Length);
            RandomAccess.FlushToDisk(file.SafeFileHandle);
            if (start == 0)
            {
                _ = FolderFlush.TryFlush(Folder);
            }
            mark.Write(head);
        }
        catch (IOException)
        {
            // A full disk: what went on it of these lines is no entry.
            RandomAccess.SetLength(file.SafeFileHandle, start);
            throw;
        }
    }

    private static FileStream Open(string path)
    {
        var options = new FileStreamOptions { Mode = FileMode.OpenOrCreate, Access = FileAccess.ReadWrite, Share = FileShare.ReadWrite, BufferSize = 0 };
        if (!OperatingSystem.IsWindows())
        {
            options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        }
        return new FileStream(path, options);
    }

    private T Guard<T>(Func<T> work)
    {
        try
        {
            return work();
        }
        catch (HsmBackupException e) when (e.Code is ErrorCode.DestinationUnwritable or ErrorCode.DiskFull)
        {
            throw Unwritable(e);
        }
        catch (Exception e) when (FileErrors.Covers(e))
        {
            throw Unwritable(FileErrors.From(e, Folder));
        }
    }

    private HsmBackupException Unwritable(HsmBackupException cause) => new(ErrorCode.AuditUnwritable,
        $"The audit log cannot be written: {cause.Message}",
        "Free space, or give this account its folder back; what is not on record is not done.", cause)
    { Target = Folder };

    private (AuditEntry Entry, byte[] Line) Chain(AuditRecord record, AuditEntry? previous) => AuditLine.Write(new AuditEntry
    {
        Sequence = (previous?.Sequence ?? 0) + 1,
        Log = previous?.Log ?? RandomNumberGenerator.GetHexString(AuditHead.LogIdLength, lowercase: true),
        Time = Clock.GetUtcNow(),
        User = AuditActor.User,
        UserId = AuditActor.UserId,
        Host = AuditActor.Host,
        Process = Environment.ProcessId,
        Action = record.Action,
        ClusterId = record.ClusterId,
        ClusterName = record.ClusterName,
        Target = record.Target,
        Result = record.Result,
        Details = record.Details,
        Previous = previous?.Hash ?? AuditEntry.NoHash,
    });
}
