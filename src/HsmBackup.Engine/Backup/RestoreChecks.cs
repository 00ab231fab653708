using HsmBackup.Engine.Pkcs11;
using HsmBackup.Engine.Tokens;

namespace HsmBackup.Engine.Backup;

/// <summary>What a restore refuses before anything of the token is touched.</summary>
internal static class RestoreChecks
{
    /// <summary>A Partial backup must be accepted as such.</summary>
    public static void CheckAccepted(RestoreRequest request, OpenedBackup backup) => CheckAccepted(backup, request.Path, request.AllowPartial);

    /// <summary>A Partial backup must be accepted as such.</summary>
    public static void CheckAccepted(OpenedBackup backup, string path, bool allowPartial)
    {
        if (!backup.Header.Complete && !allowPartial)
        {
            throw new HsmBackupException(ErrorCode.BackupIncomplete,
                $"The backup {backup.Header.Id} is Partial: it holds {backup.Header.Verdicts.Captured} of {backup.Header.Objects} objects whole.",
                "Choose a complete backup, or restore what this one has with -AllowPartial.")
            { Target = path };
        }
    }

    /// <summary>The token must be the backup's, or another on purpose, and writable.</summary>
    public static void CheckToken(RestoreRequest request, OpenedBackup backup, TokenInfo token)
    {
        if (FindMismatch(backup, request.Cluster, token) is { } mismatch && !request.AllowOtherToken)
        {
            throw new HsmBackupException(ErrorCode.TokenMismatch,
                $"The backup {backup.Header.Id} is {mismatch}. Nothing was touched.",
                "Check which token is meant. To restore into another token on purpose, use -AllowOtherToken.")
            { Target = token.Label };
        }
        if (token.IsWriteProtected)
        {
            throw new HsmBackupException(ErrorCode.RestoreFailed, $"The token '{token.Label}' is write-protected.", "Remove the protection first.")
            {
                Target = token.Label,
            };
        }
    }

    /// <summary>
    /// Whose the backup is, if not the token's; null where it is. All nodes of a cluster hold the same, so its backups are of each of them;
    /// a token without a cluster, or a backup without one, goes by the label.
    /// </summary>
    public static string? FindMismatch(OpenedBackup backup, BackupCluster? cluster, TokenInfo token)
    {
        if (cluster is not null && backup.Manifest.Cluster is not null)
        {
            return backup.Header.ClusterId == cluster.Id ? null
                : $"of cluster '{backup.Header.ClusterName}' ({backup.Header.ClusterId}), not of '{cluster.Name}' ({cluster.Id})";
        }
        return token.Label == backup.Manifest.TokenLabel ? null : $"of token '{backup.Manifest.TokenLabel}', not of '{token.Label}'";
    }

    /// <summary>What the plan would destroy for ever, or cannot do.</summary>
    public static void CheckPlan(RestorePlan plan, IReadOnlyList<PlanObject> token, Quirks quirks, bool removeUnrecoverable)
    {
        List<PlanStep> going = [.. plan.Steps.Where(s => s.Item.Action is PlanAction.Replace or PlanAction.Remove)];
        List<PlanStep> lost = [.. going.Where(s => !s.Target!.IsWhole && !s.Target.IsDebris)];
        if (lost.Count > 0 && !removeUnrecoverable)
        {
            throw new HsmBackupException(ErrorCode.WouldDestroyUnrecoverable,
                $"The token '{plan.TokenLabel}' holds {lost.Count} objects that the restore would remove and that no safety backup can hold: "
                + string.Join("; ", lost.Take(5).Select(s => $"{s.Target!.Summary}: {s.Target.Summary.Verdict}"))
                + (lost.Count > 5 ? $"; and {lost.Count - 5} more." : ".") + " Nothing was touched.",
                "If these keys may be lost for ever, use -RemoveUnrecoverable. Otherwise restore into another token.")
            {
                Target = plan.TokenLabel,
                Result = plan,
            };
        }
        if (going.Find(s => !s.Target!.IsDestroyable) is { } fixedObject)
        {
            throw InTheWay(plan, fixedObject.Target!, "cannot be removed (CKA_DESTROYABLE is false)");
        }
        if (quirks.HasFlag(Quirks.IdentifierIsUnique))
        {
            CheckUnique(plan, token);
        }
    }

    /// <summary>
    /// The safety backup must be able to bring back what will go, exactly: the plan could only guess, the capture knows, and the token may
    /// refuse now what it did then.
    /// </summary>
    public static void CheckSaved(RestorePlan plan, CapturedToken saved, bool removeUnrecoverable)
    {
        foreach (PlanObject going in plan.Steps.Where(s => s.Item.Action is PlanAction.Replace or PlanAction.Remove && !s.Target!.IsDebris).Select(s => s.Target!))
        {
            int index = saved.Handles.IndexOf(going.Handle);
            Verdict? verdict = index < 0 ? null : saved.Verdicts[index].Verdict;
            bool accepted = verdict == Verdict.Captured || (removeUnrecoverable && (verdict == Verdict.Inexact || !going.IsWhole));
            if (!accepted)
            {
                throw new HsmBackupException(ErrorCode.WouldDestroyUnrecoverable,
                    $"The restore would remove {going.Summary} from token '{plan.TokenLabel}', and the safety backup could not take it as it is: "
                    + (verdict is null ? "it was not there any more" : $"{verdict}, {saved.Verdicts[index].Reason}") + ". Nothing was touched.",
                    "Run the command again. What can only be saved Inexact, and may be lost for ever, goes with -RemoveUnrecoverable.")
                {
                    Target = plan.TokenLabel,
                    Result = plan,
                };
            }
        }
    }

    /// <summary>
    /// A key that cannot be changed must be made with its id, and then takes the place of another with that id. Certificates cannot be
    /// given their issuer and serial number afterwards either, but one that is in the way can be removed first: it is no secret.
    /// </summary>
    private static void CheckUnique(RestorePlan plan, IReadOnlyList<PlanObject> token)
    {
        List<PlanObject> added = [.. plan.Steps.Where(s => s.Item.Action is PlanAction.Add or PlanAction.Replace).Select(s => s.Source!)];
        Dictionary<string, int> kept = Count(plan.Steps.Where(s => s.Item.Action == PlanAction.Keep).Select(s => s.Source!));
        foreach (PlanObject certificate in added.Where(o => o.UniqueKey is not null && IsCertificate(o)))
        {
            kept[certificate.UniqueKey!] = kept.GetValueOrDefault(certificate.UniqueKey!) + 1;
            if (kept[certificate.UniqueKey!] > 1)
            {
                throw Twice(plan, certificate, "certificates with the same issuer and serial number");
            }
        }
        Dictionary<string, PlanObject> there = token.Where(o => o.UniqueKey is not null).DistinctBy(o => o.UniqueKey).ToDictionary(o => o.UniqueKey!);
        var made = new HashSet<string>(StringComparer.Ordinal);
        foreach (PlanObject key in added.Where(o => o.UniqueKey is not null && !o.IsChangeable && !IsCertificate(o)))
        {
            if (there.TryGetValue(key.UniqueKey!, out PlanObject? other))
            {
                throw InTheWay(plan, other, $"would be overwritten by {key.Summary}, which cannot be changed once it is made and so cannot get its id later");
            }
            if (!made.Add(key.UniqueKey!))
            {
                throw Twice(plan, key, "keys of one class and id that cannot be changed once they are made (CKA_MODIFIABLE is false)");
            }
        }
    }

    private static bool IsCertificate(PlanObject o) => o.Summary.Class == Names.OfClass(Cko.Certificate);

    private static Dictionary<string, int> Count(IEnumerable<PlanObject> objects) =>
        objects.Where(o => o.UniqueKey is not null).GroupBy(o => o.UniqueKey!, StringComparer.Ordinal).ToDictionary(g => g.Key, g => g.Count(), StringComparer.Ordinal);

    private static HsmBackupException InTheWay(RestorePlan plan, PlanObject target, string why) => new(ErrorCode.RestoreFailed,
        $"{target.Summary} is in the way and {why}. Nothing was touched.",
        "Initialise the token anew and restore into the blank token.")
    { Target = plan.TokenLabel, Result = plan };

    private static HsmBackupException Twice(RestorePlan plan, PlanObject source, string what) => new(ErrorCode.RestoreFailed,
        $"The token '{plan.TokenLabel}' cannot hold two {what}, and the backup has another beside {source.Summary}. Nothing was touched.",
        "Restore into a token of the kind that the backup was made of.")
    { Target = plan.TokenLabel, Result = plan };
}
