using HsmBackup.Engine.Clusters;
using HsmBackup.Engine.Protection.Shares;

namespace HsmBackup.Engine.Drills;

/// <summary>A drill while it runs: what its scenario works with, and what comes out.</summary>
/// <param name="request">What was asked for.</param>
/// <param name="ground">The targets.</param>
/// <param name="steps">The steps.</param>
/// <param name="work">A folder of its own, which goes when the drill ends.</param>
/// <param name="seed">The seed of random choices.</param>
/// <param name="stop">Ends it.</param>
internal sealed class DrillRun(DrillRequest request, DrillGround ground, DrillSteps steps, string work, long seed, CancellationToken stop)
    : IDisposable
{
    /// <summary>What was asked for.</summary>
    public DrillRequest Request { get; } = request;

    /// <summary>The targets.</summary>
    public DrillGround Ground { get; } = ground;

    /// <summary>The steps.</summary>
    public DrillSteps Steps { get; } = steps;

    /// <summary>A folder of its own: copies of backups, journals and locks of restores.</summary>
    public string Work { get; } = work;

    /// <summary>The seed of random choices.</summary>
    public long Seed { get; } = seed;

    /// <summary>Ends it.</summary>
    public CancellationToken Stop { get; } = stop;

    /// <summary>The keys that it is about.</summary>
    public ExpectedKeys Keys { get; } = new(request.Cluster.Acknowledged);

    /// <summary>The backups that were chosen.</summary>
    public List<DrillBackup> Backups { get; } = [];

    /// <summary>What was otherwise than planned.</summary>
    public List<string> Deviations { get; } = [.. ground.Deviations];

    /// <summary>Custodians' shares; null before they are collected, and where there is no cluster key.</summary>
    public ShareCombiner? Shares { get; set; }

    /// <summary>Targets that are open between proof and use.</summary>
    public List<OpenTarget> Open { get; } = [];

    /// <summary>Whether what comes back is as old as the backup.</summary>
    public bool RecoversFromBackup { get; set; }

    /// <summary>Whether a random choice was made.</summary>
    public bool UsedSeed { get; set; }

    /// <summary>The cluster as it is in the drill: its own name, id and cluster key, with the targets for nodes, and in no file.</summary>
    public ClusterDefinition Cluster => Request.Cluster with
    {
        DefinitionPath = null,
        Nodes = [.. Ground.Targets.Select(t => t.Node)],
    };

    /// <summary>Lets go of the targets. To log out is a native call too, and may block as any other.</summary>
    public void CloseTargets(IProgress<OperationProgress> told)
    {
        Open.FindAll(o => o.Target.IsAbandoned).ForEach(o => o.Forget());
        List<OpenTarget> open = Open.FindAll(o => !o.Target.IsAbandoned);
        Open.Clear();
        if (open.Count > 0)
        {
            TargetThreads.Run([.. open.Select(o => o.Target)], told, (target, _, _) =>
            {
                open.Find(o => o.Target == target)!.Dispose();
                return true;
            }, CancellationToken.None);
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Backups.ForEach(b => b.Dispose());
        Shares?.Dispose();
    }
}
