using System.Globalization;
using System.Security.Cryptography;
using System.Text.Json;

namespace HsmBackup.Engine.Monitoring.Alerts;

/// <summary>
/// The alerts of a cluster: a file each in the state folder. An alert is here before anybody is told of it, and stays until everybody was,
/// so that no failure of a channel, and no end of this process, loses one.
/// </summary>
public sealed class AlertOutbox
{
    private const string Extension = ".json";
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan KeepResolved = TimeSpan.FromDays(90);

    private readonly string _folder;

    private AlertOutbox(string folder) => _folder = folder;

    /// <summary>The alerts of a cluster. Nothing is made or read.</summary>
    /// <param name="stateFolder">The state folder; null for that of this account.</param>
    /// <param name="clusterId">The cluster.</param>
    public static AlertOutbox Of(string? stateFolder, string clusterId) =>
        new(Path.Combine(StateFolder.Locate(stateFolder), "alerts", clusterId));

    /// <summary>A new id, which sorts by time.</summary>
    internal static string NewId(DateTimeOffset now) => string.Create(CultureInfo.InvariantCulture,
        $"{now.ToUniversalTime():yyyyMMdd'T'HHmmss'Z'}-{RandomNumberGenerator.GetHexString(8, lowercase: true)}");

    /// <summary>All alerts that are kept, the oldest first. Damaged files are passed over: what is wrong is found again.</summary>
    /// <exception cref="HsmBackupException">DestinationUnwritable: the folder cannot be read.</exception>
    public IReadOnlyList<Alert> List() => [.. Read().Select(f => f.Alert).OfType<Alert>()];

    /// <summary>
    /// Paths of the files that hold no alert any more. Nobody removes them but a person: what was in them may have been of that person's
    /// own.
    /// </summary>
    /// <exception cref="HsmBackupException">DestinationUnwritable: the folder cannot be read.</exception>
    public IReadOnlyList<string> ListDamaged() => [.. Read().Where(f => f.Alert is null).Select(f => f.Path)];

    /// <summary>Those that are open, or of which not everybody has been told yet.</summary>
    /// <exception cref="HsmBackupException">DestinationUnwritable: the folder cannot be read.</exception>
    public IReadOnlyList<Alert> ListUnfinished() => [.. List().Where(a => a.IsOpen || a.Pending > 0)];

    /// <summary>Changes alerts; nobody else does meanwhile.</summary>
    /// <param name="change">Gives those that are new or changed.</param>
    /// <param name="now">The time.</param>
    /// <returns>What was given.</returns>
    /// <exception cref="HsmBackupException">Busy, DestinationUnwritable, DiskFull.</exception>
    internal IReadOnlyList<Alert> Update(Func<IReadOnlyList<Alert>, IReadOnlyList<Alert>> change, DateTimeOffset now)
    {
        StateFolder.Create(_folder);
        using IDisposable held = StateFolder.Lock(Path.Combine(_folder, "lock"), "the alerts of this cluster", Patience);
        IReadOnlyList<Alert> all = List();
        IReadOnlyList<Alert> changed = change(all);
        foreach (Alert alert in changed)
        {
            StateDocument.Write(PathOf(alert), alert, AlertJson.Default.Alert);
        }
        foreach (Alert old in all.Where(a => a.Pending == 0 && a.Resolved < now - KeepResolved))
        {
            File.Delete(PathOf(old));
        }
        return changed;
    }

    /// <summary>One delivers at a time: two would send everything twice.</summary>
    /// <exception cref="HsmBackupException">Busy, DestinationUnwritable.</exception>
    internal IDisposable LockDelivery()
    {
        StateFolder.Create(_folder);
        return StateFolder.Lock(Path.Combine(_folder, "delivery.lock"), "delivering the alerts of this cluster", Patience);
    }

    private string PathOf(Alert alert) => Path.Combine(_folder, alert.Id + Extension);

    private List<(string Path, Alert? Alert)> Read()
    {
        try
        {
            return !Directory.Exists(_folder) ? []
                : [.. Directory.EnumerateFiles(_folder, "*" + Extension).Order(StringComparer.Ordinal).SelectMany(TryRead)];
        }
        catch (Exception e) when (FileErrors.Covers(e))
        {
            throw FileErrors.From(e, _folder);
        }
    }

    // One that is gone by now was too old, and somebody else has removed it.
    private static IEnumerable<(string Path, Alert? Alert)> TryRead(string path)
    {
        try
        {
            return StateDocument.Read(path, AlertJson.Default.Alert) is { } alert ? [(path, alert)] : [];
        }
        catch (JsonException)
        {
            return [(path, null)];
        }
    }
}
