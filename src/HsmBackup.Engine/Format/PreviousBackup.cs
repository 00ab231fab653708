namespace HsmBackup.Engine.Format;

/// <summary>The backup of the same cluster before this one, so that one that is missing or replaced shows.</summary>
/// <param name="Id">Its backup id.</param>
/// <param name="Digest">The SHA-256 that its file ends with, in lower-case hex.</param>
public sealed record PreviousBackup(BackupId Id, string Digest);
