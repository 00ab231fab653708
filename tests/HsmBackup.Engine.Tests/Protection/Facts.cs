using System.Diagnostics;
using Xunit;

namespace HsmBackup.Engine.Tests.Protection;

/// <summary>A test of what only Unix has: file modes, the umask, links that anybody may make.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class UnixFactAttribute : FactAttribute
{
    public UnixFactAttribute() => Skip = OperatingSystem.IsWindows() ? "Windows has neither file modes nor a umask." : null;
}

/// <summary>A test that puts a key into the user's store, which elsewhere is the key ring of the person who runs it.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class LinuxFactAttribute : FactAttribute
{
    public LinuxFactAttribute() => Skip = OperatingSystem.IsLinux() ? null : "Here the store is the user's real key ring.";
}

/// <summary>A test that mounts a small file system, which takes root on Linux.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class MountFactAttribute : FactAttribute
{
    private static readonly bool CanMount = TryMount();

    public MountFactAttribute() => Skip =
        CanMount ? null : "Mounting a file system takes root on Linux, outside a locked container.";

    private static bool TryMount()
    {
        if (!OperatingSystem.IsLinux())
        {
            return false;
        }
        using TestFolder folder = new();
        if (Programs.Run("mount", "-t", "tmpfs", "tmpfs", folder.Root).ExitCode != 0)
        {
            return false;
        }
        return Programs.Run("umount", folder.Root).ExitCode == 0;
    }
}

/// <summary>A test with the real <c>openssl</c> as witness.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class OpenSslTheoryAttribute : TheoryAttribute
{
    public OpenSslTheoryAttribute() => Skip = Programs.HasOpenSsl ? null : "There is no openssl program to compare with.";
}

/// <summary>A test with the real <c>openssl</c> as witness.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class OpenSslFactAttribute : FactAttribute
{
    public OpenSslFactAttribute() => Skip = Programs.HasOpenSsl ? null : "There is no openssl program to compare with.";
}

/// <summary>Other programs.</summary>
internal static class Programs
{
    public static bool HasOpenSsl { get; } = Run("openssl", "version").ExitCode == 0;

    public static (int ExitCode, string Output, string Errors) Run(string program, params string[] arguments)
    {
        ProcessStartInfo start = new(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true };
        try
        {
            using Process process = Process.Start(start)!;
            Task<string> errors = process.StandardError.ReadToEndAsync();
            string output = process.StandardOutput.ReadToEnd();
            process.WaitForExit();
            return (process.ExitCode, output, errors.Result);
        }
        catch (System.ComponentModel.Win32Exception e)
        {
            return (-1, "", e.Message);
        }
    }
}
