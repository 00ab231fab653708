using System.Globalization;
using System.Management.Automation;
using System.Security;
using HsmBackup.Engine;
using HsmBackup.Engine.Auditing;
using HsmBackup.Engine.Clusters;
using HsmBackup.Engine.Clusters.Keys;
using HsmBackup.Engine.Protection.Shares;
using HsmBackup.PowerShell.Binding;
using HsmBackup.PowerShell.Output;

namespace HsmBackup.PowerShell.Commands;

/// <summary>New-HsmClusterKey: the ceremony of a cluster key, or new shares of the one there is.</summary>
[Cmdlet(VerbsCommon.New, "HsmClusterKey", SupportsShouldProcess = true, ConfirmImpact = ConfirmImpact.Medium, DefaultParameterSetName = CeremonySet)]
[OutputType(typeof(CreatedClusterKey))]
public sealed class NewHsmClusterKeyCommand : ClusterKeyCommand
{
    private const string CeremonySet = "Ceremony";
    private const string ResplitSet = "Resplit";

    /// <summary>The cluster.</summary>
    [Parameter(Mandatory = true, Position = 0, ValueFromPipeline = true, HelpMessage = ClusterHelp)]
    [Cluster]
    [ArgumentCompleter(typeof(ClusterNameCompleter))]
    public ClusterReference? Cluster { get; set; }

    /// <summary>How many shares give the key back.</summary>
    [Parameter(Mandatory = true, HelpMessage = "How many custodians it takes to bring the key back.")]
    [ValidateRange(1, 16)]
    public int Threshold { get; set; }

    /// <summary>How many shares there are.</summary>
    [Parameter(HelpMessage = "How many custodians get a share; by default as many as -Custodian names.")]
    [ValidateRange(1, 16)]
    public int ShareCount { get; set; }

    /// <summary>The custodians' names.</summary>
    [Parameter(HelpMessage = "Names of the custodians, in the order of their shares.")]
    [ValidateNotNullOrEmpty]
    public string[] Custodian { get; set; } = [];

    /// <summary>A folder that the shares are written to.</summary>
    [Parameter(HelpMessage = "Folder for a file with each share, where nobody attends. Take each to its custodian, and delete it.")]
    [ValidateNotNullOrEmpty]
    public string? ShareFolder { get; set; }

    /// <summary>The caller takes the shares from the output object.</summary>
    [Parameter(HelpMessage = "The script takes the shares from the output object: they are neither shown nor written.")]
    public SwitchParameter SharesInOutputOnly { get; set; }

    /// <summary>No identity key is made.</summary>
    [Parameter(ParameterSetName = CeremonySet, HelpMessage = "Make no identity key: backups are then not signed.")]
    public SwitchParameter NoIdentity { get; set; }

    /// <summary>Cluster keys that the nodes hold are replaced.</summary>
    [Parameter(ParameterSetName = CeremonySet,
        HelpMessage = "Replace the cluster key that there is. Backups that are bound to it then need its shares.")]
    public SwitchParameter Force { get; set; }

    /// <summary>PIN of the nodes.</summary>
    [Parameter(ParameterSetName = CeremonySet, HelpMessage = PinHelp)]
    [Secret]
    public SecureString? Pin { get; set; }

    /// <summary>New shares of the cluster key that there is.</summary>
    [Parameter(Mandatory = true, ParameterSetName = ResplitSet, HelpMessage = "Make new shares of the cluster key that there is, from enough of the old ones.")]
    public SwitchParameter Resplit { get; set; }

    /// <summary>Old shares.</summary>
    [Parameter(ParameterSetName = ResplitSet, HelpMessage = ShareHelp)]
    [ValidateNotNullOrEmpty]
    [Secrets]
    public SecureString[] Share { get; set; } = [];

    /// <summary>Files of old shares.</summary>
    [Parameter(ParameterSetName = ResplitSet, HelpMessage = SharePathHelp)]
    [ValidateNotNullOrEmpty]
    public string[] SharePath { get; set; } = [];

    private int Count => ShareCount > 0 ? ShareCount : Custodian.Length;

    private protected override void ProcessInput()
    {
        CheckShares();
        ClusterDefinition cluster = Cluster!.Find(Paths);
        CheckReplacement(cluster);
        IReadOnlyList<string> files = ShareFolder is null ? [] : ShareFile.PathsIn(Paths.Literal(ShareFolder), cluster.Name, Count);
        string action = Resplit ? $"Replace its shares by {Count}, of which {Threshold} give the key"
            : $"Make a cluster key in {cluster.Nodes.Count} nodes, with {Count} shares of which {Threshold} give it back";
        if (!ShouldProcess($"cluster '{cluster.Name}'", action))
        {
            return;
        }
        Audited($"cluster '{cluster.Name}'", cluster, record => MakeKeyOrShares(cluster, files, record));
    }

    private void MakeKeyOrShares(ClusterDefinition cluster, IReadOnlyList<string> files, AuditedAction record)
    {
        record.Note("work", ParameterSetName);
        if (ShareFolder is not null)
        {
            Directory.CreateDirectory(Paths.Literal(ShareFolder));
            ShareFile.CheckDestinations(files);
        }
        if (Resplit)
        {
            Note(MakeShares(cluster, files), record);
        }
        else
        {
            Note(HoldCeremony(cluster, files), record);
        }
    }

    // What the key and its shares are known by; never the shares.
    private static void Note(ClusterDefinition cluster, AuditedAction record)
    {
        record.Note("clusterKey", cluster.ClusterKey?.Check);
        record.Note("shareSet", cluster.ClusterKey?.ShareSetId.ToString(CultureInfo.InvariantCulture));
    }

    private ClusterDefinition HoldCeremony(ClusterDefinition cluster, IReadOnlyList<string> files)
    {
        SecureString[] handed = [];
        CeremonyRequest request = new()
        {
            ClusterName = cluster.Name,
            Nodes = OpenNodes(cluster.Nodes, Pin),
            Threshold = Threshold,
            ShareCount = Count,
            UsedSets = cluster.ClusterKey is { } old ? [old.ShareSetId, .. old.RetiredShareSets] : [],
            ReplaceExisting = Force,
            MakeIdentity = !NoIdentity && cluster.IdentityCertificate is null,
        };
        ClusterDefinition written = cluster;
        CeremonyResult result;
        try
        {
            result = WithProgress((progress, stop) => ClusterKeyCeremony.Run(request, shares =>
            {
                // A progress bar would be drawn again over every word that is shown.
                ((PipelineProgress)progress).Complete();
                handed = HandOver(cluster, shares, files);
            }, made => written = Save(cluster, made, request.UsedSets), progress, stop));
        }
        catch
        {
            // The shares of a ceremony that failed are worth nothing, and must not be taken for others.
            ShareFile.Remove(files.Where(File.Exists));
            throw;
        }
        WriteObject(new CreatedClusterKey(written, result.Nodes, handed, files));
        foreach (NodeOutcome node in result.Nodes.Where(n => n.Detail is not null))
        {
            WriteWarning($"Node {node.Node}: {node.Detail}.");
        }
        WriteVerbose(string.Create(CultureInfo.InvariantCulture,
            $"The key was made from the random numbers of the system and of {result.RandomSources} tokens."));
        return written;
    }

    private ClusterDefinition MakeShares(ClusterDefinition cluster, IReadOnlyList<string> files)
    {
        ClusterKeyInfo key = RequireKey(cluster);
        using ShareCombiner custodians = CollectShares(key, Share, SharePath);
        SecureString[] handed = [];
        ClusterDefinition written = cluster;
        try
        {
            ClusterKeyRecovery.Resplit(custodians, key, Threshold, Count, shares => handed = HandOver(cluster, shares, files),
                renewed => written = (cluster with { ClusterKey = renewed }).Save(cluster.DefinitionPath!, overwrite: false));
        }
        catch
        {
            ShareFile.Remove(files.Where(File.Exists));
            throw;
        }
        WriteObject(new CreatedClusterKey(written, [], handed, files));
        return written;
    }

    /// <summary>Refuses, before anything is done, a ceremony whose shares nobody would get to see.</summary>
    private void CheckShares()
    {
        if (SharesInOutputOnly && ShareFolder is not null)
        {
            throw Errors.InvalidArgument("-SharesInOutputOnly excludes -ShareFolder.", "Say one way only in which the shares are handed over.");
        }
        if (Count == 0)
        {
            throw Errors.InvalidArgument("It is not said how many shares there are.", "Give -ShareCount, or the custodians' names with -Custodian.");
        }
        if (Custodian.Length > 0 && Custodian.Length != Count)
        {
            throw Errors.InvalidArgument($"-Custodian names {Custodian.Length} people for {Count} shares.", "Name one custodian for each share.");
        }
        if (!SharesInOutputOnly && ShareFolder is null && !Attendance.IsAttended(Host))
        {
            throw new HsmBackupException(ErrorCode.ShareDestinationRequired,
                "Nobody attends this session, so the shares would be shown to nobody, and the cluster key could never be brought into another token.",
                "Hold the ceremony at a console with the custodians. Where a script takes the shares, give -SharesInOutputOnly, or -ShareFolder.");
        }
    }

    private void CheckReplacement(ClusterDefinition cluster)
    {
        if (cluster.DefinitionPath is null)
        {
            throw Errors.InvalidArgument($"The definition of cluster '{cluster.Name}' is in no file that could tell of the key.", "Save it first.");
        }
        if (!Resplit && !Force && cluster.ClusterKey is { } key)
        {
            throw new HsmBackupException(ErrorCode.ClusterKeyExists, $"The cluster '{cluster.Name}' has a cluster key already: {key.Check}.",
                "To give it other shares, use -Resplit. To replace it, use -Force; backups that are bound to it then need its shares.")
            { Target = cluster.Name };
        }
    }

    private SecureString[] HandOver(ClusterDefinition cluster, ShareSet shares, IReadOnlyList<string> files)
    {
        if (SharesInOutputOnly)
        {
            return [.. shares.Shares.Select(s => s.ToSecureString())];
        }
        if (ShareFolder is not null)
        {
            ShareFile.Write(files, cluster.Name, shares, Custodian);
        }
        else
        {
            ShareDisplay.Show(Host, cluster.Name, shares, Custodian, StopToken);
        }
        return [];
    }

    private static ClusterDefinition Save(ClusterDefinition cluster, CeremonyResult made, IReadOnlyCollection<int> retired) => (cluster with
    {
        ClusterKey = new ClusterKeyInfo
        {
            Check = made.Key.Check,
            WrapChecks = made.Key.WrapChecks,
            ShareSetId = made.ShareSetId,
            Threshold = made.Threshold,
            Shares = made.ShareCount,
            Created = made.Created,
            RetiredShareSets = [.. retired],
        },
        IdentityCertificate = made.IdentityCertificate is { } certificate ? Convert.ToBase64String(certificate.Span) : cluster.IdentityCertificate,
    }).Save(cluster.DefinitionPath!, overwrite: false);
}
