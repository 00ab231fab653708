using System.Diagnostics;
using System.Globalization;
using HsmBackup.Engine;
using HsmBackup.Engine.Auditing;
using HsmBackup.Engine.Backup;
using HsmBackup.Engine.Pkcs11;
using HsmBackup.Engine.Pkcs11.Native;
using HsmBackup.Engine.Protection;
using HsmBackup.Engine.Tests.Support;
using HsmBackup.Engine.Tokens;

// backup  <library> <configuration> <label> <destination> <key file>
// restore <library> <configuration> <label> <backup file> <key file> <state folder>
// restore-key <library> <configuration> <label> <backup file> <key file> <state folder> <label that the wanted objects begin with>
// audit <state folder> <how many entries>
// drill <definition> <definition of the drill cluster, or -> <scenario> <key file> <state folder> <library of software tokens>
//
// The PIN, but for audit, is the first line of standard input. HSMBACKUP_KILL_AT=C_UnwrapKey:7 makes the process kill itself before the
// seventh call of that function. What it tells, line by line: "ready", "phase <what>", "calls <function> <number>", "done".
if (args[0] == "audit")
{
    return WriteAudit(new AuditLog(args[1]), int.Parse(args[2], CultureInfo.InvariantCulture));
}
using Stream output = Console.OpenStandardOutput();
if (args[0] == "drill")
{
    return DrillProcess.Run(args[1..], Tell);
}
string[] watched = [nameof(FunctionIndex.C_CreateObject), nameof(FunctionIndex.C_UnwrapKey), nameof(FunctionIndex.C_DestroyObject)];
var location = new LibraryLocation(args[1]) { Environment = new Dictionary<string, string> { ["SOFTHSM2_CONF"] = args[2] } };
var token = new TokenAddress(location, args[3]);
using Pin pin = Pin.FromChars(Console.In.ReadLine()!);
using NativeFaults? calls = Environment.GetEnvironmentVariable("HSMBACKUP_KILL_AT") is { } at ? Watch(at) : null;
var phases = new Phases(Tell);
Tell("ready");
try
{
    if (args[0] == "backup")
    {
        var request = new BackupRequest { Token = token, Pin = pin, Destination = args[4], KeyPath = args[5] };
        BackupOperation.Run(request, phases, CancellationToken.None).Key?.Dispose();
    }
    else if (args[0] == "restore-key")
    {
        using OneTimeKey key = KeyFile.Read(args[5]);
        var wanted = new NameFilter(args[7], label => label.StartsWith(args[7], StringComparison.Ordinal));
        var request = new KeyRestoreRequest
        {
            Path = args[4],
            Key = key,
            Token = token,
            Pin = pin,
            StateFolder = args[6],
            Selection = new KeySelection { Labels = [wanted] },
            Replace = true,
        };
        using KeyRestoreOperation restore = KeyRestoreOperation.Prepare(request, phases, CancellationToken.None);
        restore.Execute(phases, CancellationToken.None);
    }
    else
    {
        using OneTimeKey key = KeyFile.Read(args[5]);
        var request = new RestoreRequest { Path = args[4], Key = key, Token = token, Pin = pin, StateFolder = args[6] };
        using RestoreOperation restore = RestoreOperation.Prepare(request, phases, CancellationToken.None);
        restore.Execute(phases, CancellationToken.None);
    }
}
catch (HsmBackupException e)
{
    Tell($"failed {e.Code} {e.Message}");
    return 1;
}
foreach (string function in calls is null ? [] : watched)
{
    Tell($"calls {function} {calls!.CallsOf(Enum.Parse<FunctionIndex>(function))}");
}
Tell("done");
return 0;

static int WriteAudit(AuditLog log, int count)
{
    for (int i = 1; i <= count; i++)
    {
        Console.Out.WriteLine(log.Append(new AuditRecord("New-HsmBackup", AuditResult.Started) { Target = $"entry {i} of {Environment.ProcessId}" }).Sequence);
    }
    return 0;
}

NativeFaults Watch(string killAt)
{
    string[] parts = killAt.Split(':');
    int number = parts.Length > 1 ? int.Parse(parts[1], CultureInfo.InvariantCulture) : -1;
    return new NativeFaults(location)
    {
        Before = call =>
        {
            if (call.Number == number && call.Function.ToString() == parts[0])
            {
                // SIGKILL on Unix: nothing is flushed, closed or unwound.
                Process.GetCurrentProcess().Kill();
            }
            return null;
        },
    };
}

void Tell(string line) => output.Write(System.Text.Encoding.UTF8.GetBytes(line + "\n"));

/// <summary>Tells each change of the phase at once, so that it is known how far a killed run was.</summary>
internal sealed class Phases(Action<string> tell) : IProgress<OperationProgress>
{
    private string _status = "";

    public void Report(OperationProgress value)
    {
        if (value.Status != _status)
        {
            _status = value.Status;
            tell("phase " + _status);
        }
    }
}
