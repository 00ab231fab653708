namespace HsmBackup.Engine.Tests.Support;

/// <summary>Whole folders.</summary>
internal static class Folders
{
    /// <summary>Copies a folder with all that is in it.</summary>
    public static void Copy(string from, string to)
    {
        Directory.CreateDirectory(to);
        foreach (string folder in Directory.GetDirectories(from, "*", SearchOption.AllDirectories))
        {
            Directory.CreateDirectory(to + folder[from.Length..]);
        }
        foreach (string file in Directory.GetFiles(from, "*", SearchOption.AllDirectories))
        {
            File.Copy(file, to + file[from.Length..]);
        }
    }
}
