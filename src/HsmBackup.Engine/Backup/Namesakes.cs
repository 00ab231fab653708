using HsmBackup.Engine.Pkcs11;
using HsmBackup.Engine.Tokens;

namespace HsmBackup.Engine.Backup;

/// <summary>
/// Finds on a token what has the id or label of some objects of a backup, or is the same certificate, without reading the rest. A
/// search is a scan inside the token, so for many objects it is cheaper to read the names of everything once.
/// </summary>
internal sealed class Namesakes
{
    // C_FindObjectsInit, two C_FindObjects, C_FindObjectsFinal; against the two calls that reading names takes.
    private const int CallsOfSearch = 4;
    private const int CallsOfRead = 2;

    private static readonly AttributeList NamesRead = new([Cka.Class, Cka.Label, Cka.Id, Cka.Issuer, Cka.SerialNumber]);

    private readonly TokenConnection _connection;
    private readonly Pkcs11Session _session;
    private readonly List<AttributeMap> _searches = [];

    public Namesakes(TokenConnection connection, IEnumerable<BackupEntry> entries)
    {
        _connection = connection;
        _session = connection.Session;
        var made = new HashSet<string>(StringComparer.Ordinal);
        foreach (BackupEntry entry in entries)
        {
            bool isCertificate = entry.ObjectClass == Cko.Certificate && entry.Names.Bytes(Cka.Issuer) is { Length: > 0 } && entry.Names.Bytes(Cka.SerialNumber) is { Length: > 0 };
            bool isNamed = Add(made, entry, Cka.Id) | Add(made, entry, Cka.Label) | (isCertificate && Add(made, entry, Cka.Class, Cka.Issuer, Cka.SerialNumber));
            if (!isNamed)
            {
                // Nothing to search for but its class.
                Add(made, entry, Cka.Class);
            }
        }
    }

    /// <summary>Handles of everything on the token, as of the last <see cref="Find"/>.</summary>
    public IReadOnlyList<ulong> All { get; private set; } = [];

    /// <summary>Handles of the namesakes.</summary>
    public List<ulong> Find()
    {
        List<ulong> all = _connection.FindContent();
        All = all;
        return _searches.Count * CallsOfSearch > all.Count * CallsOfRead && TryReadNames(all, out List<ulong> found)
            ? found
            : [.. _searches.SelectMany(s => _session.FindObjects(s.Copy().Set(Cka.Token, true))).Distinct().Where(h => !_connection.Infrastructure.Contains(h))];
    }

    /// <summary>Reads all names; false where one cannot be read, so that only the token itself can say whether it is meant.</summary>
    private bool TryReadNames(List<ulong> handles, out List<ulong> found)
    {
        found = [];
        foreach (ulong handle in handles)
        {
            AttributeReading names;
            try
            {
                names = _session.ReadAttributes(handle, NamesRead);
            }
            catch (Pkcs11Exception)
            {
                return false;
            }
            if (names.Failed.Count > 0)
            {
                return false;
            }
            if (_searches.Exists(s => s.All(a => names.Attributes.TryGet(a.Type, out TokenAttribute own) && own.SameAs(a))))
            {
                found.Add(handle);
            }
        }
        return true;
    }

    private bool Add(HashSet<string> made, BackupEntry entry, params ulong[] types)
    {
        var search = new AttributeMap();
        foreach (ulong type in types)
        {
            if (!entry.Names.TryGet(type, out TokenAttribute attribute) || attribute.Value.Length == 0)
            {
                return false;
            }
            search.Set(attribute);
        }
        if (made.Add(string.Join(' ', search.Select(a => $"{a.Type}:{Convert.ToHexString(a.Value)}"))))
        {
            _searches.Add(search);
        }
        return true;
    }
}
