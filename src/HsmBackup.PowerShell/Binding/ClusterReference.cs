using System.Collections;
using System.Management.Automation;
using HsmBackup.Engine.Clusters;
using HsmBackup.Engine.Clusters.Definitions;

namespace HsmBackup.PowerShell.Binding;

/// <summary>A cluster as a parameter names it: by name, by path, or by its definition itself.</summary>
public sealed class ClusterReference
{
    private readonly string? _nameOrPath;
    private readonly ClusterDefinition? _definition;

    internal ClusterReference(string nameOrPath) => _nameOrPath = nameOrPath;

    internal ClusterReference(ClusterDefinition definition) => _definition = definition;

    /// <summary>The definition.</summary>
    internal ClusterDefinition Find(SessionPaths paths)
    {
        if (_definition is not null)
        {
            return _definition;
        }
        string text = _nameOrPath!;
        // Drives of the session are paths too.
        return DefinitionSearch.IsPath(text) || text.Contains(':', StringComparison.Ordinal)
            ? ClusterDefinition.Load(paths.Literal(text))
            : ClusterDefinition.Find(text, paths.Current);
    }

    /// <summary>The name or path as it was given.</summary>
    public override string ToString() => _nameOrPath ?? _definition!.ToString();
}

/// <summary>Takes the name or path of a definition, or a definition.</summary>
[AttributeUsage(AttributeTargets.Property)]
internal sealed class ClusterAttribute : ArgumentTransformationAttribute
{
    /// <summary>Whether several are taken.</summary>
    public bool TakesSeveral { get; init; }

    /// <inheritdoc/>
    public override object? Transform(EngineIntrinsics engineIntrinsics, object? inputData) =>
        TakesSeveral ? Several(inputData).Select(One).ToArray() : One(inputData);

    private static IEnumerable<object?> Several(object? input) => input switch
    {
        PSObject { BaseObject: IEnumerable and not string } wrapped => Several(wrapped.BaseObject),
        IEnumerable several and not string => several.Cast<object?>(),
        _ => [input],
    };

    private static ClusterReference? One(object? input) => input switch
    {
        PSObject { BaseObject: not PSCustomObject } wrapped => One(wrapped.BaseObject),
        null => null,
        ClusterReference reference => reference,
        ClusterDefinition definition => new ClusterReference(definition),
        string { Length: > 0 } text => new ClusterReference(text),
        FileInfo file => new ClusterReference(file.FullName),
        _ => throw new ArgumentTransformationMetadataException("The name or path of a cluster definition is expected here, or what Get-HsmCluster gives."),
    };
}
