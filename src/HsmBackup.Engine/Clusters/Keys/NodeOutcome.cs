using HsmBackup.Engine.Protection;
using HsmBackup.Engine.Tokens;

namespace HsmBackup.Engine.Clusters.Keys;

/// <summary>A node that takes part, with what opens it.</summary>
/// <param name="Name">Its name in the cluster.</param>
/// <param name="Address">Its token.</param>
/// <param name="Pin">The user PIN of the token, which stays the caller's to dispose.</param>
public sealed record NodeAccess(string Name, TokenAddress Address, Pin? Pin);

/// <summary>How a node came out of work on its cluster key.</summary>
public enum NodeState
{
    /// <summary>The cluster key was brought in and proven.</summary>
    Added,

    /// <summary>It was there already, and was proven.</summary>
    AlreadyThere,

    /// <summary>It failed, for the reason given; the token is as it was.</summary>
    Failed,

    /// <summary>It did not fail, but another did, and what was done to it was undone.</summary>
    Undone,

    /// <summary>It keeps a key that nothing uses, because it could not be removed again.</summary>
    Left,

    /// <summary>Nothing was done to it, because another failed first.</summary>
    NotTouched,
}

/// <summary>What became of one node.</summary>
/// <param name="Node">Its name.</param>
/// <param name="State">How it came out.</param>
/// <param name="Detail">More; null where there is nothing to add.</param>
public sealed record NodeOutcome(string Node, NodeState State, string? Detail = null)
{
    /// <inheritdoc/>
    public override string ToString() => $"{Node}: {State}" + (Detail is null ? "" : $" ({Detail})");
}
