using System.Diagnostics;
using HsmBackup.Engine.Catalogue;
using HsmBackup.Engine.Format;
using HsmBackup.Engine.Protection;
using HsmBackup.Engine.Tokens;

namespace HsmBackup.Engine.Backup;

/// <summary>What to test, and how deep.</summary>
public sealed record TestRequest
{
    /// <summary>The backup file.</summary>
    public required string Path { get; init; }

    /// <summary>How deep.</summary>
    public required TestLevel Level { get; init; }

    /// <summary>The one-time key; from level Content on.</summary>
    public OneTimeKey? Key { get; init; }

    /// <summary>The live token; for level Live.</summary>
    public TokenAddress? Token { get; init; }

    /// <summary>
    /// The cluster that the backup should be of, and the live token is a node of; null for a lone token. Where it has an identity, the backup
    /// must be signed by it from level Integrity on, which needs no key.
    /// </summary>
    public BackupCluster? Cluster { get; init; }

    /// <summary>Its user PIN.</summary>
    public Pin? Pin { get; init; }

    /// <summary>A blank token for level Restore; null for a throw-away SoftHSM token.</summary>
    public TokenAddress? ScratchToken { get; init; }

    /// <summary>Its user PIN.</summary>
    public Pin? ScratchPin { get; init; }

    /// <summary>
    /// Let objects pass that the backup lists without their keys, or inexactly, and that can therefore not be proven. Without it a Partial
    /// backup fails at the levels Live and Restore.
    /// </summary>
    public bool AllowPartial { get; init; }

    /// <summary>The clock.</summary>
    public TimeProvider Clock { get; init; } = TimeProvider.System;
}

/// <summary>Tests a backup. A failed check is a result; an exception means that the test could not be run.</summary>
public static class TestOperation
{
    /// <summary>Runs the test.</summary>
    /// <exception cref="HsmBackupException">KeyRequired, TestNotPossible, and what opening a token can fail with.</exception>
    public static TestResult Run(TestRequest request, IProgress<OperationProgress>? progress, CancellationToken cancellationToken)
    {
        CheckRequest(request);
        var watch = Stopwatch.StartNew();
        var checks = new TestChecks(request.AllowPartial);
        BackupPreamble? preamble = null;
        checks.Run("Header", () =>
        {
            preamble = BackupFile.ReadHeader(request.Path);
            return $"format version {BackupFormat.Version}, {preamble.Header.Id}";
        });
        BackupFileSummary? summary = null;
        if (request.Level >= TestLevel.Integrity)
        {
            progress?.Report(new OperationProgress($"Testing {request.Path}", "Reading the file", 0, 0));
            checks.Run("Integrity", () =>
            {
                summary = BackupFile.CheckIntegrity(request.Path, cancellationToken);
                return $"{summary.Segments} segments, {summary.Length} bytes, SHA-256 {summary.Digest}";
            });
            TestOrigin(request, summary, checks);
        }
        if (request.Level >= TestLevel.Content)
        {
            TestContent(request, checks, progress, cancellationToken);
        }
        return new TestResult
        {
            BackupId = preamble?.Header.Id.ToString(),
            ClusterId = preamble?.Header.ClusterId,
            Binding = preamble?.Binding,
            Digest = summary?.Digest,
            Length = summary?.Length ?? 0,
            Path = request.Path,
            Level = request.Level,
            Complete = preamble?.Header.Complete,
            Checks = checks.All,
            Tested = request.Clock.GetUtcNow(),
            Elapsed = watch.Elapsed,
            Error = checks.Error,
        };
    }

    private static void CheckRequest(TestRequest request)
    {
        if (request.Level >= TestLevel.Content && request.Key is null)
        {
            throw new HsmBackupException(ErrorCode.KeyRequired, $"A test at level {request.Level} needs the backup's one-time key.",
                "Give it with -KeyPath or -Key, or test at level Integrity, which needs none.")
            { Target = request.Path };
        }
        if (request.Level == TestLevel.Live && request.Token is null)
        {
            throw new HsmBackupException(ErrorCode.TestNotPossible, "A test at level Live needs the live token.",
                "Name it with -Library, -TokenLabel and -Pin.")
            { Target = request.Path };
        }
    }

    /// <summary>Who made the backup, told by the certificate that is pinned elsewhere: a name in the file is only a claim.</summary>
    private static void TestOrigin(TestRequest request, BackupFileSummary? summary, TestChecks checks)
    {
        if (request.Cluster?.IdentityCertificate is { } certificate)
        {
            checks.Run("Origin", () => BackupOrigin.Check(summary!, certificate));
        }
        else if (summary?.Header.Signer is { } signer)
        {
            checks.Add("Origin", CheckOutcome.Skipped, null, null,
                $"signed by {signer}, which only the identity certificate in the cluster's definition can confirm");
        }
    }

    private static void TestContent(TestRequest request, TestChecks checks, IProgress<OperationProgress>? progress, CancellationToken cancellationToken)
    {
        OpenedBackup? opened = null;
        try
        {
            checks.Run("Authenticity", () =>
            {
                opened = OpenedBackup.Open(request.Path, request.Key!, cancellationToken);
                return "the one-time key opens every segment, and the seal covers all of them";
            });
            checks.Run("Objects", () => CountObjects(opened!, cancellationToken));
            if (request.Level == TestLevel.Content)
            {
                return;
            }
            if (checks.HasFailed)
            {
                checks.NotRun(request.Level.ToString(), "the content could not be trusted");
            }
            else if (request.Level == TestLevel.Live)
            {
                LiveTest.Run(request, opened!, checks, progress, cancellationToken);
            }
            else
            {
                RestoreTest.Run(request, opened!, checks, progress, cancellationToken);
            }
            checks.RequireProof();
        }
        finally
        {
            opened?.Dispose();
        }
    }

    /// <summary>The verdicts of the objects are those that the header claims, and what is claimed to be captured has what it takes.</summary>
    private static string CountObjects(OpenedBackup opened, CancellationToken cancellationToken)
    {
        var verdicts = new VerdictList();
        foreach (ObjectRecord record in opened.Records(cancellationToken))
        {
            if (record.Verdict == Verdict.Captured && record.HasSecret && record.Material is null)
            {
                throw Forged($"{record} is said to be captured, and its key is not there");
            }
            verdicts.Add(ObjectSummary.Of(record));
        }
        if (verdicts.ToCounts() != opened.Header.Verdicts)
        {
            throw Forged($"the header counts {opened.Header.Verdicts}, the content has {verdicts}");
        }
        return verdicts.Count > 0 ? verdicts.ToString() : throw new HsmBackupException(ErrorCode.TestFailed,
            "The backup holds no objects, so there is nothing that it could restore.", "Back up a token that holds objects.");
    }

    private static HsmBackupException Forged(string what) => new(ErrorCode.AuthenticationFailed, $"The content contradicts itself: {what}.",
        "The backup was made by a program that does not follow the format. Use another backup, and keep this one for analysis.");
}
