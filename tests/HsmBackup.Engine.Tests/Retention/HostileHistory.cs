using System.Globalization;
using System.Text;
using HsmBackup.Engine.Format;
using HsmBackup.Engine.Retention;

namespace HsmBackup.Engine.Tests.Retention;

/// <summary>
/// What becomes of a cluster's stores when everything goes wrong at random: the clock steps by up to ten years either way, files are made up,
/// break, disappear and come back, marks and holds come from nowhere. The same seed gives the same history.
/// </summary>
internal sealed class HostileHistory
{
    private static readonly (string Name, RetentionClass Class)[] Stores =
        [("local", RetentionClass.Online), ("remote", RetentionClass.Online), ("safe", RetentionClass.Offline), ("vault", RetentionClass.Offline)];

    private readonly Random _random;
    private readonly Dictionary<string, RetentionBackup> _backups = new(StringComparer.Ordinal);
    private readonly List<UnreadableFile> _unreadable = [];
    private readonly StringBuilder? _log;
    private bool _isStoreMissing;
    private int _count;

    private HostileHistory(int seed, bool told)
    {
        _random = new Random(seed);
        _log = told ? new StringBuilder() : null;
        Policy = NewPolicy();
        Tell($"seed {seed}, {Policy}");
        for (int steps = 4 + seed % 29; steps > 0; steps--)
        {
            Step();
        }
    }

    /// <summary>The history of a seed.</summary>
    public static HostileHistory Of(int seed) => new(seed, told: false);

    /// <summary>What happened in the history of a seed, line by line, and what is there at its end.</summary>
    public static string Tell(int seed)
    {
        var history = new HostileHistory(seed, told: true);
        IEnumerable<RetentionItem> plan = RetentionPlanner.Plan(history.Policy, history.Input, history.Now, history.Memory).Items;
        return $"{history._log}{history.Now:u} is now, {history.Memory} is remembered\n{string.Join('\n', plan)}";
    }

    public RetentionPolicy Policy { get; private set; }

    public DateTimeOffset Now { get; private set; } = new(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);

    public ClockMemory Memory { get; private set; } = ClockMemory.Nothing;

    public RetentionInput Input => new() { Backups = [.. _backups.Values], Unreadable = [.. _unreadable], IsStoreMissing = _isStoreMissing };

    /// <summary>Something happens.</summary>
    private void Step()
    {
        switch (_random.Next(24))
        {
            case < 6:
                Back(forged: false);
                break;
            case 6:
                Back(forged: true);
                break;
            case 7:
                Now = Saturated(Now, Span(3650));
                Tell($"clock steps");
                break;
            case < 11:
                Now = Saturated(Now, TimeSpan.FromHours(_random.Next(1, 24 * 20)));
                Tell($"time passes");
                break;
            case 11:
                Change("tested", b => b with { Proven = Latest(b.Proven, Now) });
                break;
            case 12:
                ChangeCopy("health", c => c with { Health = (CopyHealth)_random.Next(3) });
                break;
            case 13:
                Change("copy missing", b => b with { Copies = [.. b.Copies.Where(_ => _random.Next(2) == 0)] });
                break;
            case 14:
                ChangeCopy("forged mark", c => c with { Mark = new RemovalMark(AnyTime(), AnyTime(), (RemovalOrigin)_random.Next(2)) });
                break;
            case 15:
                ChangeCopy("requested", c => c with { Mark = new RemovalMark(Now, Saturated(Now, Policy.RemovalDelay), RemovalOrigin.Request) });
                break;
            case 16:
                ChangeCopy("hold", c => c with { Hold = c.Hold is null ? new RetentionHold(_random.Next(2) == 0 ? null : AnyTime()) : null });
                break;
            case 17:
                Policy = NewPolicy();
                Tell($"policy");
                break;
            case 18:
                _unreadable.Add(new UnreadableFile(Stores[_random.Next(Stores.Length)].Name, $"garbage{_count++}.hsmbackup"));
                break;
            case 19:
                Memory = _random.Next(3) == 0 ? ClockMemory.Nothing : Memory;
                break;
            case 20:
                _isStoreMissing = !_isStoreMissing;
                Tell($"store away or back");
                break;
            case 21:
                Change("remembered hold", b => b with { Hold = b.Hold is null ? new RetentionHold(_random.Next(2) == 0 ? null : AnyTime()) : null });
                break;
            default:
                Run();
                Tell($"run");
                break;
        }
    }

    /// <summary>Retention runs.</summary>
    public RetentionPlan Run()
    {
        RetentionPlan plan = RetentionPlanner.Plan(Policy, Input, Now, Memory);
        Apply(plan);
        Memory = Memory.After(Now);
        return plan;
    }

    /// <summary>The clock steps ahead of all that it has shown, by more than could be a pause.</summary>
    public void StepAhead()
    {
        Now = Saturated(Memory.HighWater > Now ? Memory.HighWater.Value : Now, TimeSpan.FromMinutes(_random.Next(36 * 1440, 3650 * 1440)));
        // Something is proven by the wrong clock, so that it is not for want of a test that nothing goes.
        Back(forged: false);
        Change("tested", b => b with { Proven = Now });
    }

    /// <summary>Time passes, for at least a while.</summary>
    public void Pass(TimeSpan time) => Now = Saturated(Now, time);

    /// <summary>Carries a plan out.</summary>
    public void Apply(RetentionPlan plan)
    {
        foreach (RetentionItem item in plan.Items.Where(i => _backups.ContainsKey(i.BackupId)))
        {
            RetentionBackup backup = _backups[item.BackupId];
            _backups[item.BackupId] = backup with
            {
                Copies = [.. backup.Copies
                    .Where(c => c.Store != item.Store || item.Decision != RetentionDecision.Remove)
                    .Select(c => c.Store != item.Store ? c : item.Decision switch
                    {
                        RetentionDecision.MarkForRemoval => c with { Mark = new RemovalMark(Now, item.Due!.Value, RemovalOrigin.Policy) },
                        RetentionDecision.Unmark => c with { Mark = null },
                        _ => c,
                    })],
            };
        }
        foreach (string gone in _backups.Where(b => b.Value.Copies.Count == 0).Select(b => b.Key).ToList())
        {
            _backups.Remove(gone);
        }
    }

    /// <summary>The same in another order.</summary>
    public RetentionInput Shuffled()
    {
        RetentionBackup[] backups = [.. _backups.Values.Select(b => b with { Copies = Shuffle(b.Copies) })];
        return new RetentionInput { Backups = Shuffle(backups), Unreadable = Shuffle(_unreadable), IsStoreMissing = _isStoreMissing };
    }

    /// <summary>The same, and files that somebody made up: new ids, and other files under the ids of what is there.</summary>
    public RetentionInput WithForgeries()
    {
        List<RetentionBackup> backups = [.. _backups.Values.Select(AlsoElsewhere), .. Enumerable.Range(0, _random.Next(1, 6)).Select(_ => Forged())];
        return new RetentionInput { Backups = backups, Unreadable = _unreadable, IsStoreMissing = _isStoreMissing };
    }

    private RetentionBackup AlsoElsewhere(RetentionBackup backup) => _random.Next(3) > 0 ? backup : backup with
    {
        Copies = [.. backup.Copies, .. Stores.Where(s => backup.Copies.All(c => c.Store != s.Name))
            .Select(s => new RetentionCopy(s.Name, s.Class) { Health = _random.Next(2) == 0 ? CopyHealth.Different : CopyHealth.Unreadable })],
    };

    private void Back(bool forged)
    {
        RetentionBackup backup = forged ? Forged() : New(Now) with
        {
            PreviousCreated = _backups.Count == 0 ? null : _backups.Values.Max(b => b.Created),
            Proven = _random.Next(3) == 0 ? null : Now,
        };
        _backups[backup.BackupId] = backup;
        Tell($"{(forged ? "forged" : "backed up")} {backup}");
        Now = Saturated(Now, TimeSpan.FromHours(_random.Next(0, 30)));
    }

    private RetentionBackup Forged() => New(AnyTime()) with
    {
        PreviousCreated = _random.Next(2) == 0 ? null : AnyTime(),
        Copies = [.. Stores.Where(_ => _random.Next(2) == 0).Select(s => new RetentionCopy(s.Name, s.Class)
        {
            Mark = _random.Next(3) > 0 ? null : new RemovalMark(AnyTime(), AnyTime(), (RemovalOrigin)_random.Next(2)),
            Hold = _random.Next(9) > 0 ? null : new RetentionHold(null),
        })],
    };

    private RetentionBackup New(DateTimeOffset created) => new()
    {
        // Ids do not follow the time here: nothing may depend on it.
        BackupId = string.Create(CultureInfo.InvariantCulture, $"{(char)('a' + _random.Next(26))}{_count++}"),
        Created = created,
        Complete = _random.Next(4) > 0,
        Copies = [.. Stores.Where(_ => _random.Next(4) > 0).DefaultIfEmpty(Stores[0]).Select(s => new RetentionCopy(s.Name, s.Class))],
    };

    private RetentionPolicy NewPolicy() => new()
    {
        Online = Rules(),
        Offline = Rules(),
        MinimumCopies = _random.Next(1, 4),
        RemovalDelay = TimeSpan.FromHours(_random.Next(1, 24 * 14)),
        MaximumVerificationAge = _random.Next(4) == 0 ? TimeSpan.FromDays(5) : TimeSpan.FromDays(90),
    };

    private RetentionRules Rules() => new()
    {
        KeepLast = Perhaps(),
        KeepDaily = Perhaps(),
        KeepWeekly = Perhaps(),
        KeepMonthly = Perhaps(),
        KeepYearly = Perhaps(),
        KeepWithin = _random.Next(3) > 0 ? null : TimeSpan.FromDays(_random.Next(1, 40)),
        MaximumAge = _random.Next(4) > 0 ? null : TimeSpan.FromDays(_random.Next(1, 100)),
    };

    // Zero is no value that a definition may have, and must do no harm all the same.
    private int? Perhaps() => _random.Next(4) > 0 ? null : _random.Next(0, 4);

    private DateTimeOffset AnyTime() => _random.Next(10) switch
    {
        0 => DateTimeOffset.MinValue,
        1 => DateTimeOffset.MaxValue,
        < 6 => Saturated(Now, Span(30)),
        _ => Saturated(Now, Span(3650)),
    };

    private TimeSpan Span(int days) => TimeSpan.FromMinutes(_random.Next(-days * 1440, days * 1440));

    private static DateTimeOffset Saturated(DateTimeOffset time, TimeSpan step) => step > TimeSpan.Zero
        ? (DateTimeOffset.MaxValue - time > step ? time + step : DateTimeOffset.MaxValue)
        : (DateTimeOffset.MinValue - time < step ? time + step : DateTimeOffset.MinValue);

    private static DateTimeOffset? Latest(DateTimeOffset? one, DateTimeOffset other) => one > other ? one : other;

    private void Change(string what, Func<RetentionBackup, RetentionBackup> change)
    {
        if (_backups.Count > 0)
        {
            string id = _backups.Keys.ElementAt(_random.Next(_backups.Count));
            _backups[id] = change(_backups[id]);
            Tell($"{what}: {id}");
        }
    }

    private void ChangeCopy(string what, Func<RetentionCopy, RetentionCopy> change) => Change(what, b => b with
    {
        Copies = [.. b.Copies.Select(c => _random.Next(2) == 0 ? c : change(c))],
    });

    private T[] Shuffle<T>(IReadOnlyList<T> items)
    {
        T[] copy = [.. items];
        _random.Shuffle(copy);
        return copy;
    }

    private void Tell(FormattableString what) => _log?.Append(CultureInfo.InvariantCulture, $"{Now:u} {FormattableString.Invariant(what)}\n");
}
