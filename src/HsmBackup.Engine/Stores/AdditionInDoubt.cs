namespace HsmBackup.Engine.Stores;

/// <summary>
/// The <see cref="HsmBackupException.Result"/> of an addition that failed when the file may have had its name already: the connection broke
/// over the last step. Nothing may be given up for want of such a copy.
/// </summary>
public sealed class AdditionInDoubt
{
    private AdditionInDoubt()
    {
    }

    /// <summary>The one that there is.</summary>
    public static AdditionInDoubt Value { get; } = new();

    /// <summary>The same error, with the doubt.</summary>
    internal static HsmBackupException About(HsmBackupException error) => new(error.Code, error.Message, error.RecommendedAction, error)
    {
        Target = error.Target,
        Result = Value,
    };
}
