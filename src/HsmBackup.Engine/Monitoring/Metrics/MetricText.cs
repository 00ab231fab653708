using System.Globalization;
using System.Text;
using HsmBackup.Engine.Monitoring.Status;

namespace HsmBackup.Engine.Monitoring.Metrics;

/// <summary>Metrics in the text format of Prometheus (its page "Exposition formats").</summary>
public static class MetricText
{
    /// <summary>The text.</summary>
    /// <param name="status">What is known of the cluster.</param>
    public static string Of(ClusterStatus status)
    {
        ArgumentNullException.ThrowIfNull(status);
        var text = new StringBuilder();
        foreach (Metric metric in MetricCatalogue.All)
        {
            MetricSample[] samples = [.. metric.Samples(status)];
            if (samples.Length > 0)
            {
                text.Append("# HELP ").Append(metric.Name).Append(' ').Append(Escaped(metric.Help, quotes: false)).Append('\n');
                text.Append("# TYPE ").Append(metric.Name).Append(metric.Type == MetricType.Counter ? " counter\n" : " gauge\n");
            }
            foreach (MetricSample sample in samples)
            {
                text.Append(metric.Name).Append("{cluster=\"").Append(Escaped(status.Cluster.Name, quotes: true)).Append('"');
                foreach ((string name, string? value) in sample.Labels.Where(l => l.Value is not null))
                {
                    text.Append(',').Append(name).Append("=\"").Append(Escaped(value!, quotes: true)).Append('"');
                }
                text.Append("} ").Append(sample.Value.ToString("0.###############", CultureInfo.InvariantCulture)).Append('\n');
            }
        }
        return text.ToString();
    }

    // Text of the definition is read by another program here: nothing of it may end a label or a line.
    private static string Escaped(string text, bool quotes)
    {
        string escaped = text.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("\n", "\\n", StringComparison.Ordinal);
        return quotes ? escaped.Replace("\"", "\\\"", StringComparison.Ordinal) : escaped;
    }
}
