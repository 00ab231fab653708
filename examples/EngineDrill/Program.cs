using System.Runtime.InteropServices;
using EngineDrill;
using HsmBackup.Engine;
using HsmBackup.Engine.Pkcs11;
using HsmBackup.Engine.Tokens;

const string Usage = """
    EngineDrill            loses a throw-away SoftHSM token and brings it back, and proves everything on the way
    EngineDrill populate TOKEN   fills a token with every kind of object that it supports
    EngineDrill use TOKEN        uses every object of a token, and prints what came of it: the same lines for the same token

    TOKEN is  --library FILE --label LABEL --pin PIN [--conf FILE]
    The PIN stands in the list of processes: give it that of a throw-away token only. --conf is SoftHSM's configuration.
    """;

// Stopped, the drill still removes what it made: the signal ends its work instead of the process.
using var stop = new CancellationTokenSource();
using PosixSignalRegistration interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, Stop);
using PosixSignalRegistration terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Stop);
try
{
    switch (args)
    {
        case []:
            return Drill.Run(Console.Out, stop.Token) ? 0 : 1;
        case ["populate", .. var token] when TokenArguments.TryParse(token, out TokenArguments? parsed):
            using (parsed)
            {
                Populate(parsed);
            }
            return 0;
        case ["use", .. var token] when TokenArguments.TryParse(token, out TokenArguments? parsed):
            using (parsed)
            {
                Use(parsed);
            }
            return 0;
        default:
            Console.Error.WriteLine(Usage);
            return 2;
    }
}
catch (Exception e) when (e is HsmBackupException or Pkcs11Exception or DrillException or OperationCanceledException)
{
    Console.Error.WriteLine(DrillReport.Explain(e));
    return 1;
}

void Stop(PosixSignalContext signal)
{
    signal.Cancel = true;
    stop.Cancel();
}

void Populate(TokenArguments arguments)
{
    using var connection = TokenConnection.Open(arguments.Address, arguments.Pin, readWrite: true, stop.Token);
    Console.WriteLine($"{TokenFiller.Fill(connection.Session, stop.Token)} objects made");
}

void Use(TokenArguments arguments)
{
    using var connection = TokenConnection.Open(arguments.Address, arguments.Pin, readWrite: true, stop.Token);
    foreach (string line in new TokenUse(connection.Session).UseAll(stop.Token))
    {
        Console.WriteLine(line);
    }
}
