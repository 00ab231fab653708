using System.Management.Automation.Host;

namespace HsmBackup.PowerShell.Binding;

/// <summary>
/// Whether a person sits in front of this session, who can be shown a key and asked for a PIN. In doubt nobody does: a key
/// that is shown to nobody is lost, and one that is written into a log is known to too many.
/// </summary>
internal static class Attendance
{
    private const string ConsoleHost = "ConsoleHost";

    // PowerShell gives the shell it starts inside the editor -NonInteractive, and asks in the editor all the same.
    private const string EditorHost = "Visual Studio Code Host";

    /// <summary>Whether somebody attends this session.</summary>
    public static bool IsAttended(PSHost host) => IsAttended(
        host.Name,
        Environment.GetCommandLineArgs(),
        Environment.UserInteractive,
        Console.IsInputRedirected || Console.IsOutputRedirected);

    /// <summary>The decision, from what it depends on.</summary>
    /// <param name="hostName">
    /// Name of the session's host. Runspaces, jobs and remote sessions have hosts of their own that show nothing to anybody.
    /// </param>
    /// <param name="commandLine">The command line of the process, the program's own name first.</param>
    /// <param name="userInteractive">Whether the process may have a window or terminal at all.</param>
    /// <param name="redirected">Whether input does not come from a terminal, or output does not go to one.</param>
    internal static bool IsAttended(string hostName, IEnumerable<string> commandLine, bool userInteractive, bool redirected) =>
        hostName switch
        {
            ConsoleHost => userInteractive && !redirected && !SaysNonInteractive(commandLine),
            EditorHost => true,
            _ => false,
        };

    /// <summary>
    /// Finds <c>-NonInteractive</c> in any spelling that pwsh takes: by its first letters, from "noni" on, and with any
    /// dash. What comes after the command or script belongs to that.
    /// </summary>
    private static bool SaysNonInteractive(IEnumerable<string> commandLine) => commandLine
        .Skip(1)
        .Select(Switch)
        .TakeWhile(name => !BeginsCommand(name))
        .Any(name => IsPrefix(name, "noninteractive", 4));

    private static bool BeginsCommand(string name) => IsPrefix(name, "file", 1) || IsPrefix(name, "command", 1)
        || IsPrefix(name, "commandwithargs", 8) || IsPrefix(name, "cwa", 3);

    private static bool IsPrefix(string name, string full, int shortest) =>
        name.Length >= shortest && full.StartsWith(name, StringComparison.OrdinalIgnoreCase);

    // Empty for what is not a switch.
    private static string Switch(string argument) =>
        argument.Length > 1 && argument[0] is '-' or '/' or '\u2013' or '\u2014' or '\u2015'
            ? argument.TrimStart('-', '/', '\u2013', '\u2014', '\u2015')
            : "";
}
