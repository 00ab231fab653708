using HsmBackup.Engine.Protection.Shares;
using Xunit;

namespace HsmBackup.Engine.Tests.Protection.Shares;

public sealed class SecretCipherTests
{
    [Theory]
    [InlineData("", true, 0)]
    [InlineData("TREZOR", true, 0)]
    [InlineData(" !~", false, 1)]
    public void What_is_encrypted_is_decrypted(string passphrase, bool extendable, int exponent)
    {
        ShareHeader header = TestShares.Header(2) with { Extendable = extendable, IterationExponent = exponent };
        byte[] bytes = [.. TestShares.Secret];
        SecretCipher.Encrypt(bytes, passphrase, header);
        Assert.NotEqual(TestShares.Secret, bytes);
        SecretCipher.Decrypt(bytes, passphrase, header);
        Assert.Equal(TestShares.Secret, bytes);
    }

    [Fact]
    public void The_identifier_counts_only_without_the_flag()
    {
        Assert.Equal(Encrypted("", true, 1), Encrypted("", true, 2));
        Assert.NotEqual(Encrypted("", false, 1), Encrypted("", false, 2));
        Assert.NotEqual(Encrypted("", false, 1), Encrypted("", true, 1));
    }

    [Fact]
    public void Each_byte_depends_on_each_byte()
    {
        byte[] one = Encrypted("", true, 1);
        byte[] changed = [.. TestShares.Secret];
        changed[^1] ^= 1;
        SecretCipher.Encrypt(changed, "", TestShares.Header(2, 1));
        Assert.True(one.Zip(changed).Count(pair => pair.First == pair.Second) < 8);
    }

    [Theory]
    [InlineData("caf\u00E9")]
    [InlineData("tab\t")]
    [InlineData("del\u007F")]
    public void A_passphrase_outside_printable_ASCII_is_refused_and_not_repeated(string passphrase)
    {
        HsmBackupException error = Assert.Throws<HsmBackupException>(() => Encrypted(passphrase, true, 1));
        Assert.Equal(ErrorCode.InvalidArgument, error.Code);
        Assert.DoesNotContain(passphrase, error.Message + error.RecommendedAction, StringComparison.Ordinal);
    }

    private static byte[] Encrypted(string passphrase, bool extendable, int setId)
    {
        byte[] bytes = [.. TestShares.Secret];
        SecretCipher.Encrypt(bytes, passphrase, TestShares.Header(2, setId) with { Extendable = extendable });
        return bytes;
    }
}
