using System.Collections;
using System.Management.Automation;
using HsmBackup.Engine.Clusters;

namespace HsmBackup.PowerShell.Binding;

/// <summary>A node as a parameter names it: by its name, by the node of a definition, or by a description of a new one.</summary>
public sealed class NodeReference
{
    internal NodeReference(string name) => Name = name;

    internal NodeReference(IDictionary description)
    {
        Name = "";
        Description = description;
    }

    /// <summary>The name; empty for a description.</summary>
    public string Name { get; }

    /// <summary>What a new node is to be; null for a name.</summary>
    internal IDictionary? Description { get; }

    /// <summary>The name.</summary>
    public override string ToString() => Name;
}

/// <summary>Takes the name of a node, a node of a definition, or a description of a node as a hashtable or object.</summary>
[AttributeUsage(AttributeTargets.Property)]
internal sealed class NodeAttribute : ArgumentTransformationAttribute
{
    /// <summary>Whether descriptions of new nodes are taken, and not names.</summary>
    public bool Describes { get; init; }

    /// <summary>Whether several are taken.</summary>
    public bool TakesSeveral { get; init; }

    /// <inheritdoc/>
    public override object? Transform(EngineIntrinsics engineIntrinsics, object? inputData) => Describes
        ? TakesSeveral ? Several(inputData).Select(Described).ToArray() : Described(inputData)
        : TakesSeveral ? Several(inputData).Select(Named).ToArray() : Named(inputData);

    private static IEnumerable<object?> Several(object? input) => input switch
    {
        PSObject { BaseObject: IEnumerable and not IDictionary and not string } wrapped => Several(wrapped.BaseObject),
        IEnumerable several and not IDictionary and not string => several.Cast<object?>(),
        _ => [input],
    };

    private static NodeReference? Named(object? input) => input switch
    {
        PSObject { BaseObject: not PSCustomObject } wrapped => Named(wrapped.BaseObject),
        null => null,
        NodeReference reference => reference,
        ClusterNode node => new NodeReference(node.Name),
        string { Length: > 0 } name => new NodeReference(name),
        _ => throw new ArgumentTransformationMetadataException("The name of a node is expected here, or a node of a cluster definition."),
    };

    private static NodeReference Described(object? input) => input switch
    {
        PSObject { BaseObject: PSCustomObject } described => new NodeReference(
            described.Properties.ToDictionary(property => property.Name, property => property.Value, StringComparer.OrdinalIgnoreCase)),
        PSObject wrapped => Described(wrapped.BaseObject),
        NodeReference { Description: not null } reference => reference,
        IDictionary table => new NodeReference(table),
        ClusterNode node => new NodeReference(NodeDescription.Of(node)),
        _ => throw new ArgumentTransformationMetadataException(
            "A node is described by a hashtable or object, such as @{ Name = 'a'; Library = '/usr/lib/softhsm/libsofthsm2.so'; TokenLabel = 'payments' }."),
    };
}
