using System.Diagnostics;

namespace HsmBackup.Benchmarks;

/// <summary>What importing the module adds to the start of a PowerShell process.</summary>
internal static class ImportTime
{
    private const int Processes = 10;

    /// <summary>Medians of an empty process and of one that imports the module, in turns; null where there is no PowerShell.</summary>
    public static (double Empty, double Importing)? Measure(string powerShell, string manifest)
    {
        List<double> empty = [], importing = [];
        try
        {
            // The first of each reads its files from the disk, and does not count.
            for (int i = 0; i <= Processes; i++)
            {
                empty.Add(Run(powerShell, "exit"));
                importing.Add(Run(powerShell, $"Import-Module -Name '{manifest}' -ErrorAction Stop"));
            }
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return null;
        }
        return (Median(empty), Median(importing));
    }

    private static double Run(string powerShell, string command)
    {
        int exitCode = 0;
        Timing timing = Timing.Of(() =>
        {
            using Process process = Process.Start(powerShell, ["-NoProfile", "-NonInteractive", "-Command", command]);
            process.WaitForExit();
            exitCode = process.ExitCode;
        });
        return exitCode == 0 ? timing.Wall : throw new InvalidOperationException($"PowerShell ended with exit code {exitCode}: {command}");
    }

    private static double Median(List<double> times) => Timing.MedianOf(times.Skip(1).Select(t => new Timing(t, 0))).Wall;
}
