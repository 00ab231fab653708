using HsmBackup.Engine.Backup;
using HsmBackup.Engine.Format;
using HsmBackup.Engine.Protection;
using HsmBackup.Engine.Tokens;

namespace HsmBackup.Engine.Clusters.Sync;

/// <summary>
/// The backups that a synchronisation makes of the nodes from which something goes: cluster-bound, of the whole token, one for each node,
/// all under one one-time key. The key stands in its file before anything goes.
/// </summary>
internal sealed class SyncSafety : IDisposable
{
    private readonly SyncRequest _request;
    private readonly string _folder;
    private readonly OneTimeKey _key;
    private readonly Dictionary<string, BackupId> _ids;

    private SyncSafety(SyncRequest request, string folder, OneTimeKey key, Dictionary<string, BackupId> ids)
    {
        _request = request;
        _folder = folder;
        _key = key;
        _ids = ids;
    }

    /// <summary>Whether the key can stand where the caller wants it. Nothing is made yet.</summary>
    /// <exception cref="HsmBackupException">KeyDestinationRequired, or of the key file.</exception>
    public static void Check(SyncRequest request, SyncPlan plan, string stateFolder)
    {
        if (request.KeyPath is null)
        {
            throw new HsmBackupException(ErrorCode.KeyDestinationRequired,
                $"{plan.Replace + plan.Remove} objects would go, and the key of the safety backups that are made before needs a file to stand in. Nothing was changed.",
                "Name a new file with -KeyPath, away from the backups.")
            { Target = request.Cluster.Name };
        }
        KeyFile.CheckDestination(request.KeyPath, FolderIn(stateFolder));
    }

    /// <summary>Makes the key, and puts it where the caller wants it.</summary>
    /// <exception cref="HsmBackupException">As for <see cref="Check"/>, and of the folder.</exception>
    public static SyncSafety Begin(SyncRequest request, SyncPlan plan, string stateFolder)
    {
        Check(request, plan, stateFolder);
        string folder = FolderIn(stateFolder);
        StateFolder.Create(stateFolder);
        StateFolder.Create(folder);
        Dictionary<string, BackupId> ids = plan.Items.Where(i => i.Action is SyncAction.Replace or SyncAction.Remove).Select(i => i.Node).Distinct()
            .ToDictionary(node => node, _ => BackupId.New(request.Cluster.Name, request.Clock), StringComparer.Ordinal);
        var key = OneTimeKey.Generate();
        try
        {
            KeyFile.Write(request.KeyPath!, folder, key, string.Join(", ", ids.Values));
        }
        catch
        {
            key.Dispose();
            throw;
        }
        return new SyncSafety(request, folder, key, ids);
    }

    /// <summary>Saves a node from which something goes. What it cannot save does not go.</summary>
    /// <exception cref="HsmBackupException">Of the token and the disk: nothing of the node was changed.</exception>
    public void Save(OpenNode node, SyncProtocol protocol, NodePulse pulse)
    {
        if (!_ids.TryGetValue(node.Node.Name, out BackupId? id))
        {
            return;
        }
        ClusterDefinition cluster = _request.Cluster;
        BackupCluster known = cluster.ForBackup(node.Node);
        IdentityKey? identity = known.IdentityCertificate is { } certificate ? IdentityKey.Find(node.Connection, certificate) : null;
        using OneTimeKey key = _key.Clone();
        using BackupPublication publication = BackupPublication.Begin(_folder, id);
        CapturedToken saved = BackupOperation.Capture(node.Connection, new CaptureKeys(known, node.ClusterKey.Identity, node.ClusterKey, identity),
            key, id, publication, previous: null, audit: null, allowPartial: true, (_, _) => pulse.Beat(), pulse.Token);
        for (int i = 0; i < protocol.Steps.Count; i++)
        {
            SyncStep step = protocol.Steps[i];
            int place = step.Target is null ? -1 : saved.Handles.IndexOf(step.Target.Handle);
            if (step is { Target: not null, Item.Changes: true } && (place < 0 || saved.Verdicts[place].Verdict != Verdict.Captured))
            {
                protocol.End(i, CheckOutcome.Failed, place < 0 ? "it was not there any more when it was to be saved" : $"it could not be saved before it went: {saved.Verdicts[place].Reason}");
            }
        }
        publication.Publish();
        protocol.SafetyBackup = publication.FinalPath;
    }

    /// <summary>A key that opens nothing is removed.</summary>
    public void Finish(IEnumerable<SyncProtocol> protocols)
    {
        if (protocols.All(p => p.SafetyBackup is null))
        {
            File.Delete(_request.KeyPath!);
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _key.Dispose();

    private static string FolderIn(string stateFolder) => Path.Combine(stateFolder, "safety");
}
