using System.Security.Cryptography;
using HsmBackup.Engine.Protection;
using Xunit;

namespace HsmBackup.Engine.Tests.Protection;

public sealed class BackupKeysTests
{
    private const string Id = "20261121T220500Z-payments-0a1b2c3d";

    // Made by OpenSSL 3.0, once for each use (cms, seal, kek, check), with
    //   openssl kdf -keylen 32 -kdfopt digest:SHA256 -kdfopt hexkey:$K -kdfopt salt:$ID
    //       -kdfopt "info:hsm-backup/1 $use" -binary HKDF | xxd -p -c 64
    // and -kdfopt hexsalt:7ac3bc726963682d31 for the second id, which is not ASCII.
    public static TheoryData<string, string, string, string, string, string> KnownAnswers => new()
    {
        {
            TestKey.CountingHex, Id,
            "4b2525f509fcfa7b3e919690825ea99ee4ecda353195105747e1f3572f47c87a",
            "9c31b087e72e447ef0b36a26b10259e82261393149d037c9d974531ee727c257",
            "ca627f13181fc8707d582a75c85808c7952b26e1f84aa87cd81cd7c2efd60b7e",
            "6d297834c64e97073718f5104f31be07"
        },
        {
            new string('f', 64), "z\u00FCrich-1",
            "39fc2f2cfbbf22929d40896b5f6ad2dc5a8dddc5b5c500464d41e6c78dbff2eb",
            "bb009066069b981b63bbd79253b0527b92686044409f11bbf2da0ee46d3ae81d",
            "2a7677984aad41447aee626a95da9619ce9f451f7ea901a3f67ab787d5da3f87",
            "66b31dbfe7a6bdc2c3e9e40238501b94"
        },
    };

    [Theory]
    [MemberData(nameof(KnownAnswers))]
    public void The_derived_keys_are_the_ones_that_OpenSSL_gives(
        string key, string id, string cms, string seal, string kek, string check)
    {
        using OneTimeKey oneTimeKey = TestKey.FromHex(key);
        using BackupKeys keys = BackupKeys.Derive(oneTimeKey, id);
        Assert.Equal(cms, Convert.ToHexStringLower(keys.Cms.Span));
        Assert.Equal(seal, Convert.ToHexStringLower(keys.Seal.Span));
        Assert.Equal(kek, Convert.ToHexStringLower(keys.Kek.Span));
        Assert.Equal(check, keys.Check);
    }

    [Fact]
    public void The_platform_derives_as_RFC_5869_says()
    {
        // Appendix A.1: what the derivation above rests on.
        byte[] derived = HKDF.DeriveKey(
            HashAlgorithmName.SHA256,
            Convert.FromHexString("0B0B0B0B0B0B0B0B0B0B0B0B0B0B0B0B0B0B0B0B0B0B"),
            42,
            Convert.FromHexString("000102030405060708090A0B0C"),
            Convert.FromHexString("F0F1F2F3F4F5F6F7F8F9"));
        Assert.Equal(
            "3CB25F25FAACD57A90434F64D0362F2A2D2D0A90CF1A5A4C5DB02D56ECC4C5BF34007208D5B887185865",
            Convert.ToHexString(derived));
    }

    [Fact]
    public void Another_backup_id_gives_other_keys()
    {
        using OneTimeKey key = TestKey.Counting;
        using BackupKeys one = BackupKeys.Derive(key, Id);
        using BackupKeys other = BackupKeys.Derive(key, Id[..^1] + "e");
        Assert.False(one.Cms.Span.SequenceEqual(other.Cms.Span));
        Assert.NotEqual(one.Check, other.Check);
    }

    [Fact]
    public void The_check_value_tells_the_right_key_from_a_wrong_one()
    {
        using OneTimeKey right = OneTimeKey.Generate();
        using OneTimeKey wrong = OneTimeKey.Generate();
        using BackupKeys made = BackupKeys.Derive(right, Id);
        using BackupKeys again = BackupKeys.Derive(right, Id);
        using BackupKeys different = BackupKeys.Derive(wrong, Id);
        Assert.True(again.Matches(made.Check));
        Assert.False(different.Matches(made.Check));
    }

    [Theory]
    [InlineData("")]
    [InlineData("6d297834c64e97073718f5104f31be0")]
    [InlineData("6d297834c64e97073718f5104f31be070")]
    [InlineData("6d297834c64e97073718f5104f31be06")]
    [InlineData("6D297834C64E97073718F5104F31BE07")]
    public void Only_the_exact_check_value_matches(string check)
    {
        using OneTimeKey key = TestKey.Counting;
        using BackupKeys keys = BackupKeys.Derive(key, Id);
        Assert.True(keys.Matches("6d297834c64e97073718f5104f31be07"));
        Assert.False(keys.Matches(check));
    }

    [Fact]
    public void Dispose_overwrites_every_key()
    {
        using OneTimeKey key = TestKey.Counting;
        BackupKeys keys = BackupKeys.Derive(key, Id);
        Span<byte> cms = keys.Cms.Span;
        Span<byte> seal = keys.Seal.Span;
        Span<byte> kek = keys.Kek.Span;
        keys.Dispose();
        Assert.True(cms.SequenceEqual(new byte[32]));
        Assert.True(seal.SequenceEqual(new byte[32]));
        Assert.True(kek.SequenceEqual(new byte[32]));
    }

    [Fact]
    public void The_text_of_the_object_tells_no_key()
    {
        using OneTimeKey key = TestKey.Counting;
        using BackupKeys keys = BackupKeys.Derive(key, Id);
        Assert.Equal("(keys with check value 6d297834c64e97073718f5104f31be07)", keys.ToString());
    }

    [Fact]
    public void An_empty_id_is_refused()
    {
        using OneTimeKey key = TestKey.Counting;
        Assert.Throws<ArgumentException>(() => BackupKeys.Derive(key, ""));
    }
}
