using HsmBackup.Engine.Format;
using HsmBackup.Engine.Protection;

namespace HsmBackup.Engine.Stores;

/// <summary>
/// A folder on a medium that is taken away again. Where the medium is not there, that is said: the folder is never made, because it would
/// be made on the disk below, where a copy is no copy outside the house.
/// </summary>
public sealed class OfflineStore : FolderStore
{
    private readonly MountTables _tables;

    /// <summary>Makes the store; the medium need not be there yet.</summary>
    /// <param name="folder">The folder on the medium.</param>
    /// <param name="name">What people call it; its path where that is null.</param>
    public OfflineStore(string folder, string? name = null)
        : this(folder, name, MountTables.OfThisMachine)
    {
    }

    internal OfflineStore(string folder, string? name, MountTables tables)
        : base(folder, name) => _tables = tables;

    /// <inheritdoc/>
    public override StoreKind Kind => StoreKind.Offline;

    /// <inheritdoc/>
    public override RetentionClass RetentionClass => RetentionClass.Offline;

    private protected override bool IsThere()
    {
        // First the look into the folder: where the system mounts by itself, it does so at that.
        if (!Directory.Exists(Location))
        {
            throw StoreErrors.Unmounted(this, $"there is no folder '{Location}'");
        }
        if (_tables.FindUnmounted(Location) is { } point || (RealPath.Of(Location) is var real && (point = _tables.FindUnmounted(real)) is not null))
        {
            throw StoreErrors.Unmounted(this, $"nothing is mounted at '{point}', where {_tables.Configured} has it");
        }
        return true;
    }

    private protected override void MakeReady() => IsThere();
}
