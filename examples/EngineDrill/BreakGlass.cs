using System.Diagnostics;
using System.Text;
using System.Text.RegularExpressions;
using HsmBackup.Engine.Protection;

namespace EngineDrill;

/// <summary>
/// Recovers a private key from a backup by the commands of docs/break-glass.md, copied out of the document: bash, tail, openssl
/// and jq, and nothing of ours. The recovered key signs, and the public key from before the loss verifies.
/// </summary>
internal sealed partial class BreakGlass(string folder)
{
    private static readonly string[] Before = ["1.", "2.", "3.", "4.", "5.", "6.", "A private key"];

    // The document ends with a look at the public key; the drill knows the true one, and lets that decide.
    private const string Verify = "openssl dgst -sha256 -verify \"$PUBLIC_KEY\" -signature signature message\n";

    /// <summary>Recovers a key.</summary>
    /// <param name="backup">The backup file.</param>
    /// <param name="key">Its one-time key.</param>
    /// <param name="number">The object's number.</param>
    /// <param name="publicKey">The public key that must verify, as PEM.</param>
    /// <param name="stop">Ends the commands.</param>
    /// <exception cref="DrillException">A command failed.</exception>
    public void Recover(string backup, OneTimeKey key, int number, string publicKey, CancellationToken stop)
    {
        string known = Path.Combine(folder, "before.pem");
        File.WriteAllText(known, publicKey);
        string document = File.ReadAllText(Path.Combine(AppContext.BaseDirectory, "break-glass.md"));
        string commands = "IFS= read -r KEYTEXT\n" + Commands(document, Before) + Verify + Commands(document, ["7."]);
        // Stopped in the middle, they must leave nothing behind: their folder is inside that of the drill.
        commands = commands.Replace("/dev/shm", folder, StringComparison.Ordinal);
        var start = new ProcessStartInfo("bash", ["-c", commands])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            Environment = { ["FILE"] = backup, ["OBJECT"] = $"{number}", ["PUBLIC_KEY"] = known },
        };
        Run(start, key, stop);
    }

    private static void Run(ProcessStartInfo start, OneTimeKey key, CancellationToken stop)
    {
        using Process process = Process.Start(start) ?? throw new DrillException("bash could not be started.");
        using CancellationTokenRegistration kill = stop.Register(() => process.Kill(entireProcessTree: true));
        Task<string> errors = process.StandardError.ReadToEndAsync(CancellationToken.None);
        WriteKey(process.StandardInput, key);
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        stop.ThrowIfCancellationRequested();
        if (process.ExitCode != 0 || !output.Contains("Verified OK", StringComparison.Ordinal))
        {
            throw new DrillException($"The commands of break-glass.md ended with exit code {process.ExitCode}.\n{output}{errors.Result}");
        }
    }

    // Through a pipe: the key stands in no file and in no list of processes.
    private static void WriteKey(StreamWriter input, OneTimeKey key)
    {
        Span<char> text = stackalloc char[OneTimeKey.TextLength];
        key.CopyText(text);
        input.Write(text);
        input.Write('\n');
        input.Close();
        text.Clear();
    }

    /// <summary>The bash blocks under some headings, in the order of the document.</summary>
    private static string Commands(string document, string[] sections)
    {
        var commands = new StringBuilder();
        foreach (Match section in Section().Matches(document))
        {
            if (Array.Exists(sections, s => section.Groups["title"].Value.StartsWith(s, StringComparison.Ordinal)))
            {
                foreach (Match block in BashBlock().Matches(section.Groups["body"].Value))
                {
                    commands.Append(block.Groups["code"].Value);
                }
            }
        }
        return commands.Length > 0 ? commands.ToString() : throw new DrillException($"break-glass.md has no section {string.Join(' ', sections)}");
    }

    [GeneratedRegex(@"^##+ (?<title>[^\n]+)\n(?<body>.*?)(?=^##|\z)", RegexOptions.Multiline | RegexOptions.Singleline)]
    private static partial Regex Section();

    [GeneratedRegex(@"^```bash\n(?<code>.*?)^```$", RegexOptions.Multiline | RegexOptions.Singleline)]
    private static partial Regex BashBlock();
}
