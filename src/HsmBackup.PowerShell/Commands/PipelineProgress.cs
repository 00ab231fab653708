using System.Diagnostics;
using System.Management.Automation;
using HsmBackup.Engine;

namespace HsmBackup.PowerShell.Commands;

/// <summary>
/// Shows the engine's progress. The engine reports on the thread that called it, which is the pipeline's, the only one that
/// may write; of its many reports at most five a second are shown.
/// </summary>
internal sealed class PipelineProgress(HsmCommand command) : IProgress<OperationProgress>
{
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(200);

    private ProgressRecord? _shown;
    private long _shownAt;

    public void Report(OperationProgress value)
    {
        if (_shown is not null && Stopwatch.GetElapsedTime(_shownAt) < Interval)
        {
            return;
        }
        _shown = new ProgressRecord(0, NotEmpty(value.Activity), NotEmpty(value.Status))
        {
            PercentComplete = value.Total > 0 ? (int)(100L * Math.Clamp(value.Done, 0, value.Total) / value.Total) : -1,
        };
        _shownAt = Stopwatch.GetTimestamp();
        Show(_shown);
    }

    /// <summary>Takes the progress bar off the screen.</summary>
    public void Complete()
    {
        if (_shown is not null)
        {
            _shown.RecordType = ProgressRecordType.Completed;
            Show(_shown);
        }
        _shown = null;
    }

    private void Show(ProgressRecord record)
    {
        try
        {
            command.WriteProgress(record);
        }
        catch (PipelineStoppedException)
        {
            // The engine ends by its cancellation token, and in order. What it has done by now, a backup with its only key, must not go
            // because nobody looks any more.
            _shown = null;
        }
    }

    private static string NotEmpty(string text) => text.Length > 0 ? text : " ";
}
