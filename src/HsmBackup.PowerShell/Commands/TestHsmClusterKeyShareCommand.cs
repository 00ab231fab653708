using System.Management.Automation;
using System.Security;
using HsmBackup.Engine;
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
        ClusterKeyInfo? key = Cluster is null ? null : RequireKey(Cluster.Find(Paths));
        if (Share.Length + SharePath.Length == 0)
        {
            TestTyped(key);
        }
        foreach (SecureString text in Share)
        {
            Test(key, () => Engine.Protection.Shares.Share.FromSecureString(text));
        }
        foreach (string path in SharePath)
        {
            Test(key, () => ShareFile.Read(Paths.Literal(path)));
        }
    }

    private void TestTyped(ClusterKeyInfo? key)
    {
        if (!Attendance.IsAttended(Host))
        {
            throw Errors.InvalidArgument("No share was given, and nobody attends the session who could type one.", "Give -Share or -SharePath.");
        }
        if (SharePrompt.AskOne(Host, "Share", StopToken) is { } typed)
        {
            Test(key, () => typed);
        }
    }

    private void Test(ClusterKeyInfo? key, Func<Share> open)
    {
        try
        {
            using Share share = open();
            using var combiner = key is null ? new ShareCombiner() : new ShareCombiner(key.ShareSetId, [.. key.RetiredShareSets]);
            ShareAnswer answer = combiner.Add(share);
            var tested = new TestedShare(share, key, answer);
            Tell(tested, tested.Valid ? null : new HsmBackupException(ErrorCode.ShareRefused, tested.Message,
                "Find the share of the set that is valid now; an old one may be destroyed."));
        }
        catch (HsmBackupException error) when (error.Code == ErrorCode.ShareTextInvalid)
        {
            Tell(null, error);
        }
    }

    private void Tell(TestedShare? tested, HsmBackupException? error)
    {
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
