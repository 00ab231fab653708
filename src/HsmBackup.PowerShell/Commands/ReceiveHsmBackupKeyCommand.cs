using System.Collections;
using System.Management.Automation;
using System.Security;
using System.Security.Cryptography.X509Certificates;
using HsmBackup.Engine;
using HsmBackup.Engine.Clusters;
using HsmBackup.Engine.Handover;
using HsmBackup.Engine.Pkcs11;
using HsmBackup.Engine.Protection;
using HsmBackup.Engine.Tokens;
using HsmBackup.PowerShell.Binding;
using HsmBackup.PowerShell.Output;
using TokenPin = HsmBackup.Engine.Protection.Pin;

namespace HsmBackup.PowerShell.Commands;

/// <summary>Receive-HsmBackupKey: hands the one-time key of a scheduled backup over, once, to whom it was sealed for.</summary>
[Cmdlet(VerbsCommunications.Receive, "HsmBackupKey", SupportsShouldProcess = true, ConfirmImpact = ConfirmImpact.Medium, DefaultParameterSetName = StoreSet)]
[OutputType(typeof(ReceivedKey))]
public sealed class ReceiveHsmBackupKeyCommand : ScheduleCommand
{
    private const string StoreSet = "CertificateStore";
    private const string FileSet = "File";
    private const string TokenSet = "Token";

    /// <summary>The cluster.</summary>
    [Parameter(Mandatory = true, Position = 0, ValueFromPipelineByPropertyName = true, HelpMessage = "Name or path of the cluster's definition, or the definition itself.")]
    [Cluster]
    [ArgumentCompleter(typeof(ClusterNameCompleter))]
    public ClusterReference? Cluster { get; set; }

    /// <summary>The backup.</summary>
    [Parameter(Mandatory = true, Position = 1, ValueFromPipelineByPropertyName = true, HelpMessage = "Id of the backup whose key is received.")]
    [ValidateNotNullOrEmpty]
    [ArgumentCompleter(typeof(WaitingKeyCompleter))]
    public string? BackupId { get; set; }

    /// <summary>The file that holds the private key.</summary>
    [Parameter(Mandatory = true, ParameterSetName = FileSet, HelpMessage = "File with your private key: PKCS #12 (.pfx, .p12) or PEM.")]
    [ValidateNotNullOrEmpty]
    public string? PrivateKeyPath { get; set; }

    /// <summary>The password of that file.</summary>
    [Parameter(ParameterSetName = FileSet, HelpMessage = "Password of that file.")]
    [Secret]
    public SecureString? Password { get; set; }

    /// <summary>The PKCS#11 library of the token that holds the private key.</summary>
    [Parameter(Mandatory = true, ParameterSetName = TokenSet, HelpMessage = "Path of the PKCS#11 library of the token with your private key.")]
    [ValidateNotNullOrEmpty]
    [ArgumentCompleter(typeof(LibraryCompleter))]
    public string? Library { get; set; }

    /// <summary>The token.</summary>
    [Parameter(ParameterSetName = TokenSet, HelpMessage = "Label of that token.")]
    [ValidateNotNullOrEmpty]
    [ArgumentCompleter(typeof(TokenLabelCompleter))]
    public string? TokenLabel { get; set; }

    /// <summary>The token.</summary>
    [Parameter(ParameterSetName = TokenSet, HelpMessage = "Serial number of that token, where its label is not unique.")]
    [ValidateNotNullOrEmpty]
    public string? TokenSerial { get; set; }

    /// <summary>Its PIN.</summary>
    [Parameter(ParameterSetName = TokenSet, HelpMessage = "User PIN of that token. It is sent once.")]
    [Secret]
    public SecureString? Pin { get; set; }

    /// <summary>Environment variables for the library.</summary>
    [Parameter(ParameterSetName = TokenSet, HelpMessage = "Environment variables for that library, such as SOFTHSM2_CONF.")]
    public Hashtable? LibraryEnvironment { get; set; }

    /// <summary>Certificates of private keys.</summary>
    [Parameter(ParameterSetName = FileSet, HelpMessage = CertificateHelp)]
    [Parameter(ParameterSetName = TokenSet, HelpMessage = CertificateHelp)]
    [Certificates]
    [ValidateNotNullOrEmpty]
    public X509Certificate2[]? Certificate { get; set; }

    /// <summary>The file that the key is written to.</summary>
    [Parameter(HelpMessage = "New file for the one-time key, instead of showing it.")]
    [ValidateNotNullOrEmpty]
    public string? KeyPath { get; set; }

    /// <summary>The caller takes the key from the output object.</summary>
    [Parameter(HelpMessage = "The script takes the one-time key from the output object: it is neither shown nor written.")]
    public SwitchParameter KeyInOutputOnly { get; set; }

    private const string CertificateHelp = "Your certificate, where the file or token does not hold it; those that the schedule names are known.";

    private protected override void ProcessInput()
    {
        ClusterDefinition cluster = Cluster!.Find(Paths);
        CheckDestination(cluster);
        WaitingKeys waiting = WaitingKeys.Of(cluster, State, SecretVault.ForKeys, TimeProvider.System);
        if (!ShouldProcess($"backup {BackupId}", "Receive the one-time key, and delete what waits"))
        {
            return;
        }
        Audited($"one-time key of backup {BackupId}", cluster, action =>
        {
            action.Note("backup", BackupId);
            using OfficerKeys? keys = OpenKeys(cluster, waiting);
            using KeyReception reception = waiting.Open(BackupId!, keys, KnownBackups.KeyCheckOf(BackupId!, cluster, Pins.Asker, StopToken));
            action.Note("with", reception.Receipt.With);
            HandOver(reception, cluster);
        });
    }

    private void HandOver(KeyReception reception, ClusterDefinition cluster)
    {
        string? keyPath = Paths.LiteralOrNull(KeyPath);
        if (keyPath is not null)
        {
            KeyFile.Write(keyPath, null, reception.Key, BackupId!);
        }
        else if (!KeyInOutputOnly)
        {
            KeyDisplay.Show(Host, reception.Key, BackupId!);
        }
        if (!KeyInOutputOnly)
        {
            // Shown or written: received, whatever becomes of the object.
            reception.Complete();
        }
        try
        {
            WriteObject(new ReceivedKey(reception.Receipt, cluster.Name, keyPath, KeyInOutputOnly ? reception.Key.ToSecureString() : null));
        }
        catch when (KeyInOutputOnly)
        {
            // Whoever takes the output failed or stopped, and whether the key arrived before that is not known. Twice is better than never.
            TryTell(() => WriteWarning($"The key of backup {BackupId} goes on waiting: the pipeline ended while it was handed over."));
            throw;
        }
        if (KeyInOutputOnly)
        {
            reception.Complete();
        }
    }

    private OfficerKeys? OpenKeys(ClusterDefinition cluster, WaitingKeys waiting)
    {
        switch (ParameterSetName)
        {
            case FileSet:
                return OfficerKeys.FromFile(Paths.Literal(PrivateKeyPath!), Password, Certificates(cluster));
            case TokenSet:
                if (TokenLabel is null && TokenSerial is null)
                {
                    throw Errors.InvalidArgument("The library is given, but not which of its tokens.", "Name the token by -TokenLabel or -TokenSerial.", Library);
                }
                var address = new TokenAddress(new LibraryLocation(Paths.Literal(Library!)) { Environment = LibraryVariables.From(LibraryEnvironment) }, TokenLabel, TokenSerial);
                using (SecureString? typed = Pin is null ? Pins.Ask($"PIN of token '{address}'") : Pin.Copy())
                using (TokenPin pin = typed is null ? throw new HsmBackupException(ErrorCode.PinRequired,
                    $"The token '{address}' needs its user PIN.", "Give it with -Pin, as a SecureString.")
                { Target = address.ToString() } : TokenPin.FromSecureString(typed))
                {
                    return OfficerKeys.FromToken(address, pin, Certificates(cluster), StopToken);
                }
            default:
                // A key that is in a vault needs no private key of anybody's.
                return waiting.List().FirstOrDefault(k => k.BackupId == BackupId) is { Vault: not null } ? null : OfficerKeys.FromStore();
        }
    }

    // Those of the schedule too, as far as they can be read from here: a token or file may hold the key alone.
    private List<X509Certificate2> Certificates(ClusterDefinition cluster)
    {
        List<X509Certificate2> certificates = [.. Certificate ?? []];
        foreach (string path in (cluster.Schedule?.KeyRecipients ?? []).Where(File.Exists))
        {
            certificates.Add(X509CertificateLoader.LoadCertificateFromFile(path));
        }
        return certificates;
    }

    /// <summary>Refuses, before anything is opened, what would show the key to nobody.</summary>
    private void CheckDestination(ClusterDefinition cluster)
    {
        if (KeyInOutputOnly && KeyPath is not null)
        {
            throw Errors.InvalidArgument("-KeyInOutputOnly excludes -KeyPath.", "Say one way only in which the one-time key is handed over.");
        }
        if (KeyPath is null && !KeyInOutputOnly && !Attendance.IsAttended(Host))
        {
            throw new HsmBackupException(ErrorCode.KeyDestinationRequired,
                "Nobody attends this session, so the one-time key would be shown to nobody, and could not be received again.",
                "Give -KeyPath to write the key to a file, or -KeyInOutputOnly where the script takes it from the output object.");
        }
        if (KeyPath is not null)
        {
            string path = Paths.Literal(KeyPath);
            KeyFile.CheckDestination(path, null);
            foreach (string store in cluster.StoreFolders())
            {
                KeyFile.CheckDestination(path, store);
            }
        }
    }
}
