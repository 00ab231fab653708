using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using HsmBackup.Engine.Pkcs11;
using HsmBackup.Engine.Pkcs11.Native;
using HsmBackup.Engine.Protection;
using HsmBackup.Engine.Tests.Support;
using HsmBackup.Engine.Tokens;
using Xunit;

namespace HsmBackup.Engine.Tests.Tokens;

/// <summary>Keys are used for everything that their flags allow, whether this process may open them (one-time key) or not (cluster-bound).</summary>
public sealed class KeyUsesTests
{
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void A_key_is_used_for_everything_that_its_flags_allow(bool opened)
    {
        using var keys = new UsedKeys(c =>
        {
            c.Aes("aes", 32, m => Only(m, Cka.Encrypt, Cka.Decrypt, Cka.Sign, Cka.Verify, Cka.Wrap, Cka.Unwrap, Cka.Derive));
            c.Aes("aes-128-cbc-only", 16, m => Only(m, Cka.Encrypt, Cka.Decrypt).Set(Cka.AllowedMechanisms, (ReadOnlySpan<ulong>)[Ckm.AesCbc]));
            c.Secret("des3", Ckk.Des3, Ckm.Des3KeyGen, null, Cka.Encrypt, Cka.Decrypt, m => Only(m, Cka.Encrypt, Cka.Decrypt, Cka.Sign, Cka.Verify));
            c.Generic("mac", 32);
            c.Rsa("rsa", 2048, m => m.Set(Cka.Unwrap, true));
            c.Rsa("rsa-pss-only", 1024, m => m.Set(Cka.Decrypt, false).Set(Cka.AllowedMechanisms, (ReadOnlySpan<ulong>)[Ckm.RsaPkcsPss]));
            c.Ec("p256", TokenContent.P256);
            c.Ec("p521", TokenContent.P521);
            c.Edwards("ed25519", sensitive: false);
            c.Dsa("dsa");
            c.Dh("dh");
            c.Ec("each-time", TokenContent.P256, m => m.Set(Cka.AlwaysAuthenticate, true));
        });

        Dictionary<string, IReadOnlyList<KeyUse>> uses = keys.Use(opened);

        AssertWorked(uses, "aes", KeyUse.Encrypt, KeyUse.Decrypt, KeyUse.Mac, KeyUse.Wrap, KeyUse.Unwrap, KeyUse.Derive);
        AssertWorked(uses, "aes-128-cbc-only", KeyUse.Encrypt, KeyUse.Decrypt);
        AssertWorked(uses, "des3", KeyUse.Encrypt, KeyUse.Decrypt, KeyUse.Mac);
        AssertWorked(uses, "mac", KeyUse.Mac);
        AssertWorked(uses, "rsa", KeyUse.Sign, KeyUse.Decrypt, KeyUse.Unwrap);
        AssertWorked(uses, "rsa-pss-only", KeyUse.Sign);
        AssertWorked(uses, "p256", KeyUse.Sign, KeyUse.Derive);
        AssertWorked(uses, "p521", KeyUse.Sign, KeyUse.Derive);
        AssertWorked(uses, "ed25519", KeyUse.Sign);
        AssertWorked(uses, "dsa", KeyUse.Sign);
        AssertWorked(uses, "dh", KeyUse.Derive);
        AssertWorked(uses, "each-time", KeyUse.Sign, KeyUse.Derive);
        // What was made to use them is gone.
        Assert.Equal(keys.Records.Count, keys.Connection.FindContent().Count);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Another_key_in_a_private_key_s_place_is_found_out(bool opened)
    {
        using var keys = new UsedKeys(c =>
        {
            foreach (string one in (string[])["first", "second"])
            {
                c.Rsa($"rsa-{one}", 1024, m => m.Set(Cka.Unwrap, true));
                c.Ec($"ec-{one}", TokenContent.P256);
                c.Edwards($"ed-{one}", sensitive: false);
                c.Dh($"dh-{one}");
            }
        });
        foreach (string kind in (string[])["rsa", "ec", "ed", "dh"])
        {
            keys.Swap($"{kind}-first", $"{kind}-second", Cko.PrivateKey);
        }

        Dictionary<string, IReadOnlyList<KeyUse>> uses = keys.Use(opened);

        foreach ((string label, IReadOnlyList<KeyUse> all) in uses)
        {
            Assert.True(all.Count > 0 && all.All(u => u.Worked == false), $"{label}: {string.Join("; ", all)}");
        }
    }

    [Fact]
    public void Another_key_in_a_secret_key_s_place_is_found_out_where_this_process_may_open_it()
    {
        using var keys = new UsedKeys(c =>
        {
            foreach (string one in (string[])["first", "second"])
            {
                c.Aes($"aes-{one}", 32, m => Only(m, Cka.Encrypt, Cka.Decrypt, Cka.Wrap, Cka.Unwrap, Cka.Derive));
                c.Generic($"mac-{one}", 32);
            }
        });
        keys.Swap("aes-first", "aes-second", Cko.SecretKey);
        keys.Swap("mac-first", "mac-second", Cko.SecretKey);

        KeyUse[] uses = [.. keys.Use(opened: true).Values.SelectMany(u => u)];

        Assert.Equal(12, uses.Length);
        Assert.All(uses, u => Assert.False(u.Worked, u.ToString()));
    }

    [Fact]
    public void What_goes_one_way_only_is_not_called_right_where_nothing_can_say_so()
    {
        using var keys = new UsedKeys(c =>
        {
            c.Aes("encrypts", 32, m => Only(m, Cka.Encrypt));
            c.Aes("decrypts", 32, m => Only(m, Cka.Decrypt));
            c.Aes("wraps", 32, m => Only(m, Cka.Wrap));
            c.Aes("unwraps", 32, m => Only(m, Cka.Unwrap));
            c.Generic("signs", 32, m => Only(m, Cka.Sign));
            c.Generic("verifies", 32, m => Only(m, Cka.Verify));
            c.Aes("nothing", 32, m => Only(m));
        });

        Dictionary<string, IReadOnlyList<KeyUse>> opened = keys.Use(opened: true);
        Dictionary<string, IReadOnlyList<KeyUse>> bound = keys.Use(opened: false);

        foreach (string label in (string[])["encrypts", "decrypts", "wraps", "unwraps", "signs", "verifies"])
        {
            Assert.True(Assert.Single(opened[label]).Worked, opened[label][0].ToString());
            // SoftHSM gives keys that it made a check value.
            bool? expected = label == "encrypts" ? true : null;
            Assert.Equal(expected, Assert.Single(bound[label]).Worked);
        }
        Assert.Empty(opened["nothing"]);
        Assert.Empty(bound["nothing"]);
    }

    [Fact]
    public void A_flag_that_nothing_is_known_for_is_a_use_that_was_not_made()
    {
        using var keys = new UsedKeys(c => c.Rsa("recovers", 1024, m => m.Set(Cka.Sign, false).Set(Cka.Decrypt, false).Set(Cka.SignRecover, true)));
        KeyUse use = Assert.Single(keys.Use(opened: true)["recovers"]);
        Assert.Equal((KeyUse.SignRecover, null), (use.Use, use.Worked));
        Assert.Contains("CKK_RSA", use.Detail, StringComparison.Ordinal);

        // No token here makes keys for one-time passwords.
        var password = new ObjectRecord { Attributes = new AttributeMap().Set(Cka.Class, Cko.OtpKey).Set(Cka.KeyType, Ckk.Hotp).Set(Cka.Sign, true).Set(Cka.Verify, true) };
        use = Assert.Single(new SecretKeyUses(keys.Connection.Session).Of(password, 0, null));
        Assert.Equal((KeyUse.Mac, null), (use.Use, use.Worked));
        Assert.Contains("CKK_HOTP", use.Detail, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(512)]
    [InlineData(1024)]
    public void A_key_that_is_too_short_for_one_way_of_padding_is_used_by_another(int bits)
    {
        using var keys = new UsedKeys(c =>
        {
            using RSA rsa = RSA.Create(bits);
            RSAParameters key = rsa.ExportParameters(true);
            AttributeMap pub = new AttributeMap().Set(Cka.Class, Cko.PublicKey).Set(Cka.KeyType, Ckk.Rsa).Set(Cka.Token, true).Set(Cka.Label, "public"u8)
                .Set(Cka.Id, [0x51]).Set(Cka.Modulus, key.Modulus!).Set(Cka.PublicExponent, key.Exponent!);
            AttributeMap priv = new AttributeMap().Set(Cka.Class, Cko.PrivateKey).Set(Cka.KeyType, Ckk.Rsa).Set(Cka.Token, true).Set(Cka.Label, "short"u8)
                .Set(Cka.Id, [0x51]).Set(Cka.Private, true).Set(Cka.Extractable, true).Set(Cka.Sensitive, true)
                .Set(Cka.Sign, false).Set(Cka.SignRecover, false).Set(Cka.Decrypt, true).Set(Cka.Unwrap, true)
                .Set(Cka.Modulus, key.Modulus!).Set(Cka.PublicExponent, key.Exponent!).Set(Cka.PrivateExponent, key.D!)
                .Set(Cka.Prime1, key.P!).Set(Cka.Prime2, key.Q!).Set(Cka.Exponent1, key.DP!).Set(Cka.Exponent2, key.DQ!).Set(Cka.Coefficient, key.InverseQ!);
            Assert.Equal(Ckr.Ok, c.Session.TryCreateObject(pub, out ulong publicKey));
            Assert.Equal(Ckr.Ok, c.Session.TryCreateObject(priv, out _));
            c.Certificate(CertificateOf(c.Session, publicKey), "certificate", change: m => m.Set(Cka.Id, [0x51]));
        });

        foreach (bool opened in (bool[])[true, false])
        {
            Dictionary<string, IReadOnlyList<KeyUse>> uses = keys.Use(opened);
            AssertWorked(uses, "short", KeyUse.Decrypt, KeyUse.Unwrap);
            AssertWorked(uses, "certificate", KeyUse.Certificate);
        }
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void A_certificate_is_checked_against_the_private_key_with_its_id(bool opened)
    {
        using var keys = new UsedKeys(c =>
        {
            Certify(c, "own", c.Ec("own-key", TokenContent.P256));
            Certify(c, "of-rsa", c.Rsa("rsa-key", 1024, m => m.Set(Cka.Sign, false)));
            Certify(c, "another-s", c.Ec("its-key", TokenContent.P256), c.Ec("other-key", TokenContent.P256));
            c.Certificate("authority");
        });

        Dictionary<string, IReadOnlyList<KeyUse>> uses = keys.Use(opened);

        AssertWorked(uses, "own", KeyUse.Certificate);
        AssertWorked(uses, "of-rsa", KeyUse.Certificate);
        Assert.False(Assert.Single(uses["another-s"]).Worked);
        Assert.Null(Assert.Single(uses["authority"]).Worked);

        void Certify(TokenContent content, string label, (ulong Public, ulong Private) key, (ulong Public, ulong Private)? certified = null) =>
            content.Certificate(CertificateOf(content.Session, (certified ?? key).Public), label, change: m =>
                m.Set(Cka.Id, content.Session.GetAttributes(key.Private, Cka.Id).Bytes(Cka.Id)!));
    }

    [Fact]
    public void Keys_that_share_an_id_are_each_judged_by_their_own_public_key()
    {
        using var keys = new UsedKeys(c =>
        {
            foreach (string label in (string[])["first", "second"])
            {
                (ulong publicKey, ulong privateKey) = c.Ec(label, TokenContent.P256);
                foreach (ulong handle in (ulong[])[publicKey, privateKey])
                {
                    Assert.Equal(Ckr.Ok, c.Session.TrySetAttributes(handle, new AttributeMap().Set(Cka.Id, [0x01])));
                }
            }
        });

        Dictionary<string, IReadOnlyList<KeyUse>> uses = keys.Use(opened: false);

        AssertWorked(uses, "first", KeyUse.Sign, KeyUse.Derive);
        AssertWorked(uses, "second", KeyUse.Sign, KeyUse.Derive);
    }

    [Fact]
    public void A_PIN_that_is_refused_is_sent_once_and_spoils_no_other_key()
    {
        using var keys = new UsedKeys(c =>
        {
            c.Ec("each-time-1", TokenContent.P256, m => m.Set(Cka.AlwaysAuthenticate, true).Set(Cka.Derive, false));
            c.Ec("each-time-2", TokenContent.P256, m => m.Set(Cka.AlwaysAuthenticate, true).Set(Cka.Derive, false));
            c.Ec("usual", TokenContent.P256);
        });
        using var wrong = Pin.FromChars("not the PIN");
        long before = keys.Connection.Session.Functions.CallsOf(FunctionIndex.C_Login);

        Dictionary<string, IReadOnlyList<KeyUse>> uses = keys.Use(opened: false, wrong);

        Assert.Equal(1, keys.Connection.Session.Functions.CallsOf(FunctionIndex.C_Login) - before);
        Assert.False(Assert.Single(uses["each-time-1"]).Worked);
        Assert.Null(Assert.Single(uses["each-time-2"]).Worked);
        AssertWorked(uses, "usual", KeyUse.Sign, KeyUse.Derive);
    }

    [FaultyLibraryTheory]
    [InlineData("C_Sign", "rsa", KeyUse.Sign)]
    [InlineData("C_Sign", "ec", KeyUse.Sign)]
    [InlineData("C_Sign", "mac", KeyUse.Mac)]
    [InlineData("C_Decrypt", "rsa", KeyUse.Decrypt)]
    [InlineData("C_Encrypt", "aes", KeyUse.Encrypt)]
    public void A_wrong_result_of_a_key_is_seen_and_of_no_other(string function, string label, string use)
    {
        string folder = Directory.CreateTempSubdirectory("hsmbackup-test-").FullName;
        try
        {
            var library = new FaultyLibrary(folder);
            using var keys = new UsedKeys(c =>
            {
                c.Rsa("rsa", 1024);
                c.Ec("ec", TokenContent.P256);
                c.Generic("mac", 32);
                c.Aes("aes", 32, m => Only(m, Cka.Encrypt, Cka.Decrypt));
            }, library.Path);

            library.GarbleFor(label, function);

            foreach (bool opened in (bool[])[true, false])
            {
                Dictionary<string, IReadOnlyList<KeyUse>> uses = keys.Use(opened);
                Assert.Equal(use, uses[label].FirstOrDefault(u => u.Worked == false)?.Use);
                Assert.All(uses.Where(u => u.Key != label).SelectMany(u => u.Value), u => Assert.True(u.Worked, u.ToString()));
            }
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    /// <summary>SoftHSM sets flags that it was not told of.</summary>
    private static AttributeMap Only(AttributeMap key, params ulong[] flags)
    {
        foreach (ulong flag in (ulong[])[Cka.Encrypt, Cka.Decrypt, Cka.Sign, Cka.Verify, Cka.Wrap, Cka.Unwrap, Cka.Derive])
        {
            key.Set(flag, flags.Contains(flag));
        }
        return key;
    }

    private static X509Certificate2 CertificateOf(Pkcs11Session session, ulong publicKey)
    {
        AttributeMap values = session.GetAttributes(publicKey, Cka.KeyType, Cka.Modulus, Cka.PublicExponent, Cka.EcPoint);
        using var issuer = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var name = new X500DistinguishedName("CN=key of a token");
        using RSA rsa = values.Number(Cka.KeyType) == Ckk.Rsa
            ? RSA.Create(new RSAParameters { Modulus = values.Bytes(Cka.Modulus)!, Exponent = values.Bytes(Cka.PublicExponent)! })
            : RSA.Create(512);
        PublicKey key = values.Number(Cka.KeyType) == Ckk.Rsa ? new PublicKey(rsa) : PointOf(EcPublicPoint.Raw(values.Bytes(Cka.EcPoint)!));
        var request = new CertificateRequest(name, key, HashAlgorithmName.SHA256);
        return request.Create(name, X509SignatureGenerator.CreateForECDsa(issuer), DateTimeOffset.UnixEpoch.AddYears(50),
            DateTimeOffset.UnixEpoch.AddYears(70), Encoding.ASCII.GetBytes("12345678"));
    }

    private static PublicKey PointOf(byte[] point)
    {
        using var ec = ECDsa.Create(new ECParameters { Curve = ECCurve.NamedCurves.nistP256, Q = new ECPoint { X = point[1..33], Y = point[33..] } });
        return new PublicKey(ec);
    }

    private static void AssertWorked(Dictionary<string, IReadOnlyList<KeyUse>> uses, string label, params string[] expected)
    {
        string found = $"{label}: {string.Join("; ", uses[label])}";
        Assert.True(expected.Order(StringComparer.Ordinal).SequenceEqual(uses[label].Select(u => u.Use).Order(StringComparer.Ordinal)), found);
        Assert.True(uses[label].All(u => u.Worked == true), found);
    }
}
