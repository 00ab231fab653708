using System.Globalization;
using System.Management.Automation;
using System.Security.Cryptography.X509Certificates;
using HsmBackup.Engine;
using HsmBackup.Engine.Auditing;
using HsmBackup.Engine.Backup;
using HsmBackup.Engine.Catalogue;
using HsmBackup.Engine.Format;
using HsmBackup.Engine.Protection;
using HsmBackup.PowerShell.Binding;
using HsmBackup.PowerShell.Output;
using TokenPin = HsmBackup.Engine.Protection.Pin;

namespace HsmBackup.PowerShell.Commands;

/// <summary>New-HsmBackup: backs up a whole token, alone or as a node of a cluster, into one file.</summary>
[Cmdlet(VerbsCommon.New, "HsmBackup", SupportsShouldProcess = true, ConfirmImpact = ConfirmImpact.Medium)]
[OutputType(typeof(CreatedBackup))]
public sealed class NewHsmBackupCommand : TokenCommand
{
    /// <summary>The folder that the backup goes to.</summary>
    [Parameter(Position = 0, HelpMessage = "Folder for the backup, made where it does not exist; by default the stores of the cluster.")]
    [ValidateNotNullOrEmpty]
    public string? Destination { get; set; }

    /// <summary>Names of the stores that the backup goes to.</summary>
    [Parameter(HelpMessage = "Names of the cluster's stores that the backup goes to; wildcards are permitted. All of them by default.")]
    [ValidateNotNullOrEmpty]
    [SupportsWildcards]
    [ArgumentCompleter(typeof(StoreNameCompleter))]
    public string[]? Store { get; set; }

    /// <summary>How many copies there must be.</summary>
    [Parameter(HelpMessage = "How many stores must get their copy at least; with fewer the command fails, and the copies made stand.")]
    [ValidateRange(1, 100)]
    public int MinimumCopies { get; set; } = 1;

    /// <summary>The file that the one-time key is written to.</summary>
    [Parameter(HelpMessage = "New file for the one-time key, outside the folder of the backup.")]
    [ValidateNotNullOrEmpty]
    public string? KeyPath { get; set; }

    /// <summary>Certificates that the key file is sealed for.</summary>
    [Parameter(HelpMessage = "Certificates, or paths of certificate files, whose owners alone can open the key file.")]
    [ValidateNotNullOrEmpty]
    [Certificates]
    public X509Certificate2[]? KeyRecipient { get; set; }

    /// <summary>The caller takes the key from the output object.</summary>
    [Parameter(HelpMessage = "The script takes the one-time key from the output object: it is neither shown nor written.")]
    public SwitchParameter KeyInOutputOnly { get; set; }

    /// <summary>A backup that misses objects is accepted.</summary>
    [Parameter(HelpMessage = "Accept a backup that misses objects of the token. It says Partial wherever it appears.")]
    public SwitchParameter AllowPartial { get; set; }

    /// <summary>Where the keys of the backup can be restored.</summary>
    [Parameter(HelpMessage = "OneTimeKey: restores anywhere. ClusterBound, the default with a cluster key: only where that key is.")]
    public BackupMode Mode { get; set; }

    private bool ShowsKey => KeyPath is null && KeyRecipient is null && !KeyInOutputOnly;

    private protected override void ProcessInput()
    {
        CheckKeyDestination();
        TokenTarget target = RequireTarget();
        string? destination = Paths.LiteralOrNull(Destination);
        string? keyPath = Paths.LiteralOrNull(KeyPath);
        using StoreSet? stores = OpenStores(target);
        if (!ShouldProcess(destination ?? string.Join(", ", stores!.All.Select(s => s.Name)), $"Back up {target}"))
        {
            return;
        }
        Audited(target.ToString(), target.Definition, record => BackUp(record, target, destination, stores, keyPath));
    }

    private void BackUp(AuditedAction record, TokenTarget target, string? destination, StoreSet? stores, string? keyPath)
    {
        using TokenPin? pin = OpenPin(target);
        BackupRequest request = new()
        {
            Token = target.Address,
            Pin = pin,
            Cluster = target.Cluster,
            Mode = ModeFor(target),
            Destination = destination,
            Stores = stores?.All ?? [],
            MinimumCopies = MinimumCopies,
            KeyPath = keyPath,
            KeyFreeFolders = target.Definition?.StoreFolders() ?? [],
            KeyRecipients = KeyRecipient ?? [],
            AllowPartial = AllowPartial,
            Audit = Audit,
        };
        BackupResult result = WithProgress((progress, stop) => BackupOperation.Run(request, progress, stop));
        record.About(result.ClusterId, result.ClusterName);
        record.Note("backup", result.Id.ToString());
        record.Note("digest", result.Digest);
        record.Note("path", result.Path);
        record.Note("copies", result.Copies.Count == 0 ? null : string.Join(", ", result.Copies.Select(c => $"{c.Store}: {c.Outcome}")));
        record.Note("state", result.Complete ? "Complete" : "Partial");
        using OneTimeKey? key = result.Key;
        if (key is not null && ShowsKey)
        {
            // Before anything that a stopped pipeline could prevent: the backup exists, and this is its only key.
            KeyDisplay.Show(Host, key, result.Id.ToString());
        }
        else if (KeyInOutputOnly && Stopping)
        {
            // Nobody takes the output any more, and with it goes the only key.
            Discard(result, stores);
            throw new PipelineStoppedException();
        }
        // Before the object, after which nothing else may be done; what went wrong after it, since it may carry the only key, and a warning
        // or an error may be made to stop the command.
        List<ErrorRecord> problems = [.. Remember(result), .. result.Copies.Where(c => !c.IsThere).Select(c => ProblemOf(c, result))];
        if (KeyInOutputOnly)
        {
            TellBeforeKey(result, stores, problems);
            problems = [];
        }
        Deliver(result, key, stores, problems);
        Tell(result, problems);
        result.CheckCopies(MinimumCopies);
    }

    /// <summary>
    /// Says what went wrong before the object goes out that has the only key: an error that ends the statement would take both from a script
    /// that assigns them, and leave a backup that nobody can open.
    /// </summary>
    private void TellBeforeKey(BackupResult result, StoreSet? stores, List<ErrorRecord> problems)
    {
        try
        {
            problems.ForEach(WriteError);
            result.CheckCopies(MinimumCopies);
        }
        catch (Exception error)
        {
            Discard(result, stores);
            if (error is HsmBackupException { Code: ErrorCode.CopiesMissing } missing)
            {
                throw new HsmBackupException(ErrorCode.CopiesMissing, $"{missing.Message} Those that were made are removed again, for want of anybody who has the key.",
                    "See to the stores, then make a backup again; with -KeyPath a backup stays whatever becomes of the others.", missing)
                {
                    Target = missing.Target,
                    Result = missing.Result,
                };
            }
            throw;
        }
    }

    private static IEnumerable<ErrorRecord> Remember(BackupResult result)
    {
        try
        {
            TestRecords.Add(stateFolder: null, result.ToTestRecords());
            return [];
        }
        catch (Exception error) when (Errors.TryFrom(error, result.Id.ToString()) is { } record)
        {
            return [record];
        }
    }

    private static ErrorRecord ProblemOf(CopyResult failed, BackupResult result) => Errors.From(new HsmBackupException(ErrorCode.CopyFailed,
        $"Backup {result.Id} has no copy in store '{failed.Store}': {failed.Error!.Message}",
        $"{failed.Error.RecommendedAction} Then bring the copy there: Copy-HsmBackup -Cluster {result.ClusterName} -BackupId {result.Id}.", failed.Error)
    { Target = failed.Location }, failed.Store);

    private void Deliver(BackupResult result, OneTimeKey? key, StoreSet? stores, List<ErrorRecord> problems)
    {
        try
        {
            WriteObject(new CreatedBackup(result, key?.ToSecureString()));
        }
        catch (Exception error)
        {
            if (KeyInOutputOnly && error is not (PipelineStoppedException or FlowControlException))
            {
                // A script that throws has not kept the key, and nobody else has it.
                TryTell(() => Discard(result, stores));
                TryTell(() => WriteWarning($"Backup {result.Id} was removed again: what was to take its only key failed."));
                throw;
            }
            // The pipeline was ended, by Select-Object -First 1 that has what it wants, or by a cmdlet that failed: which, is not known here.
            // A backup whose key may be in safety is not removed, and what there is to tell is told all the same.
            if (KeyInOutputOnly)
            {
                TryTell(() => WriteWarning($"The pipeline ended while it took backup {result.Id} with its only key. If the key was not kept, nobody can open the backup."));
            }
            TryTell(() => Tell(result, problems));
            TryTell(() => TryItem(result.Id.ToString(), () => result.CheckCopies(MinimumCopies)));
            throw;
        }
    }

    private StoreSet? OpenStores(TokenTarget target)
    {
        if (Destination is not null)
        {
            return Store is null && !MyInvocation.BoundParameters.ContainsKey(nameof(MinimumCopies)) ? null : throw Errors.InvalidArgument(
                "-Destination names a folder; -Store and -MinimumCopies are for the stores of a cluster.", "Leave -Destination out, or the others.", Destination);
        }
        return target.Definition is { } cluster ? StoreSet.Of(cluster, Store, Pins.Asker) : throw Errors.InvalidArgument(
            "It is not said where the backup goes.", "Name a folder with -Destination; of a cluster (-Cluster) the definition names its stores.", target.ToString());
    }

    private void Discard(BackupResult result, StoreSet? stores)
    {
        if (stores is null)
        {
            TryItem(result.Path, () => File.Delete(result.Path));
            return;
        }
        foreach (CopyResult copy in result.Copies.Where(c => !c.IsMissing))
        {
            TryItem(copy.Location, () => stores.All.First(s => s.Name == copy.Store).Remove(result.Id.FileName, CancellationToken.None));
        }
    }

    /// <summary>A cluster with a key of its own binds its backups to it, unless it is told not to.</summary>
    private BackupMode ModeFor(TokenTarget target) => MyInvocation.BoundParameters.ContainsKey(nameof(Mode)) ? Mode
        : target.Definition?.ClusterKey is null ? BackupMode.OneTimeKey
        : BackupMode.ClusterBound;

    /// <summary>Refuses, before anything is done, a backup whose key nobody would get to see.</summary>
    private void CheckKeyDestination()
    {
        if (KeyInOutputOnly && (KeyPath is not null || KeyRecipient is not null))
        {
            throw Errors.InvalidArgument("-KeyInOutputOnly excludes -KeyPath and -KeyRecipient.",
                "Say one way only in which the one-time key is handed over.");
        }
        if (KeyRecipient is not null && KeyPath is null)
        {
            throw new HsmBackupException(ErrorCode.KeyDestinationRequired,
                "-KeyRecipient says for whom the key file is sealed, but not where it goes.",
                "Name a new file with -KeyPath.");
        }
        if (ShowsKey && !Attendance.IsAttended(Host))
        {
            throw new HsmBackupException(ErrorCode.KeyDestinationRequired,
                "Nobody attends this session, so the one-time key would be shown to nobody and the backup could never be opened.",
                "Give -KeyPath to write the key to a file, with -KeyRecipient to seal that file for a certificate, or "
                + "-KeyInOutputOnly where the script takes the key from the output object.");
        }
    }

    private void Tell(BackupResult result, List<ErrorRecord> problems)
    {
        WriteVerbose(result.Capabilities.ToString());
        WriteVerbose(string.Create(CultureInfo.InvariantCulture,
            $"Backed up {result.Captured} of {result.Objects} objects in {result.Elapsed.TotalSeconds:F2} s."));
        if (!result.Complete)
        {
            int missing = result.Objects - result.Captured;
            string acknowledged = result.Acknowledged.Count == 0 ? "" : string.Create(CultureInfo.InvariantCulture,
                $" {result.Acknowledged.Count} of them {(result.Acknowledged.Count == 1 ? "is" : "are")} acknowledged by the definition of the cluster.");
            WriteWarning($"Backup {result.Id} is Partial: {missing} of {result.Objects} objects of token '{result.TokenLabel}' "
                + $"are not in it ({result.Verdicts}).{acknowledged}");
        }
        problems.ForEach(WriteError);
    }
}
