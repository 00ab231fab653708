using System.Management.Automation;
using System.Reflection;
using HsmBackup.Engine;
using HsmBackup.Engine.Auditing;
using HsmBackup.Engine.Clusters;
using HsmBackup.PowerShell.Binding;

namespace HsmBackup.PowerShell.Commands;

/// <summary>What every cmdlet of the module has: cancellation, progress, paths of the session, and one way to fail.</summary>
public abstract class HsmCommand : PSCmdlet, IDisposable
{
    private protected const string ShareHelp = "Custodians' shares, each as a SecureString; asked for one by one where they are left out.";
    private protected const string SharePathHelp = "Files that hold a custodian's share each.";

    // PowerShell 7.6 has Cmdlet.PipelineStopToken; the reference assembly that this is compiled against does not.
    private readonly CancellationTokenSource _stop = new();
    private readonly List<AuditEntry> _repairs = [];
    private PinReader? _pins;
    private AuditLog? _audit;
    private AuditedAction? _action;

    /// <summary>Is cancelled when the user stops the pipeline.</summary>
    private protected CancellationToken StopToken => _stop.Token;

    /// <summary>Paths as this session understands them.</summary>
    private protected SessionPaths Paths => new(SessionState.Path);

    /// <summary>Where one-time keys are taken from.</summary>
    private protected KeySource Keys => new(Host, Paths);

    /// <summary>Where PINs are taken from.</summary>
    private protected PinReader Pins => _pins ??= new PinReader(Host);

    /// <summary>-WhatIf of the command, or the preference of the session: then a plan that cannot be carried out is shown all the same.</summary>
    private protected bool IsWhatIf => MyInvocation.BoundParameters.TryGetValue(nameof(ShouldProcessReason.WhatIf), out object? bound)
        ? bound is SwitchParameter { IsPresent: true }
        : LanguagePrimitives.IsTrue(SessionState.PSVariable.GetValue("WhatIfPreference"));

    /// <summary>The state folder that the command line names; null for the one that is found by itself.</summary>
    private protected virtual string? NamedState => null;

    /// <summary>The audit log of the state folder.</summary>
    private protected AuditLog Audit => _audit ??= new AuditLog(Paths.LiteralOrNull(NamedState)) { Repaired = _repairs.Add };

    // The preference of the session says nothing to a command that knows no -WhatIf: it does what it does, and that is on record.
    private bool IsRehearsal => IsWhatIf && GetType().GetCustomAttribute<CmdletAttribute>()!.SupportsShouldProcess;

    /// <summary>Ends the engine's work; called by PowerShell on another thread.</summary>
    protected sealed override void StopProcessing()
    {
        try
        {
            _stop.Cancel();
        }
        catch (ObjectDisposedException)
        {
            // The command has ended in this very moment.
        }
    }

    /// <summary>The one backup that a path names.</summary>
    /// <exception cref="HsmBackupException">BackupNotFound; InvalidArgument: it matches several.</exception>
    private protected string OneMatch(string path) => Paths.Matches(path) switch
    {
        [string one] => one,
        [] => throw Errors.NoBackupAt(path),
        { Count: int several } => throw Errors.InvalidArgument(
            $"'{path}' matches {several} files.", "Name the one backup to restore from.", path),
    };

    /// <summary>Does the work for one input object; a failure ends the command.</summary>
    protected sealed override void ProcessRecord() => Guard(ProcessInput);

    /// <summary>The cmdlet's own work.</summary>
    private protected abstract void ProcessInput();

    /// <summary>Does work outside <see cref="ProcessInput"/> that may end the command in the same way.</summary>
    private protected void Guard(Action work)
    {
        try
        {
            work();
        }
        catch (Exception error) when (MeansStopped(error))
        {
            throw new PipelineStoppedException();
        }
        catch (Exception error) when (Errors.TryFrom(error, target: null) is { } record)
        {
            ThrowTerminatingError(record);
        }
    }

    /// <summary>
    /// Does work that changes or reveals something: that it begins is in the audit log before it does, and how it ended, after. Errors
    /// that it writes make it one that failed. Nothing is written where the command only shows what it would do.
    /// </summary>
    /// <param name="target">What it is done to, for people; never a secret.</param>
    /// <param name="cluster">The cluster; null for a lone token.</param>
    /// <param name="work">The work, which can add details to the entry that ends it.</param>
    /// <param name="refused">What is done, on no record, where the log does not let the work begin; null where the error is all.</param>
    /// <exception cref="HsmBackupException">AuditUnwritable, AuditDamaged: the work was not begun, or its end is not on record.</exception>
    private protected void Audited(string target, ClusterDefinition? cluster, Action<AuditedAction> work, Action<HsmBackupException>? refused = null)
    {
        AuditRecord record = new(MyInvocation.MyCommand.Name, AuditResult.Started) { Target = target, ClusterId = cluster?.Id, ClusterName = cluster?.Name };
        AuditedAction? outer = _action;
        AuditedAction action;
        try
        {
            action = _action = AuditedAction.Begin(IsRehearsal ? null : Audit, record, StopToken);
        }
        catch (HsmBackupException e) when (refused is not null && e.Code is ErrorCode.AuditDamaged or ErrorCode.AuditUnwritable)
        {
            refused(e);
            return;
        }
        try
        {
            TellRepairs();
            work(action);
        }
        catch (Exception error)
        {
            EndFailed(action, error);
            throw;
        }
        finally
        {
            _action = outer;
        }
        action.End();
        TellRepairs();
    }

    /// <summary>Reports an error; the action that is on record has failed with it.</summary>
    private protected new void WriteError(ErrorRecord record)
    {
        _action?.Fail(record.FullyQualifiedErrorId);
        base.WriteError(record);
    }

    /// <summary>Does one of several pieces of work: its failure is reported, and the others go on.</summary>
    /// <param name="target">What the work is about.</param>
    /// <param name="work">The work.</param>
    /// <param name="lockoutEnds">Whether a wrong PIN ends the command, because the next piece of work would send it again.</param>
    /// <returns>False where it failed.</returns>
    private protected bool TryItem(object target, Action work, bool lockoutEnds = true)
    {
        try
        {
            work();
            return true;
        }
        catch (Exception error) when (!MeansStopped(error) && !(lockoutEnds && MeansLockout(error)) && Errors.TryFrom(error, target) is { } record)
        {
            WriteError(record);
            return false;
        }
    }

    /// <summary>Tells something after the pipeline has ended, as far as that is possible still.</summary>
    private protected static void TryTell(Action tell)
    {
        try
        {
            tell();
        }
        catch (PipelineStoppedException)
        {
            // What ended the pipeline is on its way already.
            return;
        }
    }

    /// <summary>Calls the engine with progress, which is taken off the screen whatever happens.</summary>
    private protected T WithProgress<T>(Func<IProgress<OperationProgress>, CancellationToken, T> operation)
    {
        PipelineProgress progress = new(this);
        try
        {
            return operation(progress, StopToken);
        }
        finally
        {
            progress.Complete();
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Dispose(disposing: true);
        GC.SuppressFinalize(this);
    }

    /// <summary>Releases what the command holds.</summary>
    protected virtual void Dispose(bool disposing)
    {
        if (disposing)
        {
            _pins?.Dispose();
            _stop.Dispose();
        }
    }

    // The error itself goes on to the user; that its record failed is a second one.
    private void EndFailed(AuditedAction action, Exception error)
    {
        bool stopped = error is PipelineStoppedException || MeansStopped(error);
        try
        {
            action.End(stopped ? AuditResult.Stopped : AuditResult.Failed, stopped ? null : Errors.TryFrom(error, null)?.FullyQualifiedErrorId ?? error.GetType().Name);
        }
        catch (HsmBackupException unwritten) when (!Stopping)
        {
            base.WriteError(Errors.From(unwritten));
        }
    }

    private void TellRepairs()
    {
        foreach (AuditEntry repaired in _repairs)
        {
            WriteWarning($"The audit log was not as it was left (entry {repaired.Sequence} says how: {string.Join(", ", repaired.Details.Select(d => $"{d.Key} {d.Value}"))}). "
                + "See to it with Test-HsmAuditLog.");
        }
        _repairs.Clear();
    }

    // A wrong PIN is not sent again for the next item: tokens lock after a few. It ends the command.
    private static bool MeansLockout(Exception error) => error is HsmBackupException { Code: ErrorCode.PinIncorrect or ErrorCode.PinLocked };

    // Work that ends because the user stopped the pipeline is no error.
    private bool MeansStopped(Exception error) =>
        Stopping && error is OperationCanceledException or HsmBackupException { Code: ErrorCode.Cancelled };
}
