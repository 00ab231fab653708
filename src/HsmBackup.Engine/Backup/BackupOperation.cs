using System.Diagnostics;
using System.Security.Cryptography;
using System.Text;
using HsmBackup.Engine.Auditing;
using HsmBackup.Engine.Catalogue;
using HsmBackup.Engine.Format;
using HsmBackup.Engine.Pkcs11;
using HsmBackup.Engine.Protection;
using HsmBackup.Engine.Stores;
using HsmBackup.Engine.Tokens;

namespace HsmBackup.Engine.Backup;

/// <summary>Backs up a whole token into one file.</summary>
public static class BackupOperation
{
    /// <summary>Makes the backup.</summary>
    /// <param name="request">What, where to, and where the key goes.</param>
    /// <param name="progress">Told how far it is, on the calling thread.</param>
    /// <param name="cancellationToken">Stops it; nothing is left behind.</param>
    /// <exception cref="HsmBackupException">Of the token, the destination or the key file; BackupIncomplete where objects are
    /// missed and that was not accepted, with the <see cref="VerdictList"/> as its result.</exception>
    public static BackupResult Run(BackupRequest request, IProgress<OperationProgress>? progress, CancellationToken cancellationToken)
    {
        var watch = Stopwatch.StartNew();
        using var folders = new NewFolders();
        CheckMode(request);
        CheckDestination(request);
        IKeyHandover? handover = HandoverOf(request, folders);
        handover?.Check(KeyFreeFolders(request));
        string activity = $"Backing up {request.Token}";
        progress?.Report(new OperationProgress(activity, "Opening the token", 0, 0));

        using TokenConnection connection = TokenConnection.Open(request.Token, request.Pin, readWrite: false, cancellationToken);
        var key = OneTimeKey.Generate();
        try
        {
            BackupResult result = Run(request, connection, folders, handover, key, activity, progress, watch, cancellationToken);
            folders.Keep();
            if (result.Key is null)
            {
                key.Dispose();
            }
            return result;
        }
        catch
        {
            key.Dispose();
            throw;
        }
    }

    private static BackupResult Run(BackupRequest request, TokenConnection connection, NewFolders folders, IKeyHandover? handover, OneTimeKey key,
        string activity, IProgress<OperationProgress>? progress, Stopwatch watch, CancellationToken cancellationToken)
    {
        string clusterId = request.Cluster?.Id ?? ClusterIdOf(connection.Token);
        string clusterName = request.Cluster?.Name ?? ClusterNameOf(connection.Token);
        BackupId id = BackupId.New(clusterName, request.Clock);
        using StagingFolder? staging = request.Destination is null ? StagingFolder.Create(request.StateFolder) : null;
        string folder = staging?.Path ?? request.Destination!;
        folders.Make(folder, forOwner: false);
        using BackupPublication publication = BackupPublication.Begin(folder, id);
        PreviousBackup? previous = staging is null
            ? PreviousBackups.InFolder(folder, clusterId)
            : PreviousBackups.InStores(request.Stores, clusterId, cancellationToken);
        CaptureKeys keys = OpenKeys(request, connection);
        AuditHead? audit = VouchFor(request.Audit, keys.Identity, clusterId, clusterName, cancellationToken);
        (VerdictList verdicts, _, BackupFileSummary summary) = Capture(connection, keys, key, id, publication, previous, audit, request.AllowPartial,
            (done, total) => progress?.Report(new OperationProgress(activity, "Capturing objects", done, total)), cancellationToken);

        progress?.Report(new OperationProgress(activity, "Publishing", verdicts.Count, verdicts.Count));
        // The key first: a backup whose key went nowhere is worthless, a key whose backup never came is merely useless.
        handover?.Accept(id, key);
        IReadOnlyList<CopyResult> copies = [];
        try
        {
            if (staging is null)
            {
                publication.Publish();
            }
            else
            {
                copies = publication.PublishTo(request.Stores,
                    (done, store) => progress?.Report(new OperationProgress(activity, $"Copying to store '{store.Name}'", done, request.Stores.Count)), cancellationToken);
            }
        }
        catch when (handover is not null)
        {
            handover.Withdraw(id);
            throw;
        }
        return new BackupResult
        {
            Id = id,
            Path = copies.FirstOrDefault(c => c.IsThere && Path.IsPathFullyQualified(c.Location))?.Location
                ?? (copies.FirstOrDefault(c => c.IsThere) ?? copies.FirstOrDefault(c => !c.IsMissing))?.Location ?? publication.FinalPath,
            Copies = copies,
            Mode = request.Mode,
            ClusterId = clusterId,
            ClusterName = clusterName,
            Node = request.Cluster?.Node,
            Acknowledged = [.. verdicts.Where(v => v.Verdict != Verdict.Captured && IsAcknowledged(v, request.Cluster))],
            Signer = summary.Header.Signer,
            TokenLabel = connection.Token.Label,
            Verdicts = verdicts,
            KeyPath = request.KeyPath,
            Key = request.KeyRecipients.Count > 0 || request.Handover is not null ? null : key,
            Capabilities = connection.Capabilities,
            Digest = summary.Digest,
            Binding = summary.Binding,
            Length = summary.Length,
            Elapsed = watch.Elapsed,
        };
    }

    /// <summary>Captures an open token and writes the file under its temporary name; also for the safety backup of a restore.</summary>
    internal static CapturedToken Capture(TokenConnection connection, CaptureKeys clusterKeys, OneTimeKey key, BackupId id,
        BackupPublication publication, PreviousBackup? previous, AuditHead? audit, bool allowPartial, Action<int, int>? progress, CancellationToken cancellationToken)
    {
        BackupCluster? cluster = clusterKeys.Cluster;
        using BackupKeys keys = BackupKeys.Derive(key, id.ToString());
        using KeyEncryptionKey kek = clusterKeys.Binding is { } binding
            ? KeyEncryptionKey.Generate(connection, binding)
            : KeyEncryptionKey.Import(connection, keys.Kek);
        using var spool = new ContentSpool(Path.GetDirectoryName(publication.FinalPath)!, id);
        (VerdictList verdicts, List<ulong> handles) = TokenCapture.Run(connection, kek, spool, progress, cancellationToken);
        if (!allowPartial)
        {
            CheckComplete(connection.Token, verdicts, cluster);
        }
        var header = new BackupHeader
        {
            Id = id,
            ClusterId = cluster?.Id ?? ClusterIdOf(connection.Token),
            ClusterName = cluster?.Name ?? ClusterNameOf(connection.Token),
            Mode = kek.IsClusterBound ? BackupMode.ClusterBound : BackupMode.OneTimeKey,
            KeyCheck = keys.Check,
            ClusterKeyCheck = clusterKeys.Known?.Check,
            Verdicts = verdicts.ToCounts(),
            RetentionClass = RetentionClass.Online,
            Previous = previous,
            Audit = audit,
            Signer = clusterKeys.Identity?.Subject,
        };
        byte[] manifest = (BackupManifest.Of(connection, kek, clusterKeys.Known) with { Cluster = cluster }).ToJson();
        BackupSigner? signer = clusterKeys.Identity is { } identity ? SealSignature.With(identity.Certificate, identity.Sign) : null;
        BackupFileSummary summary = publication.Write(header, keys, manifest, spool, signer, cancellationToken);
        publication.ReadBack(key, summary, verdicts, cancellationToken);
        return new CapturedToken(verdicts, handles, summary);
    }

    /// <summary>
    /// The keys of the cluster in the token, before anything is read: without them the backup would be another than was asked for. A token
    /// of a cluster that does not have its cluster key (yet) can be backed up in one-time-key mode.
    /// </summary>
    private static CaptureKeys OpenKeys(BackupRequest request, TokenConnection connection)
    {
        TokenClusterKey? clusterKey = request switch
        {
            { Cluster.ClusterKey: { } known, Mode: BackupMode.ClusterBound } => TokenClusterKey.Require(connection, known),
            { Cluster.ClusterKey: { } known } => TokenClusterKey.Find(connection, known),
            _ => null,
        };
        IdentityKey? identity = request.Cluster?.IdentityCertificate is { } certificate ? IdentityKey.Require(connection, certificate) : null;
        return new CaptureKeys(request.Cluster, clusterKey?.Identity, request.Mode == BackupMode.ClusterBound ? clusterKey : null, identity);
    }

    /// <summary>
    /// Signs the audit log where there is a key to do so, and tells how far it is then: whoever has this backup can later say whether the
    /// log still is what it was.
    /// </summary>
    private static AuditHead? VouchFor(AuditLog? log, IdentityKey? identity, string clusterId, string clusterName, CancellationToken cancellationToken) =>
        (identity is null ? null : log?.Checkpoint(clusterId, clusterName, identity.Certificate, identity.Sign, cancellationToken)?.Head)
        ?? log?.ReadHead(cancellationToken);

    private static void CheckMode(BackupRequest request)
    {
        if (request is { Mode: BackupMode.ClusterBound, Cluster: null or { ClusterKey: null } })
        {
            throw new HsmBackupException(ErrorCode.ClusterKeyMissing, "A cluster-bound backup needs a cluster key, and the cluster has none.",
                "Make one by ceremony (New-HsmClusterKey), or make a backup of the mode OneTimeKey.")
            { Target = request.Cluster?.Name };
        }
    }

    /// <summary>
    /// A lone token is a cluster of one, known by what stays when the device is replaced: who made it and its label, not its serial
    /// number.
    /// </summary>
    internal static string ClusterIdOf(TokenInfo token) => "token-" + Convert.ToHexStringLower(
        SHA256.HashData(Encoding.UTF8.GetBytes($"{token.Manufacturer}\n{token.Model}\n{token.Label}")).AsSpan(0, 8));

    /// <summary>The label, without what a header may not hold; the serial number where there is no label.</summary>
    internal static string ClusterNameOf(TokenInfo token)
    {
        string name = string.Concat(token.Label.EnumerateRunes().Select(r => Rune.IsLetterOrDigit(r) || r.IsAscii && !Rune.IsControl(r) ? r.ToString() : "_"));
        return string.IsNullOrWhiteSpace(name) ? $"token {token.SerialNumber}".Trim() : name;
    }

    private static void CheckDestination(BackupRequest request)
    {
        if (request.Destination is null == (request.Stores.Count == 0))
        {
            throw new HsmBackupException(ErrorCode.InvalidArgument, "A backup goes either to a folder or to stores.", "Say one of them.");
        }
        if (request.Destination is null)
        {
            BackupDistribution.Check(request.Stores, request.MinimumCopies);
        }
    }

    private static List<string> KeyFreeFolders(BackupRequest request)
    {
        IEnumerable<string> folders = request.Destination is { } only ? [only] : request.Stores.Where(s => s.Kind != StoreKind.WebDav).Select(s => s.Location);
        return [.. folders.Concat(request.KeyFreeFolders).Distinct(StringComparer.Ordinal)];
    }

    private static IKeyHandover? HandoverOf(BackupRequest request, NewFolders folders)
    {
        if (request.KeyRecipients.Count > 0 && request.KeyPath is null)
        {
            throw new HsmBackupException(ErrorCode.KeyDestinationRequired, "A key that is sealed for recipients needs a file to stand in.",
                "Name the file with -KeyPath.");
        }
        return request.Handover ?? (request.KeyPath is null ? null : new KeyFileHandover(request.KeyPath, request.KeyRecipients, folders));
    }

    private static void CheckComplete(TokenInfo token, VerdictList verdicts, BackupCluster? cluster)
    {
        if (verdicts.Count == 0)
        {
            throw new HsmBackupException(ErrorCode.BackupIncomplete, $"The token '{token.Label}' shows no objects; there is nothing to back up.",
                "Check that this is the right token and that its storage is there. If it is meant to be empty, use -AllowPartial.")
            {
                Target = token.Label,
                Result = verdicts,
            };
        }
        List<ObjectSummary> missed = [.. verdicts.Where(v => v.Verdict != Verdict.Captured && !IsAcknowledged(v, cluster))];
        if (missed.Count > 0)
        {
            string first = string.Join("; ", missed.Take(5).Select(m => $"{m}: {m.Verdict}, {m.Reason}"));
            throw new HsmBackupException(ErrorCode.BackupIncomplete,
                $"{missed.Count} of {verdicts.Count} objects of token '{token.Label}' cannot be backed up whole, so no backup was written. "
                + first + (missed.Count > 5 ? $"; and {missed.Count - 5} more." : "."),
                "Make other provision for these objects, then accept a partial backup with -AllowPartial; it will say Partial everywhere. "
                + "The definition of a cluster can name objects that are always missed as acknowledged, with a reason.")
            {
                Target = token.Label,
                Result = verdicts,
            };
        }
    }

    private static bool IsAcknowledged(ObjectSummary missed, BackupCluster? cluster) => cluster?.Acknowledged.Any(a => a.Covers(missed)) ?? false;
}
