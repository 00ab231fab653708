using HsmBackup.Engine.Backup;
using HsmBackup.Engine.Catalogue;
using HsmBackup.Engine.Pkcs11;
using HsmBackup.Engine.Protection;
using HsmBackup.Engine.Stores;
using HsmBackup.Engine.Tests.Support;
using Xunit;

namespace HsmBackup.Engine.Tests.Catalogue;

/// <summary>Which backup is restored where none is named.</summary>
public sealed class LatestBackupTests : IDisposable
{
    private static readonly DateTimeOffset Start = new(2026, 11, 22, 8, 0, 0, TimeSpan.Zero);

    private readonly BackupFixture _fixture = new();
    private int _made;

    public LatestBackupTests() => _fixture.Fill(c => c.Aes("aes", 32));

    public void Dispose() => _fixture.Dispose();

    [Fact]
    public void It_is_the_newest_of_all_folders()
    {
        Make("first");
        BackupResult newest = Make("second");
        Make("second", minutes: -30);
        Assert.Equal((newest.Id.ToString(), 0), Outcome(Find("first", "second")));
    }

    [Fact]
    public void A_folder_that_is_not_there_is_named_because_it_may_hold_a_newer_one()
    {
        BackupResult only = Make("first");
        LatestBackup found = Find("first", "not-there");
        Assert.Equal(only.Id.ToString(), found.Chosen.BackupId);
        Assert.EndsWith("not-there", Assert.Single(found.Skipped).Path, StringComparison.Ordinal);
    }

    [Fact]
    public void A_damaged_newer_one_is_passed_over_and_named()
    {
        BackupResult good = Make("first");
        BackupResult cut = Make("first");
        using (FileStream file = File.OpenWrite(cut.Path))
        {
            file.SetLength(file.Length - 1);
        }
        BackupResult flipped = Make("second");
        byte[] content = File.ReadAllBytes(flipped.Path);
        content[content.Length / 2] ^= 1;
        File.WriteAllBytes(flipped.Path, content);
        string junk = Path.Combine(Path.GetDirectoryName(good.Path)!, "20991231T000000Z-payments-00000000.hsmbackup");
        File.WriteAllText(junk, "not a backup");

        LatestBackup found = Find("first", "second");

        Assert.Equal(good.Id.ToString(), found.Chosen.BackupId);
        Assert.Equal([flipped.Path, cut.Path, junk], found.Skipped.Select(s => s.Path));
        Assert.All(found.Skipped, s => Assert.NotEmpty(s.Reason));
    }

    [Fact]
    public void An_older_one_that_is_damaged_is_nobodys_business()
    {
        File.WriteAllText(Make("first").Path, "not a backup");
        Assert.Equal((Make("first").Id.ToString(), 0), Outcome(Find("first")));
    }

    [Fact]
    public void A_Partial_one_is_passed_over_unless_it_is_accepted()
    {
        BackupResult good = Make("first");
        _fixture.Fill(c => c.Aes("fixed", 32, a => a.Set(Cka.Extractable, false)));
        BackupResult partial = Make("first");

        Assert.Equal((good.Id.ToString(), 1), Outcome(Find("first")));
        Assert.Equal((partial.Id.ToString(), 0), Outcome(FindIn([Folder("first")], null, allowPartial: true)));
    }

    [Fact]
    public void It_is_of_the_cluster_that_was_asked_for()
    {
        BackupResult own = Make("first");
        BackupResult others = Make("first", cluster: "cluster-fedcba9876543210");

        Assert.Equal(others.Id.ToString(), FindOf("cluster-fedcba9876543210", "first").Chosen.BackupId);
        Assert.Equal(own.Id.ToString(), FindOf("cluster-0123456789abcdef", "first").Chosen.BackupId);
        Refusal.Of(ErrorCode.BackupNotFound, () => FindOf("cluster-0000000000000000", "first"));
        HsmBackupException unclear = Refusal.Of(ErrorCode.InvalidArgument, () => Find("first"));
        Assert.Contains("cluster-fedcba9876543210", unclear.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_key_of_an_older_backup_is_refused_and_says_whose_it_is()
    {
        BackupResult older = Make("first");
        BackupResult newest = Make("second");
        LatestBackup found = Find("first", "second");

        found.CheckKey(newest.Key!);
        HsmBackupException refusal = Refusal.Of(ErrorCode.KeyMismatch, () => found.CheckKey(older.Key!));
        Assert.Contains(older.Id.ToString(), refusal.Message, StringComparison.Ordinal);
        Assert.Contains(newest.Id.ToString(), refusal.Message, StringComparison.Ordinal);
        Assert.Contains($"-Path '{older.Path}'", refusal.RecommendedAction, StringComparison.Ordinal);

        using var strange = OneTimeKey.Generate();
        Assert.Contains("nor of any other", Refusal.Of(ErrorCode.KeyMismatch, () => found.CheckKey(strange)).Message, StringComparison.Ordinal);
    }

    private static (string, int) Outcome(LatestBackup found) => (found.Chosen.BackupId, found.Skipped.Count);

    private string Folder(string name) => Path.Combine(_fixture.Folder, name);

    private LatestBackup Find(params string[] folders) => FindIn(folders.Select(Folder), null);

    private LatestBackup FindOf(string id, string folder) => FindIn([Folder(folder)], id);

    // Folders: there is no copy to take away again.
    private LatestBackup FindIn(IEnumerable<string> folders, string? id, bool allowPartial = false) =>
        LatestBackup.Find([.. folders.Select(f => new DirectoryStore(f))], id, allowPartial, _fixture.State, CancellationToken.None);

    /// <summary>Each is a minute younger than the one before.</summary>
    private BackupResult Make(string folder, int minutes = 0, string cluster = "cluster-0123456789abcdef") => BackupOperation.Run(new BackupRequest
    {
        Token = _fixture.Token.Address,
        Pin = _fixture.Token.Pin,
        Destination = Folder(folder),
        AllowPartial = true,
        Cluster = new BackupCluster
        {
            Id = cluster,
            Name = "payments",
            Node = "node-1",
            Definition = System.Text.Encoding.UTF8.GetBytes($$"""{"id":"{{cluster}}","name":"payments"}"""),
        },
        Clock = new Clock(Start.AddMinutes(++_made + minutes)),
    }, null, CancellationToken.None);

    private sealed class Clock(DateTimeOffset now) : TimeProvider
    {
        public override DateTimeOffset GetUtcNow() => now;
    }
}
