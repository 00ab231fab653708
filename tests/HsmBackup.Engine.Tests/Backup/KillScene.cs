using HsmBackup.Engine.Backup;
using HsmBackup.Engine.Catalogue;
using HsmBackup.Engine.Pkcs11;
using HsmBackup.Engine.Protection;
using HsmBackup.Engine.Tests.Support;
using HsmBackup.Engine.Tokens;
using Xunit;

namespace HsmBackup.Engine.Tests.Backup;

/// <summary>
/// A token that was backed up and has drifted since: objects as in the backup, others with the same id and label but another
/// key, others that are gone, and others that came. It can be put back to that state as often as wanted.
/// </summary>
internal sealed class KillScene : IDisposable
{
    private readonly BackupFixture _fixture = new("kill");
    private readonly string _tokens;
    private readonly string _drifted;
    private readonly OneTimeKey _key;

    /// <param name="full">True for every kind of object; false for a few that are quickly done.</param>
    public KillScene(bool full)
    {
        _tokens = Path.Combine(Path.GetDirectoryName(_fixture.Token.Address.Library.Path)!, "tokens");
        _drifted = Path.Combine(_fixture.Folder, "drifted");
        KeyPath = Path.Combine(_fixture.Folder, "key");
        _fixture.Fill(c => Fill(c, full));
        Backup = _fixture.BackUp(keyPath: KeyPath);
        Assert.True(Backup.Complete);
        _key = Backup.Key!;
        InBackup = Witness.OfBackup(Backup.Path, _key);
        Assert.Equal(Witness.OfToken(_fixture.Token), InBackup);
        Drift(full);
        Before = Witness.OfToken(_fixture.Token);
        Folders.Copy(_tokens, _drifted);
        Host = new CrashHost(_fixture.Token);
    }

    public CrashHost Host { get; }

    public ITestToken Token => _fixture.Token;

    public BackupResult Backup { get; }

    public string KeyPath { get; }

    public string State => _fixture.State;

    public string Backups => _fixture.Backups;

    public string Folder => _fixture.Folder;

    public string TokenFolder => _tokens;

    /// <summary>What the backup holds.</summary>
    public List<string> InBackup { get; }

    /// <summary>What the drifted token holds.</summary>
    public List<string> Before { get; }

    /// <summary>The drifted token, and no restore begun.</summary>
    public void Reset()
    {
        Directory.Delete(_tokens, recursive: true);
        Folders.Copy(_drifted, _tokens);
        if (Directory.Exists(State))
        {
            Directory.Delete(State, recursive: true);
        }
    }

    public CrashRun Restore(KillMoment? kill = null)
    {
        Folders.Age(Path.Combine(State, "safety"));
        return Host.Restore(Backup.Path, KeyPath, State, kill);
    }

    /// <summary>What must hold at whatever moment a restore was killed.</summary>
    public void AssertNothingIsLost(string when)
    {
        List<string> now = Witness.OfToken(Token);
        List<string> equal = Witness.Missing(Before, Witness.Missing(Before, InBackup));
        Assert.True(Witness.Missing(equal, now) is [], $"{when}: objects that are as in the backup are gone: {Join(Witness.Missing(equal, now))}");

        List<string> gone = Witness.Missing(Before, now);
        Assert.True(gone.Count == 0 || Safeties().Exists(s => Witness.Missing(gone, s).Count == 0),
            $"{when}: neither on the token nor in a safety backup: {Join(gone)}");
        // A changed object goes only when the backup's stands in its place.
        foreach (string name in gone.Select(NameOf).Where(n => InBackup.Exists(b => NameOf(b) == n)))
        {
            Assert.True(now.Exists(n => NameOf(n) == name && InBackup.Contains(n)), $"{when}: {name} was removed before its replacement was there");
        }
    }

    /// <summary>The restore run again ends with exactly what the backup holds.</summary>
    public void AssertCanBeFinished(string when)
    {
        Folders.Age(Path.Combine(State, "safety"));
        RestoreResult result = _fixture.Restore(Backup);
        Assert.True(result.Exact, $"{when}: not exact");
        List<string> after = Witness.OfToken(Token);
        Assert.True(after.SequenceEqual(InBackup), $"{when}: expected\n{Join(InBackup)}\nfound\n{Join(after)}");
        TestResult live = TestOperation.Run(
            new TestRequest { Path = Backup.Path, Level = TestLevel.Live, Key = _key, Token = Token.Address, Pin = Token.Pin }, null, CancellationToken.None);
        Assert.True(live.Passed, $"{when}: {live.Summary}");
        // The lock of a token stays, empty and free.
        string[] left = [.. Directory.GetFiles(State).Where(f => !f.EndsWith(".lock", StringComparison.Ordinal))];
        Assert.True(left is [], $"{when}: left in the state folder: {Join(left)}");
        Assert.Equal([], Directory.GetFiles(Path.Combine(State, "safety"), "*.partial", new EnumerationOptions { AttributesToSkip = 0 }));
        if (Witness.Missing(Before, InBackup) is { Count: > 0 } gone)
        {
            Assert.True(Safeties().Exists(s => Witness.Missing(gone, s).Count == 0), $"{when}: what was removed is in no safety backup");
        }
    }

    public void Dispose()
    {
        _key.Dispose();
        _fixture.Dispose();
    }

    /// <summary>Every safety backup that is listed opens with the one-time key.</summary>
    private List<List<string>> Safeties()
    {
        IReadOnlyList<BackupInfo> listed = BackupCatalogue.List(Path.Combine(State, "safety"), out IReadOnlyList<HsmBackupException> unreadable);
        Assert.Empty(unreadable);
        return [.. listed.Select(b => Witness.OfBackup(b.Path, _key))];
    }

    private static void Fill(TokenContent content, bool full)
    {
        // Values are shown, so that the witness can tell keys apart without the engine.
        content.Aes("equal", 32);
        content.Aes("changed", 32);
        content.Aes("gone", 32);
        content.Data("data-equal", isPrivate: true);
        if (full)
        {
            content.Data("data-gone", isPrivate: false, [1, 2, 3]);
            content.Generic("odd-equal", 20, Show);
            content.Generic("odd-changed", 33, Show);
            content.Rsa("rsa-gone", 2048);
            content.Ec("ec-equal", TokenContent.P256, Show);
            content.Ec("ec-changed", TokenContent.P256, Show);
            content.Certificate("certificate-gone");
        }
    }

    private void Drift(bool full)
    {
        using TokenConnection connection = _fixture.Open();
        Pkcs11Session session = connection.Session;
        foreach (string label in (string[])["gone", "data-gone", "rsa-gone", "certificate-gone"])
        {
            Destroy(session, label);
        }
        var content = new TokenContent(session);
        foreach (string label in full ? (string[])["changed", "odd-changed", "ec-changed"] : ["changed"])
        {
            byte[] id = session.ReadAttributes(session.FindObjects(new AttributeMap().Set(Cka.Label, label))[0], [Cka.Id]).Attributes.Bytes(Cka.Id)!;
            Destroy(session, label);
            void SameId(AttributeMap map) => Show(map.Set(Cka.Id, id));
            _ = label switch
            {
                "changed" => content.Aes(label, 32, map => map.Set(Cka.Id, id)),
                "odd-changed" => content.Generic(label, 33, SameId),
                _ => content.Ec(label, TokenContent.P256, SameId).Private,
            };
        }
        content.Aes("extra", 16);
        content.Data("data-extra", isPrivate: true);
        if (full)
        {
            content.Generic("odd-extra", 21, Show);
            content.Ec("ec-extra", TokenContent.P256, Show);
        }
    }

    private static void Destroy(Pkcs11Session session, string label)
    {
        foreach (ulong handle in session.FindObjects(new AttributeMap().Set(Cka.Label, label)))
        {
            session.TryDestroyObject(handle);
        }
    }

    private static void Show(AttributeMap map) => map.Set(Cka.Sensitive, false);

    private static string NameOf(string line) => line[..line.LastIndexOf(' ')];

    private static string Join(IEnumerable<string> lines) => string.Join("\n", lines);
}
