using HsmBackup.Engine.Catalogue;
using HsmBackup.Engine.Clusters;
using HsmBackup.Engine.Drills;
using HsmBackup.Engine.Format;
using HsmBackup.Engine.Reporting;
using HsmBackup.Engine.Stores;

namespace HsmBackup.Engine.Tests.Reporting;

/// <summary>Clusters that runbooks are made of, the same each time.</summary>
internal static class SampleRunbooks
{
    private static readonly DateTimeOffset Made = new(2026, 11, 22, 12, 0, 0, TimeSpan.Zero);

    /// <summary>A definition as an organisation has it that means it.</summary>
    public static ClusterDefinition Cluster() => ClusterDefinition.Parse("""
        {
          "formatVersion": 1, "id": "cluster-00112233aabbccdd", "name": "payments", "description": "Card payments, production",
          "nodes": [
            { "name": "zurich-1", "library": "/opt/vendor/lib/libpkcs11.so", "tokenLabel": "payments-zurich",
              "pin": "file:/etc/hsmbackup/pins/zurich-1", "zone": "Z\u00fcrich, data centre 1" },
            { "name": "bern-1", "library": "/opt/vendor/lib/libpkcs11.so", "tokenLabel": "payments-bern",
              "tokenSerial": "b7a1c09d55e2f310", "pin": "secret:Hsm/bern-1", "zone": "Bern" },
            { "name": "basel-1", "library": "/opt/vendor/lib/libpkcs11.so", "tokenLabel": "payments-basel", "zone": "Basel" }
          ],
          "clusterKey": {
            "check": "8b1d6b7c5e0f4a3929384756aabbccdd", "wrapChecks": { "RFC5649": "00112233445566778899aabbccddeeff" },
            "shareSetId": 4711, "threshold": 3, "shares": 5, "created": "2026-02-10T09:30:00Z", "retiredShareSets": [815]
          },
          "acknowledged": [{ "label": "attestation", "class": "CKO_PRIVATE_KEY",
            "reason": "The maker's attestation key never leaves its HSM, and a new HSM has one of its own." }],
          "contacts": [
            { "name": "Duty desk", "role": "operations", "phone": "+41 44 000 00 01", "email": "duty@example.com",
              "notes": "day and night" },
            { "name": "Ada Kowalska", "role": "security officer", "phone": "+41 44 000 00 02", "email": "ada@example.com" },
            { "name": "Priya Nair", "role": "head of infrastructure", "phone": "+41 44 000 00 03", "email": "priya@example.com",
              "notes": "deputy: Luc Favre, +41 44 000 00 04" },
            { "name": "Tom Weber", "role": "custodian", "phone": "+41 44 000 00 05", "notes": "safe in Z\u00fcrich, envelope 1" },
            { "name": "Mei Lin", "role": "custodian", "phone": "+41 44 000 00 06", "notes": "safe in Bern, envelope 2" },
            { "name": "Jonas Brunner", "role": "custodian, internal audit", "phone": "+41 44 000 00 07", "notes": "bank safe 118" }
          ],
          "escalation": [
            { "after": 0, "contacts": ["Duty desk"], "purpose": "find out what failed, open the incident" },
            { "after": "00:30:00", "contacts": ["Ada Kowalska", "Duty desk"], "purpose": "decide on a recovery, call the custodians" },
            { "after": "02:00:00", "contacts": ["Priya Nair"], "purpose": "inform management and customers" }
          ],
          "stores": [
            { "name": "local", "kind": "directory", "location": "/srv/hsmbackup" },
            { "name": "safe", "kind": "offline", "location": "/media/hsm safe" },
            { "name": "remote", "kind": "webdav", "location": "https://dav.example.com/hsm/" }
          ],
          "schedule": { "times": ["02:00"], "utc": true, "node": "zurich-1", "stores": ["local", "remote"],
            "keyRecipients": ["/etc/hsmbackup/ada.pem"] },
          "drill": { "interval": "90.00:00:00", "cluster": "payments-drill" },
          "targets": { "rto": "01:00:00", "rpo": "1.00:00:00" },
          "policy": { "maximumBackupAge": "1.12:00:00", "maximumDrillAge": "100.00:00:00" }
        }
        """u8, "sample") with
    { DefinitionPath = "/etc/hsmbackup/payments.hsmcluster.json" };

    /// <summary>What was seen of it.</summary>
    public static RunbookSource Source() => new()
    {
        Cluster = Cluster(),
        Backups = [.. Enumerable.Range(0, 14).Select(i => Backup(13 - i))],
        MissingStores =
        [
            new MissingStore("safe", new HsmBackupException(ErrorCode.StoreUnmounted, "The medium of the store 'safe' is not there.",
                "Bring it from the safe, and mount it.")),
        ],
        Drills =
        [
            Drill(SampleDrills.Failed() with { Id = "20260817T093000Z-77aa11bb", Started = Made.AddDays(-97) }),
            Drill(SampleDrills.Passed()),
        ],
        WaitingKeys = [Waiting(1), Waiting(0)],
        Made = Made,
        ToolVersion = "0.1.0",
        Computer = "admin-01",
    };

    /// <summary>A cluster of which nothing is known but its one node.</summary>
    public static RunbookSource Bare() => new()
    {
        Cluster = ClusterDefinition.Parse("""
            { "formatVersion": 1, "id": "cluster-ffffffffffffffff", "name": "lone",
              "nodes": [{ "name": "only", "library": "/usr/lib/it's here/lib.so", "tokenLabel": "lone" }] }
            """u8, "sample"),
        Backups = [],
        Made = Made,
        ToolVersion = "0.1.0",
        Computer = "admin-01",
    };

    /// <summary>A cluster of one node that has a cluster key: backups are bound to it, and there are no peers.</summary>
    public static RunbookSource Alone() =>
        Source() is var source ? source with { Cluster = source.Cluster with { Nodes = [source.Cluster.Nodes[0]] } } : null!;

    private static DrillRecord Drill(DrillReport report) =>
        new() { Id = report.Id, Folder = "/var/lib/hsmbackup/" + report.Id, Report = report, Integrity = DrillIntegrity.Unsigned };

    private static WaitingKey Waiting(int days) =>
        new()
        {
            BackupId = Id(days),
            Since = Created(days),
            Age = Made - Created(days),
            SealedFor = ["CN=Ada Kowalska, O=Example, serial 4f1c"],
        };

    private static DateTimeOffset Created(int days) => Made.AddHours(-10).AddDays(-days);

    private static string Id(int days) =>
        FormattableString.Invariant($"{Created(days):yyyyMMdd'T'HHmmss'Z'}-payments-{0x1f3a9000 + days:x8}");

    private static BackupInfo Backup(int days)
    {
        string file = Id(days) + ".hsmbackup";
        return new BackupInfo
        {
            BackupId = Id(days),
            Path = "/srv/hsmbackup/" + file,
            Created = Created(days),
            ClusterName = "payments",
            ClusterId = "cluster-00112233aabbccdd",
            Mode = BackupMode.ClusterBound,
            Objects = 14,
            Captured = days == 3 ? 13 : 14,
            Complete = days != 3,
            Verdicts = new VerdictCounts(days == 3 ? 13 : 14, days == 3 ? 1 : 0, 0, 0, 0),
            RetentionClass = RetentionClass.Online,
            Length = 1258291,
            KeyCheck = "5a1bc0ffee00112233445566778899aa",
            Binding = "00",
            Proof = days is 1 or 2
                ? new TestRecord
                {
                    BackupId = Id(days),
                    ClusterId = "",
                    Location = "",
                    Level = TestLevel.Restore,
                    Passed = true,
                    Tested = Created(days).AddHours(1),
                    By = "night",
                }
                : null,
            Copies =
            [
                Copy("local", StoreKind.Directory, "/srv/hsmbackup/" + file),
                .. days == 5 ? (BackupCopy[])[] : [Copy("remote", StoreKind.WebDav, "https://dav.example.com/hsm/" + file)],
            ],
        };
    }

    private static BackupCopy Copy(string store, StoreKind kind, string location) => new()
    {
        Store = store,
        Kind = kind,
        RetentionClass = RetentionClass.Online,
        FileName = Path.GetFileName(location),
        Location = location,
        IsLocal = kind != StoreKind.WebDav,
        Length = 1258291,
        Modified = Made,
        State = CopyState.Present,
    };
}
