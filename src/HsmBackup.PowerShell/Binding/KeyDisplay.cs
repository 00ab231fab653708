using System.Management.Automation.Host;
using System.Runtime.InteropServices;
using HsmBackup.Engine.Protection;

namespace HsmBackup.PowerShell.Binding;

/// <summary>
/// Shows a one-time key to the person at the screen. It goes to the host's own interface, not to a stream of PowerShell: those
/// are redirected into files and recorded by transcripts.
/// </summary>
internal static class KeyDisplay
{
    /// <summary>Shows the key, with what to do with it.</summary>
    public static void Show(PSHost host, OneTimeKey key, string backupId)
    {
        host.UI.WriteLine();
        host.UI.WriteLine($"The one-time key of backup {backupId}:");
        host.UI.WriteLine();
        WriteText(host.UI, key);
        host.UI.WriteLine();
        host.UI.WriteLine("Without it the backup cannot be opened by anybody. It is shown this once and stored nowhere:");
        host.UI.WriteLine("write it down or print it, keep it apart from the backup, and then clear the screen.");
        host.UI.WriteLine();
    }

    // The host takes a string. This one is made for the purpose, pinned so that no copy of it stays behind, and overwritten.
    private static void WriteText(PSHostUserInterface screen, OneTimeKey key)
    {
        string text = new('\0', OneTimeKey.TextLength);
        GCHandle pin = GCHandle.Alloc(text, GCHandleType.Pinned);
        Span<char> characters = MemoryMarshal.AsMemory(text.AsMemory()).Span;
        try
        {
            key.CopyText(characters);
            screen.WriteLine(text);
        }
        finally
        {
            characters.Clear();
            pin.Free();
        }
    }
}
