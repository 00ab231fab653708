using HsmBackup.Engine.Catalogue;
using HsmBackup.Engine.Clusters.Definitions;
using HsmBackup.Engine.Clusters.Keys;

namespace HsmBackup.Engine.Drills.Scenarios;

/// <content>A backup is found, fetched, opened with its key, and authenticated.</content>
internal abstract partial class Rehearsal
{
    /// <summary>The backup that is restored, once it was found.</summary>
    protected DrillBackup Latest => Run.Backups[0];

    /// <summary>The latest backup that can be restored, all the way to its authenticated content.</summary>
    /// <param name="stores">The stores that are left in this scenario.</param>
    /// <param name="expected">The targets that its keys are expected on.</param>
    protected void OpenLatest(IReadOnlyList<ClusterStore> stores, IReadOnlyList<DrillTargetNode> expected)
    {
        OpenStores? open = null;
        LatestBackup? found = null;
        try
        {
            Run.Steps.Run(DrillStep.Find, _ => Find(open = Open(stores), out found), IsRecovery(DrillStep.Find));
            Run.Steps.Run(DrillStep.Fetch, _ => Fetch(found!), IsRecovery(DrillStep.Fetch));
            Run.Steps.Run(DrillStep.Secrets, _ => Collect(Latest, found), IsRecovery(DrillStep.Secrets));
        }
        finally
        {
            found?.Dispose();
            open?.Dispose();
        }
        Run.Steps.Run(DrillStep.Authenticate, _ => Authenticate(Latest, expected), IsRecovery(DrillStep.Authenticate));
    }

    /// <summary>Opens stores; one that cannot be opened is a deviation, as long as there is another.</summary>
    protected OpenStores Open(IReadOnlyList<ClusterStore> stores)
    {
        var open = OpenStores.Open(stores, Run.Request.OpenStore);
        Run.Deviations.AddRange(open.Refusals.Select(r => $"The store '{r.Store.Name}' could not be opened: {r.Error.Message}"));
        return open;
    }

    /// <summary>Collects the one-time key of a backup, and the custodians' shares where the cluster has a cluster key.</summary>
    protected string Collect(DrillBackup backup, LatestBackup? latest)
    {
        backup.Key = Run.Request.OpenKey(backup.Info) ?? throw new HsmBackupException(ErrorCode.KeyRequired,
            $"The one-time key of backup {backup.Info.BackupId} was not given, so that nobody can open it.",
            "Give it with -KeyPath (a key file, or a folder of them) or -Key; find out where the keys of backups are kept.")
        { Target = backup.Info.BackupId };
        latest?.CheckKey(backup.Key);
        if (Run.Request.Cluster.ClusterKey is not { } key)
        {
            return "the one-time key of the backup";
        }
        if (Run.Shares is null)
        {
            Run.Shares = Run.Request.OpenShares?.Invoke(key) ?? throw new HsmBackupException(ErrorCode.SharesMissing,
                $"The cluster key {key.Check} is to be rebuilt from {key.Threshold} custodians' shares, and none were given.",
                "Give them with -Share or -SharePath, or run the drill where the custodians can type them.");
            // Shares that give another key are found here, and not when tokens wait for it.
            ClusterKey.Rebuild(Run.Shares, key.Check).Dispose();
        }
        return FormattableString.Invariant($"the one-time key of the backup, and {key.Threshold} of {key.Shares} custodians' shares");
    }

    /// <summary>
    /// Authenticates a backup, from its first to its last byte. From here on each of its keys is in the report; and what may be on the
    /// targets from now on is written down, so that it can be removed whatever happens.
    /// </summary>
    protected string Authenticate(DrillBackup backup, IReadOnlyList<DrillTargetNode> expected)
    {
        ReadOnlyMemory<byte>? identity = Run.Request.Cluster.IdentityCertificate is { } certificate
            ? Convert.FromBase64String(certificate) : (ReadOnlyMemory<byte>?)null;
        backup.Authenticate(identity, Run.Stop);
        int keys = backup.Objects.Count(ExpectedKey.Counts);
        if (keys == 0)
        {
            throw new HsmBackupException(ErrorCode.DrillFailed,
                $"The backup {backup.Info.BackupId} holds no key and no certificate, so there is nothing that it could recover.",
                "Find out why: the token was empty when it was backed up, or its storage was away.")
            { Target = backup.Info.BackupId };
        }
        foreach (DrillTargetNode target in expected)
        {
            Run.Keys.Expect(target.Node.Name, backup.Info.BackupId, backup.Objects);
        }
        Run.Ground.Announce(backup.Names);
        return FormattableString.Invariant($"{backup.Objects.Count} objects, {keys} of them keys and certificates")
            + (identity is null ? "" : "; signed by the cluster's identity key");
    }

    /// <summary>Copies the file of a backup to this computer.</summary>
    protected string Copy(string source, DrillBackup backup)
    {
        string path = Path.Combine(Run.Work, StoreFile.OfBackup(backup.Info.BackupId));
        using (FileStream copy = StateFolder.CreateFile(path))
        using (FileStream file = File.OpenRead(source))
        {
            file.CopyTo(copy);
        }
        backup.Path = path;
        return FormattableString.Invariant($"{backup.Info.Length} bytes from store '{backup.Store}'");
    }

    private string Find(OpenStores stores, out LatestBackup found)
    {
        found = LatestBackup.Find(stores.All, Run.Request.Cluster.Id, Run.Request.AllowPartial, Run.Request.StateFolder, Run.Stop);
        Run.Deviations.AddRange(found.Skipped
            .Select(s => $"'{s.Path}' was passed over, and may be newer than what was restored: {s.Reason}"));
        string location = found.Location;
        BackupInfo chosen = found.Chosen;
        Run.Backups.Add(new DrillBackup(chosen, chosen.Copies.FirstOrDefault(c => c.Location == location)?.Store ?? "", location));
        return FormattableString.Invariant($"{chosen.BackupId}, the latest that can be restored, in {stores.All.Count} stores");
    }

    private string Fetch(LatestBackup found) => Copy(found.Path, Latest);
}
