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

/// <summary>Test-HsmClusterKeyShare: whether the words of a share are right, and whether it is one of those that count.</summary>
[Cmdlet(VerbsDiagnostic.Test, "HsmClusterKeyShare", DefaultParameterSetName = ShareSet)]
[OutputType(typeof(TestedShare), typeof(bool))]
public sealed class TestHsmClusterKeyShareCommand : ClusterKeyCommand
{
    private const string ShareSet = "Share";
    private const string PathSet = "SharePath";

    /// <summary>The shares.</summary>
    [Parameter(Position = 0, ParameterSetName = ShareSet, ValueFromPipeline = true, HelpMessage = "A custodian's share as a SecureString; asked for where it is left out.")]
    [ValidateNotNullOrEmpty]
    [Secrets]
    public SecureString[] Share { get; set; } = [];

    /// <summary>Files of shares.</summary>
    [Parameter(Mandatory = true, ParameterSetName = PathSet, HelpMessage = SharePathHelp)]
    [ValidateNotNullOrEmpty]
    public string[] SharePath { get; set; } = [];

    /// <summary>The cluster.</summary>
    [Parameter(HelpMessage = "Name or path of the definition of the cluster whose shares are meant.")]
    [Cluster]
    [ArgumentCompleter(typeof(ClusterNameCompleter))]
    public ClusterReference? Cluster { get; set; }

    /// <summary>Output is true or false.</summary>
    [Parameter(HelpMessage = "Give only true or false for each share, and no error for a wrong one.")]
    public SwitchParameter Quiet { get; set; }

    private protected override void ProcessInput()
    {
        ClusterDefinition? cluster = Cluster?.Find(Paths);
        ClusterKeyInfo? key = cluster is null ? null : RequireKey(cluster);
        if (Share.Length + SharePath.Length == 0)
        {
            TestTyped(cluster, key);
        }
        foreach (SecureString text in Share)
        {
            Test(cluster, key, () => Engine.Protection.Shares.Share.FromSecureString(text));
        }
        foreach (string path in SharePath)
        {
            Test(cluster, key, () => ShareFile.Read(Paths.Literal(path)));
        }
    }

    private void TestTyped(ClusterDefinition? cluster, ClusterKeyInfo? key)
    {
        if (!Attendance.IsAttended(Host))
        {
            throw Errors.InvalidArgument("No share was given, and nobody attends the session who could type one.", "Give -Share or -SharePath.");
        }
        if (SharePrompt.AskOne(Host, "Share", StopToken) is { } typed)
        {
            Test(cluster, key, () => typed);
        }
    }

    // It reveals no secret, and yet a custodian's share is on this machine for a while.
    private void Test(ClusterDefinition? cluster, ClusterKeyInfo? key, Func<Share> open) =>
        Audited("a custodian's share", cluster, record => Test(key, open, record));

    private void Test(ClusterKeyInfo? key, Func<Share> open, AuditedAction record)
    {
        try
        {
            using Share share = open();
            using var combiner = key is null ? new ShareCombiner() : new ShareCombiner(key.ShareSetId, [.. key.RetiredShareSets]);
            ShareAnswer answer = combiner.Add(share);
            var tested = new TestedShare(share, key, answer);
            record.Note("shareSet", tested.SetId.ToString(CultureInfo.InvariantCulture));
            record.Note("share", tested.Number.ToString(CultureInfo.InvariantCulture));
            Tell(record, tested, tested.Valid ? null : new HsmBackupException(ErrorCode.ShareRefused, tested.Message,
                "Find the share of the set that is valid now; an old one may be destroyed."));
        }
        catch (HsmBackupException error) when (error.Code == ErrorCode.ShareTextInvalid)
        {
            Tell(record, null, error);
        }
    }

    private void Tell(AuditedAction record, TestedShare? tested, HsmBackupException? error)
    {
        if (error is not null)
        {
            record.Fail(error.Code.ToString());
        }
        if (Quiet)
        {
            WriteObject(error is null);
            return;
        }
        if (tested is not null)
        {
            WriteObject(tested);
        }
        if (error is not null)
        {
            WriteError(Errors.From(error));
        }
    }
}
