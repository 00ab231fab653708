using HsmBackup.Engine.Backup;
using HsmBackup.Engine.Pkcs11;

namespace HsmBackup.Engine.Drills;

/// <summary>The steps of a drill as they come out. After one that failed the others are not run, and say so.</summary>
/// <param name="activity">What the progress is called.</param>
/// <param name="clock">The clock.</param>
/// <param name="progress">Told how far it is, on the calling thread.</param>
/// <param name="stop">Ends the drill.</param>
internal sealed class DrillSteps(string activity, TimeProvider clock, IProgress<OperationProgress>? progress, CancellationToken stop)
{
    private readonly List<DrillStep> _steps = [];
    private bool _halted;

    /// <summary>All steps so far, in the order of time.</summary>
    public IReadOnlyList<DrillStep> All => _steps;

    /// <summary>Whether somebody stopped the drill.</summary>
    public bool Interrupted { get; private set; }

    /// <summary>What to do about the steps that failed.</summary>
    public List<string> Remedies { get; } = [];

    /// <summary>Does a step, unless one before it failed.</summary>
    /// <param name="name">One of the names in <see cref="DrillStep"/>.</param>
    /// <param name="work">The work; it says what was done.</param>
    /// <param name="isRecovery">Whether its time is a part of the recovery time.</param>
    /// <param name="subject">What it is done to, where the scenario has several of a kind.</param>
    /// <returns>Whether it passed.</returns>
    public bool Run(string name, Func<IProgress<OperationProgress>, string> work, bool isRecovery = true, string? subject = null)
    {
        if (_halted || Interrupted)
        {
            _steps.Add(new DrillStep
            {
                Name = name,
                Subject = subject,
                Outcome = CheckOutcome.NotRun,
                IsRecovery = isRecovery,
                Detail = "a step before it did not pass",
            });
            return false;
        }
        return RunAlways(name, told =>
        {
            stop.ThrowIfCancellationRequested();
            return work(told);
        }, isRecovery, subject);
    }

    /// <summary>Does a step whatever was before.</summary>
    public bool RunAlways(string name, Func<IProgress<OperationProgress>, string> work, bool isRecovery = true, string? subject = null)
    {
        var told = new StepProgress(progress, activity, name);
        told.Report(new OperationProgress(activity, "", 0, 0));
        DateTimeOffset started = clock.GetUtcNow();
        long began = clock.GetTimestamp();
        CheckOutcome outcome = CheckOutcome.Passed;
        ErrorCode? error = null;
        string detail;
        try
        {
            detail = work(told);
        }
        catch (Exception e) when (e is not OutOfMemoryException)
        {
            // Whatever a store or a library does: a drill ends in a report.
            (outcome, error, detail) = (CheckOutcome.Failed, CodeOf(e), ReasonOf(e));
            if (stop.IsCancellationRequested && (e is OperationCanceledException || error == ErrorCode.Cancelled))
            {
                Interrupted = true;
                (error, detail) = (ErrorCode.Cancelled, "it was stopped");
            }
            else if (e is HsmBackupException { RecommendedAction.Length: > 0 } own && !Remedies.Contains(own.RecommendedAction))
            {
                Remedies.Add(own.RecommendedAction);
            }
            _halted = true;
        }
        _steps.Add(new DrillStep
        {
            Name = name,
            Subject = subject,
            Outcome = outcome,
            Started = started.ToUniversalTime(),
            Elapsed = clock.GetElapsedTime(began),
            IsRecovery = isRecovery,
            Detail = detail,
            Error = error,
        });
        return outcome == CheckOutcome.Passed;
    }

    /// <summary>Begins with another subject: a failure of the one before does not keep it from its steps.</summary>
    /// <remarks>Not after a PIN was refused: the next subject would send it again, and tokens lock after a few.</remarks>
    public void GoOn() => _halted = _steps.Exists(s => s.Error is ErrorCode.PinIncorrect or ErrorCode.PinLocked);

    private static ErrorCode? CodeOf(Exception e) => e switch
    {
        HsmBackupException own => own.Code,
        Pkcs11Exception => ErrorCode.TokenError,
        _ => null,
    };

    private static string ReasonOf(Exception e) => e switch
    {
        HsmBackupException own => own.Message,
        Pkcs11Exception native => $"{native.Function} returned {Names.OfReturnValue(native.ReturnValue)}",
        _ => DisplayText.Harmless($"{e.GetType().Name}: {e.Message}"),
    };

    /// <summary>Whatever a part of the drill is called by itself, to who waits it is a step of the drill.</summary>
    private sealed class StepProgress(IProgress<OperationProgress>? inner, string activity, string step) : IProgress<OperationProgress>
    {
        public void Report(OperationProgress value)
        {
            try
            {
                inner?.Report(value with { Activity = activity, Status = value.Status.Length == 0 ? step : $"{step}: {value.Status}" });
            }
            catch (Exception e) when (e is not OutOfMemoryException)
            {
                // Whoever draws has gone; the drill cleans up all the same.
                inner = null;
            }
        }
    }
}
