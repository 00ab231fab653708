namespace HsmBackup.Engine.Drills;

/// <summary>Nobody watches what comes before and after a drill.</summary>
internal sealed class NoProgress : IProgress<OperationProgress>
{
    /// <summary>The one there is.</summary>
    public static readonly NoProgress Instance = new();

    private NoProgress()
    {
    }

    /// <inheritdoc/>
    public void Report(OperationProgress value)
    {
    }
}
