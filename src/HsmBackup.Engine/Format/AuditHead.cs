namespace HsmBackup.Engine.Format;

/// <summary>
/// How far an audit log was: what whoever reads it later can hold the log against. A log that has fewer entries, or another hash at
/// that place, is not the log that was.
/// </summary>
/// <param name="Log">Id of the log, 32 lower-case hex digits.</param>
/// <param name="Entries">How many entries it had, at least one.</param>
/// <param name="Head">Hash of the last of them, 64 lower-case hex digits.</param>
public sealed record AuditHead(string Log, long Entries, string Head)
{
    internal const int LogIdLength = 32;
    internal const int HashLength = 64;

    /// <inheritdoc/>
    public override string ToString() => $"{Head} after {Entries} entries of log {Log}";
}
