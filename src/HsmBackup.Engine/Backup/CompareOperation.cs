using HsmBackup.Engine.Protection;
using HsmBackup.Engine.Tokens;

namespace HsmBackup.Engine.Backup;

/// <summary>What is compared: a backup with another backup, or with a live token.</summary>
public sealed record CompareRequest
{
    /// <summary>The backup that is the reference.</summary>
    public required string ReferencePath { get; init; }

    /// <summary>Its one-time key.</summary>
    public required OneTimeKey ReferenceKey { get; init; }

    /// <summary>The other backup; null to compare with a token.</summary>
    public string? DifferencePath { get; init; }

    /// <summary>Its one-time key.</summary>
    public OneTimeKey? DifferenceKey { get; init; }

    /// <summary>The cluster that the token is a node of; null for a lone token.</summary>
    public BackupCluster? Cluster { get; init; }

    /// <summary>The token; null to compare with a backup.</summary>
    public TokenAddress? Token { get; init; }

    /// <summary>Its user PIN.</summary>
    public Pin? Pin { get; init; }
}

/// <summary>Where an object stands in a comparison.</summary>
public enum CompareSide
{
    /// <summary>Both have it, with the same key and attributes.</summary>
    Equal,

    /// <summary>Only the reference has it.</summary>
    OnlyInReference,

    /// <summary>Only the other side has it.</summary>
    OnlyInDifference,

    /// <summary>Both have it, with different keys or attributes.</summary>
    Different,

    /// <summary>Both have it, and at least one side lacks the key to compare: it may be another one.</summary>
    NotComparable,
}

/// <summary>An object in a comparison.</summary>
/// <param name="Object">The object.</param>
/// <param name="Side">Where it is.</param>
/// <param name="Details">What is different.</param>
public sealed record ObjectDifference(ObjectSummary Object, CompareSide Side, IReadOnlyList<string> Details);

/// <summary>The outcome of a comparison.</summary>
public sealed class CompareResult
{
    /// <summary>True where both sides hold the same objects with the same keys.</summary>
    public bool Equal => Objects.All(o => o.Side == CompareSide.Equal);

    /// <summary>Every object of both sides, once.</summary>
    public required IReadOnlyList<ObjectDifference> Objects { get; init; }

    /// <summary>Id of the reference.</summary>
    public required string ReferenceId { get; init; }

    /// <summary>Id of the other backup, or label of the token.</summary>
    public required string DifferenceName { get; init; }
}

/// <summary>Compares what two backups hold, or a backup and a live token; keys too.</summary>
public static class CompareOperation
{
    /// <summary>Compares.</summary>
    /// <exception cref="HsmBackupException">Of the files, the keys and the token; InvalidArgument where neither or both sides were named.</exception>
    public static CompareResult Run(CompareRequest request, IProgress<OperationProgress>? progress, CancellationToken cancellationToken)
    {
        if (request.DifferencePath is null == request.Token is null)
        {
            throw new HsmBackupException(ErrorCode.InvalidArgument, "A backup is compared with one other backup, or with one token.",
                "Give -DifferencePath, or -Library and -TokenLabel.");
        }
        string activity = $"Comparing {request.ReferencePath}";
        progress?.Report(new OperationProgress(activity, "Authenticating", 0, 0));
        using OpenedBackup reference = OpenedBackup.Open(request.ReferencePath, request.ReferenceKey, cancellationToken);
        if (request.Token is not null)
        {
            return WithToken(request, reference, activity, progress, cancellationToken);
        }
        if (request.DifferenceKey is null)
        {
            throw new HsmBackupException(ErrorCode.KeyRequired, "The other backup's one-time key is needed too.", "Give it with -DifferenceKeyPath or -DifferenceKey.")
            {
                Target = request.DifferencePath,
            };
        }
        using OpenedBackup difference = OpenedBackup.Open(request.DifferencePath!, request.DifferenceKey, cancellationToken);
        // Two backups wrap the same key under different KEKs; a random key of this comparison makes digests that mean nothing elsewhere.
        using var digestKey = SecretBuffer.Random(32);
        List<PlanObject> left = [.. Read(reference, digestKey, cancellationToken)];
        List<PlanObject> right = [.. Read(difference, digestKey, cancellationToken)];
        return new CompareResult
        {
            ReferenceId = reference.Header.Id.ToString(),
            DifferenceName = difference.Header.Id.ToString(),
            Objects = Match(left, right),
        };
    }

    private static CompareResult WithToken(CompareRequest request, OpenedBackup reference, string activity,
        IProgress<OperationProgress>? progress, CancellationToken cancellationToken)
    {
        using TokenConnection connection = TokenConnection.Open(request.Token!, request.Pin, readWrite: false, cancellationToken);
        using KeyEncryptionKey kek = reference.ImportKek(connection, request.Cluster?.ClusterKey);
        TokenSnapshot snapshot = TokenSnapshot.Take(reference, connection, kek,
            (done, total) => progress?.Report(new OperationProgress(activity, "Reading the token", done, total)), cancellationToken, keepRecords: true);
        return new CompareResult
        {
            ReferenceId = reference.Header.Id.ToString(),
            DifferenceName = connection.Token.Label,
            Objects = Match(snapshot.Backup, snapshot.Token),
        };
    }

    private static IEnumerable<PlanObject> Read(OpenedBackup backup, SecretBuffer digestKey, CancellationToken cancellationToken)
    {
        foreach (ObjectRecord record in backup.Records(cancellationToken))
        {
            string keyDigest = KeyDigest(record, backup, digestKey);
            yield return new PlanObject(ObjectSummary.Of(record), ObjectComparison.Identity(record),
                ObjectComparison.Fingerprint(record, keyDigest), 0, record.Verdict == Verdict.Captured)
            {
                KeyDigest = keyDigest,
                HasSecret = record.HasSecret,
                Record = record,
            };
        }
    }

    private static string KeyDigest(ObjectRecord record, OpenedBackup backup, SecretBuffer digestKey) =>
        record.Material is null ? "" : backup.Host?.Digest(record, digestKey) ?? ObjectComparison.KeyDigest(record);

    private static List<ObjectDifference> Match(IReadOnlyList<PlanObject> left, IReadOnlyList<PlanObject> right) =>
        [.. RestorePlanner.Plan(left, right).Select(step => step switch
        {
            { Source: { } source, Target: { } target } when source.HasSecret && (source.KeyDigest.Length == 0 || target.KeyDigest.Length == 0)
                => new ObjectDifference(source.Summary, CompareSide.NotComparable, Differences(source, target)),
            { Source: { } source, Target: { } target } when source.Fingerprint == target.Fingerprint => new ObjectDifference(source.Summary, CompareSide.Equal, []),
            { Source: { } source, Target: { } target } => new ObjectDifference(source.Summary, CompareSide.Different, Differences(source, target)),
            { Source: { } source } => new ObjectDifference(source.Summary, CompareSide.OnlyInReference, []),
            _ => new ObjectDifference(step.Target!.Summary, CompareSide.OnlyInDifference, []),
        })];

    private static List<string> Differences(PlanObject left, PlanObject right)
    {
        List<string> differences = ObjectComparison.Differences(left.Record!, right.Record!);
        if (left.HasSecret && (left.KeyDigest != right.KeyDigest || left.KeyDigest.Length == 0))
        {
            differences.Add((left.KeyDigest.Length, right.KeyDigest.Length) switch
            {
                (0, 0) => "neither side has the key to compare",
                (0, _) => "the reference has no key to compare with",
                (_, 0) => "the other side has no key to compare with",
                _ => "the key is another one",
            });
        }
        return differences;
    }
}
