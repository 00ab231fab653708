using System.Management.Automation;
using HsmBackup.Engine.Clusters;
using HsmBackup.Engine.Clusters.Definitions;
using HsmBackup.PowerShell.Binding;

namespace HsmBackup.PowerShell.Commands;

/// <summary>Get-HsmCluster: reads cluster definitions. No token is touched.</summary>
[Cmdlet(VerbsCommon.Get, "HsmCluster", DefaultParameterSetName = NameSet)]
[OutputType(typeof(ClusterDefinition))]
public sealed class GetHsmClusterCommand : HsmCommand
{
    private const string NameSet = "Name";
    private const string PathSet = "Path";
    private const string LiteralPathSet = "LiteralPath";

    // A Turkish "I" must not decide which cluster is meant.
    private const WildcardOptions Anyhow = WildcardOptions.IgnoreCase | WildcardOptions.CultureInvariant;

    /// <summary>Names of the clusters wanted.</summary>
    [Parameter(Position = 0, ParameterSetName = NameSet,
        HelpMessage = "Names of the clusters wanted; wildcards are permitted. All that are found where it is left out.")]
    [ValidateNotNullOrEmpty]
    [SupportsWildcards]
    [ArgumentCompleter(typeof(ClusterNameCompleter))]
    public string? Name { get; set; }

    /// <summary>Definition files.</summary>
    [Parameter(Mandatory = true, ParameterSetName = PathSet, HelpMessage = "Definition files; wildcards are permitted.")]
    [ValidateNotNullOrEmpty]
    [SupportsWildcards]
    public string[]? Path { get; set; }

    /// <summary>Definition files, taken as they are.</summary>
    [Parameter(Mandatory = true, ParameterSetName = LiteralPathSet, ValueFromPipelineByPropertyName = true,
        HelpMessage = "Definition files, taken as they are written.")]
    [Alias("PSPath")]
    [ValidateNotNullOrEmpty]
    public string[]? LiteralPath { get; set; }

    private protected override void ProcessInput()
    {
        foreach (string path in LiteralPath ?? [])
        {
            TryItem(path, () => WriteObject(ClusterDefinition.Load(Paths.Literal(path))));
        }
        foreach (string path in Path ?? [])
        {
            TryItem(path, () => WriteMatches(path));
        }
        if (ParameterSetName == NameSet)
        {
            TryItem(Name ?? "*", () => WriteFound(Name ?? "*"));
        }
    }

    private void WriteMatches(string path)
    {
        IReadOnlyList<string> matches = Paths.Matches(path);
        if (matches.Count == 0 && !WildcardPattern.ContainsWildcardCharacters(path))
        {
            // Says where it looked, and what is wrong there.
            _ = ClusterDefinition.Load(Paths.Literal(path));
        }
        foreach (string match in matches)
        {
            TryItem(match, () => WriteObject(ClusterDefinition.Load(match)));
        }
    }

    private void WriteFound(string name)
    {
        if (!WildcardPattern.ContainsWildcardCharacters(name))
        {
            WriteObject(ClusterDefinition.Find(name, Paths.Current));
            return;
        }
        foreach (string file in DefinitionSearch.Files(Paths.Current)
            .Where(file => WildcardPattern.Get(name, Anyhow).IsMatch(DefinitionSearch.NameOf(file))))
        {
            TryItem(file, () => WriteObject(DefinitionSearch.Load(file, Paths.Current)));
        }
    }
}
