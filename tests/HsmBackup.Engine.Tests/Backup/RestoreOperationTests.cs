using HsmBackup.Engine.Backup;
using HsmBackup.Engine.Tests.Support;
using Xunit;

namespace HsmBackup.Engine.Tests.Backup;

public sealed class RestoreOperationTests
{
    [Fact]
    public void A_lost_token_comes_back_exactly()
    {
        using var fixture = new BackupFixture();
        TokenContent content = fixture.Fill();
        BackupResult backup = fixture.BackUp();
        Assert.True(backup.Complete);
        fixture.Token.Replace();

        RestoreResult result = fixture.Restore(backup);

        Assert.Empty(result.Objects.SelectMany(o => o.Differences.Select(d => $"{o.Object}: {d}")));
        Assert.True(result.Exact);
        Assert.Equal(backup.Objects, result.Added);
        Assert.Equal(backup.Objects, result.Proven);
        Assert.Null(result.SafetyBackupPath);
        using RestoreOperation again = fixture.Prepare(backup);
        Assert.Equal(backup.Objects, again.Plan.Keep);
        Assert.True(again.Plan.ChangesNothing);
    }
}
