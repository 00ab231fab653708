using System.Collections;
using HsmBackup.Engine.Format;
using HsmBackup.Engine.Tokens;

namespace HsmBackup.Engine.Backup;

/// <summary>The objects of a backup with their verdicts, and how many there are of each.</summary>
public sealed class VerdictList : IReadOnlyList<ObjectSummary>
{
    private readonly List<ObjectSummary> _objects = [];
    private readonly int[] _counts = new int[Enum.GetValues<Verdict>().Length];

    /// <inheritdoc/>
    public int Count => _objects.Count;

    /// <summary>Objects that are in the backup whole.</summary>
    public int Captured => _counts[(int)Verdict.Captured];

    /// <summary>Keys that may not leave the token.</summary>
    public int NotExtractable => _counts[(int)Verdict.NotExtractable];

    /// <summary>Keys that the token has no way of wrapping.</summary>
    public int NotWrappable => _counts[(int)Verdict.NotWrappable];

    /// <summary>Keys that would come back changed.</summary>
    public int Inexact => _counts[(int)Verdict.Inexact];

    /// <summary>Objects that could not be read.</summary>
    public int Unreadable => _counts[(int)Verdict.Unreadable];

    /// <inheritdoc/>
    public ObjectSummary this[int index] => _objects[index];

    /// <inheritdoc/>
    public IEnumerator<ObjectSummary> GetEnumerator() => _objects.GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    /// <summary>The counts in words, for example "12 Captured, 1 NotExtractable".</summary>
    public override string ToString() => Count == 0 ? "no objects" : string.Join(", ",
        Enum.GetValues<Verdict>().Where(v => _counts[(int)v] > 0).Select(v => $"{_counts[(int)v]} {v}"));

    internal void Add(ObjectSummary summary)
    {
        _objects.Add(summary);
        _counts[(int)summary.Verdict]++;
    }

    internal VerdictCounts ToCounts() => new(Captured, NotExtractable, NotWrappable, Inexact, Unreadable);
}
