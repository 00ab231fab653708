using System.Globalization;
using HsmBackup.Engine.Backup;
using HsmBackup.Engine.Drills;
using HsmBackup.Engine.Format;

namespace HsmBackup.Engine.Tests.Reporting;

/// <summary>Reports of drills that never were, the same bytes each time.</summary>
internal static class SampleDrills
{
    public const string BackupId = "20261122T020000Z-payments-1f3a90c2";

    private static readonly DateTimeOffset Began = new(2026, 11, 22, 9, 30, 0, TimeSpan.Zero);

    /// <summary>A drill that passed.</summary>
    /// <param name="keys">How many keys the cluster has, on three nodes.</param>
    public static DrillReport Passed(int keys = 12) => new()
    {
        Id = "20261122T093000Z-5c02d1aa",
        Cluster = "payments",
        ClusterId = "cluster-00112233aabbccdd",
        Scenario = DrillScenario.ClusterLoss,
        Result = DrillResult.Passed,
        Started = Began,
        Ended = Began.AddMinutes(38),
        Operator = "Ada Kowalska",
        Witness = "Jonas Brunner, internal audit",
        Notes = "Quarterly drill Q4.\nShares 1, 3 and 4 came from the custodians in person.",
        Seed = 771020331,
        Steps =
        [
            Step(DrillStep.Find, 1.4, "3 stores, 41 backups; the newest that can be restored was taken"),
            Step(DrillStep.Fetch, 3.9, "from offsite, 1.2 MiB"),
            Step(DrillStep.Secrets, 421, "one-time key from a file, 3 of 5 shares"),
            Step(DrillStep.Authenticate, 0.31, "whole file, cluster signature"),
            Step(DrillStep.Initialize, 96, "3 tokens", recovery: true),
            Step(DrillStep.Join, 41, "cluster key in all 3 tokens"),
            Step(DrillStep.Restore, 1122, "all objects to 3 tokens"),
            Step(DrillStep.Prove, 214, "each key wrapped again and compared"),
            Step(DrillStep.Use, 187, "each key used as its flags allow"),
            Step(DrillStep.CleanUp, 66, "3 tokens blank again", recovery: false),
        ],
        Backups = [Backup()],
        Keys = [.. Keys(keys)],
        Measures = new DrillMeasures
        {
            RecoveryTime = TimeSpan.FromSeconds(2086.6),
            RecoveryPoint = TimeSpan.FromHours(7.5),
            RecoveryTimeTarget = TimeSpan.FromHours(1),
            RecoveryPointTarget = TimeSpan.FromHours(24),
            KeysExpected = keys * 3,
            KeysRecovered = keys * 3,
            KeysProven = keys * 3,
            KeysUsed = keys * 3,
            KeysSkipped = 0,
        },
        Environment = Environment(),
        Former =
        [
            new FormerDrill("20251118T090000Z-aa01bb02", DrillScenario.ClusterLoss, Began.AddDays(-369), DrillResult.Passed,
                TimeSpan.FromMinutes(71)),
            new FormerDrill("20260217T090000Z-aa01bb03", DrillScenario.ClusterLoss, Began.AddDays(-278), DrillResult.Failed, null),
            new FormerDrill("20260218T090000Z-aa01bb04", DrillScenario.ClusterLoss, Began.AddDays(-277), DrillResult.Passed,
                TimeSpan.FromMinutes(52)),
            new FormerDrill("20260519T090000Z-aa01bb05", DrillScenario.ClusterLoss, Began.AddDays(-187), DrillResult.Passed,
                TimeSpan.FromMinutes(44)),
            new FormerDrill("20260520T090000Z-aa01bb06", DrillScenario.KeyLoss, Began.AddDays(-186), DrillResult.Passed,
                TimeSpan.FromMinutes(3)),
            new FormerDrill("20260818T090000Z-aa01bb07", DrillScenario.ClusterLoss, Began.AddDays(-96), DrillResult.Interrupted, null),
            new FormerDrill("20260819T090000Z-aa01bb08", DrillScenario.ClusterLoss, Began.AddDays(-95), DrillResult.Passed,
                TimeSpan.FromMinutes(39)),
        ],
    };

    /// <summary>One of a node that was filled from its peers, which a backup has set up before.</summary>
    public static DrillReport NodeLost()
    {
        DrillReport passed = Passed();
        string[] beforehand = [DrillStep.Find, DrillStep.Fetch, DrillStep.Authenticate];
        return passed with
        {
            Scenario = DrillScenario.NodeLoss,
            Steps =
            [
                .. passed.Steps.Take(4).Select(s => s with { IsRecovery = !beforehand.Contains(s.Name) }),
                Step(DrillStep.Prepare, 412, "all objects to 1 token", recovery: false),
                Step(DrillStep.Initialize, 33, "1 token"),
                Step(DrillStep.Join, 14, "cluster key in 1 token"),
                Step(DrillStep.Restore, 371, "14 objects brought from peers hsm-a, and proven"),
                .. passed.Steps.TakeLast(3),
            ],
            Keys = [.. passed.Keys.Where(k => k.Node == "hsm-c")],
            Measures = passed.Measures with
            {
                RecoveryTime = TimeSpan.FromSeconds(1240),
                RecoveryPoint = null,
                KeysExpected = 12,
                KeysRecovered = 12,
                KeysProven = 12,
                KeysUsed = 12,
            },
            Deviations = ["Backup 20261122T030000Z-payments-77aa01ff was passed over: its copy in primary is damaged."],
        };
    }

    /// <summary>One of a node that was made anew though a store was lost with it.</summary>
    public static DrillReport StoreLost() => NodeLost() with
    {
        Scenario = DrillScenario.StoreLoss,
        LostStore = "vault <2>",
        Steps = [.. Passed().Steps],
        Measures = NodeLost().Measures with { RecoveryPoint = TimeSpan.FromHours(7.5) },
        Deviations = [],
    };

    /// <summary>One that failed at the use of keys, with everything in it that a hostile token could say.</summary>
    public static DrillReport Failed()
    {
        DrillReport passed = Passed();
        return passed with
        {
            Result = DrillResult.Failed,
            Problem = "Of 12 keys on node b, 2 could not be used.",
            Error = ErrorCode.DrillFailed,
            Steps =
            [
                .. passed.Steps.SkipLast(2),
                Step(DrillStep.Use, 12, "2 keys of 12 on node b gave wrong signatures") with
                {
                    Outcome = CheckOutcome.Failed, Error = ErrorCode.DrillFailed,
                },
                Step(DrillStep.CleanUp, 66, "3 tokens blank again", recovery: false),
            ],
            Keys =
            [
                .. passed.Keys.Select(k => k.Node != "hsm-b" || k.Label is not ("issuer-0001" or "issuer-0005") ? k : k with
                {
                    Result = CheckOutcome.Failed, Reason = "The public key does not verify what the private key signed.",
                    Uses =
                    [
                        new DrilledUse("Sign", CheckOutcome.Failed, "CKM_ECDSA, wrong signature"),
                        new DrilledUse("Derive", CheckOutcome.Passed, "ECDH with an ephemeral peer"),
                    ],
                }),
                Key("hsm-c", "CKO_SECRET_KEY", "CKK_GENERIC_SECRET", "<script>alert('\u202E\"&amp;|`')</script>", "ff00") with
                {
                    Proof = CheckOutcome.Passed, Result = CheckOutcome.Skipped, Reason = "Its flags allow no use <at all>.", Uses = [],
                },
            ],
            Measures = passed.Measures with
            {
                RecoveryTime = null,
                KeysUsed = 34,
                KeysSkipped = 1,
                KeysExpected = 37,
                KeysProven = 37,
                KeysRecovered = 37,
            },
            Backups = [Backup() with { Result = CheckOutcome.Failed }],
            FollowUps = ["Ask the maker of hsm-b why CKM_ECDSA gives wrong signatures.", "Repeat the drill within 14 days."],
        };
    }

    /// <summary>One that was stopped before there was anything to measure.</summary>
    public static DrillReport Interrupted() => Passed() with
    {
        Result = DrillResult.Interrupted,
        Problem = "Fetch: Failed, it was stopped",
        Error = ErrorCode.Cancelled,
        Ended = Began.AddSeconds(3),
        Steps =
        [
            Step(DrillStep.Find, 1.4, "3 stores, 41 backups"),
            Step(DrillStep.Fetch, 0.3, "it was stopped") with { Outcome = CheckOutcome.Failed, Error = ErrorCode.Cancelled },
            .. ((string[])[DrillStep.Secrets, DrillStep.Authenticate, DrillStep.Initialize, DrillStep.Join, DrillStep.Restore,
                DrillStep.Prove, DrillStep.Use])
                .Select(name => Step(name, 0, "a step before it did not pass") with { Outcome = CheckOutcome.NotRun, Started = null }),
            Step(DrillStep.CleanUp, 0.2, "nothing was made", recovery: false),
        ],
        Backups = [],
        Keys = [],
        Former = [],
        Operator = null,
        Witness = null,
        Measures = new DrillMeasures { KeysExpected = 0, KeysProven = 0, KeysRecovered = 0, KeysSkipped = 0, KeysUsed = 0 },
        Environment = Environment() with { SoftwareTargets = true, DrillCluster = null, Targets = [] },
    };

    /// <summary>One that restored three of the stored backups.</summary>
    public static DrillReport Verified()
    {
        DrillReport passed = Passed(3);
        string[] ids = [BackupId, "20261119T020000Z-payments-0a1b2c3d", "20261103T020000Z-payments-99887766"];
        return passed with
        {
            Scenario = DrillScenario.BackupVerification,
            Steps =
            [
                Step(DrillStep.Find, 1.4, "3 of 41 backups", recovery: false),
                .. ids.SelectMany(id =>
                    ((string[])[DrillStep.Fetch, DrillStep.Authenticate, DrillStep.Restore, DrillStep.Prove, DrillStep.Use])
                    .Select((name, i) => Step(name, 3 + (7 * i), "as it must be", recovery: false) with { Subject = id })),
                Step(DrillStep.CleanUp, 2, "3 software tokens removed", recovery: false),
            ],
            Backups = [.. ids.Select(id => Backup() with { BackupId = id })],
            Measures = passed.Measures with { RecoveryTime = null, RecoveryPoint = null },
            Environment = Environment() with { SoftwareTargets = true, DrillCluster = null },
        };
    }

    private static DrillStep Step(string name, double seconds, string detail, bool recovery = true) => new()
    {
        Name = name,
        Outcome = CheckOutcome.Passed,
        Started = Began,
        Elapsed = TimeSpan.FromSeconds(seconds),
        IsRecovery = recovery,
        Detail = detail,
    };

    private static DrilledBackup Backup() => new()
    {
        BackupId = BackupId,
        Created = Began.AddHours(-7.5),
        Store = "offsite",
        Location = "https://backup.example/hsm/20261122T020000Z-payments-1f3a90c2.hsmbackup",
        Mode = BackupMode.ClusterBound,
        Objects = 14,
        Captured = 14,
        Length = 1258291,
        Digest = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        Result = CheckOutcome.Passed,
    };

    private static DrillEnvironment Environment() => new()
    {
        Computer = "recovery-01",
        User = "hsmadmin",
        OperatingSystem = "Debian GNU/Linux 12 (bookworm)",
        ToolVersion = "0.1.0",
        SoftwareTargets = false,
        DrillCluster = "payments-drill",
        Targets =
        [
            new DrillTarget("hsm-a", "payments-drill-a", "0800c1d2e3f40001", "Example HSM 9000", "4.2.1"),
            new DrillTarget("hsm-b", "payments-drill-b", "0800c1d2e3f40002", "Example HSM 9000", "4.2.1"),
            new DrillTarget("hsm-c", "payments-drill-c", "0800c1d2e3f40003", "Example HSM 9000", "4.3.0"),
        ],
    };

    private static IEnumerable<DrilledKey> Keys(int count)
    {
        foreach (string node in (string[])["hsm-a", "hsm-b", "hsm-c"])
        {
            for (int i = 0; i < count; i++)
            {
                string label = string.Create(CultureInfo.InvariantCulture, $"issuer-{i:0000}");
                string id = i.ToString("x8", CultureInfo.InvariantCulture);
                yield return (i % 4) switch
                {
                    0 => Key(node, "CKO_PRIVATE_KEY", "CKK_RSA", label, id, "Sign", "Decrypt", "Unwrap"),
                    1 => Key(node, "CKO_PRIVATE_KEY", "CKK_EC", label, id, "Sign", "Derive"),
                    2 => Key(node, "CKO_SECRET_KEY", "CKK_AES", label, id, "Encrypt", "Wrap"),
                    _ => Key(node, "CKO_CERTIFICATE", null, label, id, "Certificate"),
                };
            }
        }
    }

    private static DrilledKey Key(string node, string kind, string? type, string label, string id, params string[] uses) => new()
    {
        Node = node,
        BackupId = BackupId,
        Class = kind,
        KeyType = type,
        Label = label,
        Id = id,
        Recovered = true,
        Proof = CheckOutcome.Passed,
        Uses = [.. uses.Select(u => new DrilledUse(u, CheckOutcome.Passed, "as it must be"))],
        Result = CheckOutcome.Passed,
    };
}
