using System.Security;
using System.Security.Cryptography.X509Certificates;
using System.Text.Json;
using HsmBackup.Engine.Clusters;
using HsmBackup.Engine.Format;
using HsmBackup.Engine.Protection;

namespace HsmBackup.Engine.Handover;

/// <summary>
/// The place where the one-time keys of a cluster's unattended backups wait: a folder with a sealed file for each, and a receipt for each
/// that was received; or a vault, and then the folder says so.
/// </summary>
public sealed class WaitingKeys
{
    private const string SealedExtension = ".p7m";
    private const string VaultExtension = ".vault.json";
    private const string ReceiptExtension = ".received.json";

    private readonly IKeyVault? _vault;
    private readonly TimeProvider _clock;

    private WaitingKeys(string folder, IKeyVault? vault, TimeProvider clock)
    {
        Folder = folder;
        _vault = vault;
        _clock = clock;
    }

    /// <summary>The folder.</summary>
    public string Folder { get; }

    /// <summary>The place for the keys of a cluster. Nothing is made or read.</summary>
    /// <param name="cluster">The cluster.</param>
    /// <param name="stateFolder">The state folder; null for the usual one.</param>
    /// <param name="vault">Whoever can reach vaults; null where nobody can.</param>
    /// <param name="clock">The clock.</param>
    public static WaitingKeys Of(ClusterDefinition cluster, string? stateFolder, IKeyVault? vault, TimeProvider clock)
    {
        ArgumentNullException.ThrowIfNull(cluster);
        return new WaitingKeys(cluster.Schedule?.KeyFolder ?? Path.Combine(StateFolder.Locate(stateFolder), "keys", cluster.Id), vault, clock);
    }

    /// <summary>The keys that wait, the oldest first.</summary>
    /// <exception cref="HsmBackupException">KeyFileUnreadable: the folder cannot be read.</exception>
    public IReadOnlyList<WaitingKey> List()
    {
        if (!Directory.Exists(Folder))
        {
            return [];
        }
        try
        {
            return [.. Directory.EnumerateFiles(Folder).Select(IdOf).OfType<BackupId>().Distinct()
                .Where(id => !File.Exists(PathOf(id, ReceiptExtension))).Order().Select(Describe)];
        }
        catch (Exception e) when (FileErrors.Covers(e))
        {
            throw Unreadable(e);
        }
    }

    /// <summary>Puts a key here, sealed for certificates, in a vault, or both.</summary>
    /// <param name="key">The key; it stays the caller's.</param>
    /// <param name="id">The backup that it opens.</param>
    /// <param name="recipients">The certificates; none to seal no file.</param>
    /// <param name="vault">The vault; null for none.</param>
    /// <exception cref="HsmBackupException">Of the folder, the certificates or the vault; then nothing of the key is left here.</exception>
    internal void Add(OneTimeKey key, BackupId id, IReadOnlyList<X509Certificate2> recipients, string? vault)
    {
        StateFolder.Create(Folder);
        try
        {
            if (recipients.Count > 0)
            {
                KeyFile.WriteSealed(PathOf(id, SealedExtension), null, key, id.ToString(), recipients);
            }
            if (vault is not null)
            {
                // The mark first: a secret in a vault that nobody knows of would stay there for ever.
                StateDocument.Write(PathOf(id, VaultExtension), new VaultMark(vault), HandoverJson.Default.VaultMark);
                using SecureString text = key.ToSecureString();
                RequireVault(vault).Add(vault, SecretName(id), text);
            }
        }
        catch
        {
            File.Delete(PathOf(id, VaultExtension));
            File.Delete(PathOf(id, SealedExtension));
            throw;
        }
    }

    /// <summary>Takes a key away whose backup never came to be.</summary>
    internal void Discard(BackupId id)
    {
        // The file first: a vault that is locked now must not keep it here. The mark stays then, and tells where the rest is.
        File.Delete(PathOf(id, SealedExtension));
        RemoveFromVault(id);
    }

    /// <summary>Opens the key of a backup, to be handed over.</summary>
    /// <param name="backupId">The backup.</param>
    /// <param name="keys">The officer's private keys; null to take the key from the vault that it is in.</param>
    /// <param name="keyCheck">The backup's key check value, where its header is at hand: the key must be the one that it says.</param>
    /// <exception cref="HsmBackupException">
    /// KeyNotWaiting; KeyHandedOver: the message says to whom and when; KeyFileSealed: none of the private keys opens it; KeyMismatch; Busy.
    /// </exception>
    public KeyReception Open(string backupId, OfficerKeys? keys, string? keyCheck)
    {
        if (!BackupId.TryParse(backupId, out BackupId? id) || !Directory.Exists(Folder))
        {
            throw NotWaiting(backupId);
        }
        IDisposable @lock = StateFolder.Lock(Path.Combine(Folder, "lock"), "handing a key of this cluster over");
        try
        {
            CheckNotReceived(id);
            OneTimeKey key = Read(id, keys, out string with);
            try
            {
                CheckIsOf(id, key, keyCheck);
                return new KeyReception(key, ReceiptFor(id, with), @lock, receipt => Complete(id, receipt));
            }
            catch
            {
                key.Dispose();
                throw;
            }
        }
        catch
        {
            @lock.Dispose();
            throw;
        }
    }

    private OneTimeKey Read(BackupId id, OfficerKeys? keys, out string with)
    {
        string path = PathOf(id, SealedExtension);
        if (keys is not null && File.Exists(path))
        {
            with = keys.Origin;
            return KeyFileReader.ReadSealed(path, keys.Keys, id.ToString());
        }
        VaultMark mark = ReadMark(id) ?? throw (File.Exists(path) ? Sealed(id, path) : NotWaiting(id.ToString()));
        with = $"vault '{mark.Vault}'";
        using SecureString text = RequireVault(mark.Vault).Find(mark.Vault, SecretName(id)) ?? throw NotWaiting(id.ToString());
        return OneTimeKey.FromSecureString(text);
    }

    private KeyReceipt ReceiptFor(BackupId id, string with) => new()
    {
        BackupId = id.ToString(),
        Received = _clock.GetUtcNow().ToUniversalTime(),
        By = OperatingSystem.IsWindows() ? $"{Environment.UserDomainName}\\{Environment.UserName}" : Environment.UserName,
        Host = Environment.MachineName,
        With = with,
    };

    private void Complete(BackupId id, KeyReceipt receipt)
    {
        // The receipt first: if this ends between the two, the next attempt finds it, and deletes what waits.
        StateDocument.Write(PathOf(id, ReceiptExtension), receipt, HandoverJson.Default.KeyReceipt);
        Discard(id);
        _ = FolderFlush.TryFlush(Folder);
    }

    private void CheckNotReceived(BackupId id)
    {
        string path = PathOf(id, ReceiptExtension);
        try
        {
            if (StateDocument.Read(path, HandoverJson.Default.KeyReceipt) is { } receipt)
            {
                Discard(id);
                throw new HsmBackupException(ErrorCode.KeyHandedOver, FormattableString.Invariant(
                    $"The one-time key of backup {id} was received by {receipt.By} on {receipt.Host} at {receipt.Received:yyyy-MM-dd HH:mm:ss} UTC ({receipt.With})."),
                    "Ask them for it. If they never had it, somebody else has it: find out who, and make a new backup.")
                { Target = id.ToString() };
            }
        }
        catch (Exception e) when (e is JsonException || FileErrors.Covers(e))
        {
            throw new HsmBackupException(ErrorCode.KeyHandedOver,
                $"The one-time key of backup {id} has a receipt, '{path}', which cannot be read. The key was left as it is.",
                "Find out from the audit log whether somebody received the key. If nobody did, move the receipt away and run the command again.", e)
            { Target = id.ToString() };
        }
    }

    private static void CheckIsOf(BackupId id, OneTimeKey key, string? keyCheck)
    {
        using BackupKeys derived = BackupKeys.Derive(key, id.ToString());
        if (keyCheck is not null && derived.Check != keyCheck)
        {
            throw new HsmBackupException(ErrorCode.KeyMismatch, $"The key that waits for backup {id} is not the key of that backup. It was left as it is.",
                "Find out who put it there. Test the backup with another copy of its key, or make a new backup.")
            { Target = id.ToString() };
        }
    }

    private WaitingKey Describe(BackupId id)
    {
        string path = PathOf(id, SealedExtension);
        bool isSealed = File.Exists(path);
        var waiting = new WaitingKey
        {
            BackupId = id.ToString(),
            Since = id.Created,
            Age = _clock.GetUtcNow() - id.Created,
            Path = isSealed ? path : null,
        };
        try
        {
            return waiting with { Vault = ReadMark(id)?.Vault, SealedFor = isSealed ? KeyFileReader.RecipientsOf(path) : [] };
        }
        catch (HsmBackupException e)
        {
            return waiting with { Problem = e.Message };
        }
    }

    private VaultMark? ReadMark(BackupId id)
    {
        try
        {
            return StateDocument.Read(PathOf(id, VaultExtension), HandoverJson.Default.VaultMark);
        }
        catch (Exception e) when (e is JsonException || FileErrors.Covers(e))
        {
            throw Unreadable(e);
        }
    }

    private void RemoveFromVault(BackupId id)
    {
        if (ReadMark(id) is { } mark)
        {
            RequireVault(mark.Vault).Remove(mark.Vault, SecretName(id));
            File.Delete(PathOf(id, VaultExtension));
        }
    }

    private static BackupId? IdOf(string file)
    {
        string name = Path.GetFileName(file);
        string? id = new[] { SealedExtension, VaultExtension }.Where(e => name.EndsWith(e, StringComparison.Ordinal)).Select(e => name[..^e.Length]).FirstOrDefault();
        return BackupId.TryParse(id, out BackupId? result) ? result : null;
    }

    private static string SecretName(BackupId id) => $"hsmbackup-{id}";

    private string PathOf(BackupId id, string extension) => Path.Combine(Folder, id + extension);

    private IKeyVault RequireVault(string vault) => _vault ?? throw new HsmBackupException(ErrorCode.PinUnavailable,
        $"The vault '{vault}' cannot be reached from here.", "Use the cmdlets of the module, which reach vaults through SecretManagement.")
    { Target = vault };

    private HsmBackupException NotWaiting(string backupId)
    {
        IReadOnlyList<WaitingKey> waiting = List();
        string others = waiting.Count == 0 ? "No key of this cluster waits here." : FormattableString.Invariant($"{waiting.Count} others wait, the newest of them for {waiting[^1]}.");
        return new HsmBackupException(ErrorCode.KeyNotWaiting, $"No key of a backup '{backupId}' waits in '{Folder}'. {others}",
            "Name the backup by its id, and run this as the account that the schedule runs as. The key of an attended backup was shown when it was made.")
        {
            Target = backupId,
            Result = waiting,
        };
    }

    private static HsmBackupException Sealed(BackupId id, string path) => new(ErrorCode.KeyFileSealed,
        $"The one-time key of backup {id} is sealed for {string.Join("; ", KeyFileReader.RecipientsOf(path))}.",
        "Say where the private key is: a file, the certificate store or a token.")
    { Target = path };

    private HsmBackupException Unreadable(Exception cause) => new(ErrorCode.KeyFileUnreadable,
        $"What waits in '{Folder}' cannot be read: {cause.Message}", "Run the command as the account that the schedule runs as.", cause)
    { Target = Folder };
}
