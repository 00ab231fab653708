using System.Security.Cryptography;
using HsmBackup.Engine.Backup;
using HsmBackup.Engine.Catalogue;
using HsmBackup.Engine.Protection;
using HsmBackup.Engine.Tokens;

namespace EngineDrill;

/// <summary>The drill: a token is filled, backed up, lost, restored and proven. Read <see cref="Run"/> from top to bottom.</summary>
internal sealed class Drill : IDisposable
{
    private readonly CancellationToken _stop;
    private readonly string _folder = Directory.CreateTempSubdirectory("hsmbackup-drill-").FullName;
    private readonly List<string> _usesBefore = [];
    private ScratchToken? _token;
    private BackupResult? _backup;
    private string _publicKeyBefore = "";

    private Drill(CancellationToken stop) => _stop = stop;

    private ScratchToken Token => _token!;

    private string KeyPath => Path.Combine(_folder, "key", "drill.key");

    /// <summary>Runs the drill and prints its table.</summary>
    /// <returns>True where every step passed.</returns>
    public static bool Run(TextWriter output, CancellationToken stop)
    {
        var report = new DrillReport(output);
        using (var drill = new Drill(stop))
        {
            report.Run("Make a throw-away token", drill.MakeToken);
            report.RunOnObjects("Fill it with every kind of object", drill.Fill);
            report.RunOnObjects("Use every object, and write down what came of it", drill.UseBefore);
            report.RunOnObjects("Back it up", drill.BackUp);
            report.Run("Test the backup: Integrity (without its key)", () => drill.Test(TestLevel.Integrity));
            report.RunOnObjects("Test the backup: Content", () => drill.Test(TestLevel.Content));
            report.RunOnObjects("Test the backup: Live (against the token)", () => drill.Test(TestLevel.Live));
            report.RunOnObjects("Test the backup: Restore (to a scratch token)", () => drill.Test(TestLevel.Restore));
            report.Run("Destroy the token, initialise a new one", drill.LoseToken);
            report.RunOnObjects("Restore, and prove each object", drill.Restore);
            report.RunOnObjects("Prove each key of the new token by re-wrap", () => drill.Test(TestLevel.Live));
            report.RunOnObjects("Use every object again: the same must come of it", drill.UseAfter);
            report.RunOnObjects("Recover a key with OpenSSL alone (docs/break-glass.md)", drill.BreakGlass);
        }
        report.Finish();
        return report.Passed;
    }

    public void Dispose()
    {
        _backup?.Key?.Dispose();
        _token?.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    private void MakeToken()
    {
        _stop.ThrowIfCancellationRequested();
        _token = ScratchToken.Create("drill");
    }

    private int Fill()
    {
        using TokenConnection connection = Open();
        return TokenFiller.Fill(connection.Session, _stop);
    }

    private int UseBefore()
    {
        using TokenConnection connection = Open();
        var use = new TokenUse(connection.Session);
        _usesBefore.AddRange(use.UseAll(_stop));
        using RSA publicKey = use.PublicKeyOf(TokenFiller.RecoveredKey);
        _publicKeyBefore = publicKey.ExportSubjectPublicKeyInfoPem();
        return _usesBefore.Count;
    }

    private int BackUp()
    {
        Directory.CreateDirectory(Path.GetDirectoryName(KeyPath)!);
        _backup = BackupOperation.Run(
            new BackupRequest
            {
                Token = Token.Address,
                Pin = Token.Pin,
                Destination = Path.Combine(_folder, "backups"),
                KeyPath = KeyPath,
            },
            null, _stop);
        return _backup.Captured;
    }

    private int Test(TestLevel level)
    {
        using OneTimeKey? key = level == TestLevel.Integrity ? null : KeyFile.Read(KeyPath);
        TestResult result = TestOperation.Run(
            new TestRequest { Path = _backup!.Path, Level = level, Key = key, Token = Token.Address, Pin = Token.Pin }, null, _stop);
        if (!result.Passed)
        {
            throw new DrillException(string.Join('\n', result.Checks
                .Where(c => c.Outcome is CheckOutcome.Failed or CheckOutcome.NotRun)
                .Select(c => $"{c.Name}: {c.Outcome}. {c.Detail}")
                .Prepend(result.Summary)));
        }
        return _backup.Captured;
    }

    private void LoseToken()
    {
        _stop.ThrowIfCancellationRequested();
        Token.Replace();
        using TokenConnection connection = Open();
        if (connection.Session.FindTokenObjects().Count > 0)
        {
            throw new DrillException("The new token is not blank.");
        }
    }

    private int Restore()
    {
        using OneTimeKey key = KeyFile.Read(KeyPath);
        using RestoreOperation restore = RestoreOperation.Prepare(
            new RestoreRequest
            {
                Path = _backup!.Path,
                Key = key,
                Token = Token.Address,
                Pin = Token.Pin,
                StateFolder = Path.Combine(_folder, "state"),
            },
            null, _stop);
        RestoreResult result = restore.Execute(null, _stop);
        if (!result.Exact || result.Proven != _backup.Objects)
        {
            throw new DrillException($"{result.Proven} of {_backup.Objects} objects are proven. " + string.Join("; ", result.Objects
                .SelectMany(o => o.Differences.Select(d => $"{o.Object}: {d}"))));
        }
        return result.Proven;
    }

    private int UseAfter()
    {
        using TokenConnection connection = Open();
        List<string> after = [.. new TokenUse(connection.Session).UseAll(_stop)];
        List<string> different = [.. _usesBefore.Except(after, StringComparer.Ordinal), .. after.Except(_usesBefore, StringComparer.Ordinal)];
        return different.Count == 0 && after.Count == _usesBefore.Count
            ? after.Count
            : throw new DrillException("Not the same came of it before and after the loss:\n" + string.Join('\n', different));
    }

    private int BreakGlass()
    {
        ObjectSummary wanted = _backup!.Verdicts.Single(o => o is { Class: "CKO_PRIVATE_KEY", Label: TokenFiller.RecoveredKey });
        using OneTimeKey key = KeyFile.Read(KeyPath);
        new BreakGlass(_folder).Recover(_backup.Path, key, wanted.Index, _publicKeyBefore, _stop);
        return 1;
    }

    private TokenConnection Open() => TokenConnection.Open(Token.Address, Token.Pin, readWrite: true, _stop);
}
