using System.Management.Automation;

namespace HsmBackup.PowerShell.Binding;

/// <summary>The program that runs PowerShell without anybody.</summary>
internal static class PowerShellProgram
{
    /// <summary>Its full path: that of this PowerShell, even where another program hosts it.</summary>
    public static string Path
    {
        get
        {
            string own = System.IO.Path.Combine(System.IO.Path.GetDirectoryName(typeof(PSObject).Assembly.Location)!, OperatingSystem.IsWindows() ? "pwsh.exe" : "pwsh");
            return File.Exists(own) ? own : Environment.ProcessPath!;
        }
    }
}
