using HsmBackup.Engine.Tests.Format;
using Xunit;

namespace HsmBackup.Engine.Tests.Support;

/// <summary>
/// The shim that is put between a process and the C library, and kills it before the n-th change that it makes below some
/// folders (killshim.c of the crash host).
/// </summary>
internal sealed class KillShim
{
    private readonly CrashHost _host;
    private readonly string _log;

    /// <param name="host">Whose next runs it is for.</param>
    /// <param name="work">A folder for what is compiled and logged.</param>
    /// <param name="watched">The folders.</param>
    public KillShim(CrashHost host, string work, params string[] watched)
    {
        string library = Path.Combine(work, "killshim.so");
        Tool.Run("gcc", ["-O1", "-shared", "-fPIC", "-o", library, Path.Combine(AppContext.BaseDirectory, "killshim.c"), "-ldl"]);
        _host = host;
        _log = Path.Combine(work, "killshim.log");
        host.Environment["LD_PRELOAD"] = library;
        host.Environment["HSMBACKUP_SHIM_FOLDERS"] = string.Join(':', watched);
        host.Environment["HSMBACKUP_SHIM_LOG"] = _log;
    }

    /// <summary>The steps of an undisturbed run, as "number call path".</summary>
    public string[] Steps(Func<CrashRun> run)
    {
        File.Delete(_log);
        _host.Environment.Remove("HSMBACKUP_SHIM_KILL");
        CrashRun whole = run();
        Assert.True(whole.IsDone, whole.ToString());
        return File.ReadAllLines(_log);
    }

    /// <summary>A run that is killed before a step, if it comes to it.</summary>
    public CrashRun RunUntil(int step, Func<CrashRun> run)
    {
        _host.Environment["HSMBACKUP_SHIM_KILL"] = $"{step}";
        return run();
    }
}
