using HsmBackup.Engine.Format;
using HsmBackup.Engine.Protection;
using HsmBackup.Engine.Tests.Protection;
using Xunit;

namespace HsmBackup.Engine.Tests.Format;

public sealed class BackupFileWriterTests
{
    [Fact]
    public void Parts_that_do_not_fit_together_are_not_written()
    {
        using TestFolder folder = new();
        using OneTimeKey other = OneTimeKey.Generate();
        using BackupKeys keys = Sample.Keys();
        using BackupKeys otherKeys = BackupKeys.Derive(other, Sample.Id.ToString());
        using ContentSpool spool = new(folder.Root, Sample.Id);
        using MemoryStream output = new();
        spool.Add(Sample.Line(0));
        Assert.Throws<ArgumentException>(() => BackupFileWriter.Write(output, Sample.Header(2), keys, Sample.Manifest, spool));
        Assert.Throws<ArgumentException>(() => BackupFileWriter.Write(output, Sample.Header(1), otherKeys, Sample.Manifest, spool));
        Assert.Throws<ArgumentException>(() => BackupFileWriter.Write(output, Sample.Header(1), keys, "[]"u8, spool));
        Assert.Throws<ArgumentException>(() => BackupFileWriter.Write(output, Sample.Header(1), keys, "{\n}"u8, spool));
        BackupAttachment[] twins = [new("a", Stream.Null), new("a", Stream.Null)];
        Assert.Throws<ArgumentException>(() => BackupFileWriter.Write(output, Sample.Header(1), keys, Sample.Manifest, spool, twins));
        Assert.Equal(0, output.Length);
    }

    [Theory]
    [InlineData("")]
    [InlineData(".hidden")]
    [InlineData("a/b")]
    [InlineData("a b")]
    [InlineData("ä")]
    public void Names_of_attachments_are_safe_for_file_names(string name)
    {
        Assert.Throws<ArgumentException>(() => new BackupAttachment(name, Stream.Null));
    }

    [Fact]
    public void The_same_content_never_gives_the_same_ciphertext()
    {
        byte[] first = Sample.Write([Sample.Line(0)]);
        byte[] second = Sample.Write([Sample.Line(0)]);
        int start = BackupFile.ReadHeader(new MemoryStream(first)).Length;
        Assert.Equal(first.AsSpan(0, start), second.AsSpan(0, start));
        // Wrapped content key, nonce, content and tag all differ.
        AuthEnvelopedData.Layout layout = AuthEnvelopedData.Read(first.AsSpan(start..^85));
        foreach (Range part in (Range[])[layout.WrappedKey, layout.Nonce, layout.Content, layout.Tag])
            Assert.NotEqual(first[start..][part], second[start..][part]);
    }

    [Fact]
    public void One_spool_can_be_written_to_several_stores()
    {
        using TestFolder folder = new();
        using BackupKeys keys = Sample.Keys();
        using ContentSpool spool = new(folder.Root, Sample.Id);
        for (int i = 0; i < 6; i++) spool.Add(Sample.Line(i, 1024 * 1024));
        for (int store = 0; store < 2; store++)
        {
            using MemoryStream output = new();
            BackupFileWriter.Write(output, Sample.Header(6), keys, Sample.Manifest, spool);
            Assert.Equal(6, Sample.ReadAll(output.ToArray()).Count);
        }
    }

    [Fact]
    public void Plaintext_is_nowhere_in_the_file()
    {
        byte[] file = Sample.Write([Sample.Line(0, 100)], [new BackupAttachment("a", new MemoryStream("attached text"u8.ToArray()))]);
        Assert.Equal(-1, file.AsSpan().IndexOf("xxxxxxxx"u8));
        Assert.Equal(-1, file.AsSpan().IndexOf("payments-1"u8));
        Assert.Equal(-1, file.AsSpan().IndexOf("attached"u8));
    }
}
