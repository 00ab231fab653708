namespace HsmBackup.Engine.Stores;

/// <summary>What a store is.</summary>
public enum StoreKind
{
    /// <summary>A folder that is always there.</summary>
    Directory,

    /// <summary>The folder where a medium appears that is taken away again, such as a disk in a safe.</summary>
    Offline,

    /// <summary>A WebDAV collection.</summary>
    WebDav,
}
