using HsmBackup.Engine.Format;

namespace HsmBackup.Engine.Stores;

/// <summary>A folder that is always there: on a disk of this machine, or a mounted share. It is made when the first file is added.</summary>
/// <param name="folder">The folder.</param>
/// <param name="name">What people call it; its path where that is null.</param>
public sealed class DirectoryStore(string folder, string? name = null) : FolderStore(folder, name)
{
    /// <inheritdoc/>
    public override StoreKind Kind => StoreKind.Directory;

    /// <inheritdoc/>
    public override RetentionClass RetentionClass => RetentionClass.Online;

    // Before its first file it is empty. Something else in its place is for the system to complain about.
    private protected override bool IsThere() => Path.Exists(Location);

    private protected override void MakeReady()
    {
        if (!Directory.Exists(Location))
        {
            Directory.CreateDirectory(Location);
            _ = FolderFlush.TryFlush(Path.GetDirectoryName(Location)!);
        }
    }
}
