using System.Security.Cryptography;
using HsmBackup.Engine.Backup;
using HsmBackup.Engine.Clusters.Sync;
using HsmBackup.Engine.Pkcs11;
using HsmBackup.Engine.Tests.Support;
using HsmBackup.Engine.Tokens;
using Xunit;

namespace HsmBackup.Engine.Tests.Clusters.Sync;

/// <summary>Nodes of different makers in one cluster: SoftHSM and NSS softoken, which encode the same private key in different ways.</summary>
[Collection(NssToken.Collection)]
public sealed class MixedVendorsTests
{
    private static readonly byte[] Data = SHA256.HashData("to be signed"u8);

    [NssFact]
    public void Both_hold_the_same_keys_in_the_end_and_what_cannot_be_carried_is_told()
    {
        using SyncTrial trial = Mixed();
        trial.Change(0, c =>
        {
            c.Rsa("rsa-of-soft", 2048);
            c.Aes("aes-of-soft", 32);
            c.Ec("ec-of-soft", TokenContent.P256);
            c.Generic("odd-of-soft", 33);
        });
        trial.Change(1, c =>
        {
            c.Rsa("rsa-of-nss", 2048);
            c.Aes("aes-of-nss", 16);
            c.Ec("ec-of-nss", TokenContent.P256);
        });

        IReadOnlyList<NodeSyncResult> results = trial.Run();

        // The secret of odd length is on the first one, and cannot be compared across makers.
        Assert.Equal([SyncState.Incomplete, SyncState.Incomplete, SyncState.Synchronized], results.Select(r => r.State));
        Assert.Equal((1, 0), (results[0].Uncompared, results[0].Failed));
        SyncOutcome odd = Assert.Single(results[1].Steps, s => s.Outcome == CheckOutcome.Failed);
        Assert.Equal("odd-of-soft", odd.Item.Object.Label);
        Assert.Contains("different ways", odd.Detail, StringComparison.Ordinal);
        // The identity key of the ceremony: NSS gives every EC key the right to derive.
        SyncOutcome identity = Assert.Single(results[1].Steps, s => s.Outcome == CheckOutcome.Skipped);
        Assert.Equal(SyncAction.Different, identity.Item.Action);
        Assert.Contains("CKA_DERIVE", identity.Item.Reason, StringComparison.Ordinal);

        string[] ciphers = [.. Enumerable.Range(0, 3).Select(node => Use(trial, node))];
        Assert.All(ciphers, c => Assert.Equal(ciphers[0], c));

        // What was carried is recognised again, whichever maker encoded it, and nothing of it is carried twice.
        Assert.Equal(["HsmBackup identity", "odd-of-soft"], trial.Plan().Items.Select(i => i.Object.Label).Order());
    }

    [NssFact]
    public void Different_private_keys_of_one_name_are_a_conflict_across_makers_too()
    {
        using SyncTrial trial = Mixed();
        trial.Change(0, c => c.Rsa("pay", 2048));
        trial.Change(1, c => c.Rsa("pay", 2048));

        SyncPlan plan = trial.Plan();

        Assert.Equal(2, plan.Items.Count(i => i is { Node: "node-2", Action: SyncAction.Conflict }));
        Assert.Equal(0, plan.Copy + plan.Replace + plan.Remove);
    }

    [NssFact]
    public void Two_tokens_of_NSS_are_made_alike_as_well()
    {
        using var trial = new SyncTrial(new TestCluster(new NssToken("nss-1"), new NssToken("nss-2")));
        trial.Change(1, c =>
        {
            c.Rsa("rsa", 2048);
            c.Aes("aes", 32);
            c.Ec("ec", TokenContent.P384);
        });

        IReadOnlyList<NodeSyncResult> results = trial.Run();

        Assert.Equal(5, results[0].Copied);
        Assert.Equal(0, results.Sum(r => r.Failed));
        Assert.Equal(Witness.OfToken(trial.Cluster.Tokens[1]), Witness.OfToken(trial.Cluster.Tokens[0]));
        Assert.Equal(0, trial.Plan().Copy);
    }

    private static SyncTrial Mixed() => new(new TestCluster(new SoftHsmToken("soft"), new NssToken("nss"), new SoftHsmToken("soft-too")));

    /// <summary>Uses every key of a node: what comes out tells the keys, and a signature is looked at by the platform.</summary>
    private static string Use(SyncTrial trial, int node)
    {
        using TokenConnection connection = trial.Cluster.Open(node);
        Pkcs11Session session = connection.Session;
        var seen = new List<string>();
        foreach (string label in (string[])["aes-of-soft", "aes-of-nss"])
        {
            Assert.Equal(Ckr.Ok, session.TryEncrypt(new Mechanism(Ckm.AesEcb), Find(session, Cko.SecretKey, label), new byte[16], out byte[] block));
            seen.Add(Convert.ToHexString(block));
        }
        foreach (string label in (string[])["rsa-of-soft", "rsa-of-nss"])
        {
            AttributeMap numbers = session.ReadAttributes(Find(session, Cko.PublicKey, label), [Cka.Modulus, Cka.PublicExponent]).Attributes;
            using var rsa = RSA.Create(new RSAParameters { Modulus = numbers.Bytes(Cka.Modulus), Exponent = numbers.Bytes(Cka.PublicExponent) });
            Assert.Equal(Ckr.Ok, session.TrySign(new Mechanism(Ckm.Sha256RsaPkcs), Find(session, Cko.PrivateKey, label), Data, out byte[] signature));
            Assert.True(rsa.VerifyData(Data, signature, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1));
            seen.Add(Convert.ToHexString(signature));
        }
        foreach (string label in (string[])["ec-of-soft", "ec-of-nss"])
        {
            byte[] point = EcPublicPoint.Raw(session.ReadAttributes(Find(session, Cko.PublicKey, label), [Cka.EcPoint]).Attributes.Bytes(Cka.EcPoint)!);
            using var ec = ECDsa.Create(new ECParameters { Curve = ECCurve.NamedCurves.nistP256, Q = new ECPoint { X = point[1..33], Y = point[33..] } });
            Assert.Equal(Ckr.Ok, session.TrySign(new Mechanism(Ckm.Ecdsa), Find(session, Cko.PrivateKey, label), Data, out byte[] signature));
            Assert.True(ec.VerifyHash(Data, signature));
            seen.Add(Convert.ToHexString(point));
        }
        return string.Join(' ', seen);
    }

    private static ulong Find(Pkcs11Session session, ulong objectClass, string label) =>
        Assert.Single(session.FindObjects(new AttributeMap().Set(Cka.Class, objectClass).Set(Cka.Label, label)));
}
