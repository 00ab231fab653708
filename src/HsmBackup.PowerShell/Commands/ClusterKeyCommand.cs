using System.Security;
using HsmBackup.Engine;
using HsmBackup.Engine.Clusters;
using HsmBackup.Engine.Protection.Shares;
using HsmBackup.PowerShell.Binding;
using TokenPin = HsmBackup.Engine.Protection.Pin;

namespace HsmBackup.PowerShell.Commands;

/// <summary>A cmdlet that works on the cluster key of a defined cluster, with its nodes and its custodians.</summary>
public abstract class ClusterKeyCommand : HsmCommand
{
    private protected const string ClusterHelp = "Name or path of a cluster definition, or the definition itself.";
    private protected const string PinHelp = "User PIN of the nodes, where it is one for all; otherwise the definition says where each comes from.";
    private protected const string ShareHelp = "Custodians' shares, each as a SecureString; asked for one by one where they are left out.";
    private protected const string SharePathHelp = "Files that hold a custodian's share each.";

    private readonly List<TokenPin> _pins = [];

    /// <summary>Opens the nodes' PINs, each once.</summary>
    private protected IReadOnlyList<NodeAccess> OpenNodes(IEnumerable<ClusterNode> nodes, SecureString? pin) =>
        [.. nodes.Select(n => new NodeAccess(n.Name, n.Address, OpenPin(n, pin)))];

    /// <summary>What is known of the cluster's key.</summary>
    /// <exception cref="HsmBackupException">ClusterKeyMissing.</exception>
    private protected static ClusterKeyInfo RequireKey(ClusterDefinition cluster) => cluster.ClusterKey
        ?? throw new HsmBackupException(ErrorCode.ClusterKeyMissing, $"The cluster '{cluster.Name}' has no cluster key yet.",
            "Make one by ceremony: New-HsmClusterKey.")
        { Target = cluster.Name };

    /// <summary>Takes shares that were given, or asks the custodians one by one, until there are enough.</summary>
    /// <exception cref="HsmBackupException">ShareTextInvalid, ShareRefused, SharesMissing.</exception>
    private protected ShareCombiner CollectShares(ClusterKeyInfo key, IReadOnlyList<SecureString> shares, IReadOnlyList<string> paths)
    {
        var combiner = new ShareCombiner(key.ShareSetId, [.. key.RetiredShareSets]);
        try
        {
            foreach (Share share in shares.Select(Share.FromSecureString).Concat(paths.Select(p => ShareFile.Read(Paths.Literal(p)))))
            {
                using (share)
                {
                    ShareAnswer answer = combiner.Add(share);
                    WriteVerbose(answer.Message);
                    // More of them than are needed do no harm.
                    if (answer.Kind != ShareAnswerKind.AlreadyComplete)
                    {
                        answer.ThrowIfRefused();
                    }
                }
            }
            if (!combiner.IsComplete && shares.Count + paths.Count == 0 && Attendance.IsAttended(Host) && !SharePrompt.Ask(Host, combiner, StopToken))
            {
                throw Errors.InvalidArgument("The custodians gave up before there were enough shares.", "Run the command again when they are there.");
            }
            if (!combiner.IsComplete)
            {
                throw new HsmBackupException(ErrorCode.SharesMissing,
                    $"The cluster key needs {key.Threshold} shares, and {combiner.Count} were given.",
                    "Give as many shares as the definition says with -Share or -SharePath, or run the command where somebody can type them.");
            }
            return combiner;
        }
        catch
        {
            combiner.Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            _pins.ForEach(p => p.Dispose());
            _pins.Clear();
        }
        base.Dispose(disposing);
    }

    private TokenPin? OpenPin(ClusterNode node, SecureString? pin)
    {
        string subject = $"node '{node.Name}'";
        TokenPin? opened = pin is not null ? TokenPin.FromSecureString(pin)
            : node.Pin is { } source ? source.Open(Asker, subject)
            : SecretPrompt.Ask(Host, $"PIN of {subject}") is { } typed ? TokenPin.FromSecureString(typed)
            : null;
        if (opened is not null)
        {
            _pins.Add(opened);
        }
        return opened;
    }

    private PinAsker Asker => new()
    {
        Vault = SecretVault.Get,
        Person = Attendance.IsAttended(Host) ? question => SecretPrompt.Ask(Host, question) : null,
    };
}
