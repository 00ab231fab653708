using System.Collections.Concurrent;
using System.Runtime.InteropServices;
using System.Text;
using HsmBackup.Engine.Pkcs11.Native;

namespace HsmBackup.Engine.Pkcs11;

/// <summary>
/// The one owner of a PKCS#11 library in this process. C_Initialize and C_Finalize act on the whole process (PKCS#11 5.4),
/// so everybody who uses a library shares its owner; the last to leave finalises it, so that the next to come sees tokens
/// which other programs have made meanwhile.
/// </summary>
internal sealed class LibraryOwner
{
    // Process-wide on purpose: a library loaded twice is the same library, and initialising it twice is an error.
    private static readonly ConcurrentDictionary<string, LibraryOwner> Owners = new(StringComparer.Ordinal);

    private readonly Dictionary<ulong, SemaphoreSlim> _tokens = [];
    private readonly string _path;
    // Each library has a lock of its own: one that blocks while it starts must not keep the others from starting.
    private readonly Lock _gate = new();
    private FunctionTable? _functions;
    private LibraryLocation? _startedWith;
    private bool _finalizeAtEnd;
    private bool _staysInitialized;
    // A library stays loaded, and with it what it has read while it was loaded.
    private bool _astray;
    private int _users;

    private LibraryOwner(string path) => _path = path;

    /// <summary>The functions of the library; a test may put another table in its place.</summary>
    public FunctionTable Functions => Substitute ?? _functions!;

    /// <summary>A table for fault injection; see <see cref="FunctionTable.With"/>.</summary>
    internal FunctionTable? Substitute { get; set; }

    /// <summary>Loads and starts the library, or joins those who use it already.</summary>
    public static LibraryOwner Acquire(LibraryLocation location)
    {
        LibraryOwner owner = Owners.GetOrAdd(Resolve(location.Path), path => new LibraryOwner(path));
        lock (owner._gate)
        {
            if (owner._startedWith is null)
            {
                owner.LoadAndStart(location);
            }
            else if (!SameStart(owner._startedWith, location))
            {
                throw new HsmBackupException(ErrorCode.Busy,
                    $"The PKCS#11 library '{owner._path}' is in use in this process with another environment or other parameters.",
                    "Wait for the other operation, use another process, or give this one a copy of the library file of its own.")
                { Target = owner._path };
            }
            owner._users++;
            return owner;
        }
    }

    /// <summary>
    /// Leaves the library; the last to leave finalises it, unless <see cref="Quirks.FinalizeKeepsFile"/> forbids it. The file stays
    /// loaded: some libraries do not survive dlclose.
    /// </summary>
    public void Release()
    {
        lock (_gate)
        {
            if (--_users == 0 && !_staysInitialized)
            {
                Stop();
            }
        }
    }

    /// <summary>One token at a time is chosen and initialised: of two who look at the same time, both would find the same blank one.</summary>
    public SemaphoreSlim InitializationGate { get; } = new(1, 1);

    /// <summary>
    /// One operation at a time on a token: login is per process and token (PKCS#11 5.6), so a second operation would inherit
    /// the first one's login without its own PIN ever being looked at.
    /// </summary>
    public SemaphoreSlim GateOf(ulong slot)
    {
        lock (_tokens)
        {
            if (!_tokens.TryGetValue(slot, out SemaphoreSlim? gate))
            {
                gate = new SemaphoreSlim(1, 1);
                _tokens.Add(slot, gate);
            }
            return gate;
        }
    }

    private static string Resolve(string path)
    {
        if (string.IsNullOrWhiteSpace(path))
        {
            throw new HsmBackupException(ErrorCode.LibraryNotFound, "No PKCS#11 library was named.",
                "Give the path of the library, for example /usr/lib/softhsm/libsofthsm2.so.");
        }
        string full = Path.GetFullPath(path);
        if (!File.Exists(full))
        {
            throw new HsmBackupException(ErrorCode.LibraryNotFound, $"There is no PKCS#11 library at '{full}'.",
                "Check the path. HSM vendors document it; Tab completes -Library with the libraries found on this system.")
            {
                Target = full,
            };
        }
        return File.ResolveLinkTarget(full, returnFinalTarget: true)?.FullName ?? full;
    }

    private static FunctionTable Load(string path)
    {
        try
        {
            return FunctionTable.Load(NativeLibrary.Load(path));
        }
        catch (Exception e) when (e is DllNotFoundException or BadImageFormatException or EntryPointNotFoundException or Pkcs11Exception)
        {
            string reason = e is EntryPointNotFoundException ? "it exports neither C_GetInterface nor C_GetFunctionList" : FirstLine(e.Message);
            throw new HsmBackupException(ErrorCode.LibraryLoadFailed, $"'{path}' is not a PKCS#11 library that can be used here: {reason}.",
                "Check that the file is the vendor's PKCS#11 library for this processor, and that the libraries it needs are installed.", e)
            {
                Target = path,
            };
        }
    }

    private static string FirstLine(string text) => text.Split('\n')[0].TrimEnd('.', '\r', ' ');

    private static bool SameStart(LibraryLocation a, LibraryLocation b)
    {
        IReadOnlyDictionary<string, string> mine = a.Environment ?? new Dictionary<string, string>();
        IReadOnlyDictionary<string, string> theirs = b.Environment ?? new Dictionary<string, string>();
        return a.Parameters == b.Parameters && mine.Count == theirs.Count
            && mine.All(v => theirs.TryGetValue(v.Key, out string? value) && value == v.Value);
    }

    private void LoadAndStart(LibraryLocation location)
    {
        for (bool patiently = false; _startedWith is null; patiently = true)
        {
            // Some libraries read their configuration when they are loaded, others when they are initialised.
            using NativeEnvironment.EnvironmentHold environment = NativeEnvironment.Hold(location.Environment, patiently);
            if (_functions is null)
            {
                _functions = Load(_path);
                _astray = environment.IsLost;
            }
            if (_astray)
            {
                throw new HsmBackupException(ErrorCode.Busy,
                    $"While the PKCS#11 library '{_path}' was loaded, another one took over the environment, so it may have read the other's configuration.",
                    "Run the command again in another process.")
                { Target = _path };
            }
            Start(location);
            if (environment.IsLost)
            {
                // It may have read the configuration of another library, and show us another token.
                Stop();
            }
        }
    }

    private unsafe void Stop()
    {
        _startedWith = null;
        _ = _finalizeAtEnd ? ((delegate* unmanaged[Cdecl]<void*, CULong>)Functions.Call(FunctionIndex.C_Finalize))(null).Value : Ckr.Ok;
    }

    private unsafe void Start(LibraryLocation location)
    {
        ulong rv = Initialize(location.Parameters, Ckf.OsLockingOk);
        if (rv is Ckr.CantLock or Ckr.NeedToCreateThreads)
        {
            // A library that cannot lock is still safe here: one thread at a time uses a token.
            rv = Initialize(location.Parameters, 0);
        }
        if (rv != Ckr.Ok && rv != Ckr.CryptokiAlreadyInitialized)
        {
            throw new HsmBackupException(ErrorCode.LibraryLoadFailed,
                $"The PKCS#11 library '{_path}' did not start: C_Initialize returned {Names.OfReturnValue(rv)}.",
                "Check the library's own configuration: its environment variables (-LibraryEnvironment), its configuration file, "
                + "and that its token folder or device can be reached by this user.", new Pkcs11Exception("C_Initialize", rv))
            {
                Target = _path,
            };
        }
        // Where somebody else in this process has started the library, it is theirs to finalise.
        _finalizeAtEnd = rv == Ckr.Ok;
        try
        {
            _staysInitialized = KnownQuirks.Of(LibraryInfo.Read(Functions), location).HasFlag(Quirks.FinalizeKeepsFile);
        }
        catch
        {
            Stop();
            throw;
        }
        _startedWith = location;
    }

    private unsafe ulong Initialize(string? parameters, ulong flags)
    {
        var initialize = (delegate* unmanaged[Cdecl]<void*, CULong>)Functions.Call(FunctionIndex.C_Initialize);
        if (parameters is null)
        {
            var args = new CK_C_INITIALIZE_ARGS { flags = new CULong((nuint)flags) };
            return initialize(&args).Value;
        }
        byte[] text = Encoding.UTF8.GetBytes(parameters + "\0");
        fixed (byte* p = text)
        {
            var args = new CK_NSS_C_INITIALIZE_ARGS { flags = new CULong((nuint)flags), LibraryParameters = p };
            return initialize(&args).Value;
        }
    }
}
