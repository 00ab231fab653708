using System.ComponentModel;
using System.Diagnostics;
using HsmBackup.Engine.Clusters.Definitions;

namespace HsmBackup.Engine.Monitoring.Alerts.Channels;

/// <summary>Runs a program with the JSON on its standard input. It has taken the notice when it ends with 0.</summary>
internal sealed class CommandSender(AlertChannel channel, IReadOnlyCollection<string> secretVariables) : AlertSender
{
    private const int MaxSaid = 200;
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(10);
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(1);

    public override IReadOnlyList<UnreachedAddress> Send(AlertMessage message, CancellationToken cancellationToken)
    {
        var start = new ProcessStartInfo(channel.Program!, channel.Arguments)
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            UseShellExecute = false,
        };
        // A pager needs no PIN.
        foreach (string variable in secretVariables)
        {
            start.Environment.Remove(variable);
        }
        using Process process = Start(start);
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(channel.Timeout);
        try
        {
            Task<string> said = Run(process, message.Json, limit.Token);
            string last = said.GetAwaiter().GetResult();
            return process.ExitCode == 0 ? [] : throw new AlertNotSentException(
                FormattableString.Invariant($"'{channel.Program}' ended with {process.ExitCode}{(last.Length == 0 ? "" : $": {last}")}"),
                passes: false);
        }
        catch (OperationCanceledException e)
        {
            Kill(process);
            cancellationToken.ThrowIfCancellationRequested();
            throw new AlertNotSentException(FormattableString.Invariant($"'{channel.Program}' did not end within {channel.Timeout.TotalSeconds} seconds, and was killed"), passes: true, e);
        }
    }

    public override void Dispose()
    {
        // There is nothing: a program has ended before Send does.
    }

    private Process Start(ProcessStartInfo start)
    {
        try
        {
            return Process.Start(start)!;
        }
        catch (Win32Exception e)
        {
            throw new AlertNotSentException($"'{channel.Program}' cannot be run: {e.Message}", passes: false, e);
        }
    }

    // Written and read at a time, so that neither waits for the other; what it says is shown in part where it fails.
    private static async Task<string> Run(Process process, byte[] input, CancellationToken cancellationToken)
    {
        Task<string> errors = ReadStart(process.StandardError, cancellationToken);
        Task<string> output = ReadStart(process.StandardOutput, cancellationToken);
        await TryWrite(process, input, cancellationToken).ConfigureAwait(false);
        // What it ended with is what counts: WaitForExitAsync would wait for the ends of what it says as well, and a child may hold those
        // open.
        while (!process.HasExited)
        {
            await Task.Delay(Pause, cancellationToken).ConfigureAwait(false);
        }
        string said = await WithinPatience(errors).ConfigureAwait(false);
        return said.Length > 0 ? said : await WithinPatience(output).ConfigureAwait(false);
    }

    private static async Task<string> WithinPatience(Task<string> said)
    {
        try
        {
            return await said.WaitAsync(Patience, CancellationToken.None).ConfigureAwait(false);
        }
        catch (Exception e) when (e is TimeoutException or OperationCanceledException or IOException or ObjectDisposedException)
        {
            return "";
        }
    }

    private static async Task TryWrite(Process process, byte[] input, CancellationToken cancellationToken)
    {
        try
        {
            await process.StandardInput.BaseStream.WriteAsync(input, cancellationToken).ConfigureAwait(false);
            process.StandardInput.Close();
        }
        catch (IOException)
        {
            // It need not read: what it ends with is what counts.
            return;
        }
    }

    // The first line; the rest is read so that the program does not wait for a reader.
    private static async Task<string> ReadStart(StreamReader reader, CancellationToken cancellationToken)
    {
        string first = await reader.ReadLineAsync(cancellationToken).ConfigureAwait(false) ?? "";
        char[] rest = new char[1024];
        while (await reader.ReadAsync(rest, cancellationToken).ConfigureAwait(false) > 0)
        {
        }
        return DisplayText.Harmless(first[..Math.Min(first.Length, MaxSaid)]);
    }

    private static void Kill(Process process)
    {
        try
        {
            process.Kill(entireProcessTree: true);
        }
        catch (Exception e) when (e is InvalidOperationException or NotSupportedException or Win32Exception or AggregateException)
        {
            // It has just ended, or is not ours to end, such as sudo: that it did not end in time is told all the same.
            return;
        }
    }
}
