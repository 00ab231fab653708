using HsmBackup.Engine.Pkcs11;

namespace HsmBackup.Engine.Backup;

/// <summary>Collects the checks of a test. After a failed step the next ones are not run, and say so.</summary>
internal sealed class TestChecks(bool allowPartial)
{
    private readonly List<BackupCheck> _checks = [];
    private int _proven;

    /// <summary>All checks so far.</summary>
    public IReadOnlyList<BackupCheck> All => _checks;

    /// <summary>The first error in particular.</summary>
    public ErrorCode? Error { get; private set; }

    /// <summary>True once a check failed.</summary>
    public bool HasFailed => _checks.Exists(c => c.Outcome == CheckOutcome.Failed);

    /// <summary>Runs a step that everything after it depends on.</summary>
    public void Run(string name, Func<string> step)
    {
        if (HasFailed)
        {
            NotRun(name, "an earlier check failed");
            return;
        }
        try
        {
            _checks.Add(new BackupCheck(name, CheckOutcome.Passed, null, null, step()));
        }
        catch (HsmBackupException e)
        {
            Error ??= e.Code;
            _checks.Add(new BackupCheck(name, CheckOutcome.Failed, null, null, $"{e.Message} {e.RecommendedAction}"));
        }
        catch (Pkcs11Exception e)
        {
            Error ??= ErrorCode.TokenError;
            _checks.Add(new BackupCheck(name, CheckOutcome.Failed, null, null, e.Message));
        }
    }

    /// <summary>Adds a check of one item among others.</summary>
    public void Add(string name, CheckOutcome outcome, string? expected, string? actual, string? detail)
    {
        _checks.Add(new BackupCheck(name, outcome, expected, actual, detail));
        Error ??= outcome == CheckOutcome.Failed ? ErrorCode.TestFailed : null;
    }

    /// <summary>Adds an object that was proven to be the backup's.</summary>
    public void Proven(string name, string detail)
    {
        _proven++;
        Add(name, CheckOutcome.Passed, "as in the backup", "as in the backup", detail);
    }

    /// <summary>Adds an object that cannot be proven, because the backup lacks its key or has it inexactly.</summary>
    public void Unprovable(string name, string why) => Add(name, allowPartial ? CheckOutcome.Skipped : CheckOutcome.Failed,
        "as in the backup", "not known", allowPartial ? why : $"{why}; with -AllowPartial such objects are skipped");

    /// <summary>A test of objects passes only on evidence: at least one of them was proven.</summary>
    public void RequireProof()
    {
        if (_proven == 0 && !HasFailed)
        {
            Add("Objects proven", CheckOutcome.Failed, "at least 1", "0", "No object of the backup was proven.");
        }
    }

    /// <summary>Adds a check that could not be tried.</summary>
    public void NotRun(string name, string why) => _checks.Add(new BackupCheck(name, CheckOutcome.NotRun, null, null, why));
}
