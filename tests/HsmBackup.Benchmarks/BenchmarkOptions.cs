using System.Globalization;
using HsmBackup.Engine.Tokens;

namespace HsmBackup.Benchmarks;

/// <summary>What to measure, from the command line.</summary>
internal sealed record BenchmarkOptions
{
    public const string Usage = """
        HsmBackup.Benchmarks --reference FILE [options]
          --reference FILE   the C program, made by reference/build.sh
          --library FILE     SoftHSM's library; where it is usually installed
          --work FOLDER      kept between runs: the token to back up, which takes long to fill; out/bench
          --aes N --ec N --rsa N   how many AES-256 keys, pairs of P-256, pairs of RSA-2048; 1000, 500, 100
          --runs N           measured runs of each program; 7
          --warm-up N        runs before that; 4
          --module FILE      the manifest whose import is measured, where there is a PowerShell
          --pwsh FILE        that PowerShell; pwsh
          --only drift|repair|catalogue|drill  nothing but the comparison of three nodes, the repair of their keys, the list of backups,
                             or the drill of a lost cluster (which needs no --reference)
        """;

    public string Reference { get; private set; } = "";

    public string Library { get; private set; } = ScratchToken.FindLibrary() ?? "";

    public string Work { get; private set; } = Path.Combine("out", "bench");

    public int Aes { get; private set; } = 1000;

    public int Ec { get; private set; } = 500;

    public int Rsa { get; private set; } = 100;

    public int Runs { get; private set; } = 7;

    public int WarmUp { get; private set; } = 4;

    public string? Module { get; private set; }

    public string PowerShell { get; private set; } = "pwsh";

    public string? Only { get; private set; }

    /// <summary>Null where the command line cannot be understood.</summary>
    public static BenchmarkOptions? Parse(string[] arguments)
    {
        var options = new BenchmarkOptions();
        foreach (string[] pair in arguments.Chunk(2))
        {
            if (pair is not [var name, var value] || !options.Take(name, value))
            {
                return null;
            }
        }
        return (File.Exists(options.Reference) || options.Only == "drill") && File.Exists(options.Library) && options.Runs > 0 ? options : null;
    }

    private bool Take(string name, string value)
    {
        switch (name)
        {
            case "--reference": Reference = Path.GetFullPath(value); return true;
            case "--library": Library = Path.GetFullPath(value); return true;
            case "--work": Work = value; return true;
            case "--module": Module = Path.GetFullPath(value); return true;
            case "--pwsh": PowerShell = value; return true;
            case "--only": Only = value; return value is "drift" or "repair" or "catalogue" or "drill";
        }
        if (!int.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out int number))
        {
            return false;
        }
        switch (name)
        {
            case "--aes": Aes = number; return true;
            case "--ec": Ec = number; return true;
            case "--rsa": Rsa = number; return true;
            case "--runs": Runs = number; return true;
            case "--warm-up": WarmUp = number; return true;
            default: return false;
        }
    }
}
