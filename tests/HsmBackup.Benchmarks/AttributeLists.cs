using System.Globalization;
using HsmBackup.Engine.Pkcs11;
using HsmBackup.Engine.Protection;
using HsmBackup.Engine.Tokens;

namespace HsmBackup.Benchmarks;

/// <summary>
/// The lists of attributes that the engine reads and writes, for the C program: asked of the engine itself, so that the two
/// cannot drift apart.
/// </summary>
internal static class AttributeLists
{
    /// <summary>Writes the lists for the kinds of object that a token holds.</summary>
    public static void Write(string path, TokenFolder token)
    {
        using Pin pin = TokenFolder.NewPin();
        using var connection = TokenConnection.Open(token.Address, pin, readWrite: true, CancellationToken.None);
        using SecretBuffer key = SecretBuffer.Random(32);
        using KeyEncryptionKey kek = KeyEncryptionKey.Import(connection, key);
        var reader = new ObjectReader(connection, kek);
        List<string> lines = [Line("read", "* *", reader.FirstRead)];
        var kinds = new HashSet<string>(StringComparer.Ordinal);
        foreach (ulong handle in connection.Session.FindTokenObjects())
        {
            ObjectRecord record = reader.Capture(handle);
            string kind = $"{Hex(record.ObjectClass)} {Hex(record.KeyType ?? throw new InvalidOperationException("Not a key."))}";
            if (kinds.Add(kind))
            {
                AttributeMap template = ObjectTemplate.For(record, onToken: true, kek.Capabilities.Quirks);
                lines.Add(Line(record.HasSecret ? "unwrap" : "create", kind, new AttributeList([.. template.Select(a => a.Type)])));
            }
        }
        File.WriteAllLines(path, lines);
    }

    private static string Line(string use, string kind, AttributeList list) => $"{use} {kind} " + string.Join(' ', list.Entries.ToArray()
        .Select(e => use == "read" && e.FixedLength > 0 ? $"{Hex(e.Type)}/{e.FixedLength}" : Hex(e.Type)));

    private static string Hex(ulong code) => code.ToString("x", CultureInfo.InvariantCulture);
}
