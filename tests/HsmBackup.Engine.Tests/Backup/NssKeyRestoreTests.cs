using HsmBackup.Engine.Backup;
using HsmBackup.Engine.Pkcs11;
using HsmBackup.Engine.Tests.Support;
using HsmBackup.Engine.Tokens;
using Xunit;

namespace HsmBackup.Engine.Tests.Backup;

/// <summary>Restores of single keys on NSS softoken, where a second object with the id of a first overwrites it.</summary>
[Collection(NssToken.Collection)]
public sealed class NssKeyRestoreTests
{
    private static readonly KeySelection Wanted = new() { Labels = [NameFilter.Exactly("wanted")] };

    [NssFact]
    public void A_key_pair_and_its_certificate_come_back_beside_what_is_there()
    {
        using var fixture = new BackupFixture(new NssToken("payments"));
        fixture.Fill(c =>
        {
            c.Rsa("wanted", 2048);
            c.Aes("bystander", 32);
            c.Rsa("bystander", 2048);
        });
        BackupResult backup = fixture.BackUp();
        List<string> before = Witness.OfToken(fixture.Token);
        Destroy(fixture, "wanted");

        KeyRestoreResult result = fixture.RestoreKeys(backup, Wanted);

        Assert.Equal((2, 2), (result.Added, result.Proven));
        Assert.Equal(before, Witness.OfToken(fixture.Token));
        Assert.Equal(2, fixture.RestoreKeys(backup, Wanted).Kept);
    }

    [NssFact]
    public void Another_key_with_its_id_is_not_overwritten_and_is_replaced_on_request()
    {
        using var fixture = new BackupFixture(new NssToken("payments"));
        fixture.Fill(c => c.Aes("wanted", 32, t => t.Set(Cka.Id, [7])));
        BackupResult backup = fixture.BackUp();
        Destroy(fixture, "wanted");
        fixture.Fill(c => c.Aes("another name", 32, t => t.Set(Cka.Id, [7])));
        List<string> before = Witness.OfToken(fixture.Token);

        Refusal.Of(ErrorCode.RestoreConflict, () => fixture.RestoreKeys(backup, Wanted));
        Assert.Equal(before, Witness.OfToken(fixture.Token));

        KeyRestoreResult result = fixture.RestoreKeys(backup, Wanted, r => r with { Replace = true });
        Assert.Equal((1, 1), (result.Replaced, result.Proven));
        Assert.Equal(Witness.OfBackup(backup.Path, backup.Key!), Witness.OfToken(fixture.Token));
    }

    private static void Destroy(BackupFixture fixture, string label)
    {
        using TokenConnection connection = fixture.Open();
        foreach (ulong handle in connection.Session.FindObjects(new AttributeMap().Set(Cka.Token, true).Set(Cka.Label, label)))
        {
            Assert.Equal(Ckr.Ok, connection.Session.TryDestroyObject(handle));
        }
    }
}
