using System.Management.Automation.Host;
using System.Security;
using HsmBackup.Engine;
using HsmBackup.Engine.Protection;

namespace HsmBackup.PowerShell.Binding;

/// <summary>
/// Where a cmdlet takes a one-time key from: a file that was named, else a key that was given or came down the pipeline, else
/// the person at the keyboard.
/// </summary>
internal sealed class KeySource(PSHost host, SessionPaths paths)
{
    /// <summary>Opens the key of a backup.</summary>
    /// <returns>The key, which the caller disposes; null where there is none.</returns>
    public OneTimeKey? Open(string backup, string? keyPath, SecureString? key)
    {
        if (keyPath is not null)
        {
            return KeyFile.Read(paths.Literal(keyPath));
        }
        if (key is not null)
        {
            return OneTimeKey.FromSecureString(key);
        }
        using SecureString? typed = SecretPrompt.Ask(host, $"One-time key of '{Path.GetFileName(backup)}'");
        return typed is null ? null : OneTimeKey.FromSecureString(typed);
    }

    /// <summary>
    /// Opens the key of a backup that is of no use without; <paramref name="parameters"/> says how it is given, to the person who
    /// forgot to.
    /// </summary>
    /// <exception cref="HsmBackupException">KeyRequired, and what is wrong with a key or key file.</exception>
    public OneTimeKey Require(string backup, string? keyPath, SecureString? key, string parameters) =>
        Open(backup, keyPath, key) ?? throw new HsmBackupException(
            ErrorCode.KeyRequired,
            $"The backup '{backup}' opens only with its one-time key, and none was given.",
            $"Give the key file, or the key itself as a SecureString, with {parameters}.")
        { Target = backup };
}
