using HsmBackup.Engine.Pkcs11;
using HsmBackup.Engine.Protection;
using HsmBackup.Engine.Tokens;

namespace HsmBackup.Engine.Backup;

/// <summary>The part of a backup and of a token that is looked at, where it is not all of both.</summary>
/// <param name="Records">Places in the backup.</param>
/// <param name="FindHandles">Finds the objects of the token; asked each time that the token is read.</param>
internal sealed record SnapshotScope(IReadOnlySet<int> Records, Func<List<ulong>> FindHandles);

/// <summary>What a token holds, and what a backup holds, in the form in which the two can be laid side by side.</summary>
internal sealed class TokenSnapshot
{
    private static readonly HashSet<ulong> Dates = [Cka.StartDate, Cka.EndDate];

    private readonly OpenedBackup _backup;
    private readonly HostKeys? _host;
    private readonly bool _keepRecords;
    private readonly SnapshotScope? _scope;
    private readonly HashSet<ulong>? _onlyPresence;
    private readonly HashSet<string> _keys = new(StringComparer.Ordinal);
    private readonly Dictionary<string, List<KeyMaterial>> _digests = new(StringComparer.Ordinal);
    private Dictionary<string, List<ObjectRecord>>? _opened;

    private TokenSnapshot(OpenedBackup backup, Quirks quirks, bool keepRecords, SnapshotScope? scope, CancellationToken cancellationToken)
    {
        _backup = backup;
        _scope = scope;
        _host = backup.Host;
        _keepRecords = keepRecords;
        _onlyPresence = quirks.HasFlag(Quirks.PrivateDatesUnreadable) ? Dates : null;
        var source = new List<PlanObject>();
        foreach (ObjectRecord record in Records(cancellationToken))
        {
            PlanObject planned = ToPlanObject(record, 0, ObjectComparison.KeyDigest(record));
            source.Add(planned);
            _keys.Add(planned.KeyDigest);
            if (record.Material is { Digest: not null } material)
            {
                _digests.TryAdd(planned.KeyDigest, []);
                _digests[planned.KeyDigest].Add(material);
            }
        }
        Backup = source;
    }

    /// <summary>The objects of the backup.</summary>
    public IReadOnlyList<PlanObject> Backup { get; }

    /// <summary>The objects of the token.</summary>
    public IReadOnlyList<PlanObject> Token { get; private set; } = [];

    /// <summary>The objects of a backup, for a token of which nothing is known yet.</summary>
    public static IReadOnlyList<PlanObject> ReadBackup(OpenedBackup backup, CancellationToken cancellationToken) =>
        new TokenSnapshot(backup, Quirks.None, keepRecords: false, scope: null, cancellationToken).Backup;

    /// <summary>Reads both.</summary>
    public static TokenSnapshot Take(OpenedBackup backup, TokenConnection connection, KeyEncryptionKey kek,
        Action<int, int>? progress, CancellationToken cancellationToken, bool keepRecords = false, SnapshotScope? scope = null)
    {
        var snapshot = new TokenSnapshot(backup, kek.Capabilities.Quirks, keepRecords, scope, cancellationToken);
        snapshot.Refresh(connection, kek, progress, cancellationToken);
        return snapshot;
    }

    /// <summary>Reads the token again.</summary>
    public void Refresh(TokenConnection connection, KeyEncryptionKey kek, Action<int, int>? progress, CancellationToken cancellationToken)
    {
        var reader = new ObjectReader(connection, kek, forComparison: true);
        var proof = new KeyProof(connection, kek, _host);
        using var digestKey = SecretBuffer.Random(32);
        _opened = null;
        List<ulong> handles = _scope?.FindHandles() ?? connection.FindContent();
        connection.CheckPresent();
        var objects = new List<PlanObject>(handles.Count);
        foreach (ulong handle in handles)
        {
            cancellationToken.ThrowIfCancellationRequested();
            ObjectRecord record = reader.Capture(handle);
            record.Index = -1;
            objects.Add(ToPlanObject(record, handle, KeyDigest(handle, record, proof, digestKey, cancellationToken)));
            record.Material?.ZeroValues();
            progress?.Invoke(objects.Count, handles.Count);
        }
        // One that vanished meanwhile shows objects without content, not errors.
        connection.CheckPresent();
        Token = objects;
    }

    /// <summary>
    /// Marks what an interrupted restore may have left half made: neither whole nor in the journal's list, and an object of the backup as
    /// far as it says what it is. The journal may be old, and another program's key that may not leave the token is not ours to remove.
    /// </summary>
    public void MarkDebris(RestoreJournal journal)
    {
        var before = new HashSet<string>(journal.UnrecoverableBefore, StringComparer.Ordinal);
        List<PlanObject> restored = [.. Backup.Where(o => o.IsWhole)];
        Token = [.. Token.Select(o => !o.IsWhole && !before.Contains(o.Fingerprint) && restored.Exists(r => CouldBecome(o.Summary, r.Summary))
            ? o with { IsDebris = true }
            : o)];
    }

    private IEnumerable<ObjectRecord> Records(CancellationToken cancellationToken) =>
        _backup.Records(cancellationToken).Where(r => _scope is null || _scope.Records.Contains(r.Index));

    private static bool CouldBecome(ObjectSummary half, ObjectSummary whole) =>
        (half.Class.Length == 0 || half.Class == whole.Class)
        && (half.KeyType is null || half.KeyType == whole.KeyType)
        && (half.Label.Length == 0 || half.Label == whole.Label)
        && (half.Id.Length == 0 || half.Id == whole.Id)
        && (half is { Label: "", Id: "" } || half.Verdict != Verdict.NotExtractable);

    /// <summary>What stands for a key of the token: the same as for the key of the backup that it is.</summary>
    private string KeyDigest(ulong handle, ObjectRecord record, KeyProof proof, SecretBuffer digestKey, CancellationToken cancellationToken)
    {
        string keyDigest = ObjectComparison.KeyDigest(record);
        if (_digests.TryGetValue(keyDigest, out List<KeyMaterial>? lengths) && !lengths.Exists(m => proof.ProveLength(handle, m, out _)))
        {
            // The same but for zero bytes at its end, which the wrapping does not tell.
            return keyDigest + "-other-length";
        }
        if (_host is null || record.Material is null || _keys.Contains(keyDigest)
            || _host.DigestUpToPadding(record, digestKey) is not { } opened
            || !Opened(digestKey, cancellationToken).TryGetValue(opened, out List<ObjectRecord>? candidates))
        {
            return keyDigest;
        }
        // Other bytes, and yet it may be the same key: the backup was made of another maker's token.
        ObjectRecord? same = candidates.Find(c => proof.Prove(handle, c, out _));
        return same is null ? keyDigest : ObjectComparison.KeyDigest(same);
    }

    /// <summary>The keys of the backup by what they are, whatever their bytes; made when the first key of the token is not found by its bytes.</summary>
    private Dictionary<string, List<ObjectRecord>> Opened(SecretBuffer digestKey, CancellationToken cancellationToken)
    {
        if (_opened is null)
        {
            _opened = new Dictionary<string, List<ObjectRecord>>(StringComparer.Ordinal);
            foreach (ObjectRecord record in Records(cancellationToken))
            {
                if (record.Material is not null && _host!.DigestUpToPadding(record, digestKey) is { } digest)
                {
                    _opened.TryAdd(digest, []);
                    _opened[digest].Add(record);
                }
            }
        }
        return _opened;
    }

    private PlanObject ToPlanObject(ObjectRecord record, ulong handle, string keyDigest)
    {
        bool whole = record.Verdict is Verdict.Captured or Verdict.Inexact && (!record.HasSecret || record.Material is not null);
        return new PlanObject(ObjectSummary.Of(record), ObjectComparison.Identity(record),
            ObjectComparison.Fingerprint(record, keyDigest, _onlyPresence), handle, whole)
        {
            IsDestroyable = record.Attributes.Boolean(Cka.Destroyable) != false,
            IsChangeable = ObjectTemplate.IsChangeable(record),
            UniqueKey = ObjectComparison.UniqueKey(record),
            KeyDigest = keyDigest,
            HasSecret = record.HasSecret,
            Record = _keepRecords ? record : null,
        };
    }
}
