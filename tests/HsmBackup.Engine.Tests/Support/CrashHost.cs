using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;
using HsmBackup.Engine.Tokens;

namespace HsmBackup.Engine.Tests.Support;

/// <summary>How a run of the crash host ended.</summary>
/// <param name="Killed">True where it was killed; false where it came to its end.</param>
/// <param name="Lines">What it told until then, with the time since it was ready.</param>
/// <param name="Elapsed">From the moment that it was ready.</param>
internal sealed record CrashRun(bool Killed, IReadOnlyList<(string Text, TimeSpan At)> Lines, TimeSpan Elapsed)
{
    private const string PhasePrefix = "phase ";

    /// <summary>True where it told that it came to its good end.</summary>
    public bool IsDone => !Killed && Lines[^1].Text == "done";

    /// <summary>The phases that it came to, with their beginnings.</summary>
    public IEnumerable<(string Name, TimeSpan At)> Phases => Lines
        .Where(l => l.Text.StartsWith(PhasePrefix, StringComparison.Ordinal)).Select(l => (l.Text[PhasePrefix.Length..], l.At));

    /// <summary>What it was doing in the end.</summary>
    public string LastPhase => Phases.LastOrDefault().Name ?? "before the first phase";

    /// <summary>How often it called a function, where it was asked to count.</summary>
    public int CallsOf(string function) => int.Parse(
        Lines.Single(l => l.Text.StartsWith($"calls {function} ", StringComparison.Ordinal)).Text.Split(' ')[2], CultureInfo.InvariantCulture);

    public override string ToString() =>
        $"{(Killed ? "killed" : "ended")} after {Elapsed.TotalMilliseconds:F0} ms: {string.Join("; ", Lines.Select(l => l.Text))}";
}

/// <summary>Runs one backup or restore in a process of its own, and kills it there.</summary>
internal sealed class CrashHost(ITestToken token)
{
    // A process that was killed by a signal has 128 and the signal as its exit code.
    private const int KilledBySignal = 137;

    /// <summary>Variables for the next runs: where it kills itself, and by which shim.</summary>
    public Dictionary<string, string> Environment { get; } = [];

    public CrashRun Backup(string destination, string keyPath, KillMoment? kill = null) => Run(kill, "backup", destination, keyPath);

    public CrashRun Restore(string backup, string keyPath, string state, KillMoment? kill = null) => Run(kill, "restore", backup, keyPath, state);

    /// <summary>Restores the objects whose labels begin with some text; they take the place of what has their names.</summary>
    public CrashRun RestoreKeys(string backup, string keyPath, string state, string label) => Run(null, "restore-key", backup, keyPath, state, label);

    /// <summary>Runs a drill. None of it is about the token of this host, but that its PIN is that of the drill cluster's tokens.</summary>
    /// <param name="shares">The custodians' shares.</param>
    /// <param name="kill">When to kill it; null for never.</param>
    /// <param name="arguments">What the crash host takes.</param>
    public CrashRun Drill(IEnumerable<string> shares, KillMoment? kill, params string[] arguments) => Start(kill, shares, ["drill", .. arguments]);

    private CrashRun Run(KillMoment? kill, string command, params string[] arguments) =>
        Start(kill, [], [command, token.Address.Library.Path, token.Address.Library.Environment!["SOFTHSM2_CONF"], token.Address.TokenLabel!, .. arguments]);

    private CrashRun Start(KillMoment? kill, IEnumerable<string> secrets, string[] arguments)
    {
        string dotnet = Path.GetFullPath(Path.Combine(RuntimeEnvironment.GetRuntimeDirectory(), "..", "..", "..", "dotnet"));
        string program = Path.Combine(AppContext.BaseDirectory, "HsmBackup.CrashHost.dll");
        var start = new ProcessStartInfo(dotnet, [program, .. arguments])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        foreach ((string name, string value) in Environment)
        {
            start.Environment[name] = value;
        }
        using Process process = Process.Start(start)!;
        Task<string> errors = process.StandardError.ReadToEndAsync();
        process.StandardInput.WriteLine(Encoding.UTF8.GetString(token.Pin.Bytes));
        foreach (string secret in secrets)
        {
            process.StandardInput.WriteLine(secret);
        }
        process.StandardInput.Close();
        var lines = new List<(string Text, TimeSpan At)>();
        Stopwatch? watch = null;
        while (process.StandardOutput.ReadLine() is { } line)
        {
            watch ??= Stopwatch.StartNew();
            lines.Add((line, watch.Elapsed));
            if (kill is { } moment && line == moment.Line)
            {
                WaitUntil(watch, watch.Elapsed + moment.Delay);
                process.Kill();
                kill = null;
            }
        }
        process.WaitForExit();
        return process.ExitCode is 0 or 1 or KilledBySignal
            ? new CrashRun(process.ExitCode == KilledBySignal, lines, watch?.Elapsed ?? default)
            : throw new InvalidOperationException($"The crash host ended with {process.ExitCode}: {errors.Result}");
    }

    /// <summary>Sleeps no longer than it may oversleep, then spins: a scheduler's tick is longer than some phases.</summary>
    private static void WaitUntil(Stopwatch watch, TimeSpan moment)
    {
        TimeSpan rest = moment - watch.Elapsed - TimeSpan.FromMilliseconds(2);
        if (rest > TimeSpan.Zero)
        {
            Thread.Sleep(rest);
        }
        while (watch.Elapsed < moment)
        {
            Thread.SpinWait(50);
        }
    }
}

/// <summary>A test in which a process is killed. SIGKILL is a Unix word, and the crash host's token is SoftHSM's.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class KillFactAttribute : Xunit.FactAttribute
{
    /// <param name="withShim">True where the C shim is needed.</param>
    public KillFactAttribute(bool withShim = false) => Skip = OperatingSystem.IsWindows() ? "Windows has no SIGKILL."
        : ScratchToken.FindLibrary() is null ? "SoftHSM is not installed."
        : withShim && !OperatingSystem.IsLinux() ? "The shim that stops a process at each step on disk is for Linux."
        : withShim && !Format.Tool.Exists("gcc") ? "There is no C compiler for the shim that stops a process at each step on disk."
        : null;
}
