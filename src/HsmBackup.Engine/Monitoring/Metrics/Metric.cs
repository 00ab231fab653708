using HsmBackup.Engine.Monitoring.Status;

namespace HsmBackup.Engine.Monitoring.Metrics;

/// <summary>What kind of series it is, in the words of Prometheus.</summary>
public enum MetricType
{
    /// <summary>It goes up and down.</summary>
    Gauge,

    /// <summary>It only goes up.</summary>
    Counter,
}

/// <summary>One value, with the labels that it has beside the name of the cluster.</summary>
/// <param name="Value">The value.</param>
/// <param name="Labels">Names and values of labels.</param>
public sealed record MetricSample(double Value, params IReadOnlyList<(string Name, string? Value)> Labels);

/// <summary>A series of values under one name.</summary>
public sealed record Metric
{
    /// <summary>The name.</summary>
    public required string Name { get; init; }

    /// <summary>What kind it is.</summary>
    public MetricType Type { get; init; }

    /// <summary>What it says.</summary>
    public required string Help { get; init; }

    /// <summary>Names of its labels, beside <c>cluster</c>.</summary>
    public IReadOnlyList<string> Labels { get; init; } = [];

    /// <summary>Its values; none where nothing is known. A value that is not known is left out, and never 0.</summary>
    public required Func<ClusterStatus, IEnumerable<MetricSample>> Samples { get; init; }

    /// <summary>The name.</summary>
    public override string ToString() => Name;
}
