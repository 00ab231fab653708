using HsmBackup.Engine.Pkcs11;
using HsmBackup.Engine.Tokens;

namespace HsmBackup.Engine.Backup;

/// <summary>What a token holds, and what a backup holds, in the form in which the two can be laid side by side.</summary>
internal sealed class TokenSnapshot
{
    private static readonly HashSet<ulong> Dates = [Cka.StartDate, Cka.EndDate];

    private readonly Dictionary<ulong, HashSet<ulong>> _untold = [];

    private TokenSnapshot(OpenedBackup backup, Quirks quirks, CancellationToken cancellationToken)
    {
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
            source.Add(ToPlanObject(record, 0));
        }
        Backup = source;
    }

    /// <summary>The objects of the backup.</summary>
    public IReadOnlyList<PlanObject> Backup { get; }

    /// <summary>The objects of the token.</summary>
    public IReadOnlyList<PlanObject> Token { get; private set; } = [];

    /// <summary>Reads both.</summary>
    public static TokenSnapshot Take(OpenedBackup backup, TokenConnection connection, KeyEncryptionKey kek,
        Action<int, int>? progress, CancellationToken cancellationToken)
    {
        var snapshot = new TokenSnapshot(backup, kek.Capabilities.Quirks, cancellationToken);
        snapshot.Refresh(connection, kek, progress, cancellationToken);
        return snapshot;
    }

    /// <summary>Reads the token again.</summary>
    public void Refresh(TokenConnection connection, KeyEncryptionKey kek, Action<int, int>? progress, CancellationToken cancellationToken)
    {
        var reader = new ObjectReader(connection, kek, forComparison: true);
        List<ulong> handles = connection.Session.FindTokenObjects();
        connection.CheckPresent();
        var objects = new List<PlanObject>(handles.Count);
        foreach (ulong handle in handles)
        {
            cancellationToken.ThrowIfCancellationRequested();
            ObjectRecord record = reader.Capture(handle);
            record.Index = -1;
            objects.Add(ToPlanObject(record, handle));
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

    private PlanObject ToPlanObject(ObjectRecord record, ulong handle)
    {
        _untold.TryGetValue(record.ObjectClass, out HashSet<ulong>? untold);
        bool whole = record.Verdict is Verdict.Captured or Verdict.Inexact && (!record.HasSecret || record.Material is not null);
        return new PlanObject(ObjectSummary.Of(record), ObjectComparison.Identity(record), ObjectComparison.Fingerprint(record, untold), handle, whole)
        {
            IsDestroyable = record.Attributes.Boolean(Cka.Destroyable) != false,
        };
    }

    private HashSet<ulong> Untold(ulong objectClass) => _untold.TryGetValue(objectClass, out HashSet<ulong>? set) ? set : _untold[objectClass] = [];
}
