using System.Globalization;
using System.Security.Cryptography;
using HsmBackup.Benchmarks;

if (args is [ColdRun.Argument, var phase, var place, var library])
{
    ColdRun.Run(phase, place, library);
    return 0;
}
if (BenchmarkOptions.Parse(args) is not { } options)
{
    Console.Error.WriteLine(BenchmarkOptions.Usage);
    return 2;
}
string memory = Directory.Exists("/dev/shm") ? "/dev/shm" : Path.GetTempPath();
string folder = Path.Combine(memory, "hsmbackup-bench-" + RandomNumberGenerator.GetHexString(16, lowercase: true));
Directory.CreateDirectory(folder);
try
{
    return Run(options, folder) ? 0 : 1;
}
finally
{
    Directory.Delete(folder, recursive: true);
}

static bool Run(BenchmarkOptions options, string folder)
{
    if (options.Only == "repair")
    {
        RepairBenchmark.Run(options, folder);
        return true;
    }
    if (options.Only == "drift")
    {
        DriftBenchmark.Run(options, folder);
        return true;
    }
    if (options.Only == "catalogue")
    {
        CatalogueBenchmark.Run(options, folder);
        return true;
    }
    if (options.Only == "drill")
    {
        DrillBenchmark.Run(options, folder);
        return true;
    }
    TokenFolder source = MakeSource(options, folder);
    string lists = Path.Combine(folder, "attributes");
    AttributeLists.Write(lists, source);
    var engine = new EngineRuns(folder, options.Library);
    engine.BackUpForRestore();
    Comparison capture, restore;
    using (ReferenceProgram reference = ReferenceProgram.ForCapture(options, source, lists))
    {
        capture = Comparison.Run(options, reference.Run, engine.Capture);
    }
    using (ReferenceProgram reference = ReferenceProgram.ForRestore(options, source, new TokenFolder(folder, "target-c", options.Library), lists))
    {
        restore = Comparison.Run(options, reference.Run, engine.Restore);
    }
    Print(options, capture, restore);
    PrintCold(options, capture, restore, folder);
    bool sameCalls = Judge("capture", capture) & Judge("restore", restore);
    DriftBenchmark.Run(options, folder);
    RepairBenchmark.Run(options, folder);
    CatalogueBenchmark.Run(options, folder);
    DrillBenchmark.Run(options, folder);
    return JudgeImport(options) & sameCalls;
}

// Making the RSA keys takes most of half a minute, so the token is kept for the next time.
static TokenFolder MakeSource(BenchmarkOptions options, string folder)
{
    string kept = Path.Combine(options.Work, string.Create(CultureInfo.InvariantCulture, $"token-{options.Aes}-{options.Ec}-{options.Rsa}"));
    if (!Directory.Exists(kept))
    {
        Console.WriteLine($"Making the token to back up; it is kept in {kept}");
        string staging = Path.Combine(folder, "staging");
        ReferenceProgram.Populate(options, new TokenFolder(staging, "source", options.Library));
        TokenFolder.Copy(Path.Combine(staging, "source"), kept + ".new");
        Directory.Move(kept + ".new", kept);
    }
    TokenFolder.Copy(kept, Path.Combine(folder, "source"));
    return new TokenFolder(folder, "source", options.Library);
}

static void Print(BenchmarkOptions options, Comparison capture, Comparison restore)
{
    Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
        $"{options.Aes} AES-256 keys, {options.Ec} pairs of P-256, {options.Rsa} pairs of RSA-2048, SoftHSM in memory; "
        + $"medians of {options.Runs} runs in turns, after {options.WarmUp}"));
    Console.WriteLine();
    ResultTable.Heading();
    ResultTable.Compare("Capture: every object read and wrapped", capture.Medians(r => r.Core));
    ResultTable.Compare("Backup: library, login, probe, capture, file written and read", capture.Medians(r => r.Whole));
    ResultTable.Compare("Restore: every object tried, added, proven, compared", restore.Medians(r => r.Core));
    ResultTable.Compare("Whole restore: file authenticated, library, login, probe", restore.Medians(r => r.Whole));
}

static void PrintCold(BenchmarkOptions options, Comparison capture, Comparison restore, string folder)
{
    ResultTable.Compare("Backup, the first of its process", (capture.Medians(r => r.Whole).Reference, ColdRun.Measure("backup", folder, options.Library)));
    ResultTable.Compare("Whole restore, the first of its process", (restore.Medians(r => r.Whole).Reference, ColdRun.Measure("restore", folder, options.Library)));
    Console.WriteLine();
}

static bool Judge(string what, Comparison comparison)
{
    (Timing reference, Timing engine) = comparison.Medians(r => r.Core);
    ResultTable.Judge($"Times of the C program, {what}", engine.Wall / reference.Wall, 1.10, "F3");
    if (comparison.Differences.Length > 0)
    {
        Console.WriteLine($"The two programs do not make the same calls for {what}, so this is no comparison. {comparison.Differences}");
    }
    return comparison.Differences.Length == 0;
}

static bool JudgeImport(BenchmarkOptions options)
{
    if (options.Module is null || ImportTime.Measure(options.PowerShell, options.Module) is not var (empty, importing))
    {
        Console.WriteLine("Module import: not measured, for want of the module or of a PowerShell");
        return true;
    }
    ResultTable.Judge(string.Create(CultureInfo.InvariantCulture, $"Module import, ms more than the {empty:F0} ms of an empty process"),
        importing - empty, 100, "F0");
    return true;
}
