using System.Diagnostics;
using System.Security;
using System.Text;
using HsmBackup.Engine.Clusters.Definitions;
using HsmBackup.Engine.Protection;
using HsmBackup.Engine.Tests.Protection;
using HsmBackup.Engine.Tests.Support;
using Xunit;

namespace HsmBackup.Engine.Tests.Clusters.Definitions;

[Collection(nameof(EnvironmentOfTheProcess))]
public sealed class PinSourceTests : IDisposable
{
    private const string Variable = "HSMBACKUP_TEST_PIN";
    private readonly TestFolder _folder = new();

    private string FilePath => _folder.File("pin");

    public void Dispose()
    {
        Environment.SetEnvironmentVariable(Variable, null);
        _folder.Dispose();
    }

    [Theory]
    [InlineData("env:HSM_PIN")]
    [InlineData("file:/etc/hsmbackup/pins/my pin [1]")]
    [InlineData("file:C:\\Pins\\a")]
    [InlineData("file:\\\\server\\pins\\a")]
    [InlineData("secret:My vault/bern 1")]
    [InlineData("prompt")]
    public void A_source_is_read_and_written_alike(string text)
    {
        Assert.True(PinSource.TryParse(text, out PinSource? source));
        Assert.Equal(text, source.ToString());
        Assert.True(PinSource.TryParse(source.ToString(), out PinSource? again));
        Assert.Equal(source, again);
    }

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData("1234")]
    [InlineData("env:")]
    [InlineData("env:A=B")]
    [InlineData("env:A\n")]
    [InlineData("ENV:A")]
    [InlineData("file:pin")]
    [InlineData("file:~/pin")]
    [InlineData("file:/a\nb")]
    [InlineData("secret:a")]
    [InlineData("secret:a/b/c")]
    [InlineData("secret:/b")]
    [InlineData("prompt ")]
    public void What_is_no_source_is_not_taken_for_one(string? text) => Assert.False(PinSource.TryParse(text, out _));

    [Fact]
    public void A_variable_gives_its_value()
    {
        Environment.SetEnvironmentVariable(Variable, "pin-ü");
        Assert.Equal("pin-ü", Open(new EnvironmentPin(Variable)));
        Environment.SetEnvironmentVariable(Variable, null);
        Assert.Contains(Variable, Refusal.Of(ErrorCode.PinUnavailable, () => Open(new EnvironmentPin(Variable))).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("1234", "1234")]
    [InlineData("1234\n", "1234")]
    [InlineData("1234\r\n", "1234")]
    [InlineData("1234\n5678\n", "1234")]
    [InlineData(" 12 34 \n", " 12 34 ")]
    [InlineData("\ufeff1234\n", "1234")]
    [InlineData("pin-ü\n", "pin-ü")]
    public void A_file_gives_its_first_line(string content, string pin)
    {
        Write(Encoding.UTF8.GetBytes(content));
        Assert.Equal(pin, Open(new FilePin(FilePath)));
    }

    [Fact]
    public void A_file_for_reading_alone_will_do()
    {
        Write("1234"u8.ToArray());
        SetMode(FilePath, UnixFileMode.UserRead);
        Assert.Equal("1234", Open(new FilePin(FilePath)));
    }

    [Fact]
    public void A_file_without_a_PIN_is_told_from_a_wrong_PIN()
    {
        foreach (byte[] content in new byte[][] { [], [(byte)'\n'], [.. "\r\n1234"u8], Encoding.Unicode.GetBytes("1234"), [0xEF, 0xBB, 0xBF], [0xFF, 0x31], new byte[8192], [.. Enumerable.Repeat((byte)'1', 4096)] })
        {
            Write(content);
            Refusal.Of(ErrorCode.PinUnavailable, () => Open(new FilePin(FilePath)));
        }
        File.Delete(FilePath);
        Refusal.Of(ErrorCode.PinUnavailable, () => Open(new FilePin(FilePath)));
        Refusal.Of(ErrorCode.PinUnavailable, () => Open(new FilePin(_folder.File("none/pin"))));
    }

    [Theory]
    [InlineData(UnixFileMode.GroupRead)]
    [InlineData(UnixFileMode.GroupWrite)]
    [InlineData(UnixFileMode.OtherRead)]
    [InlineData(UnixFileMode.OtherWrite)]
    [InlineData(UnixFileMode.OtherExecute)]
    public void A_file_that_others_have_rights_on_is_refused(UnixFileMode right)
    {
        if (OperatingSystem.IsWindows())
        {
            return;
        }
        Write("1234"u8.ToArray());
        SetMode(FilePath, UnixFileMode.UserRead | UnixFileMode.UserWrite | right);
        HsmBackupException refusal = Refusal.Of(ErrorCode.PinSourceRefused, () => Open(new FilePin(FilePath)));
        Assert.Contains("chmod 600", refusal.RecommendedAction, StringComparison.Ordinal);
        Assert.DoesNotContain("1234", refusal.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void A_file_that_is_no_file_is_refused_at_once()
    {
        if (OperatingSystem.IsWindows())
        {
            return;
        }
        Refusal.Of(ErrorCode.PinSourceRefused, () => Open(new FilePin(_folder.Root)));
        Refusal.Of(ErrorCode.PinSourceRefused, () => Open(new FilePin("/dev/zero")));
        using (var mkfifo = Process.Start("mkfifo", ["-m", "600", FilePath]))
        {
            mkfifo.WaitForExit();
        }
        // To open it would wait for a writer.
        Refusal.Of(ErrorCode.PinSourceRefused, () => Open(new FilePin(FilePath)));
    }

    [Fact]
    public void A_file_of_somebody_else_is_refused()
    {
        // Only root can make one.
        if (Environment.UserName != "root")
        {
            return;
        }
        Write("1234"u8.ToArray());
        using (var chown = Process.Start("chown", ["12345", FilePath]))
        {
            chown.WaitForExit();
        }
        Assert.Contains("user 12345", Refusal.Of(ErrorCode.PinSourceRefused, () => Open(new FilePin(FilePath))).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_folder_that_everybody_may_write_to_is_refused_wherever_it_is_on_the_way()
    {
        if (OperatingSystem.IsWindows())
        {
            return;
        }
        string open = _folder.Folder("open");
        string inner = Directory.CreateDirectory(Path.Combine(open, "inner")).FullName;
        string path = Path.Combine(inner, "pin");
        Write("1234"u8.ToArray());
        File.Move(FilePath, path);
        Assert.Equal("1234", Open(new FilePin(path)));
        // Through a link too, and where only the link is in such a folder.
        string link = _folder.Link("link", path);
        Assert.Equal("1234", Open(new FilePin(link)));
        UnixFileMode everybody = File.GetUnixFileMode(open) | UnixFileMode.OtherWrite;
        File.SetUnixFileMode(open, everybody);
        Assert.Contains(open, Refusal.Of(ErrorCode.PinSourceRefused, () => Open(new FilePin(path))).Message, StringComparison.Ordinal);
        Refusal.Of(ErrorCode.PinSourceRefused, () => Open(new FilePin(link)));
        // The sticky bit keeps everybody from the files of others.
        File.SetUnixFileMode(open, everybody | UnixFileMode.StickyBit);
        Assert.Equal("1234", Open(new FilePin(path)));

        string linked = _folder.Folder("linked");
        File.CreateSymbolicLink(Path.Combine(linked, "pin"), path);
        File.SetUnixFileMode(linked, File.GetUnixFileMode(linked) | UnixFileMode.OtherWrite);
        Refusal.Of(ErrorCode.PinSourceRefused, () => Open(new FilePin(Path.Combine(linked, "pin"))));
    }

    [Fact]
    public void A_vault_is_asked_by_vault_and_name()
    {
        SecretPin? asked = null;
        var asker = new PinAsker { Vault = secret => (asked = secret, answer: Secure("from the vault")).answer };
        Assert.Equal("from the vault", Open(new SecretPin("Hsm", "bern-1"), asker));
        Assert.Equal(new SecretPin("Hsm", "bern-1"), asked);
        Refusal.Of(ErrorCode.PinUnavailable, () => Open(new SecretPin("Hsm", "bern-1")));
    }

    [Fact]
    public void A_person_is_asked_where_there_is_one()
    {
        string? asked = null;
        Assert.Equal("typed", Open(new PromptPin(), new PinAsker { Person = question => (asked = question, answer: Secure("typed")).answer }));
        Assert.Contains("node 'a'", asked, StringComparison.Ordinal);
        Refusal.Of(ErrorCode.PinUnavailable, () => Open(new PromptPin()));
        Refusal.Of(ErrorCode.PinUnavailable, () => Open(new PromptPin(), new PinAsker { Person = _ => null }));
    }

    private static string Open(PinSource source, PinAsker? asker = null)
    {
        using Pin pin = source.Open(asker ?? PinAsker.Nobody, "node 'a'");
        return Encoding.UTF8.GetString(pin.Bytes);
    }

    private static SecureString Secure(string text)
    {
        var secret = new SecureString();
        foreach (char c in text)
        {
            secret.AppendChar(c);
        }
        return secret;
    }

    private void Write(byte[] content)
    {
        File.Delete(FilePath);
        File.WriteAllBytes(FilePath, content);
        SetMode(FilePath, UnixFileMode.UserRead | UnixFileMode.UserWrite);
    }

    private static void SetMode(string path, UnixFileMode mode)
    {
        if (!OperatingSystem.IsWindows())
        {
            File.SetUnixFileMode(path, mode);
        }
    }
}
