using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;
using HsmBackup.Engine.Scheduling;
using HsmBackup.Engine.Tests.Format;
using HsmBackup.Engine.Tests.Protection;
using Xunit;

namespace HsmBackup.Engine.Tests.Scheduling;

public sealed partial class SystemdUnitsTests : IDisposable
{
    private readonly TestFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [FactWithTools("systemd-analyze")]
    public void Systemd_finds_nothing_wrong_with_the_units()
    {
        foreach (ScheduledCommand command in new[] { TestCommand.Plain, TestCommand.Difficult, TestCommand.Plain with { Scope = ScheduleScope.User, User = null } })
        {
            IReadOnlyList<string> files = Write(command);
            (int exitCode, string output, string errors) = Programs.Run("systemd-analyze", ["verify", "--recursive-errors=no", .. files]);
            Assert.True(exitCode == 0 && output.Length == 0 && errors.Length == 0, output + errors);
        }
    }

    [FactWithTools("systemd-analyze")]
    public void What_systemd_does_not_know_it_would_have_said()
    {
        IReadOnlyList<string> files = Write(TestCommand.Plain);
        File.WriteAllText(files[0], SystemdUnits.Service(TestCommand.Plain).Replace("UMask", "UMsk", StringComparison.Ordinal));
        (_, string output, string errors) = Programs.Run("systemd-analyze", ["verify", "--recursive-errors=no", .. files]);
        Assert.Contains("UMsk", output + errors, StringComparison.Ordinal);
    }

    [FactWithTools("systemd-analyze")]
    public void The_service_can_do_little_beside_making_backups()
    {
        (_, string output, string errors) = Programs.Run("systemd-analyze", "security", "--offline=yes", "--no-pager", Write(TestCommand.Plain)[0]);
        Match level = Level().Match(output);
        Assert.True(level.Success, output + errors);
        // 0 is nothing, 10 is everything; below 4 is what systemd calls OK. The rest are the network, devices and the JIT compiler.
        Assert.True(double.Parse(level.Groups[1].Value, CultureInfo.InvariantCulture) < 3.5, level.Value);
    }

    [Fact]
    public void The_command_line_comes_out_as_it_went_in()
    {
        ScheduledCommand command = TestCommand.Difficult;
        string line = SystemdUnits.Service(command).Split('\n').Single(l => l.StartsWith("ExecStart=", StringComparison.Ordinal))["ExecStart=".Length..];
        Assert.Equal(command.Arguments(ifDue: false), SystemdWords(line));
    }

    [Fact]
    public void Folders_are_writable_that_a_run_writes_to_and_no_others()
    {
        string[] lines = SystemdUnits.Service(TestCommand.Difficult).Split('\n');
        Assert.Contains("ReadWritePaths=\"-/srv/hsm backups\"", lines);
        Assert.Equal(3, lines.Count(l => l.StartsWith("ReadWritePaths=", StringComparison.Ordinal)));
        Assert.Contains("ProtectSystem=strict", lines);
        Assert.Contains("StateDirectory=\"hsmbackup/state\"", SystemdUnits.Service(TestCommand.Plain).Split('\n'));
        Assert.DoesNotContain("ProtectSystem", SystemdUnits.Service(TestCommand.Plain with { Scope = ScheduleScope.User }), StringComparison.Ordinal);
    }

    // systemd.service(5), "Command lines", and systemd.unit(5), "Specifiers", as far as the units use them.
    private static List<string> SystemdWords(string line)
    {
        var words = new List<string>();
        foreach (Match match in Word().Matches(line))
        {
            var word = new StringBuilder();
            string text = match.Groups[1].Value;
            for (int i = 0; i < text.Length; i++)
            {
                // A backslash escapes; a doubled per cent or dollar is one.
                i += text[i] == '\\' || (text[i] is '%' or '$' && text[i + 1] == text[i]) ? 1 : 0;
                Assert.False(text[i] is '%' or '$' && text[i - 1] != text[i], $"{text[i]} has a meaning here: {text}");
                word.Append(text[i]);
            }
            words.Add(word.ToString());
        }
        return words;
    }

    private IReadOnlyList<string> Write(ScheduledCommand command) => new ScheduleInstaller().WriteTo(_folder.Root, command, SchedulerKind.Systemd);

    [GeneratedRegex(@"Overall exposure level for [^:]*: ([0-9.]+)")]
    private static partial Regex Level();

    [GeneratedRegex("\"((?:[^\"\\\\]|\\\\.)*)\"")]
    private static partial Regex Word();
}
