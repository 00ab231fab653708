using HsmBackup.Engine.Pkcs11;
using HsmBackup.Engine.Tokens;

namespace HsmBackup.Engine.Clusters.Keys;

/// <summary>What is known of a cluster key outside the tokens: how to recognise it, and how it was shared. Nothing here is secret.</summary>
public sealed record ClusterKeyInfo
{
    /// <summary>Its check value: 32 lower-case hex digits. Backups that are bound to the cluster carry it.</summary>
    public required string Check { get; init; }

    /// <summary>
    /// For each form of wrapping, the first 16 bytes of SHA-256 over the wrapping of a published constant key under the cluster key, as 32
    /// lower-case hex digits: how a token shows that it holds the key.
    /// </summary>
    public required IReadOnlyDictionary<WrapForm, string> WrapChecks { get; init; }

    /// <summary>Number of the valid set of shares, 0 to 32767.</summary>
    public required int ShareSetId { get; init; }

    /// <summary>How many shares rebuild the key.</summary>
    public required int Threshold { get; init; }

    /// <summary>How many shares there are.</summary>
    public required int Shares { get; init; }

    /// <summary>When the key was made, in UTC.</summary>
    public required DateTimeOffset Created { get; init; }

    /// <summary>Numbers of the sets of shares that a later one has replaced.</summary>
    public IReadOnlyList<int> RetiredShareSets { get; init; } = [];

    /// <summary>What the key is known by.</summary>
    public ClusterKeyIdentity Identity => new(Check, WrapChecks);
}
