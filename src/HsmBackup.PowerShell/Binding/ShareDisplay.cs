using System.Globalization;
using System.Management.Automation.Host;
using HsmBackup.Engine.Protection.Shares;

namespace HsmBackup.PowerShell.Binding;

/// <summary>
/// Shows the shares of a cluster key, each to its custodian alone: the next one is shown only after the screen was cleared of the one
/// before. Like a one-time key they go to the host's own interface, and to no stream.
/// </summary>
internal static class ShareDisplay
{
    private const int Columns = 3;

    // Erase what is on the screen and what was scrolled off it, then go to its first line (ECMA-48; the 3 is xterm's).
    private const string ClearSequence = "\e[2J\e[3J\e[H";

    /// <summary>Shows all shares of a set, one after the other.</summary>
    /// <param name="host">The host.</param>
    /// <param name="clusterName">The cluster's name.</param>
    /// <param name="shares">The shares.</param>
    /// <param name="custodians">The custodians' names; empty where they are not known.</param>
    /// <param name="stop">Looked at before each share.</param>
    public static void Show(PSHost host, string clusterName, ShareSet shares, IReadOnlyList<string> custodians, CancellationToken stop)
    {
        PSHostUserInterface screen = host.UI;
        int count = shares.Shares.Count;
        for (int i = 0; i < count; i++)
        {
            stop.ThrowIfCancellationRequested();
            string custodian = i < custodians.Count ? custodians[i] : string.Create(CultureInfo.InvariantCulture, $"custodian {i + 1}");
            Clear(host);
            screen.WriteLine(string.Create(CultureInfo.InvariantCulture,
                $"Cluster key of '{clusterName}': share {i + 1} of {count} is for {custodian}, and for nobody else's eyes."));
            screen.Write($"{custodian}, when you are alone at the screen, press Enter: ");
            screen.ReadLine();
            stop.ThrowIfCancellationRequested();
            try
            {
                screen.WriteLine();
                WriteWords(screen, shares.Shares[i]);
                screen.WriteLine();
                screen.WriteLine(string.Create(CultureInfo.InvariantCulture,
                    $"Write the {shares.Shares[i].WordCount} words down in their order, and say to nobody what they are. {shares.Threshold} of {count} shares give the key."));
                screen.WriteLine("Test-HsmClusterKeyShare checks what you have written.");
                screen.Write("When you have them, press Enter; the screen is then cleared: ");
                screen.ReadLine();
            }
            finally
            {
                Clear(host);
            }
        }
    }

    // Word by word: each is a string of the word list that all shares have in common, and no string ever holds a share.
    private static void WriteWords(PSHostUserInterface screen, Share share)
    {
        int rows = (share.WordCount + Columns - 1) / Columns;
        for (int row = 0; row < rows; row++)
        {
            for (int index = row; index < share.WordCount; index += rows)
            {
                string word = share.GetWord(index);
                screen.Write(string.Create(CultureInfo.InvariantCulture, $"  {index + 1,2} "));
                screen.Write(word);
                screen.Write(new string(' ', 10 - word.Length));
            }
            screen.WriteLine();
        }
    }

    private static void Clear(PSHost host)
    {
        if (host.UI.SupportsVirtualTerminal)
        {
            host.UI.Write(ClearSequence);
            return;
        }
        // The cells of an old Windows console; all coordinates of minus one mean everything.
        host.UI.RawUI.SetBufferContents(new Rectangle(-1, -1, -1, -1),
            new BufferCell(' ', host.UI.RawUI.ForegroundColor, host.UI.RawUI.BackgroundColor, BufferCellType.Complete));
        host.UI.RawUI.CursorPosition = new Coordinates(0, 0);
    }
}
