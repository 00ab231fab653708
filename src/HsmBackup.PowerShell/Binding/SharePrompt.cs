using System.Globalization;
using System.Management.Automation.Host;
using System.Security;
using HsmBackup.Engine.Protection.Shares;

namespace HsmBackup.PowerShell.Binding;

/// <summary>Asks custodians for their shares at the keyboard, and says of each line at once what is wrong with it.</summary>
internal static class SharePrompt
{
    // A share of a 32-byte key (SLIP-0039, "Format of the share mnemonic").
    private const int WordCount = 33;

    /// <summary>Asks for shares until a combiner has enough of them.</summary>
    /// <param name="host">The host.</param>
    /// <param name="shares">Takes the shares, and says of each whether it belongs there.</param>
    /// <param name="stop">Looked at before each line.</param>
    /// <returns>False where somebody gave up: an empty line where a share should begin.</returns>
    public static bool Ask(PSHost host, ShareCombiner shares, CancellationToken stop)
    {
        while (!shares.IsComplete)
        {
            using Share? share = AskOne(host, string.Create(CultureInfo.InvariantCulture, $"Share {shares.Count + 1}"), stop);
            if (share is null)
            {
                return false;
            }
            host.UI.WriteLine(shares.Add(share).Message);
        }
        return true;
    }

    /// <summary>Asks for one share, which may be typed in several lines.</summary>
    /// <returns>The share, which the caller disposes; null where nothing was typed.</returns>
    public static Share? AskOne(PSHost host, string name, CancellationToken stop)
    {
        host.UI.WriteLine($"{name}: type its words, in as many lines as you like. The first four letters of each are enough; the words are not shown.");
        using var input = new ShareInput();
        while (true)
        {
            stop.ThrowIfCancellationRequested();
            host.UI.Write(string.Create(CultureInfo.InvariantCulture, $"{name}, from word {input.WordCount + 1}: "));
            using SecureString? line = host.UI.ReadLineAsSecureString();
            if (line is not { Length: > 0 })
            {
                if (input.WordCount == 0)
                {
                    return null;
                }
                continue;
            }
            if (!input.TryAdd(line, out ShareTextError? error))
            {
                host.UI.WriteLine(error.Explain(line));
                if (error.Kind != ShareTextErrorKind.UnknownWord)
                {
                    Forget(input);
                }
                continue;
            }
            if (input.WordCount < WordCount)
            {
                continue;
            }
            if (input.TryFinish(out Share? share, out error))
            {
                return share;
            }
            host.UI.WriteLine($"{error.Message} Begin the share again.");
            Forget(input);
        }
    }

    private static void Forget(ShareInput input)
    {
        while (input.RemoveLast())
        {
            // Word by word, as it came.
        }
    }
}
