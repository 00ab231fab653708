using System.Globalization;
using System.Text;
using HsmBackup.Engine.Format;
using HsmBackup.Engine.Tests.Protection;
using Xunit;

namespace HsmBackup.Engine.Tests.Format;

public sealed class ContentSpoolTests
{
    private const string Mark = "SECRET-THAT-MUST-NOT-REACH-THE-DISK";

    [Fact]
    public void A_small_backup_never_touches_the_disk()
    {
        using TestFolder folder = new();
        using ContentSpool spool = new(folder.File("does-not-exist"), Sample.Id);
        for (int i = 0; i < 3; i++) spool.Add(Sample.Line(i, 1024 * 1024));
        Assert.False(spool.HasSpilled);
        Assert.Equal(3, spool.Count);
    }

    [Fact]
    public void What_does_not_fit_is_encrypted_on_disk_and_readable_by_its_owner_only()
    {
        if (!OperatingSystem.IsLinux()) return;
        using TestFolder folder = new();
        using ContentSpool spool = new(folder.Root, Sample.Id);
        Fill(spool);
        Assert.True(spool.HasSpilled);
        string handle = Directory.GetFiles("/proc/self/fd").Single(fd =>
            new FileInfo(fd).LinkTarget?.StartsWith(folder.File($".{Sample.Id}.spool"), StringComparison.Ordinal) == true);
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(handle));
        // By another process: to this one the file is locked.
        string self = Environment.ProcessId.ToString(CultureInfo.InvariantCulture);
        byte[] bytes = Tool.Run("cat", [handle.Replace("self", self, StringComparison.Ordinal)]);
        Assert.True(bytes.Length > BackupFormat.MaxSegmentLength / 2);
        Assert.Equal(-1, bytes.AsSpan().IndexOf(Encoding.ASCII.GetBytes(Mark)));
        Assert.Equal(-1, bytes.AsSpan().IndexOf("{\"object\""u8));
        // The same block again: under one key, only another nonce makes it look different.
        int half = bytes.Length / 2;
        Assert.False(bytes.AsSpan(0, half).SequenceEqual(bytes.AsSpan(half)));
    }

    [Fact]
    public void Nothing_is_left_behind()
    {
        using TestFolder folder = new();
        using (ContentSpool spool = new(folder.Root, Sample.Id))
        {
            Fill(spool);
            // A process that is killed here has nothing more to delete.
            if (!OperatingSystem.IsWindows()) Assert.Empty(Directory.GetFileSystemEntries(folder.Root));
        }
        Assert.Empty(Directory.GetFileSystemEntries(folder.Root));
    }

    [Fact]
    public void It_can_be_read_again_and_then_takes_no_more()
    {
        using TestFolder folder = new();
        using ContentSpool spool = new(folder.Root, Sample.Id);
        Fill(spool);
        byte[] first = ReadAll(spool);
        Assert.Equal(spool.Length, first.Length);
        Assert.Equal(first, ReadAll(spool));
        Assert.Throws<InvalidOperationException>(() => spool.Add("{}"u8));
    }

    [Fact]
    public void A_folder_that_cannot_be_written_is_named()
    {
        using TestFolder folder = new();
        string missing = folder.File("missing");
        using ContentSpool spool = new(missing, Sample.Id);
        HsmBackupException error = Assert.Throws<HsmBackupException>(() => Fill(spool));
        Assert.Equal(ErrorCode.DestinationUnwritable, error.Code);
        Assert.Equal(missing, error.Target);
    }

    [Fact]
    public void A_file_of_that_name_is_never_overwritten()
    {
        using TestFolder folder = new();
        string taken = folder.File($".{Sample.Id}.spool");
        File.WriteAllText(taken, "somebody else's");
        using (ContentSpool spool = new(folder.Root, Sample.Id))
            Assert.Equal(ErrorCode.DestinationUnwritable, Sample.CodeOf(() => Fill(spool)));
        Assert.Equal("somebody else's", File.ReadAllText(taken));
    }

    private static void Fill(ContentSpool spool)
    {
        // Five such lines make a block: two equal blocks on disk, and one in memory.
        byte[] line = Encoding.UTF8.GetBytes($$"""{"object":0,"x":"{{Mark}}{{new string('x', 700_000)}}"}""");
        for (int i = 0; i < 15; i++) spool.Add(line);
    }

    private static byte[] ReadAll(ContentSpool spool)
    {
        using MemoryStream all = new();
        int blocks = spool.Seal();
        for (int i = 0; i < blocks; i++) all.Write(spool.ReadBlock(i));
        return all.ToArray();
    }
}
