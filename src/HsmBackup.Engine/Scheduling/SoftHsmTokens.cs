using HsmBackup.Engine.Clusters;

namespace HsmBackup.Engine.Scheduling;

/// <summary>Where SoftHSM keeps its tokens: its library locks files there, even to read.</summary>
internal static class SoftHsmTokens
{
    private const string Variable = "SOFTHSM2_CONF";
    private const string Setting = "directories.tokendir";

    /// <summary>The folder that the configuration of a node names; null where there is none that can be read.</summary>
    public static string? FolderOf(ClusterNode node)
    {
        try
        {
            return node.Address.Library.Environment?.GetValueOrDefault(Variable) is { } configuration
                ? File.ReadLines(configuration).Select(line => line.Split('=', 2, StringSplitOptions.TrimEntries))
                    .Where(parts => parts is [Setting, { Length: > 0 }]).Select(parts => parts[1]).FirstOrDefault()
                : null;
        }
        catch (Exception e) when (FileErrors.Covers(e))
        {
            return null;
        }
    }
}
