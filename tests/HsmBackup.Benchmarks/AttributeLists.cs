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

    /// <summary>Writes the list of what counts when nodes are compared: of all that the engine asks for, what it looks at.</summary>
    public static void WriteCompared(string path)
    {
        AttributeList list = ObjectReader.Compared;
        File.WriteAllLines(path, [Line("read", "* *", list), Line("compare", "* *", list)]);
    }

    /// <summary>Writes the same, and that by which a secret key is made on another node.</summary>
    public static void WriteRepaired(string path, TokenFolder token)
    {
        WriteCompared(path);
        using Pin pin = TokenFolder.NewPin();
        using var connection = TokenConnection.Open(token.Address, pin, readWrite: true, CancellationToken.None);
        using SecretBuffer key = SecretBuffer.Random(32);
        using KeyEncryptionKey kek = KeyEncryptionKey.Import(connection, key);
        var reader = new ObjectReader(connection, kek);
        ulong any = connection.Session.FindObjects(new AttributeMap().Set(Cka.Token, true).Set(Cka.Class, Cko.SecretKey).Set(Cka.Extractable, true))[0];
        ObjectRecord record = reader.Capture(any);
        AttributeMap template = ObjectTemplate.For(record, onToken: true, kek.Capabilities.Quirks);
        File.AppendAllLines(path, [Line("unwrap", $"{Hex(record.ObjectClass)} {Hex(record.KeyType!.Value)}", new AttributeList([.. template.Select(a => a.Type)]))]);
    }

    private static string Line(string use, string kind, AttributeList list) =>
        $"{use} {kind} " + string.Join(' ', list.Entries.ToArray().Select(e => use is "read" or "compare" ? Hex(e.Type) + RoomOf(e) : Hex(e.Type)));

    /// <summary>The length that is always right, or the room that is mostly enough.</summary>
    private static string RoomOf(AttributeList.Entry entry) =>
        entry.FixedLength > 0 ? $"/{entry.FixedLength}" : entry.Room > 0 ? $":{Hex((ulong)entry.Room)}" : "";

    private static string Hex(ulong code) => code.ToString("x", CultureInfo.InvariantCulture);
}
