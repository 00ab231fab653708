using System.Management.Automation.Host;
using System.Security;

namespace HsmBackup.PowerShell.Binding;

/// <summary>Asks the person at the keyboard for a secret.</summary>
internal static class SecretPrompt
{
    /// <summary>Asks, without showing what is typed.</summary>
    /// <returns>The answer, which the caller disposes; null where nobody attends the session, or nothing was typed.</returns>
    public static SecureString? Ask(PSHost host, string question)
    {
        if (!Attendance.IsAttended(host))
        {
            return null;
        }
        host.UI.Write($"{question}: ");
        return host.UI.ReadLineAsSecureString() is { Length: > 0 } answer ? answer : null;
    }
}
