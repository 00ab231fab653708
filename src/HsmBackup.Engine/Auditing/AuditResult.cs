namespace HsmBackup.Engine.Auditing;

/// <summary>What an entry says of its action.</summary>
public enum AuditResult
{
    /// <summary>It begins. An action without an entry that ends it was killed, or is under way.</summary>
    Started,

    /// <summary>It was done.</summary>
    Succeeded,

    /// <summary>It was not done, or not wholly; the detail <c>error</c> says why.</summary>
    Failed,

    /// <summary>Somebody stopped it, or said no when asked.</summary>
    Stopped,
}
