using System.Collections;
using System.Globalization;
using System.Management.Automation;
using System.Security;
using HsmBackup.Engine;
using HsmBackup.Engine.Auditing;
using HsmBackup.Engine.Backup;
using HsmBackup.Engine.Catalogue;
using HsmBackup.Engine.Protection;
using HsmBackup.Engine.Tokens;
using HsmBackup.PowerShell.Binding;
using TokenPin = HsmBackup.Engine.Protection.Pin;

namespace HsmBackup.PowerShell.Commands;

/// <summary>Test-HsmBackup: proves backups, from "the file is undamaged" to "restored, and every key used".</summary>
[Cmdlet(VerbsDiagnostic.Test, "HsmBackup", DefaultParameterSetName = PathSet)]
[OutputType(typeof(TestResult), typeof(bool))]
public sealed class TestHsmBackupCommand : TokenCommand
{
    private const string PathSet = "Path";
    private const string LiteralPathSet = "LiteralPath";

    /// <summary>The backups.</summary>
    [Parameter(Mandatory = true, Position = 0, ParameterSetName = PathSet,
        ValueFromPipeline = true, ValueFromPipelineByPropertyName = true,
        HelpMessage = "Backup files; wildcards are permitted.")]
    [ValidateNotNullOrEmpty]
    [SupportsWildcards]
    public string[]? Path { get; set; }

    /// <summary>The backups, by paths taken as they are.</summary>
    [Parameter(Mandatory = true, ParameterSetName = LiteralPathSet, ValueFromPipelineByPropertyName = true,
        HelpMessage = "Backup files, taken as they are written.")]
    [Alias("PSPath")]
    [ValidateNotNullOrEmpty]
    public string[]? LiteralPath { get; set; }

    /// <summary>How far the test goes.</summary>
    [Parameter(HelpMessage = "How far the test goes. Header and Integrity need no key; Live needs the token.")]
    public TestLevel Level { get; set; } = TestLevel.Integrity;

    /// <summary>The file that holds the one-time key.</summary>
    [Parameter(HelpMessage = "File that holds the one-time key of the backup.")]
    [ValidateNotNullOrEmpty]
    public string? KeyPath { get; set; }

    /// <summary>The one-time key.</summary>
    [Parameter(ValueFromPipelineByPropertyName = true, HelpMessage = "The one-time key of the backup; -KeyPath goes before it.")]
    [Alias("OneTimeKey")]
    [Secret]
    public SecureString? Key { get; set; }

    /// <summary>Library of a token for the trial restore.</summary>
    [Parameter(HelpMessage = "PKCS#11 library of a blank token for level Restore; SoftHSM in memory where it is left out.")]
    [ValidateNotNullOrEmpty]
    [ArgumentCompleter(typeof(LibraryCompleter))]
    public string? ScratchLibrary { get; set; }

    /// <summary>Label of the token for the trial restore.</summary>
    [Parameter(HelpMessage = "Label of the blank token for level Restore.")]
    [ValidateNotNullOrEmpty]
    public string? ScratchTokenLabel { get; set; }

    /// <summary>PIN of the token for the trial restore.</summary>
    [Parameter(HelpMessage = "User PIN of the blank token for level Restore.")]
    [Secret]
    public SecureString? ScratchPin { get; set; }

    /// <summary>Environment variables for the library of the trial restore.</summary>
    [Parameter(HelpMessage = "Environment variables for the library of the blank token.")]
    public Hashtable? ScratchLibraryEnvironment { get; set; }

    /// <summary>Objects that the backup lists without their keys are no failure.</summary>
    [Parameter(HelpMessage = "At levels Live and Restore, skip objects that a Partial backup lists without their keys.")]
    public SwitchParameter AllowPartial { get; set; }

    /// <summary>Output is true or false.</summary>
    [Parameter(HelpMessage = "Give only true or false for each backup, and no error for a failed test.")]
    public SwitchParameter Quiet { get; set; }

    private TokenAddress? ScratchToken => ScratchLibrary is null ? null : new TokenAddress(
        Location(ScratchLibrary, ScratchLibraryEnvironment),
        ScratchTokenLabel ?? throw Errors.InvalidArgument("-ScratchLibrary is given, but not which of its tokens.",
            "Name the blank token by -ScratchTokenLabel.", ScratchLibrary));

    private protected override bool NamesLibrary => base.NamesLibrary || ScratchLibrary is not null;

    private protected override void ProcessInput()
    {
        foreach (string path in LiteralPath ?? [])
        {
            TestItem(path);
        }
        foreach (string path in Path ?? [])
        {
            TestMatches(path);
        }
    }

    private void TestMatches(string path)
    {
        IReadOnlyList<string> matches = [path];
        // A path that does not exist is a test that fails.
        if (!StoreSet.IsAddress(path) && WildcardPattern.ContainsWildcardCharacters(path) && !TryItem(path, () => matches = AllMatches(path)))
        {
            TellQuietly(false);
            return;
        }
        foreach (string match in matches)
        {
            TestItem(match);
        }
    }

    // A pattern that matches nothing is an error here: a script must not take "nothing tested" for "all is well".
    private IReadOnlyList<string> AllMatches(string path) =>
        Paths.Matches(path) is { Count: > 0 } matches ? matches : throw Errors.NoBackupAt(path);

    private void TestItem(string path)
    {
        if (!TryItem(path, () => Test(path)))
        {
            TellQuietly(false);
        }
    }

    private void Test(string path)
    {
        TokenTarget? target = FindTarget();
        using LocalBackup backup = OpenBackup(path: null, path);
        Audited(backup.Location, target?.Definition, record => Test(backup, target, record));
    }

    private void Test(LocalBackup backup, TokenTarget? target, AuditedAction record)
    {
        string file = backup.Path;
        record.Note("level", Level.ToString());
        using OneTimeKey? key = Level < TestLevel.Content ? null : Keys.Open(file, KeyPath, Key);
        // The definition alone tells of the origin: no PIN is needed, nor asked for, where no token is opened.
        using TokenPin? pin = Level == TestLevel.Live ? OpenPin(target) : null;
        using TokenPin? scratchPin = ScratchPin is null ? null : TokenPin.FromSecureString(ScratchPin);
        TestRequest request = new()
        {
            Path = file,
            Level = Level,
            Key = key,
            Token = target?.Address,
            Pin = pin,
            Cluster = target?.Cluster,
            ScratchToken = ScratchToken,
            ScratchPin = scratchPin,
            AllowPartial = AllowPartial,
        };
        TestResult result = WithProgress((progress, stop) => TestOperation.Run(request, progress, stop));
        record.Note("backup", result.BackupId);
        if (!result.Passed)
        {
            record.Fail((result.Error ?? ErrorCode.TestFailed).ToString());
        }
        Remember(result, backup.Location);
        WriteVerbose(string.Create(CultureInfo.InvariantCulture,
            $"{backup.Location}: {result.Summary} ({result.Elapsed.TotalSeconds:F2} s)"));
        if (Quiet)
        {
            TellQuietly(result.Passed);
            return;
        }
        WriteObject(result);
        if (!result.Passed)
        {
            WriteError(Errors.TestFailed(result));
        }
    }

    // A test that was made is a test that was made, whether it can be remembered or not.
    private void Remember(TestResult result, string location)
    {
        if (result.ToTestRecord(location) is { } record)
        {
            TryItem(location, () => TestRecords.Add(stateFolder: null, record));
        }
    }

    private void TellQuietly(bool passed)
    {
        if (Quiet)
        {
            WriteObject(passed);
        }
    }
}
