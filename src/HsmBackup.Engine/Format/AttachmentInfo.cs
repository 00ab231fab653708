namespace HsmBackup.Engine.Format;

/// <summary>An attachment that an opened backup holds.</summary>
/// <param name="Name">Its name, unique within the backup.</param>
/// <param name="Length">Its length in bytes.</param>
public sealed record AttachmentInfo(string Name, long Length);
