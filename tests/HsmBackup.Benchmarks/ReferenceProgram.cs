using System.Diagnostics;
using System.Globalization;
using System.Text.Json;

namespace HsmBackup.Benchmarks;

/// <summary>The C program, kept running, so that its runs can take turns with ours and are as warm.</summary>
internal sealed class ReferenceProgram : IDisposable
{
    private readonly Process _process;

    private ReferenceProgram(BenchmarkOptions options, TokenFolder token, params string[] arguments)
    {
        var start = new ProcessStartInfo(options.Reference)
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            Environment = { ["SOFTHSM2_CONF"] = token.Configuration },
        };
        foreach (string argument in (string[])[
            "--library", options.Library, "--label", token.Label, "--pin", TokenFolder.PinText, "--so-pin", TokenFolder.SoPinText, .. arguments])
        {
            start.ArgumentList.Add(argument);
        }
        _process = Process.Start(start)!;
    }

    /// <summary>Makes a token and fills it.</summary>
    public static void Populate(BenchmarkOptions options, TokenFolder token)
    {
        using var program = new ReferenceProgram(options, token, "--phase", "populate",
            "--aes", Text(options.Aes), "--ec", Text(options.Ec), "--rsa", Text(options.Rsa));
        program.Read();
    }

    /// <summary>A program that captures on request.</summary>
    public static ReferenceProgram ForCapture(BenchmarkOptions options, TokenFolder token, string attributeLists) =>
        new(options, token, "--phase", "capture", "--on-request", "--attributes", attributeLists);

    /// <summary>A program that restores on request.</summary>
    public static ReferenceProgram ForRestore(BenchmarkOptions options, TokenFolder token, TokenFolder target, string attributeLists) =>
        new(options, token, "--phase", "restore", "--on-request", "--attributes", attributeLists,
            "--target-label", target.Label, "--target-conf", target.Configuration);

    /// <summary>A program that looks for the drift of a cluster on request.</summary>
    public static ReferenceProgram ForDrift(BenchmarkOptions options, ClusterFolder cluster, string attributeLists, bool deep) =>
        new(options, cluster.Tokens[0], ["--phase", "drift", "--on-request", "--attributes", attributeLists, .. deep ? (string[])["--deep"] : [],
            .. cluster.Tokens.SelectMany(t => (string[])["--node", $"{t.Label}={t.Configuration}"])]);

    /// <summary>A program that brings missing keys to the nodes of a cluster on request, after it has taken them away; or that only takes them away.</summary>
    public static ReferenceProgram ForRepair(BenchmarkOptions options, ClusterFolder cluster, string attributeLists, bool onlyTakesAway) =>
        new(options, cluster.Tokens[0], ["--phase", "repair", "--on-request", "--attributes", attributeLists, .. onlyTakesAway ? (string[])["--prepare-only"] : [],
            .. cluster.Tokens.SelectMany(t => (string[])["--node", $"{t.Label}={t.Configuration}"])]);

    /// <summary>Asks for a run that has no times.</summary>
    public void Prepare()
    {
        _process.StandardInput.WriteLine();
        _process.StandardInput.Flush();
        _ = ReadLine();
    }

    /// <summary>What the run has found: the line after its times.</summary>
    public string ReadFinding() => ReadLine();

    /// <summary>Asks for one run.</summary>
    public RunTimes Run()
    {
        _process.StandardInput.WriteLine();
        _process.StandardInput.Flush();
        return Read();
    }

    public void Dispose()
    {
        // The end of its input is its end.
        _process.StandardInput.Close();
        _process.WaitForExit();
        _process.Dispose();
    }

    private RunTimes Read()
    {
        using JsonDocument document = JsonDocument.Parse(ReadLine());
        JsonElement run = document.RootElement;
        return new RunTimes(ReadTiming(run.GetProperty("core")), ReadTiming(run.GetProperty("whole")),
            run.GetProperty("coreCalls").EnumerateObject().ToDictionary(c => c.Name, c => c.Value.GetInt64(), StringComparer.Ordinal));
    }

    private string ReadLine() => _process.StandardOutput.ReadLine() ?? throw new InvalidOperationException("The C program ended without a result.");

    private static Timing ReadTiming(JsonElement element) =>
        new(element.GetProperty("ms").GetDouble(), element.GetProperty("cpuMs").GetDouble());

    private static string Text(int number) => number.ToString(CultureInfo.InvariantCulture);
}
