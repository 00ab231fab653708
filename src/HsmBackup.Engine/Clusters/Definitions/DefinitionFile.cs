using System.Security.Cryptography;

namespace HsmBackup.Engine.Clusters.Definitions;

/// <summary>Reads and writes the files of definitions.</summary>
internal static class DefinitionFile
{
    private const int MaxTries = 100;
    private static readonly TimeSpan TryAgainAfter = TimeSpan.FromMilliseconds(20);

    /// <summary>Reads a file.</summary>
    /// <exception cref="HsmBackupException">DefinitionNotFound, DefinitionInvalid, PinSourceRefused.</exception>
    public static ClusterDefinition Load(string path)
    {
        string full = Path.GetFullPath(path);
        byte[] content = Read(full);
        return DefinitionReader.Read(new DefinitionText($"'{full}'", content)) with
        {
            DefinitionPath = full,
            FileDigest = DigestOf(content),
        };
    }

    /// <summary>Writes a file; see <see cref="ClusterDefinition.Save"/>.</summary>
    public static ClusterDefinition Save(ClusterDefinition definition, string path, bool overwrite)
    {
        string full = Path.GetFullPath(path);
        // Nothing is written that could not be read back.
        ClusterDefinition checkedOne = definition.Check();
        byte[] content = DefinitionWriter.Write(checkedOne, indented: true);
        string temporary = full + $".{RandomNumberGenerator.GetHexString(8, lowercase: true)}.new";
        try
        {
            Write(temporary, content);
            if (overwrite)
            {
                File.Move(temporary, full, overwrite: true);
            }
            else if (definition.DefinitionPath == full && definition.FileDigest is not null)
            {
                Replace(full, temporary, definition.FileDigest);
            }
            else
            {
                File.Move(temporary, full, overwrite: false);
            }
            _ = FolderFlush.TryFlush(Path.GetDirectoryName(full)!);
        }
        catch (Exception e)
        {
            Discard(temporary);
            if (FileErrors.MeansExists(e) || (FileErrors.Covers(e) && !overwrite && definition.DefinitionPath != full && File.Exists(full)))
            {
                throw Exists(full, e);
            }
            if (FileErrors.Covers(e))
            {
                throw FileErrors.From(e, full);
            }
            throw;
        }
        return checkedOne with { DefinitionPath = full, FileDigest = DigestOf(content) };
    }

    // The old file is held while it is looked at and replaced, so that of two who do this at a time one is told.
    private static void Replace(string full, string temporary, string digest)
    {
        using FileStream? held = Hold(full);
        if (held is null || !IsStill(full, held) || DigestOf(ReadAll(held, full)) != digest)
        {
            throw new HsmBackupException(ErrorCode.DefinitionChanged,
                $"The definition '{full}' was {(held is null ? "taken away" : "changed")} since it was read. It was not overwritten.",
                "Read the definition again, and make the change to what it is now.")
            { Target = full };
        }
        File.Move(temporary, full, overwrite: true);
    }

    private static FileStream? Hold(string full)
    {
        try
        {
            // Windows replaces a file only where everybody who has it open permits that; the lock of Unix is advice, and enough.
            return Open(full, OperatingSystem.IsWindows() ? FileShare.Read | FileShare.Delete : FileShare.None);
        }
        catch (FileNotFoundException)
        {
            return null;
        }
    }

    // Whoever waited for the file may hold one by now that another has taken the place of.
    private static bool IsStill(string full, FileStream held) =>
        OperatingSystem.IsWindows() || FileOwner.Of(full).Number == FileOwner.Of(held.SafeFileHandle).Number;

    // Readers and writers are done within a moment.
    private static FileStream Open(string full, FileShare share)
    {
        for (int tries = 0; ; tries++)
        {
            try
            {
                return new FileStream(full, new FileStreamOptions { Access = FileAccess.Read, Share = share, BufferSize = 0 });
            }
            catch (IOException e) when (FileErrors.MeansInUse(e))
            {
                if (tries == MaxTries)
                {
                    throw new HsmBackupException(ErrorCode.Busy, $"Another process is busy with the definition '{full}'.",
                        "Wait until it is done, then run the command again.", e)
                    { Target = full };
                }
                Thread.Sleep(TryAgainAfter);
            }
        }
    }

    private static byte[] ReadAll(FileStream file, string full)
    {
        byte[] content = new byte[DefinitionText.MaxLength + 1];
        int length = file.ReadAtLeast(content, content.Length, throwOnEndOfStream: false);
        return length <= DefinitionText.MaxLength ? content[..length] : throw new HsmBackupException(ErrorCode.DefinitionInvalid,
            $"'{full}' is larger than a definition can be ({DefinitionText.MaxLength} bytes).", DefinitionText.Remedy)
        { Target = full };
    }

    private static byte[] Read(string full)
    {
        try
        {
            using FileStream file = Open(full, FileShare.ReadWrite | FileShare.Delete);
            return ReadAll(file, full);
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new HsmBackupException(ErrorCode.DefinitionNotFound, $"There is no cluster definition '{full}'.",
                "Check the path; Get-HsmCluster lists the definitions that are found by name, and New-HsmCluster makes one.", e)
            { Target = full };
        }
        catch (Exception e) when (FileErrors.Covers(e))
        {
            throw new HsmBackupException(ErrorCode.DefinitionNotFound, $"The cluster definition '{full}' cannot be read: {e.Message}",
                "Check the rights of the account that runs this command.", e)
            { Target = full };
        }
    }

    private static void Write(string temporary, byte[] content)
    {
        var options = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write, Share = FileShare.None, BufferSize = 0 };
        if (!OperatingSystem.IsWindows())
        {
            // Others may read it, there is no secret in it; nobody else may say which libraries are loaded.
            options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead | UnixFileMode.OtherRead;
        }
        using var file = new FileStream(temporary, options);
        file.Write(content);
        file.Flush(flushToDisk: true);
    }

    // Of two failures the first is the one to tell.
    private static void Discard(string temporary)
    {
        try
        {
            File.Delete(temporary);
        }
        catch (Exception e) when (FileErrors.Covers(e))
        {
            return;
        }
    }

    private static HsmBackupException Exists(string full, Exception cause) => new(ErrorCode.DefinitionExists,
        $"There is a file '{full}' already. It is not overwritten.",
        "Name another file. To replace a definition on purpose, use -Force.", cause)
    { Target = full };

    private static string DigestOf(byte[] content) => Convert.ToHexStringLower(SHA256.HashData(content));
}
