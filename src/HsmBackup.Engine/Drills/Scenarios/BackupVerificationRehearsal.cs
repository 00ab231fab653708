using HsmBackup.Engine.Backup;
using HsmBackup.Engine.Catalogue;
using HsmBackup.Engine.Clusters.Definitions;
using HsmBackup.Engine.Stores;

namespace HsmBackup.Engine.Drills.Scenarios;

/// <summary>
/// Nothing happened: some of the stored backups are restored to know that they can be, each from one of its copies by chance. One that
/// fails does not keep the others from being tried.
/// </summary>
internal sealed class BackupVerificationRehearsal(DrillRun run) : Rehearsal(run)
{
    private const int MostLost = 20;

    private readonly Dictionary<DrillBackup, BackupCopy> _copies = [];
    private readonly List<(string Subject, HsmBackupException Error)> _lost = [];

    /// <inheritdoc/>
    public override bool RecoversFromBackup => false;

    /// <inheritdoc/>
    public override void Go()
    {
        OpenStores? stores = null;
        try
        {
            Run.Steps.Run(DrillStep.Find, _ => Sample(stores = Open(Run.Request.Cluster.Stores)), isRecovery: false);
            foreach (DrillBackup backup in Run.Backups)
            {
                Run.Steps.GoOn();
                Verify(backup, stores!);
            }
            foreach ((string subject, HsmBackupException error) in _lost)
            {
                Run.Steps.GoOn();
                Run.Steps.Run(DrillStep.Find, _ => throw error, isRecovery: false, subject);
            }
        }
        finally
        {
            stores?.Dispose();
        }
    }

    /// <inheritdoc/>
    protected override bool IsRecovery(string step) => false;

    private void Verify(DrillBackup backup, OpenStores stores)
    {
        string id = backup.Info.BackupId;
        bool passed = Run.Steps.Run(DrillStep.Fetch, _ => Fetch(backup, stores), isRecovery: false, id)
            & Run.Steps.Run(DrillStep.Secrets, _ => Collect(backup, null), isRecovery: false, id)
            & Run.Steps.Run(DrillStep.Authenticate, _ => Authenticate(backup, Targets), isRecovery: false, id)
            & Run.Steps.Run(DrillStep.Prepare, MakeBlank, isRecovery: false, id)
            & Restore(Targets, () => backup, id)
            & Prove(Targets, () => backup, id)
            & Use(() => backup, id);
        // One that nobody came to try is no failure: the drill was stopped, or a PIN was refused that no other backup may try again.
        bool failed = !Run.Steps.Interrupted && Run.Steps.All.Any(s => s.Subject == id && s.Outcome == CheckOutcome.Failed);
        backup.Result = passed ? CheckOutcome.Passed : failed ? CheckOutcome.Failed : CheckOutcome.NotRun;
    }

    private string Sample(OpenStores stores)
    {
        stores.Refusals.ForEach(r => Lose(r.Store.Name, r.Error));
        var catalogue = ClusterCatalogue.Read(
            new CatalogueRequest { Stores = stores.All, ClusterId = Run.Request.Cluster.Id, StateFolder = Run.Request.StateFolder },
                Run.Stop);
        Note(catalogue);
        int size = Run.Request.SampleSize ?? Run.Request.Cluster.Drill!.SampleSize;
        Run.UsedSeed = true;
        foreach (BackupInfo info in RandomOrder.Of(catalogue.Backups, b => b.BackupId, Run.Seed).Take(size))
        {
            BackupCopy copy = RandomOrder.Of(info.Copies, c => $"{info.BackupId}/{c.Store}", Run.Seed).First();
            var backup = new DrillBackup(info, copy.Store, copy.Location);
            _copies.Add(backup, copy);
            Run.Backups.Add(backup);
        }
        return Run.Backups.Count > 0
            ? FormattableString.Invariant($"{Run.Backups.Count} of {catalogue.Backups.Count} backups chosen by chance, ")
                + FormattableString.Invariant($"with the seed {Run.Seed}")
            : throw new HsmBackupException(ErrorCode.BackupNotFound,
                $"There is no backup of cluster '{Run.Request.Cluster.Name}' in {string.Join(", ", stores.All.Select(s => $"'{s.Name}'"))}."
                + string.Concat(catalogue.MissingStores.Select(m => $" '{m.Store}': {m.Error.Message}")),
                "Look into the stores (Get-HsmBackup), and back the cluster up.");
    }

    /// <summary>
    /// What is lost cannot be sampled, and is found all the same: a store that is down, a backup without a copy that can be read.
    /// </summary>
    private void Note(ClusterCatalogue catalogue)
    {
        foreach (MissingStore missing in catalogue.MissingStores)
        {
            Run.Deviations.Add($"The store '{missing.Store}' could not be looked into: {missing.Error.Message}");
            Lose(missing.Store, missing.Error);
        }
        HashSet<string> legible = [.. catalogue.Backups.Select(b => b.BackupId)];
        foreach (UnreadableBackup unreadable in catalogue.Unreadable)
        {
            Run.Deviations.Add($"'{unreadable.Location}' has the name of a backup and cannot be read: {unreadable.Error.Message}");
            string id = Path.GetFileNameWithoutExtension(unreadable.Location);
            if (!legible.Contains(id) && _lost.Count < MostLost && !_lost.Exists(l => l.Subject == id))
            {
                _lost.Add((id, unreadable.Error));
            }
        }
    }

    /// <summary>
    /// A store is lost. A medium in a safe is not, it is where it should be; the folder of any other store is always to be there.
    /// </summary>
    private void Lose(string name, HsmBackupException error)
    {
        ClusterStore store = Run.Request.Cluster.Stores.First(s => s.Name == name);
        if (store.Kind != StoreKind.Offline || error.Code != ErrorCode.StoreUnmounted)
        {
            _lost.Add(($"store {name}", error));
        }
    }

    private string Fetch(DrillBackup backup, OpenStores stores)
    {
        using var file = LocalBackup.Fetch(_copies[backup], stores.All, Run.Request.StateFolder, Run.Stop);
        return Copy(file.Path, backup);
    }

    private string MakeBlank(IProgress<OperationProgress> told)
    {
        Run.CloseTargets(told);
        foreach (DrillTargetNode target in Targets)
        {
            Run.Ground.Clear(target);
        }
        string made = InitializeTokens(Targets, told);
        return HasClusterKey ? $"{made}; {JoinNodes(Targets, told)}" : made;
    }
}
