using HsmBackup.Engine.Tests.Support;
using Xunit;
using Xunit.Abstractions;

namespace HsmBackup.Engine.Tests.Backup;

/// <summary>
/// Backups and restores in processes that are killed (SIGKILL): at random moments over the whole run, before each native call
/// that changes a token, and before each step on disk. HSMBACKUP_SOAK=1 kills 200 times each, HSMBACKUP_SEED repeats a run.
/// </summary>
public sealed class KillTests(ITestOutputHelper output)
{
    // Below, a run shows so many steps of SoftHSM that the usual test takes a sample of them.
    private const int TokenStepSample = 12;

    private readonly SortedDictionary<string, int> _phases = new(StringComparer.Ordinal);

    [KillFact]
    public void A_backup_that_is_killed_never_leaves_a_listed_file_that_is_not_whole()
    {
        using var scene = new KillScene(full: true);
        using var trial = new BackupTrial(scene);
        var moments = KillMoments.Measure(() => trial.Run());
        output.WriteLine(moments.ToString());
        // A run that ended before its kill came is looked at too, and does not count.
        for (int round = 0, killed = 0; killed < KillMoments.Rounds(20); round++)
        {
            CrashRun run = trial.Run(moments.Next());
            killed += run.Killed ? 1 : 0;
            Count(run);
            trial.AssertOnlyWholeBackups($"seed {KillMoments.Seed}, round {round}, {run}");
        }
        trial.AssertLeftoversGo();
        Report();
    }

    [KillFact(withShim: true)]
    public void A_backup_that_is_killed_before_any_step_on_disk_never_leaves_a_listed_file_that_is_not_whole()
    {
        using var scene = new KillScene(full: false);
        using var trial = new BackupTrial(scene);
        var shim = new KillShim(scene.Host, scene.Folder, trial.Destination, trial.Keys);
        // Once made, the folder is no step any more.
        Directory.CreateDirectory(trial.Destination);
        string[] steps = shim.Steps(() => trial.Run());
        for (int step = 1; step <= steps.Length; step++)
        {
            CrashRun run = shim.RunUntil(step, () => trial.Run());
            output.WriteLine($"{run.LastPhase}: {steps[step - 1]}");
            // The backup removes what the one before it has left, so there are more steps now than were counted.
            Assert.True(run.Killed, steps[step - 1]);
            trial.AssertOnlyWholeBackups($"killed before {steps[step - 1]}");
            trial.AssertLeftoversGo();
        }
    }

    [KillFact]
    public void A_restore_that_is_killed_loses_nothing_and_ends_exactly_when_it_is_run_again()
    {
        using var scene = new KillScene(full: true);
        var moments = KillMoments.Measure(() =>
        {
            scene.Reset();
            return scene.Restore();
        });
        output.WriteLine(moments.ToString());
        for (int round = 0; round < KillMoments.Rounds(20); round++)
        {
            scene.Reset();
            // A third of them are killed once more on the way to the end, and a ninth twice.
            do
            {
                CrashRun run = scene.Restore(moments.Next());
                Count(run);
                scene.AssertNothingIsLost($"seed {KillMoments.Seed}, round {round}, {run}");
            }
            while (moments.Once(inTimes: 3));
            scene.AssertCanBeFinished($"seed {KillMoments.Seed}, round {round}");
        }
        Report();
    }

    [KillFact]
    public void A_restore_that_is_killed_before_any_call_that_changes_the_token_loses_nothing()
    {
        using var scene = new KillScene(full: false);
        scene.Host.Environment["HSMBACKUP_KILL_AT"] = "count";
        scene.Reset();
        CrashRun whole = scene.Restore();
        Assert.True(whole.IsDone, whole.ToString());
        foreach (string function in (string[])["C_CreateObject", "C_UnwrapKey", "C_DestroyObject"])
        {
            for (int number = 1; number <= whole.CallsOf(function); number++)
            {
                scene.Host.Environment["HSMBACKUP_KILL_AT"] = $"{function}:{number}";
                KillAndFinish(scene, $"before {function} number {number}", () => scene.Restore());
            }
        }
        Report();
    }

    [KillFact(withShim: true)]
    public void A_restore_that_is_killed_before_any_step_in_its_state_folder_loses_nothing()
    {
        using var scene = new KillScene(full: false);
        var shim = new KillShim(scene.Host, scene.Folder, scene.State);
        scene.Reset();
        string[] steps = shim.Steps(() => scene.Restore());
        for (int step = 1; step <= steps.Length; step++)
        {
            KillAndFinish(scene, $"before {steps[step - 1]}", () => shim.RunUntil(step, () => scene.Restore()));
        }
        Report();
    }

    [KillFact(withShim: true)]
    public void A_restore_that_is_killed_while_the_token_writes_an_object_loses_nothing()
    {
        using var scene = new KillScene(full: false);
        var shim = new KillShim(scene.Host, scene.Folder, scene.TokenFolder);
        scene.Reset();
        string[] steps = shim.Steps(() => scene.Restore());
        output.WriteLine($"HSMBACKUP_SEED={KillMoments.Seed}, {steps.Length} steps");
        int[] chosen = [.. Enumerable.Range(1, steps.Length)];
        new Random(KillMoments.Seed).Shuffle(chosen);
        foreach (int step in KillMoments.IsSoak ? chosen : chosen.Take(TokenStepSample))
        {
            KillAndFinish(scene, $"before {steps[step - 1]}", () => shim.RunUntil(step, () => scene.Restore()));
        }
        Report();
    }

    private void KillAndFinish(KillScene scene, string when, Func<CrashRun> restore)
    {
        scene.Reset();
        CrashRun run = restore();
        Assert.True(run.Killed, $"{when}: {run}");
        Count(run);
        scene.AssertNothingIsLost($"{when}, {run}");
        scene.AssertCanBeFinished($"{when}, {run}");
    }

    private void Count(CrashRun run)
    {
        string phase = run.Killed ? run.LastPhase : "(had ended before)";
        _phases[phase] = _phases.GetValueOrDefault(phase) + 1;
    }

    private void Report()
    {
        foreach ((string phase, int count) in _phases)
        {
            output.WriteLine($"{count,4} {phase}");
        }
    }
}
