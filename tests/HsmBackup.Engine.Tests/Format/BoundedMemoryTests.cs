using HsmBackup.Engine.Format;
using HsmBackup.Engine.Protection;
using HsmBackup.Engine.Tests.Protection;
using Xunit;

namespace HsmBackup.Engine.Tests.Format;

/// <summary>
/// What is counted is everything that a thread has ever allocated, whether it was freed meanwhile or not: a bound on that
/// is a bound on the memory in use, and other tests do not disturb it.
/// </summary>
public sealed class BoundedMemoryTests
{
    private const long Bound = 64 * 1024 * 1024;

    [Fact]
    public void A_backup_of_200_MB_is_written_checked_and_read_in_little_memory()
    {
        const int count = 200;
        byte[] line = Sample.Line(0, 1024 * 1024);
        using TestFolder folder = new();
        string path = folder.File("large.hsmbackup");
        AssertBounded(() =>
        {
            using BackupKeys keys = Sample.Keys();
            using ContentSpool spool = new(folder.Root, Sample.Id);
            for (int i = 0; i < count; i++) spool.Add(line);
            using FileStream file = new(path, FileMode.CreateNew, FileAccess.Write, FileShare.None, bufferSize: 0);
            BackupFileWriter.Write(file, Sample.Header(count), keys, Sample.Manifest, spool);
        });
        Assert.True(new FileInfo(path).Length > 200_000_000);
        AssertBounded(() => BackupFile.CheckIntegrity(path));
        AssertBounded(() =>
        {
            using OneTimeKey key = TestKey.Counting;
            using BackupContent content = BackupContent.Open(path, key);
            int read = 0;
            foreach (ReadOnlyMemory<byte> found in content.ReadObjects()) read += found.Span.SequenceEqual(line) ? 1 : 0;
            Assert.Equal(count, read);
        });
    }

    [Fact]
    public void An_attachment_of_200_MB_is_written_and_read_in_little_memory()
    {
        const long length = 200_000_000;
        using TestFolder folder = new();
        string path = folder.File("large.hsmbackup");
        AssertBounded(() =>
        {
            using FileStream file = new(path, FileMode.CreateNew, FileAccess.Write, FileShare.None, bufferSize: 0);
            Sample.Write(file, [], [new BackupAttachment("large", new PaddedStream("start"u8.ToArray(), length))]);
        });
        AssertBounded(() =>
        {
            using OneTimeKey key = TestKey.Counting;
            using BackupContent content = BackupContent.Open(path, key);
            Assert.Equal(length, content.Attachments.Single().Length);
            content.CopyAttachment("large", Stream.Null);
        });
    }

    public static TheoryData<string> HostileFiles =>
    [
        "der-huge", "der-huge-8", "der-4-mib", "der-padding", "seal-too-long",
        "header-unending", "header-too-long", "header-none", "empty",
    ];

    [Theory]
    [MemberData(nameof(HostileFiles))]
    public void A_hostile_file_of_a_terabyte_costs_little_memory(string name)
    {
        byte[] start = MustFail.All.Single(v => v.Name == name).Bytes;
        AssertBounded(() => Assert.Throws<HsmBackupException>(() =>
            BackupFile.CheckIntegrity(new PaddedStream(start, 1L << 40))));
        AssertBounded(() => Assert.Throws<HsmBackupException>(() =>
        {
            using OneTimeKey key = TestKey.Counting;
            using BackupContent content = BackupContent.Open(new PaddedStream(start, 1L << 40), key);
        }));
        AssertBounded(() =>
        {
            try
            {
                BackupFile.ReadHeader(new PaddedStream(start, 1L << 40));
            }
            catch (HsmBackupException)
            {
            }
        });
    }

    private static void AssertBounded(Action action)
    {
        long before = GC.GetAllocatedBytesForCurrentThread();
        action();
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, Bound);
    }
}
