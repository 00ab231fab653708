using System.ComponentModel;
using System.Diagnostics;

namespace HsmBackup.Engine.Scheduling;

/// <summary>What a program of the system said.</summary>
/// <param name="ExitCode">Its exit code; -1 where there is no such program.</param>
/// <param name="Output">Its output.</param>
/// <param name="Errors">Its errors.</param>
public sealed record ProgramAnswer(int ExitCode, string Output, string Errors);

/// <summary>Runs programs of the system: systemctl, crontab, schtasks.</summary>
internal static class SystemProgram
{
    /// <summary>Runs one to its end.</summary>
    public static ProgramAnswer Run(string program, IReadOnlyList<string> arguments, string? input)
    {
        var start = new ProcessStartInfo(program, arguments)
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            UseShellExecute = false,
        };
        // What it says is looked for.
        start.Environment["LC_ALL"] = "C";
        try
        {
            using Process process = Process.Start(start)!;
            Task<string> output = process.StandardOutput.ReadToEndAsync();
            Task<string> errors = process.StandardError.ReadToEndAsync();
            process.StandardInput.Write(input);
            process.StandardInput.Close();
            process.WaitForExit();
            return new ProgramAnswer(process.ExitCode, output.Result, errors.Result.Trim());
        }
        catch (Win32Exception e)
        {
            return new ProgramAnswer(-1, "", $"{program}: {e.Message}");
        }
        catch (IOException e)
        {
            return new ProgramAnswer(-1, "", $"{program}: {e.Message}");
        }
    }
}
