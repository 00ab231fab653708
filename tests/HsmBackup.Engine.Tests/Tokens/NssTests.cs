using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using HsmBackup.Engine.Backup;
using HsmBackup.Engine.Pkcs11;
using HsmBackup.Engine.Pkcs11.Native;
using HsmBackup.Engine.Tests.Support;
using HsmBackup.Engine.Tokens;
using Xunit;

namespace HsmBackup.Engine.Tests.Tokens;

[Collection(NssToken.Collection)]
public sealed class NssTests
{
    private static readonly byte[] One = [1];
    private static readonly byte[] FirstKey = [.. Enumerable.Repeat((byte)0x11, 32)];
    private static readonly byte[] SecondKey = [.. Enumerable.Repeat((byte)0x22, 32)];

    [NssFact]
    public void A_token_of_every_kind_of_object_is_lost_and_comes_back_as_its_table_says() =>
        TokenConformance.AssertTable("NSS.txt", new NssToken("conformance"));

    [NssFact]
    public void Secret_keys_of_every_length_come_back()
    {
        Dictionary<string, byte[]> values = ExactnessTests.Values(ExactnessTests.Lengths);
        using var fixture = new BackupFixture(new NssToken("lengths"));
        fixture.Fill(content => ExactnessTests.MakeAll(content, values));
        BackupResult backup = fixture.BackUp();
        fixture.Token.Replace();

        Assert.True(fixture.Restore(backup).Exact);

        ExactnessTests.AssertValues(fixture, values);
    }

    [NssFact]
    public void A_secret_key_that_it_wraps_and_will_not_unwrap_is_refused_before_anything_is_touched()
    {
        using var fixture = new BackupFixture(new NssToken("long"));
        fixture.Fill(content =>
        {
            content.Aes("key", 32);
            content.Known("300", Ckk.GenericSecret, RandomNumberGenerator.GetBytes(300));
        });
        BackupResult backup = fixture.BackUp();
        fixture.Token.Replace();

        Assert.Contains("'300'", RefusalOf(fixture, backup), StringComparison.Ordinal);
        Assert.Empty(LabelsOf(fixture));
    }

    [NssFact]
    public void A_key_with_the_id_of_another_takes_its_place_without_overwriting_it()
    {
        using BackupFixture fixture = WithAnotherKeyOfTheSameId(out BackupResult backup);

        RestoreResult result = fixture.Restore(backup);

        Assert.True(result.Exact, string.Join('\n', result.Objects));
        Assert.Equal(["wanted"], LabelsOf(fixture));
        Assert.Contains(Witness.OfBackup(result.SafetyBackupPath!, backup.Key!), line => line.Contains("other", StringComparison.Ordinal));
    }

    [NssFact]
    public unsafe void A_restore_that_fails_leaves_the_key_of_the_same_id_where_it_is()
    {
        using BackupFixture fixture = WithAnotherKeyOfTheSameId(out BackupResult backup);
        List<string> before = Witness.OfToken(fixture.Token);
        using (var faults = new NativeFaults(fixture.Token.Address.Library))
        {
            bool adding = false;
            faults.After = call =>
            {
                adding |= call.Function == FunctionIndex.C_UnwrapKey && call.MakesTokenObject;
                if (adding && call.Function == FunctionIndex.C_WrapKey)
                {
                    call.Buffer[0] ^= 1;
                }
            };

            HsmBackupException e = Assert.Throws<HsmBackupException>(() => fixture.Restore(backup));

            Assert.Equal(ErrorCode.RestoreFailed, e.Code);
            Assert.Contains("as it was", e.Message, StringComparison.Ordinal);
        }
        Assert.Equal(before, Witness.OfToken(fixture.Token));
    }

    [NssFact]
    public void Keys_of_one_class_and_id_all_come_back()
    {
        using var source = new BackupFixture("same-ids");
        source.Fill(content =>
        {
            content.Known("first", Ckk.Aes, FirstKey, m => m.Set(Cka.Id, One));
            content.Known("second", Ckk.Aes, SecondKey, m => m.Set(Cka.Id, One));
            content.Known("unmodifiable", Ckk.Aes, SecondKey, m => m.Set(Cka.Id, One).Set(Cka.Modifiable, false));
        });
        BackupResult backup = source.BackUp();
        using var target = new BackupFixture(new NssToken("same-ids"));

        RestoreResult result = target.Restore(backup);

        Assert.True(result.Exact, string.Join('\n', result.Objects));
        Assert.Equal(["first", "second", "unmodifiable"], LabelsOf(target));
    }

    [NssFact]
    public void Two_unmodifiable_keys_of_one_id_are_refused_before_anything_is_touched()
    {
        using var source = new BackupFixture("fixed-ids");
        source.Fill(content =>
        {
            content.Known("first", Ckk.Aes, FirstKey, m => m.Set(Cka.Id, One).Set(Cka.Modifiable, false));
            content.Known("second", Ckk.Aes, SecondKey, m => m.Set(Cka.Id, One).Set(Cka.Modifiable, false));
        });
        BackupResult backup = source.BackUp();
        using var target = new BackupFixture(new NssToken("fixed-ids"));

        Assert.Contains("CKA_MODIFIABLE", RefusalOf(target, backup), StringComparison.Ordinal);
        Assert.Empty(LabelsOf(target));
    }

    [NssFact]
    public void An_unmodifiable_key_is_refused_where_another_has_its_id()
    {
        using var fixture = new BackupFixture(new NssToken("fixed-id"));
        fixture.Fill(content => content.Known("wanted", Ckk.Aes, FirstKey, m => m.Set(Cka.Id, One).Set(Cka.Modifiable, false)));
        BackupResult backup = fixture.BackUp();
        fixture.Token.Replace();
        fixture.Fill(content => content.Known("other", Ckk.Aes, SecondKey, m => m.Set(Cka.Id, One)));

        Assert.Contains("would be overwritten", RefusalOf(fixture, backup), StringComparison.Ordinal);
        Assert.Equal(["other"], LabelsOf(fixture));
    }

    [NssFact]
    public void A_certificate_in_the_way_of_the_same_certificate_is_saved_and_replaced()
    {
        using var fixture = new BackupFixture(new NssToken("certificates"));
        X509Certificate2? certificate = null;
        fixture.Fill(content => certificate = content.Certificate("wanted"));
        BackupResult backup = fixture.BackUp();
        fixture.Token.Replace();
        fixture.Fill(content => content.Certificate(certificate!, "other"));

        RestoreResult result = fixture.Restore(backup);

        Assert.True(result.Exact, string.Join('\n', result.Objects));
        Assert.Equal(["wanted"], LabelsOf(fixture));
        Assert.NotNull(result.SafetyBackupPath);
    }

    [NssFact]
    public void The_same_certificate_twice_is_refused_before_anything_is_touched()
    {
        using var source = new BackupFixture("twice");
        source.Fill(content => content.Certificate(content.Certificate("first"), "second"));
        BackupResult backup = source.BackUp();
        using var target = new BackupFixture(new NssToken("twice"));

        Assert.Contains("same issuer and serial number", RefusalOf(target, backup), StringComparison.Ordinal);
        Assert.Empty(LabelsOf(target));
    }

    [NssFact]
    public void A_data_object_is_refused_and_what_was_added_before_it_is_taken_back()
    {
        using var source = new BackupFixture("data");
        source.Fill(content =>
        {
            content.Aes("key", 32);
            content.Data("data", isPrivate: false);
        });
        BackupResult backup = source.BackUp();
        using var target = new BackupFixture(new NssToken("data"));

        Assert.Contains("CKO_DATA", RefusalOf(target, backup), StringComparison.Ordinal);
        Assert.Empty(LabelsOf(target));
    }

    [NssFact]
    public void Settings_that_it_refuses_for_token_objects_are_left_out_and_told()
    {
        using var source = new BackupFixture("settings");
        source.Fill(content =>
        {
            content.Aes("uncopyable", 32, m => m.Set(Cka.Copyable, false).Set(Cka.AllowedMechanisms, (ReadOnlySpan<ulong>)[Ckm.AesEcb]));
            content.Certificate("uncopyable-certificate", change: m => m.Set(Cka.Copyable, false).Set(Cka.StartDate, "20200101"));
        });
        BackupResult backup = source.BackUp();
        using var target = new BackupFixture(new NssToken("settings"));

        RestoreResult result = target.Restore(backup);

        Assert.False(result.Exact);
        Dictionary<string, string> differences = result.Objects.ToDictionary(o => o.Object.Label, o => string.Join("; ", o.Differences));
        Assert.Contains("CKA_COPYABLE: expected false", differences["uncopyable"], StringComparison.Ordinal);
        Assert.Contains("CKA_ALLOWED_MECHANISMS", differences["uncopyable"], StringComparison.Ordinal);
        Assert.Equal("CKA_COPYABLE: expected false, found nothing", differences["uncopyable-certificate"]);
    }

    [NssFact]
    public void A_wrong_check_value_is_neither_believed_nor_restored()
    {
        using var fixture = new BackupFixture(new NssToken("check-value"));
        fixture.Fill(content => content.Known("key", Ckk.Aes, FirstKey, m => m.Set(Cka.CheckValue, [0xBA, 0xAD, 0x00])));
        BackupResult backup = fixture.BackUp();
        fixture.Token.Replace();

        RestoreResult result = fixture.Restore(backup);

        Assert.True(result.Exact, string.Join('\n', result.Objects));
        using TokenConnection connection = fixture.Open();
        byte[]? value = connection.Session.ReadAttributes(connection.Session.FindTokenObjects()[0], [Cka.Class, Cka.CheckValue]).Attributes.Bytes(Cka.CheckValue);
        Assert.NotEqual([0xBA, 0xAD, 0x00], value ?? []);
    }

    [NssFact]
    public void A_private_key_is_unwrapped_with_its_own_public_value()
    {
        using var fixture = new BackupFixture(new NssToken("public-value"));
        fixture.Fill(content =>
        {
            content.Ec("p384", TokenContent.P384);
            content.Dsa("dsa");
        });
        List<string> before = PublicValuesOf(fixture);
        BackupResult backup = fixture.BackUp();
        fixture.Token.Replace();

        fixture.Restore(backup);

        Assert.Equal(2, before.Count);
        Assert.Equal(before, PublicValuesOf(fixture));
    }

    private static BackupFixture WithAnotherKeyOfTheSameId(out BackupResult backup)
    {
        var fixture = new BackupFixture(new NssToken("unique"));
        fixture.Fill(content => content.Known("wanted", Ckk.Aes, FirstKey, m => m.Set(Cka.Id, One)));
        backup = fixture.BackUp();
        fixture.Token.Replace();
        fixture.Fill(content => content.Known("other", Ckk.Aes, SecondKey, m => m.Set(Cka.Id, One)));
        return fixture;
    }

    private static string RefusalOf(BackupFixture fixture, BackupResult backup)
    {
        HsmBackupException e = Assert.Throws<HsmBackupException>(() => fixture.Restore(backup));
        Assert.Equal(ErrorCode.RestoreFailed, e.Code);
        return e.Message;
    }

    private static List<string> LabelsOf(BackupFixture fixture)
    {
        using TokenConnection connection = fixture.Open();
        return [.. connection.Session.FindTokenObjects()
            .Select(h => connection.Session.ReadAttributes(h, [Cka.Class, Cka.Label]).Attributes.Text(Cka.Label)!).Order(StringComparer.Ordinal)];
    }

    private static List<string> PublicValuesOf(BackupFixture fixture)
    {
        using TokenConnection connection = fixture.Open();
        return [.. connection.Session.FindObjects(new AttributeMap().Set(Cka.Token, true).Set(Cka.Class, Cko.PrivateKey))
            .Select(h => Convert.ToHexString(connection.Session.ReadAttributes(h, [Cka.Class, Cka.NssDb]).Attributes.Bytes(Cka.NssDb)!)).Order(StringComparer.Ordinal)];
    }
}
