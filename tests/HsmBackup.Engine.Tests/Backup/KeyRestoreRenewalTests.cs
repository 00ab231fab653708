using HsmBackup.Engine.Backup;
using HsmBackup.Engine.Pkcs11;
using HsmBackup.Engine.Tests.Support;
using Xunit;

namespace HsmBackup.Engine.Tests.Backup;

/// <summary>A key whose certificate was renewed: both certificates have its id.</summary>
public sealed class KeyRestoreRenewalTests : IDisposable
{
    private readonly BackupFixture _fixture = new();

    public void Dispose() => _fixture.Dispose();

    [Fact]
    public void A_certificate_that_stays_is_in_the_place_of_no_other()
    {
        using var chain = new TestChain();
        _fixture.Fill(c =>
        {
            c.Certificate(chain.Issuer, "old", change: WithId);
            c.Certificate(chain.Leaf, "new", change: WithId);
            c.Aes("key", 32, t => t.Set(Cka.Id, [0x20]));
            c.Ec("pair", TokenContent.P256, WithId);
        });
        BackupResult backup = _fixture.BackUp();
        _fixture.Token.Replace();
        _fixture.Fill(c => c.Certificate(chain.Leaf, "renamed", change: WithId));

        KeyRestoreResult result = _fixture.RestoreKeys(backup, new KeySelection { Labels = [NameFilter.Exactly("pair")] }, r => r with { Replace = true });

        Assert.Equal((0, 0), (result.Replaced, result.Removed));
        Assert.Contains(result.Objects, o => o is { Action: PlanAction.Keep, Object.Label: "new" });
        Assert.Contains(Witness.OfToken(_fixture.Token), o => o.Contains("renamed", StringComparison.Ordinal));
        Assert.Contains(Witness.OfToken(_fixture.Token), o => o.Contains("old", StringComparison.Ordinal));
    }

    private static void WithId(AttributeMap template) => template.Set(Cka.Id, [0x20]);
}
