namespace HsmBackup.Engine.Drills;

/// <summary>One drill of a cluster at a time, and one on a drill cluster: its lock is held as long as the drill runs.</summary>
internal sealed class DrillTurn : IDisposable
{
    private readonly List<IDisposable> _locks = [];

    private DrillTurn()
    {
    }

    /// <summary>Takes it.</summary>
    /// <exception cref="HsmBackupException">Busy.</exception>
    public static DrillTurn Take(DrillRequest request)
    {
        var turn = new DrillTurn();
        try
        {
            turn.Take(request, request.Cluster.Id, $"a drill of cluster '{request.Cluster.Name}'");
            if (request.DrillCluster is { } ground)
            {
                turn.Take(request, ground.Id, $"a drill on cluster '{ground.Name}'");
            }
            return turn;
        }
        catch
        {
            turn.Dispose();
            throw;
        }
    }

    /// <summary>The folder of a cluster's drills.</summary>
    public static string FolderOf(DrillRequest request, string clusterId) =>
        Path.Combine(StateFolder.Locate(request.StateFolder), "drills", clusterId);

    /// <inheritdoc/>
    public void Dispose() => _locks.ForEach(l => l.Dispose());

    private void Take(DrillRequest request, string clusterId, string what)
    {
        string folder = FolderOf(request, clusterId);
        StateFolder.Create(folder);
        _locks.Add(StateFolder.Lock(Path.Combine(folder, "lock"), what));
    }
}
