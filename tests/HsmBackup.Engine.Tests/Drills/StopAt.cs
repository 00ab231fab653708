namespace HsmBackup.Engine.Tests.Drills;

/// <summary>Stops a drill at its first sign of a step.</summary>
internal sealed class StopAt(string step, CancellationTokenSource stop) : IProgress<OperationProgress>
{
    public void Report(OperationProgress value)
    {
        if (value.Status.StartsWith(step, StringComparison.Ordinal))
        {
            stop.Cancel();
        }
    }
}
