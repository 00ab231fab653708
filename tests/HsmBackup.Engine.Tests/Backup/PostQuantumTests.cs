using System.Security.Cryptography;
using HsmBackup.Engine.Backup;
using HsmBackup.Engine.Pkcs11;
using HsmBackup.Engine.Tests.Support;
using HsmBackup.Engine.Tokens;
using Xunit;

namespace HsmBackup.Engine.Tests.Backup;

/// <summary>Post-quantum keys, on a stand-in for a token that has them.</summary>
public sealed class PostQuantumTests : IDisposable
{
    private readonly BackupFixture _fixture = new();
    private readonly PostQuantumToken _token;

    public PostQuantumTests() => _token = new PostQuantumToken(_fixture.Token.Address.Library);

    public static TheoryData<ulong, ulong, int> Kinds => new()
    {
        { Ckk.MlKem, Ckp.MlKem512, 800 },
        { Ckk.MlKem, Ckp.MlKem768, 1184 },
        { Ckk.MlKem, Ckp.MlKem1024, 1568 },
        { Ckk.MlDsa, Ckp.MlDsa44, 1312 },
        { Ckk.MlDsa, Ckp.MlDsa65, 1952 },
        { Ckk.MlDsa, Ckp.MlDsa87, 2592 },
        { Ckk.SlhDsa, Ckp.SlhDsaSha2_128S, 32 },
        { Ckk.SlhDsa, Ckp.SlhDsaShake256F, 64 },
    };

    public void Dispose()
    {
        _token.Dispose();
        _fixture.Dispose();
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void A_key_pair_comes_back_with_its_parameter_set(ulong keyType, ulong parameterSet, int publicLength)
    {
        AttributeMap publicKey = PublicKey(keyType, parameterSet, publicLength);
        AttributeMap privateKey = PrivateKey(keyType, parameterSet);
        byte[] secret = Secret(parameterSet, 64);
        _token.Add(publicKey);
        _token.Add(privateKey, secret);

        RestoreResult result = BackUpLoseAndRestore();

        Assert.Empty(result.Objects.SelectMany(o => o.Differences));
        Assert.True(result.Exact);
        Assert.Equal(2, result.Proven);
        PostQuantumObject[] objects = [.. _token.Objects];
        Assert.Equal(2, objects.Length);
        AssertSame(publicKey, objects.Single(o => o.Secret is null).Attributes);
        PostQuantumObject restored = objects.Single(o => o.Secret is not null);
        AssertSame(privateKey, restored.Attributes);
        Assert.Equal(secret, restored.Secret);
    }

    [Fact]
    public void Templates_hold_what_the_standard_wants_and_nothing_that_it_forbids()
    {
        _token.Add(PublicKey(Ckk.MlKem, Ckp.MlKem768, 1184));
        _token.Add(PrivateKey(Ckk.MlKem, Ckp.MlKem768), Secret(Ckp.MlKem768, 64));

        BackUpLoseAndRestore();

        AttributeMap created = _token.Templates.Single(t => t.Number(Cka.Class) == Cko.PublicKey);
        Assert.Equal(Ckp.MlKem768, created.Number(Cka.ParameterSet));
        Assert.Equal(1184, created.Bytes(Cka.Value)!.Length);
        Assert.True(created.Boolean(Cka.Encapsulate));
        AttributeMap unwrapped = _token.Templates.Single(t => t.Number(Cka.Class) == Cko.PrivateKey);
        Assert.Equal(Ckk.MlKem, unwrapped.Number(Cka.KeyType));
        Assert.True(unwrapped.Boolean(Cka.Decapsulate));
        Assert.False(unwrapped.Contains(Cka.ParameterSet));
        Assert.False(unwrapped.Contains(Cka.Value) || unwrapped.Contains(Cka.Seed));
    }

    [Fact]
    public void A_readable_key_that_is_not_wrapped_comes_back_by_its_value_and_its_seed()
    {
        byte[] secret = Secret(Ckp.MlDsa65, 96);
        byte[] seed = RandomNumberGenerator.GetBytes(32);
        AttributeMap readable = PrivateKey(Ckk.MlDsa, Ckp.MlDsa65).Set(Cka.Sensitive, false).Set(Cka.Value, secret).Set(Cka.Seed, seed);
        _token.Add(readable, secret);

        RestoreResult result = BackUpLoseAndRestore();

        Assert.True(result.Exact);
        AssertSame(readable, Assert.Single(_token.Objects).Attributes);
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void A_record_survives_json(ulong keyType, ulong parameterSet, int publicLength)
    {
        var record = new ObjectRecord { Attributes = PublicKey(keyType, parameterSet, publicLength), Verdict = Verdict.Captured };
        using var json = new ObjectRecordJson();
        byte[] line = json.Write(record).ToArray();

        ObjectRecord back = ObjectRecordJson.Read(line);

        Assert.True(back.Attributes.SameAs(record.Attributes));
        Assert.Equal(keyType, back.KeyType);
        Assert.Equal(parameterSet, back.Attributes.Number(Cka.ParameterSet));
        Assert.Contains(Names.OfKeyType(keyType), System.Text.Encoding.UTF8.GetString(line), StringComparison.Ordinal);
        Assert.StartsWith("CKK_", Names.OfKeyType(keyType), StringComparison.Ordinal);
    }

    private RestoreResult BackUpLoseAndRestore()
    {
        BackupResult backup = _fixture.BackUp();
        Assert.True(backup.Complete);
        _token.Clear();
        RestoreResult result = _fixture.Restore(backup);
        Assert.Equal(backup.Objects, _fixture.Restore(backup).Kept);
        backup.Key!.Dispose();
        return result;
    }

    private static AttributeMap PublicKey(ulong keyType, ulong parameterSet, int length) => new AttributeMap()
        .Set(Cka.Class, Cko.PublicKey).Set(Cka.KeyType, keyType).Set(Cka.Token, true).Set(Cka.Private, false)
        .Set(Cka.Label, "quantum").Set(Cka.Id, [0x51]).Set(Cka.ParameterSet, parameterSet).Set(Cka.Value, RandomNumberGenerator.GetBytes(length))
        .Set(keyType == Ckk.MlKem ? Cka.Encapsulate : Cka.Verify, true);

    private static AttributeMap PrivateKey(ulong keyType, ulong parameterSet) => new AttributeMap()
        .Set(Cka.Class, Cko.PrivateKey).Set(Cka.KeyType, keyType).Set(Cka.Token, true).Set(Cka.Private, true)
        .Set(Cka.Label, "quantum").Set(Cka.Id, [0x51]).Set(Cka.ParameterSet, parameterSet).Set(Cka.Sensitive, true).Set(Cka.Extractable, true)
        .Set(keyType == Ckk.MlKem ? Cka.Decapsulate : Cka.Sign, true);

    /// <summary>Of a length that SoftHSM's wrapping keeps.</summary>
    private static byte[] Secret(ulong parameterSet, int length)
    {
        byte[] secret = RandomNumberGenerator.GetBytes(length);
        secret[0] = (byte)parameterSet;
        return secret;
    }

    private static void AssertSame(AttributeMap expected, AttributeMap actual)
    {
        foreach (TokenAttribute attribute in expected)
        {
            Assert.True(actual.TryGet(attribute.Type, out TokenAttribute found) && found.SameAs(attribute), Names.OfAttribute(attribute.Type));
        }
    }
}
