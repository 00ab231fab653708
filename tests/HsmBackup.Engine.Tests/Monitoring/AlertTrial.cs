using System.Text.Json.Nodes;
using HsmBackup.Engine.Clusters;
using HsmBackup.Engine.Clusters.Definitions;
using HsmBackup.Engine.Monitoring.Alerts;
using HsmBackup.Engine.Tests.Clusters.Definitions;
using HsmBackup.Engine.Tests.Protection;
using HsmBackup.Engine.Tests.Support;

namespace HsmBackup.Engine.Tests.Monitoring;

/// <summary>A state folder and a clock of its own, and a definition with the channels that a test wants.</summary>
internal sealed class AlertTrial : IDisposable
{
    // Where a test only plans, nothing is written.
    private TestFolder? _folder;

    public AlertTrial(params IEnumerable<object> channels)
    {
        Cluster = TestDefinition.Read(TestDefinition.With(full =>
        {
            full["escalation"] = JsonNode.Parse("""
                [{ "after": 0, "contacts": ["Duty desk"], "purpose": "find out" },
                 { "after": "00:30:00", "contacts": ["A. Muster"], "purpose": "decide" },
                 { "after": "02:00:00", "contacts": ["A. Muster", "Duty desk"] }]
                """);
            full["alerts"] = new JsonObject
            {
                ["channels"] = new JsonArray([.. channels.Select(c => System.Text.Json.JsonSerializer.SerializeToNode(c))]),
            };
        }));
    }

    public TestFolder Folder => _folder ??= new();

    public SetClock Clock { get; } = new(StatusSample.Now);

    public ClusterDefinition Cluster { get; set; }

    public string State => Folder.File("state");

    public IReadOnlyList<Alert> Kept => AlertOutbox.Of(State, Cluster.Id).List();

    public string AllText => string.Concat(Directory.GetFiles(Path.Combine(State, "alerts"), "*", SearchOption.AllDirectories)
        .Select(File.ReadAllText));

    public AlertOperation Operation => new(new AlertRequest
    {
        Cluster = Cluster,
        StateFolder = State,
        Clock = Clock,
        Pauses = [TimeSpan.Zero, TimeSpan.Zero],
    });

    /// <summary>A file with a secret, as a definition names it.</summary>
    public static string Secret(TestFolder folder, string name, string text)
    {
        string path = folder.File(name);
        File.WriteAllText(path, text);
        if (!OperatingSystem.IsWindows())
        {
            File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        }
        return $"file:{path}";
    }

    /// <summary>An alert of one's own, as the cmdlet raises it.</summary>
    public Alert Raise(string name = "RoomTooWarm", AlertSeverity severity = AlertSeverity.Warning) =>
        Operation.Raise(name, severity, "34 °C in the room of zurich-1.");

    public IReadOnlyList<AlertFailure> Deliver() => Operation.Deliver(CancellationToken.None);

    public void Dispose() => _folder?.Dispose();
}
