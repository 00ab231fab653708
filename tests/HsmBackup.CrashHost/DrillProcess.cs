using HsmBackup.Engine;
using HsmBackup.Engine.Clusters;
using HsmBackup.Engine.Clusters.Definitions;
using HsmBackup.Engine.Clusters.Keys;
using HsmBackup.Engine.Drills;
using HsmBackup.Engine.Protection;
using HsmBackup.Engine.Protection.Shares;

/// <summary>One drill in a process of its own. Standard input has the PIN of the drill cluster's tokens, and after it a share a line.</summary>
internal static class DrillProcess
{
    /// <param name="args">Definition, definition of the drill cluster or "-", scenario, key file, state folder, library of software tokens.</param>
    /// <param name="tell">Told of each phase, and of the end.</param>
    public static int Run(string[] args, Action<string> tell)
    {
        using Pin pin = Pin.FromChars(Console.In.ReadLine()!);
        List<Share> shares = [];
        while (Console.In.ReadLine() is { Length: > 0 } line)
        {
            shares.Add(Share.Parse(line));
        }
        tell("ready");
        try
        {
            DrillReport report = DrillOperation.Run(new DrillRequest
            {
                Cluster = ClusterDefinition.Load(args[0]),
                DrillCluster = args[1] == "-" ? null : ClusterDefinition.Load(args[1]),
                Scenario = Enum.Parse<DrillScenario>(args[2]),
                OpenStore = store => BackupStores.Open(store, PinAsker.Nobody),
                OpenKey = _ => KeyFile.Read(args[3]),
                OpenShares = key => Combine(key, shares),
                OpenDrillPin = _ => pin.Clone(),
                StateFolder = args[4],
                SoftwareLibrary = args[5],
            }, new Phases(tell), CancellationToken.None);
            tell(report.Result == DrillResult.Passed ? "done" : $"failed {report.Result} {report.Problem}");
            return report.Result == DrillResult.Passed ? 0 : 1;
        }
        catch (HsmBackupException e)
        {
            tell($"failed {e.Code} {e.Message}");
            return 1;
        }
    }

    private static ShareCombiner Combine(ClusterKeyInfo key, List<Share> shares)
    {
        var combiner = new ShareCombiner(key.ShareSetId);
        foreach (Share share in shares.Take(key.Threshold))
        {
            combiner.Add(share).ThrowIfRefused();
        }
        return combiner;
    }
}
