using HsmBackup.Engine.Protection;
using HsmBackup.Engine.Tokens;

namespace HsmBackup.Engine.Backup;

/// <summary>
/// Level Restore: the backup is restored to a blank scratch token, every object is proven there, and every key is used. What was
/// restored is removed again.
/// </summary>
internal static class RestoreTest
{
    public static void Run(
        TestRequest request, OpenedBackup backup, TestChecks checks, IProgress<OperationProgress>? progress, CancellationToken cancellationToken)
    {
        if (backup.Manifest.Kek is not null && request.ScratchToken is null)
        {
            throw new HsmBackupException(ErrorCode.TestNotPossible,
                $"The backup {backup.Header.Id} is cluster-bound: a throw-away token without the cluster key cannot take its keys.",
                "Name a token for the trial that holds nothing but the cluster key (Restore-HsmClusterKey brings it in).")
            { Target = request.Path };
        }
        using ScratchToken? own = request.ScratchToken is null ? ScratchToken.Create(backup.Manifest.TokenLabel) : null;
        TokenAddress target = request.ScratchToken ?? own!.Address;
        Pin? pin = request.ScratchToken is null ? own!.Pin : request.ScratchPin;
        string state = Directory.CreateTempSubdirectory("hsmbackup-test-").FullName;
        try
        {
            using RestoreOperation restore = RestoreOperation.Prepare(new RestoreRequest
            {
                Path = request.Path,
                Key = request.Key!,
                Token = target,
                Pin = pin,
                AllowPartial = true,
                AllowOtherToken = true,
                Cluster = request.Cluster,
                StateFolder = state,
            }, progress, cancellationToken);
            Run(restore, backup, pin, checks, progress, cancellationToken);
        }
        finally
        {
            Directory.Delete(state, recursive: true);
        }
    }

    private static void Run(RestoreOperation restore, OpenedBackup backup, Pin? pin, TestChecks checks,
        IProgress<OperationProgress>? progress, CancellationToken cancellationToken)
    {
        if (restore.Plan.Keep + restore.Plan.Replace + restore.Plan.Remove > 0)
        {
            throw new HsmBackupException(ErrorCode.TestNotPossible,
                $"The scratch token '{restore.Plan.TokenLabel}' is not blank. Nothing was touched.",
                "Name a token without objects, or none, and a throw-away SoftHSM token is made.")
            { Target = restore.Plan.TokenLabel };
        }
        try
        {
            RestoreResult? result = null;
            checks.Run("Restore to a scratch token", () =>
            {
                result = restore.Execute(progress, cancellationToken);
                return $"{result.Proven} objects restored and proven";
            });
            foreach (RestoredObject restored in result?.Objects ?? [])
            {
                Judge(restored, checks);
            }
            if (result is not null)
            {
                UseKeys(restore, backup, pin, checks, progress, cancellationToken);
            }
        }
        finally
        {
            if (!restore.RemoveWhatWasAdded())
            {
                checks.Add("Scratch token cleared", CheckOutcome.Failed, "no objects", "some are left",
                    "The token keeps objects that were restored for the trial. Initialise it anew before it is used for anything else.");
            }
        }
    }

    private static void Judge(RestoredObject restored, TestChecks checks)
    {
        string name = $"{restored.Object} restored";
        if (restored.Action == PlanAction.Unrestorable)
        {
            checks.Unprovable(name, $"the backup has no key of it: {restored.Object.Verdict}, {restored.Object.Reason}");
        }
        else if (restored.Object.Verdict == Verdict.Inexact)
        {
            checks.Unprovable(name, string.Join("; ", restored.Differences));
        }
        else if (restored.Differences.Count > 0)
        {
            checks.Add(name, CheckOutcome.Failed, "as in the backup", "different", string.Join("; ", restored.Differences));
        }
        else if (restored.Proof == CheckOutcome.Passed)
        {
            checks.Proven(name, "attributes are equal, and the key is proven where there is one");
        }
        else
        {
            checks.Add(name, CheckOutcome.Failed, "as in the backup", "not proven", null);
        }
    }

    private static void UseKeys(RestoreOperation restore, OpenedBackup backup, Pin? pin, TestChecks checks,
        IProgress<OperationProgress>? progress, CancellationToken cancellationToken)
    {
        HostKeys? host = backup.Host;
        foreach ((ObjectRecord record, IReadOnlyList<KeyUse> uses) in KeyUses.Of(restore.Connection, pin, backup.Records(cancellationToken),
            restore.Handles, host is null ? null : host.Open, cancellationToken))
        {
            progress?.Report(new OperationProgress($"Testing {backup.Header.Id}", "Using every key", record.Index, backup.Header.Objects));
            string name = $"{record} used";
            foreach (KeyUse use in uses)
            {
                checks.Add(name, use.Worked switch
                {
                    true => CheckOutcome.Passed,
                    false => CheckOutcome.Failed,
                    null => CheckOutcome.Skipped,
                }, "it works", use.Worked == true ? "it works" : null, use.ToString());
            }
            if (uses.Count == 0)
            {
                checks.Add(name, CheckOutcome.Skipped, "it works", null, "its flags allow no use");
            }
        }
    }
}
