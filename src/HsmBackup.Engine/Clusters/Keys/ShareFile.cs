using System.Globalization;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;
using HsmBackup.Engine.Protection;
using HsmBackup.Engine.Protection.Shares;

namespace HsmBackup.Engine.Clusters.Keys;

/// <summary>
/// Files that hold a share each, for a ceremony that nobody attends: a comment that says which, and the words. Only their owner can read
/// them; whoever makes them takes them to their custodians, and removes them.
/// </summary>
public static class ShareFile
{
    // A comment line and the words of the longest share.
    private const int MaxLength = 16 * 1024;
    private const char Comment = '#';

    /// <summary>The files for the shares of a set, one for each custodian.</summary>
    /// <param name="folder">The folder.</param>
    /// <param name="clusterName">The cluster's name.</param>
    /// <param name="count">How many shares there will be.</param>
    public static IReadOnlyList<string> PathsIn(string folder, string clusterName, int count) => [.. Enumerable.Range(1, count)
        .Select(i => Path.Combine(folder, string.Create(CultureInfo.InvariantCulture, $"{clusterName}-share-{i}-of-{count}.txt")))];

    /// <summary>Refuses, before there is any share, files that are there already or cannot be made.</summary>
    /// <exception cref="HsmBackupException">KeyFileExists, DestinationUnwritable, DiskFull.</exception>
    public static void CheckDestinations(IEnumerable<string> paths)
    {
        foreach (string path in paths)
        {
            KeyFileDestination.Check(path, backupFolder: null);
        }
    }

    /// <summary>Writes all shares of a set, each to its file; where one fails none is left.</summary>
    /// <param name="paths">As many files as there are shares.</param>
    /// <param name="clusterName">The cluster's name.</param>
    /// <param name="shares">The shares.</param>
    /// <param name="custodians">The custodians' names; empty where they are not known.</param>
    /// <exception cref="HsmBackupException">KeyFileExists, DestinationUnwritable, DiskFull.</exception>
    public static void Write(IReadOnlyList<string> paths, string clusterName, ShareSet shares, IReadOnlyList<string> custodians)
    {
        var written = new List<string>();
        try
        {
            for (int i = 0; i < paths.Count; i++)
            {
                using SecretBuffer text = Render(clusterName, shares, i, i < custodians.Count ? custodians[i] : null);
                KeyFileDestination.Create(paths[i], text.Span);
                written.Add(paths[i]);
            }
        }
        catch
        {
            Remove(written);
            throw;
        }
    }

    /// <summary>Removes the files of a ceremony that failed.</summary>
    public static void Remove(IEnumerable<string> paths)
    {
        foreach (string path in paths)
        {
            File.Delete(path);
        }
    }

    /// <summary>Reads the share in a file; comment lines are passed over.</summary>
    /// <exception cref="HsmBackupException">KeyFileNotFound, KeyFileUnreadable, ShareTextInvalid.</exception>
    public static Share Read(string path)
    {
        using SecretBuffer bytes = new(MaxLength);
        int length = Fill(path, bytes.Span);
        char[] text = GC.AllocateArray<char>(length, pinned: true);
        try
        {
            using ShareInput words = new();
            ReadOnlySpan<char> rest = text.AsSpan(0, Encoding.UTF8.GetChars(bytes.Span[..length], text));
            ShareTextError? error = null;
            foreach (ReadOnlySpan<char> line in rest.EnumerateLines())
            {
                if (!line.TrimStart().StartsWith([Comment]) && !words.TryAdd(line, out error))
                {
                    break;
                }
            }
            return error is null && words.TryFinish(out Share? share, out error) ? share
                : throw new HsmBackupException(ErrorCode.ShareTextInvalid, $"The file '{path}' holds no share: {error.Message}",
                    "Name the file of one share, as it was written at the ceremony.")
                { Target = path };
        }
        finally
        {
            CryptographicOperations.ZeroMemory(MemoryMarshal.AsBytes(text.AsSpan()));
        }
    }

    private static SecretBuffer Render(string clusterName, ShareSet shares, int index, string? custodian)
    {
        byte[] comment = Encoding.UTF8.GetBytes(DisplayText.Harmless(string.Create(CultureInfo.InvariantCulture,
            $"{Comment} Share {index + 1} of {shares.Shares.Count} of the cluster key of '{clusterName}', set '{shares.SetName}', {shares.Threshold} needed")
            + (custodian is null ? "" : $", for {custodian}")) + "\n");
        Span<char> words = stackalloc char[Share.MaxTextLength];
        try
        {
            int length = shares.Shares[index].CopyText(words);
            SecretBuffer text = new(comment.Length + length + 1);
            comment.CopyTo(text.Span);
            Encoding.ASCII.GetBytes(words[..length], text.Span[comment.Length..]);
            text.Span[^1] = (byte)'\n';
            return text;
        }
        finally
        {
            CryptographicOperations.ZeroMemory(MemoryMarshal.AsBytes(words));
        }
    }

    private static int Fill(string path, Span<byte> buffer)
    {
        try
        {
            using FileStream stream = new(path, new FileStreamOptions { Share = FileShare.ReadWrite, BufferSize = 0 });
            return stream.ReadAtLeast(buffer, buffer.Length, throwOnEndOfStream: false);
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new HsmBackupException(ErrorCode.KeyFileNotFound, $"There is no file '{path}'.", "Name the file of a share.", e) { Target = path };
        }
        catch (Exception e) when (FileErrors.Covers(e))
        {
            throw new HsmBackupException(ErrorCode.KeyFileUnreadable, $"The file '{path}' cannot be read: {e.Message}",
                "Run the command as the user who owns the file, or type the share.", e)
            { Target = path };
        }
    }
}
