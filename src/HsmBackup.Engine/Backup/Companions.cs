using HsmBackup.Engine.Pkcs11;

namespace HsmBackup.Engine.Backup;

/// <summary>
/// What belongs to an object: to a key pair's half its public key and certificates, which have its CKA_ID (PKCS#11 4.1, 4.6), and to a
/// certificate those of its issuers, up to the root. A private or secret key never comes along: it is asked for, or it stays away.
/// </summary>
internal static class Companions
{
    /// <summary>The companions of some objects that are not among them, each with the object that it comes for.</summary>
    public static IReadOnlyDictionary<int, ObjectSummary> Of(IReadOnlyList<BackupEntry> chosen, IReadOnlyList<BackupEntry> all)
    {
        ILookup<string, BackupEntry> byId = all.Where(e => e.Summary.Id.Length > 0).ToLookup(e => e.Summary.Id);
        ILookup<string, BackupEntry> bySubject = all.Where(e => e.ObjectClass == Cko.Certificate && NameOf(e, Cka.Subject).Length > 0)
            .ToLookup(e => NameOf(e, Cka.Subject));
        var found = new Dictionary<int, ObjectSummary>();
        HashSet<int> seen = [.. chosen.Select(e => e.Summary.Index)];
        var open = new Queue<(BackupEntry Entry, ObjectSummary For)>(chosen.Select(e => (e, e.Summary)));
        while (open.TryDequeue(out (BackupEntry Entry, ObjectSummary For) next))
        {
            foreach (BackupEntry companion in Next(next.Entry, byId, bySubject).Where(c => seen.Add(c.Summary.Index)))
            {
                found.Add(companion.Summary.Index, next.For);
                open.Enqueue((companion, next.For));
            }
        }
        return found;
    }

    private static IEnumerable<BackupEntry> Next(BackupEntry entry, ILookup<string, BackupEntry> byId, ILookup<string, BackupEntry> bySubject) => entry.ObjectClass switch
    {
        Cko.PrivateKey or Cko.PublicKey => byId[entry.Summary.Id].Where(e => e.ObjectClass == Cko.Certificate
            || (e.ObjectClass == Cko.PublicKey && e.Summary.KeyType == entry.Summary.KeyType)),
        Cko.Certificate when NameOf(entry, Cka.Issuer) is { Length: > 0 } issuer && issuer != NameOf(entry, Cka.Subject) =>
            bySubject[issuer].Where(e => entry.AuthorityKey is null || e.SubjectKey is null || entry.AuthorityKey == e.SubjectKey),
        _ => [],
    };

    private static string NameOf(BackupEntry entry, ulong type) => Convert.ToHexString(entry.Names.Bytes(type) ?? []);
}
