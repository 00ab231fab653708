using HsmBackup.Engine.Backup;
using HsmBackup.Engine.Pkcs11;
using HsmBackup.Engine.Pkcs11.Native;
using HsmBackup.Engine.Tests.Support;
using HsmBackup.Engine.Tokens;
using Xunit;

namespace HsmBackup.Engine.Tests.Clusters;

/// <summary>
/// Backups of a token behind p11-kit's server, which is killed meanwhile. The connection lets no AES key wrap through, so it crosses it
/// under the name of another mechanism that has no parameter either.
/// </summary>
public sealed class LostConnectionBackupTests : IDisposable
{
    private const int ObjectCount = 6;

    private readonly string _folder = Directory.CreateTempSubdirectory("hsmbackup-test-").FullName;
    private RemoteToken? _token;

    private string Backups => Path.Combine(_folder, "backups");

    private string KeyPath => Path.Combine(_folder, "keys", "one-time.key");

    public void Dispose()
    {
        _token?.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    [RemoteTokenTheory]
    [InlineData("C_Login")]
    [InlineData("C_CreateObject")]
    [InlineData("C_UnwrapKey")]
    [InlineData("C_GenerateKeyPair")]
    [InlineData("C_FindObjects")]
    [InlineData("C_GetAttributeValue")]
    [InlineData("C_WrapKey")]
    [InlineData("C_GetTokenInfo")]
    public void A_backup_whose_server_is_killed_leaves_nothing_and_says_what_failed(string name)
    {
        FunctionIndex function = Enum.Parse<FunctionIndex>(name);
        TokenAddress address = Connect();
        long calls;
        using (var count = new NativeFaults(address.Library))
        {
            // The keys are in it: what it lacks of them are attributes that are arrays, which the connection does not carry.
            Assert.Equal(ObjectCount, BackUp(address).Verdicts.Count(v => v.Verdict == Verdict.Inexact));
            calls = count.CallsOf(function);
        }
        Directory.Delete(Backups, recursive: true);
        File.Delete(KeyPath);

        using (var faults = new NativeFaults(address.Library))
        {
            faults.Before = call =>
            {
                // At its last call, so that as much as can be was done before.
                if (call.Function == function && call.Number == calls)
                {
                    _token!.Kill();
                }
                return null;
            };
            HsmBackupException refusal = Refusal.Of(ErrorCode.TokenError, () => BackUp(address));
            Assert.Contains("CKR_DEVICE_ERROR", refusal.Message, StringComparison.Ordinal);
        }
        Assert.Empty(Refusal.Everything(Backups));
        Assert.False(File.Exists(KeyPath));

        _token!.Start();
        Assert.Equal(ObjectCount, BackUp(address).Objects);
    }

    private TokenAddress Connect()
    {
        var token = new SoftHsmToken("remote");
        using (var connection = TokenConnection.Open(token.Address, token.Pin, readWrite: true, CancellationToken.None))
        {
            var content = new TokenContent(connection.Session);
            for (int i = 0; i < ObjectCount; i++)
            {
                content.Aes($"k{i}", 32);
            }
        }
        var behind = new FaultyLibrary(token, _folder);
        behind.Translate(Ckm.AesEcb, Ckm.AesKeyWrapPad);
        _token = new RemoteToken(token, _folder, behind.Address.Library.Path);
        var before = new FaultyLibrary(_token, _folder);
        before.Translate(Ckm.AesKeyWrapPad, Ckm.AesEcb);
        return before.Address;
    }

    private BackupResult BackUp(TokenAddress address) => BackupOperation.Run(
        new BackupRequest { Token = address, Pin = _token!.Pin, Destination = Backups, KeyPath = KeyPath, AllowPartial = true },
        null, CancellationToken.None);
}
