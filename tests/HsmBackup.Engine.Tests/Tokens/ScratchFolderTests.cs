using HsmBackup.Engine.Tokens;
using Xunit;

namespace HsmBackup.Engine.Tests.Tokens;

/// <summary>What is left of the folders of throw-away tokens, and what only seems to be.</summary>
public sealed class ScratchFolderTests
{
    [Fact]
    public void What_a_killed_process_has_left_goes_and_what_is_in_use_stays()
    {
        using var used = ScratchFolder.Create();
        string left = LeftFolder();
        File.WriteAllText(Path.Combine(left, "key"), "left");
        ScratchFolder.Create().Dispose();
        Assert.False(Directory.Exists(left));
        Assert.True(File.Exists(Path.Combine(used.Path, "lock")));
    }

    [Fact]
    public void Whoever_removes_a_leftover_holds_its_lock_until_it_is_gone()
    {
        if (OperatingSystem.IsWindows())
        {
            // A file that is open does not go there.
            return;
        }
        const int Files = 20_000;
        string folder = LeftFolder();
        // Others make folders at the same time, and would begin to remove this one before it is ready.
        using (File.Open(Path.Combine(folder, "lock"), FileMode.Open, FileAccess.Write, FileShare.None))
        {
            for (int i = 0; i < Files; i++)
            {
                File.WriteAllText(Path.Combine(folder, $"{i}"), "");
            }
        }
        var sweep = new Thread(() => ScratchFolder.Create().Dispose());
        sweep.Start();
        while (sweep.IsAlive && Directory.EnumerateFiles(folder).Count() > Files)
        {
            // It has not begun.
        }
        bool taken = false;
        while (!taken && sweep.IsAlive && File.Exists(Path.Combine(folder, "lock")))
        {
            taken = CanLock(Path.Combine(folder, "lock"));
        }
        sweep.Join();
        Assert.False(taken);
        Assert.False(Directory.Exists(folder));
    }

    private static string LeftFolder()
    {
        string place = Directory.Exists("/dev/shm") ? "/dev/shm" : Path.GetTempPath();
        string folder = Path.Combine(place, "hsmbackup-" + Guid.NewGuid().ToString("N")[..16]);
        ScratchFolder.CreatePrivate(folder);
        File.WriteAllText(Path.Combine(folder, "lock"), "");
        return folder;
    }

    private static bool CanLock(string path)
    {
        try
        {
            new FileStream(path, FileMode.Open, FileAccess.Write, FileShare.None).Dispose();
            return true;
        }
        catch (IOException)
        {
            return false;
        }
    }
}
