using System.Security.Cryptography;
using System.Text;
using HsmBackup.Engine.Stores;
using HsmBackup.Engine.Tests.Support;
using Xunit;

namespace HsmBackup.Engine.Tests.Stores;

/// <summary>What every store must do, whatever it is. Each kind has a class of its own that inherits these tests.</summary>
public abstract class StoreConformanceTests : IDisposable
{
    private const string Name = "20261121T225300Z-payments-0a1b2c3d.hsmbackup";

    private readonly Lazy<IBackupStore> _store;

    protected StoreConformanceTests() => _store = new Lazy<IBackupStore>(Open);

    /// <summary>The store under test.</summary>
    protected IBackupStore Store => _store.Value;

    /// <summary>The folder on this machine where the files of the store are in the end. It need not be there yet.</summary>
    protected abstract string Medium { get; }

    /// <summary>Makes the store, empty.</summary>
    protected abstract IBackupStore Open();

    public void Dispose()
    {
        if (_store.IsValueCreated)
        {
            _store.Value.Dispose();
        }
        Close();
        GC.SuppressFinalize(this);
    }

    protected abstract void Close();

    /// <summary>Waits until the store has seen what a test put into its folder.</summary>
    protected virtual void WaitForChanges()
    {
    }

    [SuiteFact]
    public void An_empty_store_lists_nothing() => Assert.Empty(Store.List(CancellationToken.None));

    [SuiteFact]
    public void What_was_added_is_listed_and_reads_as_it_was()
    {
        byte[] content = Bytes(700_000);

        StoreItem added = Add(Name, content);

        Assert.Equal((Name, content.Length), (added.Name, added.Length));
        // A server may call its first version weak, and thus nothing at all, for as long as its second is not over.
        Assert.Equal(added with { Version = null }, Assert.Single(Store.List(CancellationToken.None)) with { Version = null });
        Assert.InRange(added.Modified, DateTimeOffset.UtcNow.AddMinutes(-5), DateTimeOffset.UtcNow.AddMinutes(5));
        Assert.Equal(TimeSpan.Zero, added.Modified.Offset);
        Assert.Equal(content, Read(Name));
        Assert.Equal([Name], Everything());
    }

    [SuiteFact]
    public void An_empty_file_is_a_file()
    {
        Add(Name, []);

        Assert.Equal(0, Assert.Single(Store.List(CancellationToken.None)).Length);
        Assert.Empty(Read(Name));
        Assert.Empty(Store.ReadStart(Name, 10, CancellationToken.None));
    }

    [SuiteFact]
    public void Content_is_taken_from_its_beginning()
    {
        using var content = new MemoryStream(Bytes(5000)) { Position = 4000 };

        Store.Add(Name, content, CancellationToken.None);

        Assert.Equal(content.ToArray(), Read(Name));
    }

    [SuiteFact]
    public void A_file_never_takes_the_place_of_another()
    {
        byte[] first = Bytes(1000);
        Add(Name, first);

        HsmBackupException refusal = Refusal.Of(ErrorCode.CopyExists, () => Add(Name, Bytes(2000)));

        Assert.Equal(Name, refusal.Target);
        Assert.Equal(first, Read(Name));
        Assert.Equal([Name], Everything());
    }

    [SuiteFact]
    public void Of_several_that_add_the_same_name_at_once_one_succeeds()
    {
        _ = Store;
        byte[][] contents = [.. Enumerable.Range(0, 6).Select(i => Bytes(100_000 + i))];

        ErrorCode?[] outcomes = Together(contents.Length, i =>
        {
            try
            {
                Add(Name, contents[i]);
                return (ErrorCode?)null;
            }
            catch (HsmBackupException e)
            {
                return e.Code;
            }
        });

        int winner = Array.IndexOf(outcomes, null);
        Assert.All(outcomes.Where((_, i) => i != winner), o => Assert.Equal(ErrorCode.CopyExists, o));
        Assert.Equal(contents[winner], Read(Name));
        Assert.Equal([Name], Everything());
    }

    [SuiteFact]
    public void The_start_of_a_file_is_as_long_as_was_asked_for_or_the_file()
    {
        byte[] content = Bytes(300_000);
        Add(Name, content);

        Assert.Equal(content[..65_536], Store.ReadStart(Name, 65_536, CancellationToken.None));
        Assert.Equal(content[..1], Store.ReadStart(Name, 1, CancellationToken.None));
        Assert.Empty(Store.ReadStart(Name, 0, CancellationToken.None));
        Assert.Equal(content, Store.ReadStart(Name, 1_000_000, CancellationToken.None));
    }

    [SuiteFact]
    public void Starts_can_be_read_by_several_threads()
    {
        byte[][] contents = [.. Enumerable.Range(0, 20).Select(i => Bytes(10_000 + i))];
        for (int i = 0; i < contents.Length; i++)
        {
            Add($"{i}.hsmbackup", contents[i]);
        }

        bool[] same = Together(8, t => Enumerable.Range(0, 100).Select(i => (i + t) % contents.Length)
            .All(i => Store.ReadStart($"{i}.hsmbackup", 4096, CancellationToken.None).AsSpan().SequenceEqual(contents[i].AsSpan(0, 4096))));

        Assert.All(same, Assert.True);
    }

    [SuiteFact]
    public void What_is_not_there_cannot_be_read_and_removing_it_is_no_error()
    {
        Add(Name, [1]);

        Refusal.Of(ErrorCode.BackupNotFound, () => Read("other.hsmbackup"));
        Refusal.Of(ErrorCode.BackupNotFound, () => Store.ReadStart("other.hsmbackup", 10, CancellationToken.None));
        Store.Remove("other.hsmbackup", CancellationToken.None);

        Assert.Equal([Name], Everything());
    }

    [SuiteFact]
    public void A_store_that_was_never_written_to_has_nothing_to_read_or_remove()
    {
        Refusal.Of(ErrorCode.BackupNotFound, () => Read(Name));
        Store.Remove(Name, CancellationToken.None);
    }

    [SuiteFact]
    public void What_is_removed_is_gone()
    {
        Add(Name, Bytes(100));
        Store.Remove(Name, CancellationToken.None);

        Assert.Empty(Store.List(CancellationToken.None));
        Refusal.Of(ErrorCode.BackupNotFound, () => Read(Name));
    }

    [SuiteFact]
    public void A_document_takes_the_place_of_the_one_before()
    {
        Store.Replace("a.hold.json", "first"u8, CancellationToken.None);
        Store.Replace("a.hold.json", "second, and longer"u8, CancellationToken.None);
        Store.Replace("a.hold.json", "third"u8, CancellationToken.None);

        Assert.Equal("third", Encoding.UTF8.GetString(Read("a.hold.json")));
        Assert.Equal(["a.hold.json"], Everything());
    }

    [SuiteFact]
    public void The_list_is_in_the_order_of_names_and_without_what_is_being_written()
    {
        string[] names = ["b.hsmbackup", "a.hsmbackup", "B.hsmbackup", "a.hold.json", "with blank.hsmbackup", "50%.hsmbackup", "ümläut.hsmbackup", "a+b&c;d=e,f'g.hsmbackup"];
        foreach (string name in names)
        {
            Add(name, Bytes(10));
        }
        File.WriteAllText(Path.Combine(Medium, ".a.hsmbackup.0123abcd.partial"), "half");
        File.WriteAllText(Path.Combine(Medium, ".hidden.hsmbackup"), "hidden");
        Directory.CreateDirectory(Path.Combine(Medium, "folder.hsmbackup"));
        WaitForChanges();

        Assert.Equal(names.Order(StringComparer.Ordinal), Store.List(CancellationToken.None).Select(i => i.Name));
        Assert.All(names, n => Assert.Equal(10, Read(n).Length));
    }

    [SuiteFact]
    public void No_name_leads_out_of_the_store()
    {
        Add(Name, [1]);
        string[] attacks =
        [
            "", ".", "..", "../escaped", "..\\escaped", "/etc/passwd", "folder/file", "folder\\file", ".hidden", "C:file", "a\0b", "a\nb", "a\u202eb", "a\u007fb",
            "\ud800", "file.", "file ", " file", "a*b", "a?b", "a\"b", "a<b", "a|b", new string('a', 201), new string('ü', 101), "%2e%2e/escaped",
        ];
        string[] outside = Directory.GetFileSystemEntries(Path.GetDirectoryName(Medium)!);

        foreach (string attack in attacks)
        {
            Refusal.Of(ErrorCode.InvalidArgument, () => Add(attack, [1]));
            Refusal.Of(ErrorCode.InvalidArgument, () => Store.Replace(attack, [1], CancellationToken.None));
            Refusal.Of(ErrorCode.InvalidArgument, () => Store.Remove(attack, CancellationToken.None));
            Refusal.Of(ErrorCode.InvalidArgument, () => Read(attack));
            Refusal.Of(ErrorCode.InvalidArgument, () => Store.ReadStart(attack, 1, CancellationToken.None));
            Refusal.Of(ErrorCode.InvalidArgument, () => Store.LocalPath(attack));
        }

        Assert.Equal([Name], Everything());
        Assert.Equal(outside, Directory.GetFileSystemEntries(Path.GetDirectoryName(Medium)!));
    }

    [SuiteFact]
    public void A_name_that_looks_encoded_is_taken_as_it_is()
    {
        Add("%2e%2e%2fescaped", [1, 2]);

        Assert.Equal("%2e%2e%2fescaped", Assert.Single(Store.List(CancellationToken.None)).Name);
        Assert.Equal(new byte[] { 1, 2 }, Read("%2e%2e%2fescaped"));
        Assert.Equal(["%2e%2e%2fescaped"], Everything());
    }

    [SuiteFact]
    public void Work_that_is_stopped_leaves_nothing_behind()
    {
        using var source = new CancellationTokenSource();
        using var content = new StoppingStream(Bytes(3_000_000), 1_000_000, source);

        Refusal.Of(ErrorCode.Cancelled, () => Store.Add(Name, content, source.Token));

        Assert.Empty(Store.List(CancellationToken.None));
        AssertNothingLeft();
        Refusal.Of(ErrorCode.Cancelled, () => Store.List(source.Token));
        Refusal.Of(ErrorCode.Cancelled, () => Store.Read(Name, Stream.Null, source.Token));
    }

    [SuiteFact]
    public void Content_that_cannot_be_read_is_not_the_fault_of_the_store()
    {
        using var content = new StoppingStream(Bytes(3_000_000), 1_000_000, null);

        Refusal.Of(ErrorCode.BackupUnreadable, () => Store.Add(Name, content, CancellationToken.None));

        Assert.Empty(Store.List(CancellationToken.None));
        AssertNothingLeft();
    }

    [SuiteFact]
    public void Ten_thousand_files_are_listed_whole()
    {
        Add(Name, [1]);
        for (int i = 0; i < 10_000; i++)
        {
            File.WriteAllBytes(Path.Combine(Medium, $"{i:D5}.hsmbackup"), [1, 2, 3]);
        }
        WaitForChanges();

        IReadOnlyList<StoreItem> list = Store.List(CancellationToken.None);

        Assert.Equal(10_001, list.Count);
        Assert.Equal(Enumerable.Range(0, 10_000).Select(i => $"{i:D5}.hsmbackup"), list.Take(10_000).Select(i => i.Name));
        Assert.All(list.Take(10_000), i => Assert.Equal(3, i.Length));
    }

    /// <summary>Nothing is left of a file that did not come about.</summary>
    protected virtual void AssertNothingLeft() => Assert.Empty(Everything());

    protected StoreItem Add(string name, byte[] content)
    {
        using var stream = new MemoryStream(content);
        return Store.Add(name, stream, CancellationToken.None);
    }

    protected byte[] Read(string name)
    {
        using var content = new MemoryStream();
        Store.Read(name, content, CancellationToken.None);
        return content.ToArray();
    }

    /// <summary>The names of all that is in the folder of the store, what is hidden too.</summary>
    protected string[] Everything() => !Directory.Exists(Medium) ? []
        : [.. Directory.GetFileSystemEntries(Medium, "*", new EnumerationOptions { AttributesToSkip = 0 }).Select(p => Path.GetFileName(p)!).Order(StringComparer.Ordinal)];

    protected static byte[] Bytes(int length) => RandomNumberGenerator.GetBytes(length);

    private static T[] Together<T>(int count, Func<int, T> work)
    {
        var results = new T[count];
        Thread[] threads = [.. Enumerable.Range(0, count).Select(i => new Thread(() => results[i] = work(i)))];
        Array.ForEach(threads, t => t.Start());
        Array.ForEach(threads, t => t.Join());
        return results;
    }
}
