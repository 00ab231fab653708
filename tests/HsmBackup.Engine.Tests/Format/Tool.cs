using System.Diagnostics;
using Xunit;

namespace HsmBackup.Engine.Tests.Format;

/// <summary>Runs the programs that serve as independent witnesses.</summary>
internal static class Tool
{
    /// <summary>Runs to the end; a failure fails the test with what the program said.</summary>
    public static byte[] Run(string program, string[] arguments, string? folder = null, Action<IDictionary<string, string?>>? environment = null)
    {
        ProcessStartInfo start = new(program, arguments)
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            WorkingDirectory = folder ?? "",
        };
        environment?.Invoke(start.Environment);
        using Process process = Process.Start(start)!;
        Task<string> errors = process.StandardError.ReadToEndAsync();
        using MemoryStream output = new();
        process.StandardOutput.BaseStream.CopyTo(output);
        process.WaitForExit();
        Assert.True(process.ExitCode == 0, $"{program} {string.Join(' ', arguments)}: exit code {process.ExitCode}\n{errors.Result}");
        return output.ToArray();
    }

    /// <summary>Whether a program is on the path.</summary>
    public static bool Exists(string program) => (Environment.GetEnvironmentVariable("PATH") ?? "")
        .Split(Path.PathSeparator).Any(folder => folder.Length > 0 && File.Exists(Path.Combine(folder, program)));
}

/// <summary>A test that needs programs from outside; where one is missing, the test says so and is skipped.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class FactWithToolsAttribute : FactAttribute
{
    public FactWithToolsAttribute(params string[] programs)
    {
        string[] missing = [.. programs.Where(program => !Tool.Exists(program))];
        if (missing.Length > 0) Skip = $"Not on this machine: {string.Join(", ", missing)}.";
    }
}
