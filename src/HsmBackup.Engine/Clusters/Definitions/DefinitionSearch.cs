namespace HsmBackup.Engine.Clusters.Definitions;

/// <summary>
/// Finds definitions by name: in the current folder, in <c>$HSMBACKUP_HOME/clusters</c>, in the user's and then in the system's
/// configuration folder. The first one found counts.
/// </summary>
public static class DefinitionSearch
{
    /// <summary>The folders that definitions are looked for in, in their order; they need not be there.</summary>
    /// <param name="currentFolder">The current folder; null to leave it out.</param>
    public static IReadOnlyList<string> Folders(string? currentFolder) => [.. Named(currentFolder)
        .Concat(Configuration()).Select(Path.GetFullPath).Distinct(StringComparer.Ordinal)];

    /// <summary>Whether a text is meant as a path, and not as a name.</summary>
    public static bool IsPath(string nameOrPath)
    {
        ArgumentNullException.ThrowIfNull(nameOrPath);
        return nameOrPath.AsSpan().IndexOfAny(Path.DirectorySeparatorChar, Path.AltDirectorySeparatorChar) >= 0
            || nameOrPath.EndsWith(ClusterDefinition.FileExtension, StringComparison.OrdinalIgnoreCase);
    }

    /// <summary>All definition files that a name can find, by name. A folder that cannot be read has none.</summary>
    /// <param name="currentFolder">The current folder; null to leave it out.</param>
    public static IReadOnlyList<string> Files(string? currentFolder) => [.. Folders(currentFolder).SelectMany(FilesOf)
        .DistinctBy(NameOf, StringComparer.OrdinalIgnoreCase).OrderBy(NameOf, StringComparer.OrdinalIgnoreCase)];

    /// <summary>The name of the cluster that a file is named after.</summary>
    public static string NameOf(string path)
    {
        string file = Path.GetFileName(path);
        return file.EndsWith(ClusterDefinition.FileExtension, StringComparison.OrdinalIgnoreCase) ? file[..^ClusterDefinition.FileExtension.Length] : file;
    }

    /// <summary>Reads a file that was found by its name, and not named by its path.</summary>
    /// <param name="path">One of <see cref="Files"/>.</param>
    /// <param name="currentFolder">The current folder of that search.</param>
    /// <exception cref="HsmBackupException">
    /// DefinitionInvalid, PinSourceRefused; DefinitionAmbiguous: another folder has a different cluster of that name; DefinitionUntrusted:
    /// somebody else could have put the file into the current folder.
    /// </exception>
    public static ClusterDefinition Load(string path, string? currentFolder)
    {
        if (currentFolder is not null && Path.GetDirectoryName(Path.GetFullPath(path)) == Path.GetFullPath(currentFolder))
        {
            CheckTrusted(path);
        }
        ClusterDefinition definition = DefinitionFile.Load(path);
        if (definition.Name != NameOf(path))
        {
            throw new HsmBackupException(ErrorCode.DefinitionInvalid, $"The file '{path}' is named after a cluster '{NameOf(path)}', and defines '{definition.Name}'.",
                $"Call the file {definition.Name}{ClusterDefinition.FileExtension}, or name it by its path.")
            { Target = path };
        }
        CheckUnambiguous(definition, currentFolder);
        return definition;
    }

    /// <summary>Finds one definition; see <see cref="ClusterDefinition.Find"/>.</summary>
    internal static ClusterDefinition Find(string nameOrPath, string? currentFolder)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(nameOrPath);
        if (IsPath(nameOrPath))
        {
            return DefinitionFile.Load(Path.GetFullPath(nameOrPath, currentFolder ?? Directory.GetCurrentDirectory()));
        }
        // A file system that tells cases apart may hold two names that a person would not.
        IReadOnlyList<string> files = [.. Folders(currentFolder).Select(folder => FilesOf(folder).Where(f => Answers(f, nameOrPath)).ToList())
            .FirstOrDefault(found => found.Count > 0) ?? []];
        return files switch
        {
            [] => throw new HsmBackupException(ErrorCode.DefinitionNotFound,
                $"There is no definition of a cluster '{nameOrPath}' in {string.Join(", ", Folders(currentFolder).Select(f => $"'{f}'"))}.",
                "Check the name, or give the path of the definition; Get-HsmCluster lists what is found, and New-HsmCluster makes one.")
            { Target = nameOrPath },
            [string one] => Load(one, currentFolder),
            _ when files.FirstOrDefault(f => NameOf(f) == nameOrPath) is { } exact => Load(exact, currentFolder),
            _ => throw Ambiguous(nameOrPath, files),
        };
    }

    private static bool Answers(string file, string name) => NameOf(file).Equals(name, StringComparison.OrdinalIgnoreCase);

    // The nearer definition would be taken in silence, and a backup of another cluster be made or restored.
    private static void CheckUnambiguous(ClusterDefinition definition, string? currentFolder)
    {
        foreach (string other in Folders(currentFolder).SelectMany(FilesOf).Where(f => NameOf(f) == definition.Name && f != definition.DefinitionPath))
        {
            if (TryReadId(other) is { } id && id != definition.Id)
            {
                throw Ambiguous(definition.Name, [definition.DefinitionPath!, other]);
            }
        }
    }

    private static string? TryReadId(string path)
    {
        try
        {
            return DefinitionFile.Load(path).Id;
        }
        catch (HsmBackupException)
        {
            // Whoever asks for that one is told what is wrong with it.
            return null;
        }
    }

    // A definition says which library is loaded, and thereby what this process does.
    private static void CheckTrusted(string path)
    {
        if (OperatingSystem.IsWindows())
        {
            return;
        }
        FileOwner.Information file = FileOwner.Of(path);
        if ((file.UserId != 0 && file.UserId != FileOwner.CurrentUser) || file.Mode.HasFlag(UnixFileMode.OtherWrite))
        {
            throw new HsmBackupException(ErrorCode.DefinitionUntrusted,
                $"The definition '{path}' in the current folder {(file.Mode.HasFlag(UnixFileMode.OtherWrite) ? "can be written by everybody" : "belongs to another user")}, "
                + "and decides which libraries are loaded.",
                "Look at the file. If it is the right one, name it by its path.")
            { Target = path };
        }
    }

    private static HsmBackupException Ambiguous(string name, IReadOnlyList<string> files) => new(ErrorCode.DefinitionAmbiguous,
        $"Several clusters answer to the name '{name}': {string.Join(", ", files.Select(f => $"'{f}'"))}.",
        "Name the definition by its path.")
    { Target = name };

    private static List<string> FilesOf(string folder)
    {
        try
        {
            return Directory.Exists(folder)
                ? [.. Directory.EnumerateFiles(folder, "*" + ClusterDefinition.FileExtension).Order(StringComparer.Ordinal)]
                : [];
        }
        catch (Exception e) when (FileErrors.Covers(e))
        {
            return [];
        }
    }

    private static IEnumerable<string> Named(string? currentFolder)
    {
        if (currentFolder is not null)
        {
            yield return currentFolder;
        }
        if (Environment.GetEnvironmentVariable("HSMBACKUP_HOME") is { Length: > 0 } home)
        {
            yield return Path.Combine(home, "clusters");
        }
    }

    private static IEnumerable<string> Configuration()
    {
        if (OperatingSystem.IsWindows())
        {
            yield return Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.ApplicationData), "HsmBackup", "Clusters");
            yield return Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.CommonApplicationData), "HsmBackup", "Clusters");
            yield break;
        }
        string configuration = Environment.GetEnvironmentVariable("XDG_CONFIG_HOME") is { Length: > 0 } xdg
            ? xdg
            : Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".config");
        yield return Path.Combine(configuration, "hsmbackup", "clusters");
        yield return "/etc/hsmbackup/clusters";
    }
}
