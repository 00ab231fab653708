using HsmBackup.Engine.Pkcs11;
using HsmBackup.Engine.Tokens;

namespace HsmBackup.Engine.Backup;

/// <summary>What a token holds, and what a backup holds, in the form in which the two can be laid side by side.</summary>
internal sealed class TokenSnapshot
{
    private static readonly HashSet<ulong> Dates = [Cka.StartDate, Cka.EndDate];

    private readonly Dictionary<ulong, HashSet<ulong>> _untold = [];
    private readonly Dictionary<string, List<KeyMaterial>> _digests = new(StringComparer.Ordinal);
    private readonly bool _keepRecords;

    private TokenSnapshot(OpenedBackup backup, Quirks quirks, bool keepRecords, CancellationToken cancellationToken)
    {
        _keepRecords = keepRecords;
        var source = new List<PlanObject>();
        foreach (ObjectRecord record in backup.Records(cancellationToken))
        {
            foreach ((ulong type, _) in record.Unavailable)
            {
                Untold(record.ObjectClass).Add(type);
            }
        }
        if (quirks.HasFlag(Quirks.PrivateDatesUnreadable))
        {
            Untold(Cko.PrivateKey).UnionWith(Dates);
            Untold(Cko.SecretKey).UnionWith(Dates);
        }
        foreach (ObjectRecord record in backup.Records(cancellationToken))
        {
            PlanObject planned = ToPlanObject(record, 0, ObjectComparison.KeyDigest(record));
            source.Add(planned);
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

    /// <summary>Reads both.</summary>
    public static TokenSnapshot Take(OpenedBackup backup, TokenConnection connection, KeyEncryptionKey kek,
        Action<int, int>? progress, CancellationToken cancellationToken, bool keepRecords = false)
    {
        var snapshot = new TokenSnapshot(backup, kek.Capabilities.Quirks, keepRecords, cancellationToken);
        snapshot.Refresh(connection, kek, progress, cancellationToken);
        return snapshot;
    }

    /// <summary>Reads the token again.</summary>
    public void Refresh(TokenConnection connection, KeyEncryptionKey kek, Action<int, int>? progress, CancellationToken cancellationToken)
    {
        var reader = new ObjectReader(connection, kek, forComparison: true);
        var proof = new KeyProof(connection, kek);
        List<ulong> handles = connection.Session.FindTokenObjects();
        connection.CheckPresent();
        var objects = new List<PlanObject>(handles.Count);
        foreach (ulong handle in handles)
        {
            cancellationToken.ThrowIfCancellationRequested();
            ObjectRecord record = reader.Capture(handle);
            record.Index = -1;
            string keyDigest = ObjectComparison.KeyDigest(record);
            if (_digests.TryGetValue(keyDigest, out List<KeyMaterial>? lengths) && !lengths.Exists(m => proof.ProveLength(handle, m, out _)))
            {
                // The same but for zero bytes at its end, which the wrapping does not tell.
                keyDigest += "-other-length";
            }
            objects.Add(ToPlanObject(record, handle, keyDigest));
            record.Material?.ZeroValues();
            progress?.Invoke(objects.Count, handles.Count);
        }
        Token = objects;
    }

    /// <summary>Marks what is neither in the journal's list nor whole as left half made by an interrupted restore.</summary>
    public void MarkDebris(RestoreJournal journal)
    {
        var before = new HashSet<string>(journal.UnrecoverableBefore, StringComparer.Ordinal);
        Token = [.. Token.Select(o => o.IsWhole || before.Contains(o.Fingerprint) ? o : o with { IsDebris = true })];
    }

    private PlanObject ToPlanObject(ObjectRecord record, ulong handle, string keyDigest)
    {
        _untold.TryGetValue(record.ObjectClass, out HashSet<ulong>? untold);
        bool whole = record.Verdict is Verdict.Captured or Verdict.Inexact && (!record.HasSecret || record.Material is not null);
        return new PlanObject(ObjectSummary.Of(record), ObjectComparison.Identity(record),
            ObjectComparison.Fingerprint(record, keyDigest, untold), handle, whole)
        {
            IsDestroyable = record.Attributes.Boolean(Cka.Destroyable) != false,
            KeyDigest = keyDigest,
            Record = _keepRecords ? record : null,
        };
    }

    private HashSet<ulong> Untold(ulong objectClass) => _untold.TryGetValue(objectClass, out HashSet<ulong>? set) ? set : _untold[objectClass] = [];
}
