using HsmBackup.Engine.Auditing;
using HsmBackup.Engine.Backup;
using HsmBackup.Engine.Catalogue;
using HsmBackup.Engine.Protection;
using HsmBackup.Engine.Tests.Support;
using Xunit;

namespace HsmBackup.Engine.Tests.Backup;

public sealed class AuditedBackupTests
{
    [Fact]
    public void A_backup_of_a_cluster_signs_the_log_with_its_identity_key_and_remembers_it()
    {
        using var cluster = new TestCluster(1);
        cluster.HoldCeremony();
        var log = new AuditLog(Path.Combine(cluster.Folder, "state"));
        AuditEntry started = log.Append(new AuditRecord("New-HsmBackup", AuditResult.Started));
        BackupResult backup = cluster.BackUp(change: request => request with { Audit = log });
        using OneTimeKey? key = backup.Key;
        BackupInfo info = BackupCatalogue.Read(backup.Path);
        Assert.Equal(log.ReadHead(), info.Audit);
        Assert.Equal((started.Log, 2), (info.Audit!.Log, info.Audit.Entries));

        log.Append(new AuditRecord("New-HsmBackup", AuditResult.Succeeded));
        var facts = new AuditFacts
        {
            Signers = new Dictionary<string, ReadOnlyMemory<byte>?> { [cluster.Cluster.Id] = cluster.Ceremony.IdentityCertificate },
            Heads = [new AuditFact("the backup", info.Audit)],
        };
        AuditTestResult result = log.Test(facts);
        Assert.True(result.Passed, result.Summary);
        Assert.Equal((3, 1, 1), (result.Entries, result.Checkpoints, result.VerifiedCheckpoints));
        Assert.Empty(result.Findings);
    }

    [Fact]
    public void A_backup_of_a_lone_token_remembers_the_log_without_a_signature()
    {
        using var fixture = new BackupFixture();
        fixture.Fill(c => c.Aes("aes", 32));
        var log = new AuditLog(fixture.State);
        log.Append(new AuditRecord("New-HsmBackup", AuditResult.Started));
        Assert.Equal(log.ReadHead(), BackUp(fixture, log).Audit);
        Assert.Equal(1, BackUp(fixture, log).Audit!.Entries);
    }

    [Fact]
    public void Without_a_log_and_with_one_that_has_no_entry_a_backup_remembers_none()
    {
        using var fixture = new BackupFixture();
        fixture.Fill(c => c.Aes("aes", 32));
        Assert.Null(BackUp(fixture, null).Audit);
        Assert.Null(BackUp(fixture, new AuditLog(fixture.State)).Audit);
        Assert.False(Directory.Exists(fixture.State));
    }

    private static BackupInfo BackUp(BackupFixture fixture, AuditLog? log)
    {
        BackupResult backup = BackupOperation.Run(
            new BackupRequest { Token = fixture.Token.Address, Pin = fixture.Token.Pin, Destination = fixture.Backups, Audit = log }, null, CancellationToken.None);
        using OneTimeKey? key = backup.Key;
        return BackupCatalogue.Read(backup.Path);
    }
}
