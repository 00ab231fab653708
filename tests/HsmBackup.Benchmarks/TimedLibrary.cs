using System.Diagnostics;
using System.Runtime.InteropServices;

namespace HsmBackup.Benchmarks;

/// <summary>A library that stands before SoftHSM and adds up the time that its calls take (library/timedlibrary.c).</summary>
internal sealed class TimedLibrary
{
    private static readonly string[] Headers = ["/usr/include/p11-kit-1/p11-kit", "/usr/include/softhsm", "/usr/local/include/p11-kit-1/p11-kit", "/usr/include"];

    private readonly string _times;

    /// <param name="real">SoftHSM.</param>
    /// <param name="folder">Where it is compiled.</param>
    public TimedLibrary(string real, string folder)
    {
        Path = System.IO.Path.Combine(folder, "libtimed.so");
        _times = System.IO.Path.Combine(folder, "times");
        string source = System.IO.Path.Combine(AppContext.BaseDirectory, "library", "timedlibrary.c");
        string header = Array.Find(Headers, h => File.Exists(System.IO.Path.Combine(h, "pkcs11.h")))
            ?? throw new InvalidOperationException("No pkcs11.h found; on Debian, it comes with libp11-kit-dev.");
        using var compiler = Process.Start("gcc", ["-std=gnu11", "-O2", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", "-fvisibility=hidden",
            "-isystem", header, $"-DREAL_LIBRARY=\"{real}\"", $"-DTIMES=\"{_times}\"", "-o", Path, source, "-ldl"]);
        compiler.WaitForExit();
        if (compiler.ExitCode != 0)
        {
            throw new InvalidOperationException("The library does not compile.");
        }
    }

    /// <summary>The library. Every copy of it works, and adds to the same times.</summary>
    public string Path { get; }

    /// <summary>Milliseconds within PKCS#11 calls so far, of all copies, all threads and all processes.</summary>
    public double Milliseconds()
    {
        if (!File.Exists(_times))
        {
            return 0;
        }
        // For each function two numbers: calls, and nanoseconds.
        ReadOnlySpan<ulong> numbers = MemoryMarshal.Cast<byte, ulong>(File.ReadAllBytes(_times));
        ulong nanoseconds = 0;
        for (int i = 1; i < numbers.Length; i += 2)
        {
            nanoseconds += numbers[i];
        }
        return nanoseconds / 1e6;
    }
}
