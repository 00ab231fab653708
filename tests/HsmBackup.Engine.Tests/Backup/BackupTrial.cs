using HsmBackup.Engine.Backup;
using HsmBackup.Engine.Catalogue;
using HsmBackup.Engine.Protection;
using HsmBackup.Engine.Tests.Support;
using Xunit;

namespace HsmBackup.Engine.Tests.Backup;

/// <summary>Backups of one token into one folder, each with a key file of its own, some of them killed.</summary>
internal sealed class BackupTrial : IDisposable
{
    private static readonly EnumerationOptions Everything = new() { AttributesToSkip = 0 };

    private readonly KillScene _scene;
    private readonly Dictionary<string, OneTimeKey> _known = [];
    private readonly HashSet<string> _checked = [];
    private int _number;

    public BackupTrial(KillScene scene)
    {
        _scene = scene;
        Destination = Path.Combine(scene.Folder, "killed");
        Keys = Directory.CreateDirectory(Path.Combine(scene.Folder, "keys")).FullName;
    }

    public string Destination { get; }

    public string Keys { get; }

    public CrashRun Run(KillMoment? kill = null) => _scene.Host.Backup(Destination, Path.Combine(Keys, $"{++_number}.key"), kill);

    /// <summary>Whatever is listed is whole, and there is a key file that opens it.</summary>
    public void AssertOnlyWholeBackups(string when)
    {
        IReadOnlyList<BackupInfo> listed = BackupCatalogue.List(Destination, out IReadOnlyList<HsmBackupException> unreadable);
        Assert.True(unreadable is [], $"{when}: {string.Join("\n", unreadable)}");
        ReadKeys();
        foreach (BackupInfo backup in listed.Where(b => _checked.Add(b.BackupId)))
        {
            Assert.True(backup.Complete, when);
            Assert.True(_known.TryGetValue(backup.BackupId, out OneTimeKey? key), $"{when}: {backup.BackupId} is listed, and its key is nowhere");
            List<string> content = Witness.OfBackup(backup.Path, key);
            Assert.True(content.SequenceEqual(_scene.Before), $"{when}: {backup.BackupId} misses {string.Join("\n", Witness.Missing(_scene.Before, content))}");
        }
    }

    /// <summary>After one more backup, undisturbed and in this process, there is nothing in the folder but backups.</summary>
    public void AssertLeftoversGo()
    {
        string keyPath = Path.Combine(Keys, $"{++_number}.key");
        Folders.Age(Destination);
        BackupOperation.Run(
            new BackupRequest { Token = _scene.Token.Address, Pin = _scene.Token.Pin, Destination = Destination, KeyPath = keyPath },
            null, CancellationToken.None).Key!.Dispose();
        AssertOnlyWholeBackups("after an undisturbed backup");
        IReadOnlyList<BackupInfo> listed = BackupCatalogue.List(Destination, out _);
        Assert.Equal(listed.Select(b => b.Path).Order(), Directory.GetFileSystemEntries(Destination, "*", Everything).Order());
    }

    public void Dispose()
    {
        foreach (OneTimeKey key in _known.Values)
        {
            key.Dispose();
        }
    }

    /// <summary>Key files by the id in their first line. One that was not finished cannot be read, and its backup must not be there.</summary>
    private void ReadKeys()
    {
        foreach (string path in Directory.GetFiles(Keys, "*.key"))
        {
            string id = File.ReadLines(path).FirstOrDefault()?.Split(' ')[^1] ?? "";
            if (id.Length == 0 || _known.ContainsKey(id))
            {
                continue;
            }
            try
            {
                _known.Add(id, KeyFile.Read(path));
            }
            catch (HsmBackupException e) when (e.Code == ErrorCode.KeyTextInvalid)
            {
                continue;
            }
        }
    }
}
