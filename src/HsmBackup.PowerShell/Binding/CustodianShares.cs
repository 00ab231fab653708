using System.Management.Automation.Host;
using System.Security;
using HsmBackup.Engine;
using HsmBackup.Engine.Clusters.Keys;
using HsmBackup.Engine.Protection.Shares;

namespace HsmBackup.PowerShell.Binding;

/// <summary>Where a cmdlet takes custodians' shares from: its parameters, or else the custodians at the keyboard.</summary>
/// <param name="Host">The host.</param>
/// <param name="Paths">Paths of the session.</param>
/// <param name="Tell">Told what each share is.</param>
/// <param name="Stop">Ends the questions.</param>
internal sealed record CustodianShares(PSHost Host, SessionPaths Paths, Action<string> Tell, CancellationToken Stop)
{
    /// <summary>
    /// True where the definition is as old as a backup: the key may have been split anew since, so shares of any one set are taken, and the
    /// check value of the key decides.
    /// </summary>
    public bool TakesAnySet { get; init; }

    /// <summary>Takes shares that were given, or asks the custodians one by one, until there are enough.</summary>
    /// <exception cref="HsmBackupException">ShareTextInvalid, ShareRefused, SharesMissing.</exception>
    public ShareCombiner Collect(ClusterKeyInfo key, IReadOnlyList<SecureString> shares, IReadOnlyList<string> paths)
    {
        ShareCombiner combiner = TakesAnySet ? new ShareCombiner() : new ShareCombiner(key.ShareSetId, [.. key.RetiredShareSets]);
        try
        {
            foreach (Share share in shares.Select(Share.FromSecureString).Concat(paths.Select(p => ShareFile.Read(Paths.Literal(p)))))
            {
                using (share)
                {
                    ShareAnswer answer = combiner.Add(share);
                    Tell(answer.Message);
                    // More of them than are needed do no harm.
                    if (answer.Kind != ShareAnswerKind.AlreadyComplete)
                    {
                        answer.ThrowIfRefused();
                    }
                }
            }
            if (!combiner.IsComplete && shares.Count + paths.Count == 0 && Attendance.IsAttended(Host) && !SharePrompt.Ask(Host, combiner, Stop))
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
}
