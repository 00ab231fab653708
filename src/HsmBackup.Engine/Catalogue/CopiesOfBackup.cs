using HsmBackup.Engine.Format;
using HsmBackup.Engine.Stores;

namespace HsmBackup.Engine.Catalogue;

/// <summary>A file that was found in a store.</summary>
/// <param name="Store">The store.</param>
/// <param name="Item">The file.</param>
/// <param name="BackupId">The backup that it is named after.</param>
/// <param name="Preamble">Its header; null where it cannot be read.</param>
/// <param name="Held">Whether there is a hold beside it.</param>
/// <param name="Pending">Whether there is a removal mark beside it.</param>
internal sealed record FoundCopy(IBackupStore Store, StoreItem Item, string BackupId, BackupPreamble? Preamble, bool Held, bool Pending)
{
    /// <summary>Its full path or address.</summary>
    public string Location => Store.LocationOf(Item.Name);
}

/// <summary>Makes one backup of its copies, and tells which of them are what was tested.</summary>
internal static class CopiesOfBackup
{
    /// <summary>Joins the copies of a backup.</summary>
    /// <param name="legible">Those with a header, in the order of the stores; at least one.</param>
    /// <param name="illegible">Those whose header cannot be read.</param>
    /// <param name="tests">What is remembered of the cluster's backups.</param>
    /// <param name="request">How long a test counts, and the time.</param>
    public static BackupInfo Join(IReadOnlyList<FoundCopy> legible, IReadOnlyList<FoundCopy> illegible, TestRecords tests, CatalogueRequest request)
    {
        List<TestRecord> records = [.. tests.Of(legible[0].BackupId)];
        TestRecord? proof = ProofAmong(records);
        FoundCopy? reference = proof is not null ? legible.FirstOrDefault(c => IsWhatWasTested(c, proof)) : legible[0];
        bool differ = proof is null && legible.Any(c => c.Preamble!.Binding != legible[0].Preamble!.Binding || c.Item.Length != legible[0].Item.Length);
        List<BackupCopy> copies = [.. legible.Select(c => Copy(c, StateOf(c, proof, differ, records))), .. illegible.Select(c => Copy(c, CopyState.Unreadable))];
        FoundCopy shown = reference ?? legible[0];
        BackupCopy? nearest = copies.Find(c => c is { State: CopyState.Present, IsLocal: true }) ?? copies.Find(c => c.State == CopyState.Present);
        return BackupInfo.Of(shown.Preamble!, nearest?.Location ?? shown.Location, shown.Item.Length) with
        {
            Copies = copies,
            LastTest = records.MaxBy(r => r.Tested),
            Proof = proof,
            ProofExpired = proof is not null && IsExpired(proof, request),
        };
    }

    /// <summary>The newest test that proves the backup, unless the same content failed a test as deep since.</summary>
    private static TestRecord? ProofAmong(List<TestRecord> records)
    {
        TestRecord? passed = records.Where(r => r.Proves && r.Digest is not null).MaxBy(r => r.Tested);
        bool refuted = passed is not null && records.Exists(r => !r.Passed && r.Level >= TestLevel.Content && r.Digest == passed.Digest && r.Tested > passed.Tested);
        return refuted ? null : passed;
    }

    // A test of the future is one that a wrong clock has dated; how old it is nobody knows.
    private static bool IsExpired(TestRecord proof, CatalogueRequest request)
    {
        TimeSpan age = request.Clock.GetUtcNow() - proof.Tested;
        return age > request.MaximumProofAge || age < -request.MaximumProofAge;
    }

    private static bool IsWhatWasTested(FoundCopy copy, TestRecord proof) => copy.Preamble!.Binding == proof.Binding && copy.Item.Length == proof.Length;

    private static CopyState StateOf(FoundCopy copy, TestRecord? proof, bool differ, List<TestRecord> records)
    {
        if (proof is not null ? !IsWhatWasTested(copy, proof) : differ)
        {
            return CopyState.Different;
        }
        TestRecord? last = records.Where(r => r.Location == copy.Location && r.Level >= TestLevel.Integrity && r.Tested >= copy.Item.Modified).MaxBy(r => r.Tested);
        return last switch
        {
            { Digest: null, Passed: false } => CopyState.Damaged,
            // The same header before other content: header and digest are no secrets, so anybody could have written it.
            { Digest: { } digest } when proof is not null && digest != proof.Digest => CopyState.Different,
            _ => CopyState.Present,
        };
    }

    private static BackupCopy Copy(FoundCopy copy, CopyState state) => new()
    {
        Store = copy.Store.Name,
        Kind = copy.Store.Kind,
        RetentionClass = copy.Store.RetentionClass,
        Location = copy.Location,
        IsLocal = copy.Store.LocalPath(copy.Item.Name) is not null,
        Length = copy.Item.Length,
        Modified = copy.Item.Modified,
        State = state,
        Held = copy.Held,
        Pending = copy.Pending,
    };
}
