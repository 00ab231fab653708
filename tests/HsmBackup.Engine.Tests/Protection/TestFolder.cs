using Xunit;

namespace HsmBackup.Engine.Tests.Protection;

/// <summary>A folder of a test's own, gone with everything in it when the test ends.</summary>
internal sealed class TestFolder : IDisposable
{
    public TestFolder() => Root = Directory.CreateTempSubdirectory("hsmbackup-test-").FullName;

    public string Root { get; }

    public string File(string name) => Path.Combine(Root, name);

    public string Folder(string name) => Directory.CreateDirectory(File(name)).FullName;

    public string Link(string name, string target) => Directory.CreateSymbolicLink(File(name), target).FullName;

    /// <summary>On Unix: nobody but the owner can do anything with the file.</summary>
    public static void AssertOwnerOnly(string path)
    {
        if (!OperatingSystem.IsWindows())
        {
            Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, System.IO.File.GetUnixFileMode(path));
        }
    }

    public void Dispose() => Directory.Delete(Root, recursive: true);
}
