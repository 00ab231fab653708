using System.Security.Cryptography;
using HsmBackup.Engine.Backup;
using HsmBackup.Engine.Clusters.Definitions;
using HsmBackup.Engine.Clusters.Keys;
using HsmBackup.Engine.Retention;
using HsmBackup.Engine.Stores;

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

    /// <summary>Which backups are kept; null where the usual rules are to hold.</summary>
    public ClusterRetention? Retention { get; init; }

    /// <summary>Which backups are kept, with the usual values for what the definition leaves out.</summary>
    public RetentionPolicy RetentionPolicy => new()
    {
        Online = Retention?.Online ?? RetentionPolicy.Default.Online,
        Offline = Retention?.Offline ?? RetentionPolicy.Default.Offline,
        MinimumCopies = Retention?.MinimumCopies ?? RetentionPolicy.Default.MinimumCopies,
        RemovalDelay = Retention?.RemovalDelay ?? RetentionPolicy.Default.RemovalDelay,
        MaximumVerificationAge = Policy?.MaximumVerificationAge ?? RetentionPolicy.Default.MaximumVerificationAge,
    };

    /// <summary>How recovery is rehearsed; null where that is not decided.</summary>
    public ClusterDrill? Drill { get; init; }

    /// <summary>The recovery objectives; null where there are none.</summary>
    public RecoveryTargets? Targets { get; init; }

    /// <summary>What health is judged by; null where nothing is demanded.</summary>
    public ClusterPolicy? Policy { get; init; }

    /// <summary>Where its state is written for Prometheus; null for nowhere.</summary>
    public ClusterMetrics? Metrics { get; init; }

    /// <summary>Who is told when something is wrong; null for nobody.</summary>
    public ClusterAlerts? Alerts { get; init; }

    /// <summary>The value of <c>$schema</c>, by which editors find the schema; null where the file has none.</summary>
    public string? Schema { get; init; }

    /// <summary>The file that this was read from or written to; null for a definition that is in no file.</summary>
    public string? DefinitionPath { get; init; }

    /// <summary>SHA-256 of that file as it was then, in hex: a file that somebody has changed since is not overwritten.</summary>
    internal string? FileDigest { get; init; }

    /// <summary>
    /// Whether a node that was replaced is filled from the others: there are some, and a cluster key that objects travel under. Else it
    /// takes a backup.
    /// </summary>
    internal bool FillsFromPeers => ClusterKey is not null && Nodes.Count > 1;

    /// <summary>Makes a definition with an id of its own.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="nodes">Its nodes, at least one.</param>
    public static ClusterDefinition Create(string name, IReadOnlyList<ClusterNode> nodes) => new()
    {
        Id = "cluster-" + RandomNumberGenerator.GetHexString(16, lowercase: true),
        Name = name,
        Nodes = nodes,
    };

    /// <summary>Reads a definition file.</summary>
    /// <exception cref="HsmBackupException">DefinitionNotFound, DefinitionInvalid, PinSourceRefused.</exception>
    public static ClusterDefinition Load(string path) => DefinitionFile.Load(path);

    /// <summary>Finds a definition by its path or its name.</summary>
    /// <param name="nameOrPath">A path where it has a separator or the ending of definition files, else a name.</param>
    /// <param name="currentFolder">The first folder that a name is looked for in; null to begin with the next.</param>
    /// <exception cref="HsmBackupException">
    /// DefinitionNotFound, DefinitionInvalid, DefinitionAmbiguous, DefinitionUntrusted, PinSourceRefused.
    /// </exception>
    public static ClusterDefinition Find(string nameOrPath, string? currentFolder) => DefinitionSearch.Find(nameOrPath, currentFolder);

    /// <summary>Reads the JSON of a definition that is in no file of its own, such as the one in a backup.</summary>
    /// <param name="json">UTF-8.</param>
    /// <param name="source">What errors call it.</param>
    /// <exception cref="HsmBackupException">DefinitionInvalid, PinSourceRefused.</exception>
    public static ClusterDefinition Parse(ReadOnlySpan<byte> json, string source) =>
        DefinitionReader.Read(new DefinitionText(source, json.ToArray()));

    /// <summary>The definition as one line of JSON in UTF-8, as backups carry it.</summary>
    public byte[] ToJson() => DefinitionWriter.Write(this, indented: false);

    /// <summary>Makes sure that the definition is one that could be read back.</summary>
    /// <returns>The definition, with names as the definition itself spells them.</returns>
    /// <exception cref="HsmBackupException">DefinitionInvalid.</exception>
    public ClusterDefinition Check() => Parse(DefinitionWriter.Write(this, indented: true), $"The definition of cluster '{Name}'") with
    {
        DefinitionPath = DefinitionPath,
        FileDigest = FileDigest,
    };

    /// <summary>
    /// Writes the definition so that its file is always whole: the old or the new one. A file that this definition was not read from is
    /// left as it is, and so is one that somebody has changed since.
    /// </summary>
    /// <param name="path">The file.</param>
    /// <param name="overwrite">True to take the place of whatever is there.</param>
    /// <returns>The definition, which knows its file.</returns>
    /// <exception cref="HsmBackupException">
    /// DefinitionInvalid, DefinitionExists, DefinitionChanged, Busy, DestinationUnwritable, DiskFull.
    /// </exception>
    public ClusterDefinition Save(string path, bool overwrite = false) => DefinitionFile.Save(this, path, overwrite);

    /// <summary>What a backup of one of the nodes must know of the cluster.</summary>
    /// <param name="node">The node.</param>
    public BackupCluster ForBackup(ClusterNode node)
    {
        ArgumentNullException.ThrowIfNull(node);
        return new BackupCluster
        {
            Id = Id,
            Name = Name,
            Node = node.Name,
            Definition = ToJson(),
            ClusterKey = ClusterKey?.Identity,
            IdentityCertificate = IdentityCertificate is null ? (ReadOnlyMemory<byte>?)null : Convert.FromBase64String(IdentityCertificate),
            Acknowledged = Acknowledged,
        };
    }

    /// <summary>The folders of this machine that are stores: a key of any backup may be in none of them.</summary>
    public IReadOnlyList<string> StoreFolders() => [.. Stores.Where(s => s.Kind != StoreKind.WebDav).Select(s => s.Location)];

    /// <summary>One of the nodes.</summary>
    /// <param name="name">Its name, in any case.</param>
    /// <exception cref="HsmBackupException">NodeNotFound.</exception>
    public ClusterNode Node(string name) => Nodes.FirstOrDefault(n => n.Name.Equals(name, StringComparison.OrdinalIgnoreCase))
        ?? throw new HsmBackupException(ErrorCode.NodeNotFound, $"The cluster '{Name}' has no node '{name}'.",
            $"It has these: {string.Join(", ", Nodes.Select(n => n.Name))}.")
        { Target = name };

    /// <summary>The name.</summary>
    public override string ToString() => Name;
}
