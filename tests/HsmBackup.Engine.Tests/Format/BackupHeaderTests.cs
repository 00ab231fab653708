using System.Globalization;
using System.IO.Pipes;
using System.Text;
using HsmBackup.Engine.Format;
using HsmBackup.Engine.Tests.Protection;
using Xunit;

namespace HsmBackup.Engine.Tests.Format;

public sealed class BackupHeaderTests
{
    private static readonly BackupHeader Full = Sample.Header(7) with
    {
        Mode = BackupMode.ClusterBound,
        ClusterKeyCheck = "0a1b2c",
        ClusterName = "Zahlungen \"Süd\" <1> 支払い",
        Verdicts = new VerdictCounts(7, 1, 2, 3, 4),
        RetentionClass = RetentionClass.Offline,
        Previous = new PreviousBackup(Sample.Parse("20261120T225300Z-payments-99887766"), new string('a', 64)),
        Audit = new AuditHead(new string('b', 32), 8_000_000_000, new string('c', 64)),
        Signer = "CN=Payments",
    };

    [Fact]
    public void Every_field_comes_back()
    {
        Assert.Equal(Full, HeaderJson.Parse(HeaderJson.Write(Full), null));
        Assert.Equal(Sample.Header(0), HeaderJson.Parse(HeaderJson.Write(Sample.Header(0)), null));
    }

    [Fact]
    public void The_line_is_ASCII_and_does_not_depend_on_the_culture()
    {
        byte[] expected = HeaderJson.Write(Full);
        Assert.True(Ascii.IsValid(expected));
        foreach (string culture in (string[])["tr-TR", "de-DE", "ar-SA", "th-TH", "fa-IR"])
        {
            CultureInfo before = CultureInfo.CurrentCulture;
            try
            {
                CultureInfo.CurrentCulture = CultureInfo.GetCultureInfo(culture);
                Assert.Equal(expected, HeaderJson.Write(Full));
                Assert.Equal(Full, HeaderJson.Parse(expected, null));
            }
            finally
            {
                CultureInfo.CurrentCulture = before;
            }
        }
    }

    [Fact]
    public void Completeness_and_the_number_of_objects_follow_from_the_verdicts()
    {
        Assert.Equal(17, Full.Objects);
        Assert.False(Full.Complete);
        Assert.True(Sample.Header(3).Complete);
    }

    [Fact]
    public void Values_that_no_reader_would_take_are_not_written()
    {
        BackupHeader good = Sample.Header(1);
        foreach (BackupHeader bad in (BackupHeader[])
        [
            good with { ClusterId = "" }, good with { ClusterName = "a\nb" }, good with { ClusterName = new string('a', 257) },
            good with { ClusterName = "\ud800" }, good with { Signer = "\u001b[2J" }, good with { KeyCheck = "00" },
            good with { KeyCheck = good.KeyCheck.ToUpperInvariant() }, good with { ClusterKeyCheck = "abc" },
            good with { Mode = BackupMode.ClusterBound }, good with { Verdicts = new VerdictCounts(2, -1, 0, 0, 0) },
            good with { Verdicts = new VerdictCounts(int.MaxValue, 1, 0, 0, 0) },
            good with { Previous = new PreviousBackup(Sample.Id, "00") },
            good with { Audit = new AuditHead(new string('b', 31), 1, new string('c', 64)) },
            good with { Audit = new AuditHead(new string('b', 32), 0, new string('c', 64)) },
            good with { Audit = new AuditHead(new string('b', 32), 1, new string('C', 64)) },
        ])
            Assert.Throws<ArgumentException>(() => BackupPreamble.Create(bad));
    }

    [Fact]
    public void A_header_of_exactly_64_KiB_is_read()
    {
        byte[] line = HeaderVectors.HeaderLine(HeaderVectors.Good + HeaderVectors.Blanks(0));
        Assert.Equal(BackupFormat.MaxHeaderLength, line.Length);
        Assert.Equal("Payments", BackupFile.ReadHeader(new MemoryStream(HeaderVectors.WithHeader(line))).Header.ClusterName);
    }

    [Fact]
    public void A_header_is_read_however_few_bytes_the_stream_gives_at_a_time()
    {
        byte[] file = Vectors.Read("golden.hsmbackup");
        using PaddedStream trickle = new(file, file.Length, mostAtOnce: 1);
        Assert.Equal(BackupFile.ReadHeader(new MemoryStream(file)).Binding, BackupFile.ReadHeader(trickle).Binding);
        Assert.Equal(BackupFile.CheckIntegrity(new MemoryStream(file)), BackupFile.CheckIntegrity(trickle));
    }

    [Fact]
    public void A_missing_file_and_a_folder_are_not_backups()
    {
        using TestFolder folder = new();
        Assert.Equal(ErrorCode.BackupNotFound, Sample.CodeOf(() => BackupFile.ReadHeader(folder.File("none.hsmbackup"))));
        Assert.Equal(ErrorCode.BackupNotFound, Sample.CodeOf(() => BackupFile.ReadHeader(folder.File("none/none.hsmbackup"))));
        Assert.Equal(ErrorCode.NotABackup, Sample.CodeOf(() => BackupFile.ReadHeader(folder.Root)));
    }

    [Fact]
    public void A_file_that_is_there_and_cannot_be_read_is_not_called_missing()
    {
        using TestFolder folder = new();
        using FileStream held = new(folder.File("held.hsmbackup"), FileMode.CreateNew, FileAccess.ReadWrite, FileShare.None);
        Assert.Equal(ErrorCode.BackupUnreadable, Sample.CodeOf(() => BackupFile.ReadHeader(held.Name)));
    }

    [Fact]
    public void A_pipe_is_not_a_backup()
    {
        if (!OperatingSystem.IsLinux()) return;
        using AnonymousPipeServerStream pipe = new(PipeDirection.Out);
        string path = $"/proc/self/fd/{pipe.ClientSafePipeHandle.DangerousGetHandle()}";
        Assert.Equal(ErrorCode.NotABackup, Sample.CodeOf(() => BackupFile.CheckIntegrity(path)));
    }
}
