using HsmBackup.Engine.Backup;
using HsmBackup.Engine.Catalogue;

namespace HsmBackup.Engine.Drills.Scenarios;

/// <summary>
/// Nothing happened: some of the stored backups are restored to know that they can be, each from one of its copies by chance. One that
/// fails does not keep the others from being tried.
/// </summary>
internal sealed class BackupVerificationRehearsal(DrillRun run) : Rehearsal(run)
{
    private readonly Dictionary<DrillBackup, BackupCopy> _copies = [];

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
        backup.Result = passed ? CheckOutcome.Passed : CheckOutcome.Failed;
    }

    private string Sample(OpenStores stores)
    {
        var catalogue = ClusterCatalogue.Read(new CatalogueRequest { Stores = stores.All, ClusterId = Run.Request.Cluster.Id, StateFolder = Run.Request.StateFolder }, Run.Stop);
        Run.Deviations.AddRange(catalogue.MissingStores.Select(m => $"The store '{m.Store}' could not be looked into: {m.Error.Message}"));
        Run.Deviations.AddRange(catalogue.Unreadable.Select(u => $"'{u.Location}' has the name of a backup and cannot be read: {u.Error.Message}"));
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
            ? FormattableString.Invariant($"{Run.Backups.Count} of {catalogue.Backups.Count} backups chosen by chance, with the seed {Run.Seed}")
            : throw new HsmBackupException(ErrorCode.BackupNotFound, $"There is no backup of cluster '{Run.Request.Cluster.Name}' in {string.Join(", ", stores.All.Select(s => $"'{s.Name}'"))}."
                + string.Concat(catalogue.MissingStores.Select(m => $" '{m.Store}': {m.Error.Message}")),
                "Look into the stores (Get-HsmBackup), and back the cluster up.");
    }

    private string Fetch(DrillBackup backup, OpenStores stores)
    {
        using var file = LocalBackup.Fetch(_copies[backup], stores.All, Run.Request.StateFolder, Run.Stop);
        return Copy(file.Path, backup);
    }

    private string MakeBlank(IProgress<OperationProgress> told)
    {
        Run.CloseTargets();
        foreach (DrillTargetNode target in Targets)
        {
            Run.Ground.Clear(target);
        }
        string made = InitializeTokens(Targets, told);
        return HasClusterKey ? $"{made}; {JoinNodes(Targets, told)}" : made;
    }
}
