using HsmBackup.Engine.Backup;
using HsmBackup.Engine.Format;
using HsmBackup.Engine.Pkcs11.Native;
using HsmBackup.Engine.Protection;
using HsmBackup.Engine.Tokens;

namespace HsmBackup.Benchmarks;

/// <summary>The engine's side: the same work as <see cref="ReferenceProgram"/>, and around it what makes a backup of it.</summary>
internal sealed class EngineRuns(string folder, string library)
{
    private static readonly FunctionIndex[] Counted =
    [
        FunctionIndex.C_FindObjectsInit, FunctionIndex.C_FindObjects, FunctionIndex.C_FindObjectsFinal, FunctionIndex.C_GetAttributeValue,
        FunctionIndex.C_WrapKey, FunctionIndex.C_UnwrapKey, FunctionIndex.C_CreateObject, FunctionIndex.C_DestroyObject, FunctionIndex.C_GetTokenInfo,
    ];

    private readonly TokenFolder _source = new(folder, "source", library);
    private readonly TokenFolder _target = new(folder, "target-engine", library);
    private readonly string _backups = Path.Combine(folder, "backups");

    /// <summary>The key of the backup that is restored.</summary>
    private string KeyPath => Path.Combine(folder, "keys", "bench.key");

    /// <summary>Reads and wraps every object into the lines of a backup; the whole is a backup, file and all.</summary>
    public RunTimes Capture()
    {
        (Timing core, IReadOnlyDictionary<string, long> calls) = CaptureCore();
        return new RunTimes(core, BackUpAndForget(), calls);
    }

    /// <summary>A backup whose file is deleted again.</summary>
    public Timing BackUpAndForget()
    {
        BackupResult? backup = null;
        Timing whole = Timing.Of(() => backup = BackUp(Path.Combine(folder, "forgotten"), keyPath: null));
        backup!.Key!.Dispose();
        File.Delete(backup.Path);
        return whole;
    }

    /// <summary>Makes the backup that <see cref="Restore"/> restores.</summary>
    public void BackUpForRestore()
    {
        Directory.CreateDirectory(Path.GetDirectoryName(KeyPath)!);
        BackUp(_backups, KeyPath).Key!.Dispose();
    }

    /// <summary>Restores the backup to a blank token; the whole is with authenticating the file and reading the token.</summary>
    public RunTimes Restore()
    {
        _target.MakeBlank();
        Timing core = default;
        IReadOnlyDictionary<string, long> calls = new Dictionary<string, long>();
        RestoreResult? result = null;
        Timing whole = Timing.Of(() =>
        {
            using Pin pin = TokenFolder.NewPin();
            using OneTimeKey key = KeyFile.Read(KeyPath);
            var request = new RestoreRequest
            {
                Path = Directory.EnumerateFiles(_backups, "*" + BackupFormat.FileExtension).Single(),
                Key = key,
                Token = _target.Address,
                Pin = pin,
                AllowOtherToken = true,
                StateFolder = Path.Combine(folder, "state"),
            };
            using RestoreOperation restore = RestoreOperation.Prepare(request, null, CancellationToken.None);
            var count = new CallCount(restore.Connection);
            core = Timing.Of(() => result = restore.Execute(null, CancellationToken.None));
            calls = count.Calls;
        });
        return result!.Exact && result.Proven > 0
            ? new RunTimes(core, whole, calls)
            : throw new InvalidOperationException("The restore was not exact.");
    }

    public (Timing Core, IReadOnlyDictionary<string, long> Calls) CaptureCore()
    {
        using Pin pin = TokenFolder.NewPin();
        using var connection = TokenConnection.Open(_source.Address, pin, readWrite: true, CancellationToken.None);
        using SecretBuffer key = SecretBuffer.Random(32);
        using KeyEncryptionKey kek = KeyEncryptionKey.Import(connection, key);
        using var spool = new ContentSpool(folder, BackupId.New(_source.Label, TimeProvider.System));
        var count = new CallCount(connection);
        Timing core = Timing.Of(() => TokenCapture.Run(connection, kek, spool, null, CancellationToken.None));
        return (core, count.Calls);
    }

    private BackupResult BackUp(string destination, string? keyPath)
    {
        using Pin pin = TokenFolder.NewPin();
        var request = new BackupRequest { Token = _source.Address, Pin = pin, Destination = destination, KeyPath = keyPath };
        return BackupOperation.Run(request, null, CancellationToken.None);
    }

    /// <summary>Calls since it was made.</summary>
    private sealed class CallCount(TokenConnection connection)
    {
        private readonly long[] _before = Read(connection);

        public IReadOnlyDictionary<string, long> Calls => Counted.Zip(Read(connection).Zip(_before, (now, before) => now - before))
            .ToDictionary(c => c.First.ToString(), c => c.Second, StringComparer.Ordinal);

        private static long[] Read(TokenConnection connection) =>
            Array.ConvertAll(Counted, connection.Library.Functions.CallsOf);
    }
}
