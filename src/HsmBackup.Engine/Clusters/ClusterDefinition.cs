using HsmBackup.Engine.Backup;

namespace HsmBackup.Engine.Clusters;

/// <summary>
/// What a cluster is: the tokens that must hold the same objects, and the policy for them. It is written as
/// <c>&lt;name&gt;.hsmcluster.json</c> (docs/cluster-definition.md) and holds no secrets, so that backups can carry it.
/// </summary>
public sealed record ClusterDefinition
{
    /// <summary>How the names of definition files end.</summary>
    public const string FileExtension = ".hsmcluster.json";

    /// <summary>The version of the file format.</summary>
    public const int FormatVersion = 1;

    /// <summary>"cluster-" and 16 hex digits, random when the definition is made. It stays when nodes and names change.</summary>
    public required string Id { get; init; }

    /// <summary>The name, which is that of the file too: 1 to 64 ASCII letters, digits, dots, hyphens and underscores.</summary>
    public required string Name { get; init; }

    /// <summary>For people.</summary>
    public string? Description { get; init; }

    /// <summary>The nodes, at least one.</summary>
    public required IReadOnlyList<ClusterNode> Nodes { get; init; }

    /// <summary>What is known of the cluster key; null before there is one.</summary>
    public ClusterKeyInfo? ClusterKey { get; init; }

    /// <summary>The certificate of the cluster's identity key, DER in base64; null before there is one.</summary>
    public string? IdentityCertificate { get; init; }

    /// <summary>Objects that a backup may miss, with reasons.</summary>
    public IReadOnlyList<AcknowledgedObject> Acknowledged { get; init; } = [];

    /// <summary>People.</summary>
    public IReadOnlyList<ClusterContact> Contacts { get; init; } = [];

    /// <summary>Who is called when, in the order of time.</summary>
    public IReadOnlyList<EscalationStep> Escalation { get; init; } = [];

    /// <summary>Where backups live.</summary>
    public IReadOnlyList<ClusterStore> Stores { get; init; } = [];

    /// <summary>When backups are made; null where nothing is scheduled.</summary>
    public ClusterSchedule? Schedule { get; init; }

    /// <summary>Which backups are kept; null where that is not decided.</summary>
    public ClusterRetention? Retention { get; init; }

    /// <summary>How recovery is rehearsed; null where that is not decided.</summary>
    public ClusterDrill? Drill { get; init; }

    /// <summary>The recovery objectives; null where there are none.</summary>
    public RecoveryTargets? Targets { get; init; }

    /// <summary>What health is judged by; null where nothing is demanded.</summary>
    public ClusterPolicy? Policy { get; init; }

    /// <summary>The value of <c>$schema</c>, by which editors find the schema; null where the file has none.</summary>
    public string? Schema { get; init; }

    /// <summary>The file that this was read from or written to; null for a definition that is in no file.</summary>
    public string? DefinitionPath { get; init; }

    /// <summary>SHA-256 of that file as it was then, in hex: a file that somebody has changed since is not overwritten.</summary>
    internal string? FileDigest { get; init; }

    /// <summary>The name.</summary>
    public override string ToString() => Name;
}
