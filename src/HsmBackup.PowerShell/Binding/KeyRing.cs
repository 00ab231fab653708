using System.Management.Automation.Host;
using System.Security;
using HsmBackup.Engine;
using HsmBackup.Engine.Catalogue;
using HsmBackup.Engine.Protection;

namespace HsmBackup.PowerShell.Binding;

/// <summary>One-time keys for a command that learns late which backup it opens: each is known by the check value in the backup's header.</summary>
/// <param name="host">The host.</param>
/// <param name="paths">Paths of the session.</param>
/// <param name="keyPaths">Key files, and folders of them.</param>
/// <param name="key">A key that was given.</param>
internal sealed class KeyRing(PSHost host, SessionPaths paths, IReadOnlyList<string> keyPaths, SecureString? key) : IDisposable
{
    // Key files are small; what else lies in a folder is not read.
    private const int MaxLength = 64 * 1024;

    private readonly List<OneTimeKey> _named = [];
    private readonly List<OneTimeKey> _found = [];
    private bool _read;

    /// <summary>The key of a backup, which the caller disposes.</summary>
    /// <returns>
    /// Where none fits, the first one that was named, so that whoever opens the backup says that it is another's; null where none was.
    /// </returns>
    /// <exception cref="HsmBackupException">Of a key file that was named.</exception>
    public OneTimeKey? Of(BackupInfo backup)
    {
        Read();
        OneTimeKey? fitting = _named.Concat(_found).FirstOrDefault(k => IsKeyOf(k, backup)) ?? _named.FirstOrDefault();
        return fitting is not null ? fitting.Clone() : keyPaths.Count > 0 || key is not null ? null : new KeySource(host, paths).Open(backup.BackupId, null, null);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _named.ForEach(k => k.Dispose());
        _found.ForEach(k => k.Dispose());
    }

    private void Read()
    {
        if (_read)
        {
            return;
        }
        _read = true;
        if (key is not null)
        {
            _named.Add(OneTimeKey.FromSecureString(key));
        }
        foreach (string path in keyPaths.Select(paths.Literal))
        {
            if (!Directory.Exists(path))
            {
                _named.Add(KeyFile.Read(path));
                continue;
            }
            _found.AddRange(new DirectoryInfo(path).EnumerateFiles().Where(f => f.Length is > 0 and <= MaxLength)
                .OrderBy(f => f.Name, StringComparer.Ordinal).Select(f => TryRead(f.FullName)).OfType<OneTimeKey>());
        }
    }

    /// <summary>Something else may lie in the folder, and keys that are sealed for others.</summary>
    private static OneTimeKey? TryRead(string path)
    {
        try
        {
            return KeyFile.Read(path);
        }
        catch (HsmBackupException)
        {
            return null;
        }
    }

    private static bool IsKeyOf(OneTimeKey candidate, BackupInfo backup)
    {
        using BackupKeys keys = BackupKeys.Derive(candidate, backup.BackupId);
        return keys.Matches(backup.KeyCheck);
    }
}
