using System.Security.Cryptography;
using HsmBackup.Engine.Backup;
using HsmBackup.Engine.Pkcs11;
using HsmBackup.Engine.Pkcs11.Native;
using HsmBackup.Engine.Tests.Support;
using HsmBackup.Engine.Tokens;
using Xunit;

namespace HsmBackup.Engine.Tests.Tokens;

/// <summary>Secret keys come back with the same value and the same length, or the backup says that they would not.</summary>
public sealed class ExactnessTests
{
    internal static readonly int[] Lengths = [.. Enumerable.Range(1, 100), 214];

    [Fact]
    public void SoftHSM_gives_back_every_length()
    {
        Dictionary<string, byte[]> values = Values(Lengths);
        using var fixture = new BackupFixture("lengths");
        fixture.Fill(content => MakeAll(content, values));
        BackupResult backup = fixture.BackUp();
        fixture.Token.Replace();

        Assert.True(fixture.Restore(backup).Exact);

        AssertValues(fixture, values);
    }

    [Fact]
    public void A_length_that_SoftHSM_forgets_is_kept_through_three_generations()
    {
        Dictionary<string, byte[]> values = Values([1, 7, 8, 20, 33, 64, 65, 100, 300, 470, 600]);
        using var fixture = new BackupFixture("generations");
        fixture.Fill(content => MakeAll(content, values));
        for (int generation = 1; generation <= 3; generation++)
        {
            BackupResult backup = fixture.BackUp(allowPartial: true);
            // A key that was unwrapped has no length any more, and no RSA key is long enough to carry this one.
            Assert.Equal(generation == 1 ? [] : ["600"], backup.Verdicts.Where(v => v.Verdict != Verdict.Captured).Select(v => v.Label));
            fixture.Token.Replace();
            RestoreResult result = fixture.Restore(backup, change: r => r with { AllowPartial = true });
            Assert.Equal(generation == 1, result.Exact);
            AssertValues(fixture, values);
        }
    }

    [Fact]
    public void An_odd_length_that_no_RSA_key_can_carry_is_Inexact_and_says_why()
    {
        using var fixture = new BackupFixture("too-long");
        fixture.Fill(content => content.Known("601", Ckk.GenericSecret, RandomNumberGenerator.GetBytes(601)));

        HsmBackupException e = Assert.Throws<HsmBackupException>(() => fixture.BackUp());

        Assert.Equal(ErrorCode.BackupIncomplete, e.Code);
        Assert.Contains("Inexact, CKM_AES_KEY_WRAP_PAD of this token rounds its 601 bytes up to a multiple of 8", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Without_RSA_OAEP_an_odd_length_is_Inexact_and_the_restore_says_so()
    {
        using var fixture = new BackupFixture("no-oaep");
        fixture.Fill(content =>
        {
            content.Known("33", Ckk.GenericSecret, RandomNumberGenerator.GetBytes(33));
            content.Known("32", Ckk.GenericSecret, RandomNumberGenerator.GetBytes(32));
        });
        using var faults = new NativeFaults(fixture.Token.Address.Library)
        {
            Before = call => call.Function == FunctionIndex.C_WrapKey && call.Mechanism == Ckm.RsaPkcsOaep ? Ckr.MechanismInvalid : null,
        };

        BackupResult backup = fixture.BackUp(allowPartial: true);

        Assert.False(backup.Complete);
        ObjectSummary odd = backup.Verdicts.Single(v => v.Verdict != Verdict.Captured);
        Assert.Equal(("33", Verdict.Inexact), (odd.Label, odd.Verdict));
        Assert.Contains("rounds its 33 bytes", odd.Reason, StringComparison.Ordinal);
        fixture.Token.Replace();
        RestoreResult result = fixture.Restore(backup, change: r => r with { AllowPartial = true });
        Assert.False(result.Exact);
        Assert.Contains("Inexact in the backup", result.Objects.Single(o => o.Object.Label == "33").Differences.Single(), StringComparison.Ordinal);
    }

    [Fact]
    public void Without_C_DigestKey_an_odd_length_is_still_kept()
    {
        byte[] value = RandomNumberGenerator.GetBytes(33);
        using var fixture = new BackupFixture("no-digest");
        fixture.Fill(content => content.Known("33", Ckk.GenericSecret, value));
        using (var faults = new NativeFaults(fixture.Token.Address.Library)
        {
            Before = call => call.Function == FunctionIndex.C_DigestKey ? Ckr.FunctionNotSupported : null,
        })
        {
            BackupResult backup = fixture.BackUp();
            Assert.False(backup.Capabilities.DigestsKeys);
            fixture.Token.Replace();

            fixture.Restore(backup);

            Assert.True(faults.CallsOf(FunctionIndex.C_DigestKey) > 0);
        }
        AssertValues(fixture, new() { ["33"] = value });
    }

    [Fact]
    public void A_key_that_came_back_longer_is_refused()
    {
        using var fixture = new BackupFixture("longer");
        byte[] value = RandomNumberGenerator.GetBytes(20);
        fixture.Fill(content => content.Known("right", Ckk.GenericSecret, value));
        BackupResult backup = fixture.BackUp();
        fixture.Fill(content => content.Known("longer", Ckk.GenericSecret, [.. value, 0, 0, 0, 0]));

        using OpenedBackup opened = OpenedBackup.Open(backup.Path, backup.Key!, CancellationToken.None);
        using TokenConnection connection = fixture.Open();
        using KeyEncryptionKey kek = opened.ImportKek(connection);
        var proof = new KeyProof(connection, kek, opened.Host);
        ObjectRecord record = opened.Records(CancellationToken.None).Single();

        Assert.True(proof.Prove(Find(connection, "right"), record, out _));
        Assert.False(proof.Prove(Find(connection, "longer"), record, out string? detail));
        Assert.Equal("the key has another length", detail);
    }

    internal static Dictionary<string, byte[]> Values(IEnumerable<int> lengths) => lengths.ToDictionary(n => $"{n}", RandomNumberGenerator.GetBytes);

    internal static void MakeAll(TokenContent content, Dictionary<string, byte[]> values)
    {
        foreach ((string label, byte[] value) in values)
        {
            content.Known(label, Ckk.GenericSecret, value);
        }
    }

    /// <summary>By digests that the token makes of its keys (C_DigestKey), against the values that the test knows.</summary>
    internal static void AssertValues(BackupFixture fixture, Dictionary<string, byte[]> values)
    {
        using TokenConnection connection = fixture.Open();
        List<ulong> handles = connection.Session.FindTokenObjects();
        Assert.Equal(values.Count, handles.Count);
        foreach (ulong handle in handles)
        {
            string label = connection.Session.ReadAttributes(handle, [Cka.Class, Cka.Label]).Attributes.Text(Cka.Label)!;
            Assert.Equal(Ckr.Ok, connection.Session.TryDigestKey(new Mechanism(Ckm.Sha256), [7], handle, out byte[] digest));
            Assert.True(SHA256.HashData([7, .. values[label]]).SequenceEqual(digest), $"the key of {label} bytes is another one");
        }
    }

    private static ulong Find(TokenConnection connection, string label) =>
        connection.Session.FindObjects(new AttributeMap().Set(Cka.Label, label)).Single();
}
