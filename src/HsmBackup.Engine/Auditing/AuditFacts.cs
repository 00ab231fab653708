using HsmBackup.Engine.Format;

namespace HsmBackup.Engine.Auditing;

/// <summary>What is known of a log from outside it.</summary>
public sealed record AuditFacts
{
    /// <summary>How far the log was when something else remembered it.</summary>
    public IReadOnlyList<AuditFact> Heads { get; init; } = [];

    /// <summary>The certificates (DER) that definitions pin, by the ids of their clusters. Null: the cluster has none.</summary>
    public IReadOnlyDictionary<string, ReadOnlyMemory<byte>?> Signers { get; init; } = new Dictionary<string, ReadOnlyMemory<byte>?>();

    /// <summary>Whether the file that remembers how long the log was is gone, or says nothing.</summary>
    internal bool IsMarkLost { get; init; }

    /// <summary>Ids of logs of other machines, and of logs that were put aside: facts about them are passed over.</summary>
    public IReadOnlyCollection<string> OtherLogs { get; init; } = [];
}

/// <summary>How far a log was, and who says so.</summary>
/// <param name="Source">Such as a backup whose header says it.</param>
/// <param name="Head">What it says.</param>
public sealed record AuditFact(string Source, AuditHead Head);
