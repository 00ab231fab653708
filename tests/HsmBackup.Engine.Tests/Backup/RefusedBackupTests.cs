using System.Security.Cryptography;
using HsmBackup.Engine.Backup;
using HsmBackup.Engine.Format;
using HsmBackup.Engine.Pkcs11;
using HsmBackup.Engine.Pkcs11.Native;
using HsmBackup.Engine.Protection;
using HsmBackup.Engine.Tests.Format;
using HsmBackup.Engine.Tests.Protection;
using HsmBackup.Engine.Tests.Support;
using Xunit;

namespace HsmBackup.Engine.Tests.Backup;

/// <summary>Backups that a restore must refuse. Files come before tokens: for a bad file, not even a session is opened.</summary>
public sealed class RefusedBackupTests : IDisposable
{
    private readonly BackupFixture _fixture = new();
    private readonly BackupResult _backup;
    private readonly NativeFaults _calls;

    public RefusedBackupTests()
    {
        _fixture.Fill(c =>
        {
            c.Aes("key", 32);
            c.Data("data", isPrivate: true);
        });
        _backup = _fixture.BackUp();
        _calls = new NativeFaults(_fixture.Token.Address.Library);
    }

    public void Dispose()
    {
        _calls.Dispose();
        _backup.Key!.Dispose();
        _fixture.Dispose();
    }

    [Fact]
    public void No_must_fail_file_brings_a_restore_as_far_as_the_token()
    {
        using OneTimeKey key = TestKey.Counting;
        foreach (MustFail vector in MustFail.All)
        {
            string path = Vectors.PathOf(vector.FileName);
            HsmBackupException refusal = Refusal.Of(vector.WithKey, () => Prepare(path, key));
            Assert.False(string.IsNullOrWhiteSpace(refusal.Message), vector.Name);
        }
        AssertTokenNotOpened();
    }

    [Fact]
    public void Damage_anywhere_is_found_before_the_token_is_opened()
    {
        byte[] good = File.ReadAllBytes(_backup.Path);
        string path = Path.Combine(_fixture.Folder, "damaged" + BackupFormat.FileExtension);
        for (int at = 0; at < good.Length; at += Math.Max(1, good.Length / 97))
        {
            byte[] damaged = [.. good];
            damaged[at] ^= 0x10;
            File.WriteAllBytes(path, damaged);
            AssertRefusedAsDamaged(path, $"byte {at}");
        }
        AssertTokenNotOpened();
    }

    [Fact]
    public void A_file_that_was_cut_off_anywhere_is_found_before_the_token_is_opened()
    {
        byte[] good = File.ReadAllBytes(_backup.Path);
        string path = Path.Combine(_fixture.Folder, "cut" + BackupFormat.FileExtension);
        for (int length = 0; length < good.Length; length += Math.Max(1, good.Length / 97))
        {
            File.WriteAllBytes(path, good[..length]);
            AssertRefusedAsDamaged(path, $"{length} bytes");
        }
        AssertTokenNotOpened();
    }

    [Fact]
    public void A_changed_file_whose_digest_was_made_anew_is_refused_as_forged()
    {
        byte[] forged = File.ReadAllBytes(_backup.Path);
        forged[forged.Length / 2] ^= 1;
        SHA256.HashData(forged.AsSpan(..^BackupFormat.DigestLength), forged.AsSpan(^BackupFormat.DigestLength..));
        string path = Path.Combine(_fixture.Folder, "forged" + BackupFormat.FileExtension);
        File.WriteAllBytes(path, forged);

        Refusal.Of(ErrorCode.AuthenticationFailed, () => Prepare(path, _backup.Key!));

        AssertTokenNotOpened();
    }

    [Fact]
    public void The_key_of_another_backup_is_refused()
    {
        using var other = OneTimeKey.Generate();
        Refusal.Of(ErrorCode.KeyMismatch, () => Prepare(_backup.Path, other));
        AssertTokenNotOpened();
    }

    [Fact]
    public void A_backup_that_is_not_there_is_refused()
    {
        Refusal.Of(ErrorCode.BackupNotFound, () => Prepare(Path.Combine(_fixture.Folder, "none.hsmbackup"), _backup.Key!));
        AssertTokenNotOpened();
    }

    [Fact]
    public void A_partial_backup_is_refused_unless_it_is_accepted()
    {
        _fixture.Fill(c => c.Aes("stays", 32, map => map.Set(Cka.Extractable, false)));
        BackupResult partial = _fixture.BackUp(allowPartial: true);
        long sessions = _calls.CallsOf(FunctionIndex.C_OpenSession);

        HsmBackupException refusal = Refusal.Of(ErrorCode.BackupIncomplete, () => Prepare(partial.Path, partial.Key!));

        Assert.Contains("-AllowPartial", refusal.RecommendedAction, StringComparison.Ordinal);
        Assert.Equal(sessions, _calls.CallsOf(FunctionIndex.C_OpenSession));
        RestoreResult accepted = _fixture.Restore(partial, change: r => r with { AllowPartial = true });
        // The key that the backup lacks stays, and nobody can say whether it is the one that was backed up.
        Assert.False(accepted.Exact);
        Assert.Equal((3, 2), (accepted.Kept, accepted.Proven));
    }

    [Fact]
    public void A_partial_backup_never_has_an_exact_restore_where_the_key_that_it_lacks_is_another()
    {
        _fixture.Fill(c => c.Aes("stays", 32, map => map.Set(Cka.Extractable, false)));
        BackupResult partial = _fixture.BackUp(allowPartial: true);
        _fixture.Token.Replace();
        _fixture.Fill(c => c.Aes("stays", 16, map => map.Set(Cka.Extractable, false).Set(Cka.Id, [0xA0, 0, 1]).Set(Cka.Decrypt, false)));

        RestoreResult result = _fixture.Restore(partial, change: r => r with { AllowPartial = true });

        Assert.Equal((2, 1), (result.Added, result.Kept));
        Assert.False(result.Exact);
    }

    [Fact]
    public void A_token_with_another_label_is_refused_without_a_look_at_its_objects()
    {
        using var other = new BackupFixture("settlement");
        using var calls = new NativeFaults(other.Token.Address.Library);

        HsmBackupException refusal = Refusal.Of(ErrorCode.TokenMismatch, () => other.Prepare(_backup));

        Assert.Contains("'payments'", refusal.Message, StringComparison.Ordinal);
        Assert.Contains("'settlement'", refusal.Message, StringComparison.Ordinal);
        Assert.Equal(0, calls.CallsOf(FunctionIndex.C_FindObjects));
        AssertUntouched(calls);
        Assert.False(Directory.Exists(other.State));
    }

    [Fact]
    public void A_plan_alone_makes_session_objects_only()
    {
        _fixture.Fill(c => c.Aes("extra", 32));
        int touched = 0;
        _calls.Before = call =>
        {
            touched += call.Function is FunctionIndex.C_CreateObject or FunctionIndex.C_UnwrapKey or FunctionIndex.C_GenerateKeyPair && call.MakesTokenObject ? 1 : 0;
            touched += call.Function == FunctionIndex.C_SetAttributeValue ? 1 : 0;
            return null;
        };
        List<string> before = Witness.OfToken(_fixture.Token);

        using (RestoreOperation plan = _fixture.Prepare(_backup))
        {
            Assert.Equal(1, plan.Plan.Remove);
        }

        Assert.Equal(0, touched);
        Assert.Equal(before, Witness.OfToken(_fixture.Token));
        Assert.False(Directory.Exists(_fixture.State));
    }

    private void Prepare(string path, OneTimeKey key) => RestoreOperation.Prepare(
        new RestoreRequest { Path = path, Key = key, Token = _fixture.Token.Address, Pin = _fixture.Token.Pin, StateFolder = _fixture.State },
        null, CancellationToken.None).Dispose();

    private void AssertRefusedAsDamaged(string path, string what)
    {
        HsmBackupException refusal = Assert.Throws<HsmBackupException>(() => Prepare(path, _backup.Key!));
        Assert.True(refusal.Code is ErrorCode.NotABackup or ErrorCode.UnsupportedVersion or ErrorCode.HeaderInvalid or ErrorCode.KeyMismatch
            or ErrorCode.IntegrityFailed or ErrorCode.AuthenticationFailed, $"{what}: {refusal}");
    }

    private void AssertTokenNotOpened()
    {
        Assert.Equal(0, _calls.CallsOf(FunctionIndex.C_OpenSession));
        Assert.Equal(0, _calls.CallsOf(FunctionIndex.C_Login));
        AssertUntouched(_calls);
        Assert.False(Directory.Exists(_fixture.State));
    }

    private static void AssertUntouched(NativeFaults calls)
    {
        foreach (FunctionIndex function in (FunctionIndex[])[FunctionIndex.C_CreateObject, FunctionIndex.C_UnwrapKey,
            FunctionIndex.C_DestroyObject, FunctionIndex.C_SetAttributeValue, FunctionIndex.C_GenerateKeyPair])
        {
            Assert.Equal(0, calls.CallsOf(function));
        }
    }
}
