using HsmBackup.Engine.Protection;
using HsmBackup.Engine.Stores;

namespace HsmBackup.Engine.Catalogue;

/// <summary>A file that was found in a store.</summary>
/// <param name="Store">The store.</param>
/// <param name="Item">The file.</param>
/// <param name="BackupId">The backup that it is named after.</param>
/// <param name="Info">What its header says; null where it cannot be read.</param>
internal sealed record FoundCopy(IBackupStore Store, StoreItem Item, string BackupId, BackupInfo? Info)
{
    /// <summary>Its full path or address.</summary>
    public string Location => Info?.Path ?? Store.LocationOf(Item.Name);

    /// <summary>Whether there is a hold beside it.</summary>
    public bool Held { get; init; }

    /// <summary>Whether there is a removal mark beside it.</summary>
    public bool Pending { get; init; }
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
        bool differ = proof is null && legible.Any(c => c.Info!.Binding != legible[0].Info!.Binding || c.Item.Length != legible[0].Item.Length);
        FoundCopy shown = legible.FirstOrDefault(c => proof is not null && IsWhatWasTested(c.Info!.Binding, c.Item.Length, proof)) ?? legible[0];
        List<BackupCopy> copies =
        [
            .. legible.Select(c => Copy(c, differ ? CopyState.Different : StateOf(c.Info!.Binding, c.Item.Length, c.Location, proof, records))),
            .. illegible.Select(c => Copy(c, CopyState.Unreadable)),
        ];
        BackupCopy? nearest = copies.Find(c => c is { State: CopyState.Present, IsLocal: true }) ?? copies.Find(c => c.State == CopyState.Present);
        return WithTests(shown.Info! with { Path = nearest?.Location ?? shown.Location, Copies = copies }, records, proof, request);
    }

    /// <summary>A file by itself, with what is remembered of its backup; it is the one copy that is looked at.</summary>
    public static BackupInfo OfFile(BackupInfo backup, TestRecords tests, CatalogueRequest request)
    {
        List<TestRecord> records = [.. tests.Of(backup.BackupId)];
        TestRecord? proof = ProofAmong(records);
        DateTimeOffset modified = File.GetLastWriteTimeUtc(backup.Path);
        var copy = new BackupCopy
        {
            Store = Path.GetDirectoryName(backup.Path)!,
            Kind = StoreKind.Directory,
            RetentionClass = backup.RetentionClass,
            FileName = Path.GetFileName(backup.Path),
            Location = backup.Path,
            IsLocal = true,
            Length = backup.Length,
            Modified = modified,
            State = StateOf(backup.Binding, backup.Length, backup.Path, proof, records),
            Held = File.Exists(Path.Combine(Path.GetDirectoryName(backup.Path)!, StoreFile.OfHold(backup.BackupId))),
            Pending = File.Exists(Path.Combine(Path.GetDirectoryName(backup.Path)!, StoreFile.OfRemoval(backup.BackupId))),
        };
        return WithTests(backup with { Copies = [copy] }, records, proof, request);
    }

    private static BackupInfo WithTests(BackupInfo backup, List<TestRecord> records, TestRecord? proof, CatalogueRequest request) => backup with
    {
        LastTest = records.MaxBy(r => r.Tested),
        Proof = proof,
        ProofExpired = proof is not null && IsExpired(proof, request),
    };

    /// <summary>The newest test that proves the backup, unless the same content failed a test as deep since.</summary>
    private static TestRecord? ProofAmong(List<TestRecord> records)
    {
        TestRecord? passed = records.Where(r => r.Proves && r.Digest is not null).MaxBy(r => r.Tested);
        // A live token that differs says nothing against the backup.
        bool refuted = passed is not null && records.Exists(r => !r.Passed && r.Level is (TestLevel.Content or TestLevel.Restore) && r.Digest == passed.Digest && r.Tested > passed.Tested);
        return refuted ? null : passed;
    }

    // A test of the future is one that a wrong clock has dated; how old it is nobody knows.
    private static bool IsExpired(TestRecord proof, CatalogueRequest request)
    {
        TimeSpan age = request.Clock.GetUtcNow() - proof.Tested;
        return age > request.MaximumProofAge || age < -request.MaximumProofAge;
    }

    private static bool IsWhatWasTested(string binding, long length, TestRecord proof) => binding == proof.Binding && length == proof.Length;

    private static CopyState StateOf(string binding, long length, string location, TestRecord? proof, List<TestRecord> records)
    {
        if (proof is not null && !IsWhatWasTested(binding, length, proof))
        {
            return CopyState.Different;
        }
        // Copies that were tested and passed are the many; only a failure makes it worth while to ask which file a path is.
        if (records.TrueForAll(r => r.Passed))
        {
            return CopyState.Present;
        }
        // The newest test of this very file decides, whatever the file's own date says: anybody can set that.
        string place = PlaceOf(location);
        TestRecord? last = records.Where(r => r.Level >= TestLevel.Integrity && PlaceOf(r.Location) == place).MaxBy(r => r.Tested);
        return last switch
        {
            { Digest: null, Passed: false } => CopyState.Damaged,
            // The same header before other content: header and digest are no secrets, so anybody could have written it.
            { Digest: { } digest } when proof is not null && digest != proof.Digest => CopyState.Different,
            _ => CopyState.Present,
        };
    }

    private static string PlaceOf(string location) => Path.IsPathFullyQualified(location) ? RealPath.Of(location) : location;

    private static BackupCopy Copy(FoundCopy copy, CopyState state) => new()
    {
        Store = copy.Store.Name,
        Kind = copy.Store.Kind,
        RetentionClass = copy.Store.RetentionClass,
        FileName = copy.Item.Name,
        Location = copy.Location,
        IsLocal = copy.Store.Kind != StoreKind.WebDav,
        Length = copy.Item.Length,
        Modified = copy.Item.Modified,
        State = state,
        Held = copy.Held,
        Pending = copy.Pending,
    };
}
