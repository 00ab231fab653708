using HsmBackup.Engine.Tests.Protection;
using Xunit;

namespace HsmBackup.Engine.Tests.Support;

/// <summary>A file system of a test's own (tmpfs), small or read-only. Only for tests with <see cref="MountFactAttribute"/>.</summary>
internal sealed class SmallVolume : IDisposable
{
    public SmallVolume(string folder, int kilobytes)
    {
        Folder = Directory.CreateDirectory(folder).FullName;
        Assert.Equal(0, Programs.Run("mount", "-t", "tmpfs", "-o", $"size={kilobytes}k,mode=700", "tmpfs", Folder).ExitCode);
    }

    public string Folder { get; }

    /// <summary>Nothing more can be written, not even a byte.</summary>
    public void Fill()
    {
        using FileStream filler = new(Path.Combine(Folder, "filler"), FileMode.Create, FileAccess.Write, FileShare.None, bufferSize: 0);
        try
        {
            for (int written = 0; written < 1 << 20; written += 4096)
            {
                filler.Write(new byte[4096]);
            }
        }
        catch (IOException)
        {
            return;
        }
        Assert.Fail("The volume does not get full.");
    }

    /// <summary>There is room again.</summary>
    public void Empty() => File.Delete(Path.Combine(Folder, "filler"));

    public void MakeReadOnly() => Assert.Equal(0, Programs.Run("mount", "-o", "remount,ro", Folder).ExitCode);

    public void Dispose() => Programs.Run("umount", Folder);
}
