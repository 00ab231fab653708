using System.Runtime.InteropServices;
using System.Security.Principal;

namespace HsmBackup.Engine.Auditing;

/// <summary>Who does it: the account that this process runs as, and where.</summary>
internal static partial class AuditActor
{
    /// <summary>Name of the account.</summary>
    public static string User { get; } = DisplayText.Harmless(Environment.UserName);

    /// <summary>Its number (the effective uid), on Windows its SID: names can be given anew.</summary>
    public static string UserId { get; } = OperatingSystem.IsWindows() ? Sid() : $"{EffectiveUserId()}";

    /// <summary>Name of the machine.</summary>
    public static string Host { get; } = DisplayText.Harmless(Environment.MachineName);

    [System.Runtime.Versioning.SupportedOSPlatform("windows")]
    private static string Sid()
    {
        using WindowsIdentity identity = WindowsIdentity.GetCurrent();
        return identity.User?.Value ?? "";
    }

    [LibraryImport("libc", EntryPoint = "geteuid")]
    private static partial uint EffectiveUserId();
}
