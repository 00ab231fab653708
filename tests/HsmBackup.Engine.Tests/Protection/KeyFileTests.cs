using System.Text;
using HsmBackup.Engine.Protection;
using Xunit;

namespace HsmBackup.Engine.Tests.Protection;

public sealed class KeyFileTests : IDisposable
{
    private const string Id = "20261121T220500Z-payments-0a1b2c3d";

    private readonly TestFolder _folder = new();
    private readonly string _backups;
    private readonly string _path;

    public KeyFileTests()
    {
        _backups = _folder.Folder("backups");
        _path = Path.Combine(_folder.Folder("keys"), "key.txt");
    }

    public static TheoryData<string> Contents => new()
    {
        TestKey.CountingText,
        "# HsmBackup one-time key of backup x\r\n" + TestKey.CountingText + "\r\n",
        "\uFEFF# saved by an editor that writes a byte order mark\n" + TestKey.CountingText,
        "\n\n   # kept in the safe of B\u00E2le\n" + TestKey.CountingText.ToUpperInvariant() + "\n\n# end",
        "#\r" + TestKey.CountingText[..30] + "\r" + "# second half\r" + TestKey.CountingText[30..],
        string.Join('-', TestKey.CountingText.Chunk(5).Select(group => new string(group))),
    };

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void A_key_file_holds_a_comment_and_the_key()
    {
        using OneTimeKey key = TestKey.Counting;
        KeyFile.Write(_path, _backups, key, Id);
        Assert.Equal(
            $"# HsmBackup one-time key of backup {Id}\n{TestKey.CountingText}\n", File.ReadAllText(_path, Encoding.ASCII));
        Assert.Equal([_path], Directory.GetFileSystemEntries(Path.GetDirectoryName(_path)!));
        Assert.Empty(Directory.GetFileSystemEntries(_backups));
    }

    [Fact]
    public void A_key_comes_back_from_its_file()
    {
        using OneTimeKey key = OneTimeKey.Generate();
        KeyFile.Write(_path, backupFolder: null, key, Id);
        using OneTimeKey read = KeyFile.Read(_path);
        Assert.True(key.Bytes.SequenceEqual(read.Bytes));
    }

    [Theory]
    [MemberData(nameof(Contents))]
    public void A_file_that_a_person_made_or_edited_is_read(string content)
    {
        File.WriteAllText(_path, content, new UTF8Encoding(encoderShouldEmitUTF8Identifier: false));
        using OneTimeKey key = KeyFile.Read(_path);
        Assert.Equal(TestKey.CountingHex, TestKey.Hex(key));
    }

    [Theory]
    [InlineData("", "empty")]
    [InlineData("# only a comment\n", "empty")]
    [InlineData("hello", "does not begin with hsmkey1")]
    [InlineData("0123456789", "neither a text nor a sealed key file")]
    [InlineData("hsmkey1qqqsyqcyq5rqwzqfpg9scrgwpugpzysnzs23v9ccrydpk8qarc0sqzpagq", "checksum")]
    [InlineData(TestKey.CountingText + "\n" + TestKey.CountingText, "130 characters")]
    public void A_file_with_another_content_is_refused_by_its_name(string content, string reason)
    {
        File.WriteAllText(_path, content);
        HsmBackupException error = Refused(ErrorCode.KeyTextInvalid, () => KeyFile.Read(_path));
        Assert.Contains($"'{_path}'", error.Message, StringComparison.Ordinal);
        Assert.Contains(reason, error.Message, StringComparison.Ordinal);
        Assert.Equal(_path, error.Target);
    }

    [Fact]
    public void A_file_that_is_not_text_at_all_is_refused()
    {
        File.WriteAllBytes(_path, [0xFF, 0xFE, 0x00, 0x80, 0xC3]);
        Refused(ErrorCode.KeyTextInvalid, () => KeyFile.Read(_path));
    }

    [Fact]
    public void A_file_without_end_costs_bounded_memory()
    {
        using (FileStream huge = File.Create(_path))
        {
            huge.SetLength(1L << 33);
        }
        HsmBackupException error = Refused(ErrorCode.KeyTextInvalid, () => KeyFile.Read(_path));
        Assert.Contains("too large", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_file_that_is_not_there_is_named()
    {
        HsmBackupException error = Refused(ErrorCode.KeyFileNotFound, () => KeyFile.Read(_path));
        Assert.Contains(_path, error.Message, StringComparison.Ordinal);
        Refused(ErrorCode.KeyFileNotFound, () => KeyFile.Read(Path.Combine(_path, "below", "nothing")));
    }

    [Fact]
    public void A_folder_cannot_be_read_as_a_key_file() =>
        Refused(ErrorCode.KeyFileUnreadable, () => KeyFile.Read(_backups));

    [Fact]
    public void A_line_break_in_the_backup_id_is_refused()
    {
        using OneTimeKey key = TestKey.Counting;
        Assert.Throws<ArgumentException>(() => KeyFile.Write(_path, _backups, key, "id\nhsmkey1"));
        Assert.False(File.Exists(_path));
    }

    [Fact]
    public void A_disposed_key_leaves_no_file_behind()
    {
        OneTimeKey key = TestKey.Counting;
        key.Dispose();
        Assert.Throws<ObjectDisposedException>(() => KeyFile.Write(_path, _backups, key, Id));
        Assert.False(File.Exists(_path));
    }

    private static HsmBackupException Refused(ErrorCode code, Action action)
    {
        HsmBackupException error = Assert.Throws<HsmBackupException>(action);
        Assert.Equal(code, error.Code);
        Assert.DoesNotContain(TestKey.CountingText[8..20], error.ToString(), StringComparison.Ordinal);
        return error;
    }
}
