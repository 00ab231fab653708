using System.Globalization;
using HsmBackup.Engine.Format;

namespace HsmBackup.Engine.Auditing;

/// <summary>Checks a log: its chain, its files, its checkpoints, and what is known of it from outside. Pure: it sees what it is given.</summary>
internal sealed class AuditVerification
{
    // A log that is wrong throughout needs no list of all its lines.
    private const int MaxFindings = 1000;

    private readonly AuditFacts _facts;
    private readonly List<AuditFinding> _findings = [];
    private readonly Dictionary<long, string> _hashes = [];
    private readonly List<(AuditCheckpoint Checkpoint, AuditEntry Entry, string File, int Line)> _checkpoints = [];
    private readonly HashSet<string> _strangers = new(StringComparer.Ordinal);

    private AuditEntry? _last;
    private DateTimeOffset? _first;
    private string? _log;
    private long _entries;
    private int _files;
    private string? _tornFile;

    private AuditVerification(AuditFacts facts) => _facts = facts;

    /// <summary>Checks it.</summary>
    /// <param name="files">Its files in the order of their names.</param>
    /// <param name="facts">What is known of it.</param>
    public static AuditTestResult Run(IEnumerable<AuditFile> files, AuditFacts facts)
    {
        var verification = new AuditVerification(facts);
        foreach (AuditFile file in files)
        {
            verification.Check(file);
        }
        return verification.Conclude();
    }

    private void Check(AuditFile file)
    {
        if (AuditFiles.NumberOf(file.Name) is not { } number)
        {
            Find(AuditFindingKind.FileMisplaced, file.Name, null, null, "the name is none that a file of the log has");
            return;
        }
        _files++;
        if (number != _files)
        {
            Find(AuditFindingKind.FileMisplaced, file.Name, null, null, $"'{AuditFiles.NameOf(_files)}' is missing before it");
            _files = number;
        }
        // Only the end of the last file can be torn by accident.
        if (_tornFile is not null)
        {
            Find(AuditFindingKind.Changed, _tornFile, null, null, "the last line is cut off, and the log goes on in another file");
        }
        int line = 0;
        foreach (ReadOnlyMemory<byte> text in file.Lines())
        {
            CheckLine(text, file.Name, ++line);
        }
        _tornFile = file.TornLength > 0 ? file.Name : null;
    }

    private void CheckLine(ReadOnlyMemory<byte> text, string file, int line)
    {
        AuditEntry entry;
        try
        {
            entry = AuditLine.Read(text);
        }
        catch (FormatException e)
        {
            Find(AuditFindingKind.Changed, file, line, null, $"this is not the entry that was written: {e.Message}");
            return;
        }
        _entries++;
        _log ??= entry.Log;
        _first ??= entry.Time;
        CheckPlace(entry, file, line);
        if (entry.Action == AuditEntry.Repaired)
        {
            CheckRepair(entry, file, line);
        }
        if (entry.Action == AuditEntry.Checkpoint)
        {
            Collect(entry, file, line);
        }
        // Go on from here, so that one fault is one finding.
        _last = entry;
        _hashes.TryAdd(entry.Sequence, entry.Hash);
    }

    private void CheckPlace(AuditEntry entry, string file, int line)
    {
        long expected = (_last?.Sequence ?? 0) + 1;
        string previous = _last?.Hash ?? AuditEntry.NoHash;
        if (entry.Log != _log)
        {
            Find(AuditFindingKind.OtherLog, file, line, entry.Sequence, $"the entry is of log {entry.Log}");
        }
        else if (entry.Sequence > expected)
        {
            Find(AuditFindingKind.Removed, file, line, entry.Sequence, $"the entries {expected} to {entry.Sequence - 1} are missing before it");
        }
        else if (entry.Sequence < expected)
        {
            Find(AuditFindingKind.Reordered, file, line, entry.Sequence, $"entry {entry.Sequence} stands where entry {expected} must be");
        }
        else if (entry.Previous != previous)
        {
            Find(AuditFindingKind.Replaced, file, line, entry.Sequence, "the entry is not chained to the one before: one of them was replaced");
        }
    }

    private void CheckRepair(AuditEntry entry, string file, int line)
    {
        if (entry.Details.TryGetValue(AuditRepair.LostEntries, out string? lost))
        {
            Find(AuditFindingKind.Truncated, file, line, entry.Sequence,
                $"when this entry was written, the log was known to have {lost} entries (log {entry.Details.GetValueOrDefault(AuditRepair.LostLog)}), and had them no more");
        }
        else
        {
            Find(AuditFindingKind.Repaired, file, line, entry.Sequence,
                $"a writer was killed here; {entry.Details.GetValueOrDefault(AuditRepair.CutBytes)} bytes of an unfinished line were cut off", isFault: false);
        }
    }

    private void Collect(AuditEntry entry, string file, int line)
    {
        if (AuditCheckpoint.Of(entry) is { } checkpoint)
        {
            _checkpoints.Add((checkpoint, entry, file, line));
        }
        else
        {
            Find(AuditFindingKind.CheckpointInvalid, file, line, entry.Sequence, "it does not hold what a checkpoint holds");
        }
    }

    private AuditTestResult Conclude()
    {
        if (_tornFile is not null)
        {
            Find(AuditFindingKind.Torn, _tornFile, null, null, "the last line is unfinished: somebody was killed over it, or it was cut; the next entry puts that right");
        }
        if (_entries == 0)
        {
            Find(AuditFindingKind.Empty, null, null, null, "there is no entry");
        }
        if (_facts.IsMarkLost && _entries > 0)
        {
            Find(AuditFindingKind.Truncated, null, null, null, $"'{AuditMark.FileName}', which remembers how long the log was, is gone or says nothing: the log may have been cut");
        }
        long confirmed = 0;
        int verified = 0;
        foreach ((AuditCheckpoint checkpoint, AuditEntry entry, string file, int line) in _checkpoints)
        {
            if (CheckCheckpoint(checkpoint, entry, file, line))
            {
                verified++;
                confirmed = Math.Max(confirmed, checkpoint.Head.Entries);
            }
        }
        foreach (AuditFact fact in _facts.Heads)
        {
            if (CheckFact(fact))
            {
                confirmed = Math.Max(confirmed, fact.Head.Entries);
            }
        }
        return new AuditTestResult
        {
            Log = _log,
            Entries = _entries,
            Files = _files,
            First = _first,
            Last = _last?.Time,
            Head = _last?.Hash,
            Checkpoints = _checkpoints.Count,
            VerifiedCheckpoints = verified,
            Confirmed = confirmed,
            Facts = _facts.Heads.Count,
            Findings = _findings,
        };
    }

    private bool CheckCheckpoint(AuditCheckpoint checkpoint, AuditEntry entry, string file, int line)
    {
        if (!checkpoint.IsSigned())
        {
            Find(AuditFindingKind.CheckpointInvalid, file, line, entry.Sequence, "it is not signed by the key of its certificate");
            return false;
        }
        string? signed = _hashes.GetValueOrDefault(checkpoint.Head.Entries);
        if (checkpoint.Head.Entries < 1 || checkpoint.Head.Entries >= entry.Sequence || (signed is not null && signed != checkpoint.Head.Head))
        {
            Find(AuditFindingKind.CheckpointInvalid, file, line, entry.Sequence, $"it signs another log than this one up to entry {checkpoint.Head.Entries}");
            return false;
        }
        if (entry.ClusterId is null || !_facts.Signers.TryGetValue(entry.ClusterId, out ReadOnlyMemory<byte>? pinned))
        {
            if (_strangers.Add(entry.ClusterId ?? ""))
            {
                Find(AuditFindingKind.SignerUnverified, file, line, entry.Sequence,
                    $"this checkpoint and perhaps others are signed, and the definition of cluster '{entry.ClusterName ?? entry.ClusterId}' was not given to tell whether by it",
                    isFault: false);
            }
            return false;
        }
        if (pinned is not { } certificate || !certificate.Span.SequenceEqual(checkpoint.Certificate))
        {
            Find(AuditFindingKind.SignerUntrusted, file, line, entry.Sequence,
                $"it is signed by another certificate than the one of cluster '{entry.ClusterName ?? entry.ClusterId}'");
            return false;
        }
        // Where the entry itself is gone, that was found already.
        return signed is not null;
    }

    /// <summary>Whether the log has what somebody else remembers of it.</summary>
    private bool CheckFact(AuditFact fact)
    {
        AuditHead head = fact.Head;
        if (head.Log != _log)
        {
            if (!_facts.OtherLogs.Contains(head.Log))
            {
                Find(AuditFindingKind.OtherLog, null, null, null,
                    $"{fact.Source} knows log {head.Log} with {head.Entries} entries, and this is not that log: it was replaced, or the other is of another machine");
            }
            return false;
        }
        if (head.Entries > (_last?.Sequence ?? 0))
        {
            Find(AuditFindingKind.Truncated, null, null, head.Entries, string.Create(CultureInfo.InvariantCulture,
                $"{fact.Source} knows {head.Entries} entries, and the log ends with entry {_last?.Sequence ?? 0}"));
            return false;
        }
        string? hash = _hashes.GetValueOrDefault(head.Entries);
        if (hash is not null && hash != head.Head)
        {
            Find(AuditFindingKind.Replaced, null, null, head.Entries, $"{fact.Source} knows another entry {head.Entries}");
            return false;
        }
        return hash is not null;
    }

    private void Find(AuditFindingKind kind, string? file, int? line, long? sequence, string explanation, bool isFault = true)
    {
        // Each kind for itself: what is merely worth knowing must not hide a fault.
        if (_findings.Count(f => f.IsFault == isFault) < MaxFindings)
        {
            _findings.Add(new AuditFinding(kind, isFault, file, line, sequence, DisplayText.Harmless(explanation)));
        }
    }
}
