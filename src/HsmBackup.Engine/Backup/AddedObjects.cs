using HsmBackup.Engine.Pkcs11;
using HsmBackup.Engine.Tokens;

namespace HsmBackup.Engine.Backup;

/// <summary>What a restore has added to a token: each object proven as it came, and all of it taken back if one fails.</summary>
internal sealed class AddedObjects(TokenConnection connection, KeyEncryptionKey kek, ObjectWriter writer, HostKeys? host, IEnumerable<ulong> before)
{
    private readonly HashSet<ulong> _known = [.. before];
    private readonly KeyProof _proof = new(connection, kek, host);
    private readonly ObjectReader _reader = new(connection, kek, forComparison: true);
    private readonly Dictionary<int, (ulong Handle, string KeyDigest, List<string> Differences)> _added = [];

    /// <summary>Handles of what was added, by the object's place in the backup.</summary>
    public IEnumerable<(int Index, ulong Handle)> Handles => _added.Select(a => (a.Key, a.Value.Handle));

    /// <summary>Adds an object, proves its key, and puts right what the token made of its attributes.</summary>
    /// <exception cref="Pkcs11Exception">The token refused; nothing of the attempt is left.</exception>
    /// <exception cref="HsmBackupException">RestoreFailed: what the token made is not the key of the backup.</exception>
    public void Add(PlanStep step, ObjectRecord record)
    {
        ulong handle = writer.Add(record, _known);
        List<string> differences = [];
        if (!_known.Add(handle))
        {
            throw new HsmBackupException(ErrorCode.RestoreInterrupted,
                $"The token put {step.Item.Object} in the place of an object that it held before, instead of beside it.",
                "What it held is in the safety backup, if there is one. Initialise the token anew, and restore into the blank token.");
        }
        _added.Add(record.Index, (handle, step.Source!.KeyDigest, differences));
        if (record.Material is not null && !_proof.Prove(handle, record, out string? detail))
        {
            throw new HsmBackupException(ErrorCode.RestoreFailed, $"{step.Item.Object} was restored, and is not the key of the backup: {detail}.",
                "The token does not restore this key faithfully. Keep the backup, and restore into a token of the kind it was made of.");
        }
        differences.AddRange(writer.PutRight(handle, record, _reader));
        if (record.Verdict == Verdict.Inexact)
        {
            differences.Add($"Inexact in the backup: {record.Reason}");
        }
    }

    /// <summary>True for a key that was added and proven here, and may not leave the token any more, so that it cannot be proven again.</summary>
    public bool IsProven(PlanObject source, PlanObject? target) => target is { KeyDigest: "" }
        && _added.Values.Any(a => a.Handle == target.Handle && a.KeyDigest == source.KeyDigest);

    /// <summary>What is known in the end of an object, from how the token shows it.</summary>
    public CheckOutcome ProofOf(PlanStep step) => step switch
    {
        { Item.Action: PlanAction.Unrestorable } => CheckOutcome.Failed,
        // Where only attributes came out different the key is proven all the same, and the differences are told. So it is where the token
        // closed the key once it was made and proven (CKA_EXTRACTABLE false, which NSS does not enforce and others do).
        { Source: { Summary.Verdict: Verdict.Captured } source, Target: { } target } =>
            source.IsProvenBy(target) || IsProven(source, target) || (source.KeyDigest.Length > 0 && source.KeyDigest == target.KeyDigest)
                ? CheckOutcome.Passed
                : CheckOutcome.Failed,
        _ => CheckOutcome.Skipped,
    };

    /// <summary>Where an object of the backup was put; null where it was not added.</summary>
    public ulong? HandleOf(PlanObject source) => _added.TryGetValue(source.Summary.Index, out (ulong Handle, string, List<string>) added) ? added.Handle : null;

    /// <summary>What the token made different in spite of being told.</summary>
    public IReadOnlyList<string> DifferencesOf(PlanObject? source) =>
        source is not null && _added.TryGetValue(source.Summary.Index, out (ulong, string, List<string> Differences) added) ? added.Differences : [];

    /// <summary>Takes back what was added.</summary>
    /// <returns>True where nothing of it is left.</returns>
    public bool Undo()
    {
        bool undone = true;
        foreach ((ulong handle, _, _) in _added.Values)
        {
            undone &= connection.Session.TryDestroyObject(handle) == Ckr.Ok;
        }
        _added.Clear();
        return undone;
    }
}
