using System.Globalization;

namespace HsmBackup.Engine.Auditing;

/// <summary>
/// An action on record: an entry that it begins, before anything is done, and one that says how it ended. Without the first it is not
/// begun.
/// </summary>
public sealed class AuditedAction
{
    private readonly Dictionary<string, string> _details = new(StringComparer.Ordinal);
    private readonly AuditLog? _log;
    private AuditRecord _record;
    private string? _error;
    private bool _declined;

    private AuditedAction(AuditLog? log, AuditRecord record, AuditEntry? started)
    {
        _log = log;
        _record = record;
        if (started is not null)
        {
            Note("started", started.Sequence.ToString(CultureInfo.InvariantCulture));
        }
    }

    /// <summary>Puts on record that an action begins.</summary>
    /// <param name="log">The log; null for one that only shows what it would do, of which nothing is written.</param>
    /// <param name="record">What is done; its result does not matter.</param>
    /// <param name="cancellationToken">Stops the wait for others who write.</param>
    /// <exception cref="HsmBackupException">As for <see cref="AuditLog.Append"/>: the action must not be begun.</exception>
    public static AuditedAction Begin(AuditLog? log, AuditRecord record, CancellationToken cancellationToken = default) =>
        new(log, record, log?.Append(record with { Result = AuditResult.Started }, cancellationToken));

    /// <summary>Adds to what the last entry says. Never a secret. A value that is null is none.</summary>
    public void Note(string name, string? value)
    {
        if (value is not null)
        {
            _details[name] = value;
        }
    }

    /// <summary>Names the cluster, where that is known only now.</summary>
    public void About(string? clusterId, string? clusterName) => _record = _record with { ClusterId = clusterId, ClusterName = clusterName };

    /// <summary>It goes on to its end, and yet something of it failed. The first error counts.</summary>
    /// <param name="error">A stable id, such as the name of an <see cref="ErrorCode"/>.</param>
    public void Fail(string error) => _error ??= error;

    /// <summary>Somebody was asked, and said no: nothing was done.</summary>
    public void Decline() => _declined = true;

    /// <summary>Somebody was asked, and said no to a part of it.</summary>
    public void Decline(string part) => Note("declined", _details.TryGetValue("declined", out string? others) ? $"{others}, {part}" : part);

    /// <summary>Puts on record that it came to its end.</summary>
    /// <exception cref="HsmBackupException">AuditUnwritable: it was done, and its end is not on record.</exception>
    public void End() => End(_error is not null ? AuditResult.Failed : _declined ? AuditResult.Stopped : AuditResult.Succeeded, _error);

    /// <summary>Puts on record how it ended.</summary>
    /// <param name="result">How.</param>
    /// <param name="error">Id of the error; null where there was none.</param>
    /// <exception cref="HsmBackupException">AuditUnwritable: its end is not on record.</exception>
    public void End(AuditResult result, string? error)
    {
        if (_log is null)
        {
            return;
        }
        Note("error", error);
        try
        {
            _log.Append(_record with { Result = result, Details = Merged() });
        }
        catch (HsmBackupException e) when (e.Code is ErrorCode.AuditUnwritable or ErrorCode.AuditDamaged or ErrorCode.Busy)
        {
            throw new HsmBackupException(ErrorCode.AuditUnwritable, $"{_record.Action} ended ({result}), and that could not be put on record. {e.Message}",
                "See to the log before the next command; Test-HsmAuditLog says how it is.", e)
            { Target = _log.Folder };
        }
    }

    private Dictionary<string, string> Merged()
    {
        var all = new Dictionary<string, string>(_record.Details, StringComparer.Ordinal);
        foreach ((string name, string value) in _details)
        {
            all[name] = value;
        }
        return all;
    }
}
