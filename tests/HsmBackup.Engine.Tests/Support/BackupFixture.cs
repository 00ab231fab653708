using HsmBackup.Engine.Backup;
using HsmBackup.Engine.Protection;
using HsmBackup.Engine.Tokens;

namespace HsmBackup.Engine.Tests.Support;

/// <summary>A throw-away token, a folder, and the usual steps on them.</summary>
internal sealed class BackupFixture : IDisposable
{
    public BackupFixture(string label = "payments")
        : this(new SoftHsmToken(label))
    {
    }

    /// <summary>The same on the token of another maker; the fixture disposes it.</summary>
    public BackupFixture(ITestToken token)
    {
        Folder = Directory.CreateTempSubdirectory("hsmbackup-test-").FullName;
        Token = token;
    }

    public ITestToken Token { get; }

    public string Folder { get; }

    public string Backups => Path.Combine(Folder, "backups");

    public string State => Path.Combine(Folder, "state");

    public TokenConnection Open() => TokenConnection.Open(Token.Address, Token.Pin, readWrite: true, CancellationToken.None);

    public TokenContent Fill(Action<TokenContent>? fill = null)
    {
        using TokenConnection connection = Open();
        if (fill is null)
        {
            return TokenContent.FillAll(connection);
        }
        var content = new TokenContent(connection.Session);
        fill(content);
        return content;
    }

    public BackupResult BackUp(bool allowPartial = false, string? keyPath = null) => BackupOperation.Run(
        new BackupRequest { Token = Token.Address, Pin = Token.Pin, Destination = Backups, KeyPath = keyPath, AllowPartial = allowPartial },
        null, CancellationToken.None);

    public RestoreOperation Prepare(BackupResult backup, OneTimeKey? key = null, Func<RestoreRequest, RestoreRequest>? change = null)
    {
        var request = new RestoreRequest { Path = backup.Path, Key = key ?? backup.Key!, Token = Token.Address, Pin = Token.Pin, StateFolder = State };
        return RestoreOperation.Prepare(change?.Invoke(request) ?? request, null, CancellationToken.None);
    }

    public RestoreResult Restore(BackupResult backup, OneTimeKey? key = null, Func<RestoreRequest, RestoreRequest>? change = null)
    {
        using RestoreOperation operation = Prepare(backup, key, change);
        return operation.Execute(null, CancellationToken.None);
    }

    public KeyRestoreOperation PrepareKeys(BackupResult backup, KeySelection selection, Func<KeyRestoreRequest, KeyRestoreRequest>? change = null)
    {
        var request = new KeyRestoreRequest
        {
            Path = backup.Path,
            Key = backup.Key!,
            Token = Token.Address,
            Pin = Token.Pin,
            StateFolder = State,
            Selection = selection,
        };
        return KeyRestoreOperation.Prepare(change?.Invoke(request) ?? request, null, CancellationToken.None);
    }

    public KeyRestoreResult RestoreKeys(BackupResult backup, KeySelection selection, Func<KeyRestoreRequest, KeyRestoreRequest>? change = null)
    {
        using KeyRestoreOperation operation = PrepareKeys(backup, selection, change);
        return operation.Execute(null, CancellationToken.None);
    }

    public void Dispose()
    {
        Token.Dispose();
        Directory.Delete(Folder, recursive: true);
    }
}
