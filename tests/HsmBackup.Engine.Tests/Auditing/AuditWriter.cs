using System.Diagnostics;
using System.Runtime.InteropServices;

namespace HsmBackup.Engine.Tests.Auditing;

/// <summary>The crash host, writing a log in a process of its own.</summary>
internal sealed class AuditWriter : IDisposable
{
    private readonly Process _process;

    public AuditWriter(string state, int entries, params (string Name, string Value)[] environment)
    {
        string dotnet = Path.GetFullPath(Path.Combine(RuntimeEnvironment.GetRuntimeDirectory(), "..", "..", "..", "dotnet"));
        var start = new ProcessStartInfo(dotnet, [Path.Combine(AppContext.BaseDirectory, "HsmBackup.CrashHost.dll"), "audit", state, $"{entries}"])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        foreach ((string name, string value) in environment)
        {
            start.Environment[name] = value;
        }
        _process = Process.Start(start)!;
    }

    /// <summary>The number of the next entry that is on disk; null where it has come to its end.</summary>
    public string? Next() => _process.StandardOutput.ReadLine();

    /// <summary>Ends it as a power cut would.</summary>
    public void Kill()
    {
        _process.Kill();
        _process.WaitForExit();
    }

    /// <summary>Waits for its end.</summary>
    public (int ExitCode, string Output, string Errors) End()
    {
        Task<string> errors = _process.StandardError.ReadToEndAsync();
        string output = _process.StandardOutput.ReadToEnd();
        _process.WaitForExit();
        return (_process.ExitCode, output, errors.Result);
    }

    public void Dispose() => _process.Dispose();
}
