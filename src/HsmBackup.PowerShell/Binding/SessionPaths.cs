using System.Management.Automation;
using HsmBackup.Engine;

namespace HsmBackup.PowerShell.Binding;

/// <summary>
/// Turns paths as a PowerShell session writes them (drives, <c>~</c>, the session's own current location, wildcards) into
/// paths of the file system.
/// </summary>
internal sealed class SessionPaths(PathIntrinsics session)
{
    private const string FileSystem = "FileSystem";

    /// <summary>The current location.</summary>
    public string Current => session.CurrentFileSystemLocation.ProviderPath;

    /// <summary>One path, taken as it is; it need not exist.</summary>
    /// <exception cref="HsmBackupException">InvalidArgument: the path is not one of the file system.</exception>
    public string Literal(string path)
    {
        string resolved = session.GetUnresolvedProviderPathFromPSPath(path, out ProviderInfo provider, out _);
        return provider.Name == FileSystem ? resolved : throw NotAFile(path);
    }

    /// <summary>As <see cref="Literal"/>, for parameters that may be left out.</summary>
    public string? LiteralOrNull(string? path) => string.IsNullOrEmpty(path) ? null : Literal(path);

    /// <summary>
    /// What a path stands for: the file or folder of that very name where there is one (so that a path with brackets which came
    /// down the pipeline means itself), else everything that it matches as a wildcard pattern.
    /// </summary>
    /// <returns>Nothing where nothing matches.</returns>
    public IReadOnlyList<string> Matches(string path)
    {
        string literal = Literal(path);
        if (Path.Exists(literal))
        {
            return [literal];
        }
        try
        {
            return session.GetResolvedProviderPathFromPSPath(path, out _);
        }
        catch (ItemNotFoundException)
        {
            return [];
        }
    }

    private static HsmBackupException NotAFile(string path) => Errors.InvalidArgument(
        $"'{path}' is not a path of the file system.", "Name a file or folder.", path);
}
