
namespace HsmBackup.Engine.Tests.Support;

/// <summary>Progress that is told at once, on the thread that works.</summary>
internal sealed class Watch(Action<OperationProgress> report) : IProgress<OperationProgress>
{
    public void Report(OperationProgress value) => report(value);
}
