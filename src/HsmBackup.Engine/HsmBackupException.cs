namespace HsmBackup.Engine;

/// <summary>
/// An expected failure of a backup, test or restore: what went wrong, a stable identifier that scripts can rely on,
/// and the next step for the person who reads it. It never carries a secret, and no character that a terminal would obey.
/// </summary>
public sealed class HsmBackupException : Exception
{
    /// <summary>Makes the error.</summary>
    /// <param name="code">The stable identifier.</param>
    /// <param name="message">What happened, in one or two sentences.</param>
    /// <param name="recommendedAction">What to do next.</param>
    /// <param name="innerException">The cause, where there is one.</param>
    public HsmBackupException(ErrorCode code, string message, string recommendedAction, Exception? innerException = null)
        : base(DisplayText.Harmless(message), innerException)
    {
        Code = code;
        RecommendedAction = recommendedAction;
    }

    /// <summary>The stable identifier; its name is the error id that PowerShell shows.</summary>
    public ErrorCode Code { get; }

    /// <summary>What to do next.</summary>
    public string RecommendedAction { get; }

    /// <summary>What the error is about: a path, a token label, a backup id. Null where there is nothing to name.</summary>
    public object? Target { get; init; }

    /// <summary>The detailed result that goes with the error (for example an incomplete capture); null for most.</summary>
    public object? Result { get; init; }
}
