using System.Diagnostics;
using System.Runtime.InteropServices;
using HsmBackup.Engine.Pkcs11;
using HsmBackup.Engine.Pkcs11.Native;
using HsmBackup.Engine.Protection;
using HsmBackup.Engine.Tokens;
using Xunit;

namespace HsmBackup.Engine.Tests.Support;

/// <summary>
/// The software token of opencryptoki. It is the machine's one and only: its folder is set aside while the tests use it, and its slot
/// daemon is started here and stopped by its process id. That is too much for everybody's test run, so it is asked for by name. The
/// library can be started once in a process and cannot be stopped (Quirks.FinalizeKeepsFile), so all tests share one.
/// </summary>
public sealed class OpencryptokiMachine : IDisposable
{
    /// <summary>The environment variable that asks for it.</summary>
    public const string Switch = "HSMBACKUP_OPENCRYPTOKI";

    private const string Daemon = "/usr/sbin/pkcsslotd";
    private const string Socket = "/run/pkcsslotd.socket";
    private const string Folder = "/var/lib/opencryptoki/swtok";
    private const string SetAside = Folder + ".set-aside-by-hsmbackup-tests";
    private static readonly byte[] FactoryPin = "87654321"u8.ToArray();
    private static readonly byte[] SoPin = "11223344"u8.ToArray();

    private readonly TokenAddress _address = new(new LibraryLocation(FindLibrary() ?? ""), "opencryptoki");
    private readonly Pin _pin = Pin.FromChars("ock-1234");
    private Process? _daemon;

    /// <summary>Why it cannot be used here; null where it can.</summary>
    public static string? WhyNot() =>
        Environment.GetEnvironmentVariable(Switch) != "1" ? $"Takes over the machine's opencryptoki software token: set {Switch}=1 to allow that."
        : FindLibrary() is null || !File.Exists(Daemon) ? "opencryptoki is not installed (Debian: apt-get install opencryptoki)."
        : File.Exists(Socket) ? $"A slot daemon of opencryptoki is running already ({Socket})."
        : Environment.UserName != "root" ? "Only root can start the slot daemon of opencryptoki."
        : null;

    /// <summary>The token, blank.</summary>
    internal ITestToken Blank()
    {
        if (_daemon is null)
        {
            Start();
        }
        var token = new Token(_address, _pin);
        token.Replace();
        return token;
    }

    public void Dispose()
    {
        _pin.Dispose();
        if (_daemon is null)
        {
            return;
        }
        _daemon.Kill();
        _daemon.WaitForExit();
        _daemon.Dispose();
        // Killed, it leaves them behind, and they would say that it is still there.
        File.Delete(Socket);
        File.Delete("/run/pkcsslotd.pid");
        // The list of objects outlives the processes that use it.
        File.Delete("/dev/shm/var.lib.opencryptoki.swtok");
        Directory.Delete(Folder, recursive: true);
        Directory.Move(SetAside, Folder);
    }

    private void Start()
    {
        Assert.False(Directory.Exists(SetAside), $"{SetAside} is left of a test that was killed; look into it, and move it back.");
        Directory.Move(Folder, SetAside);
        Directory.CreateDirectory(Path.Combine(Folder, "TOK_OBJ"));
        _daemon = StartDaemon();
        Initialize();
    }

    private static string? FindLibrary() => Array.Find(
        ["/usr/lib/x86_64-linux-gnu/pkcs11/libopencryptoki.so", "/usr/lib/aarch64-linux-gnu/pkcs11/libopencryptoki.so", "/usr/lib64/pkcs11/libopencryptoki.so"],
        File.Exists);

    private static Process StartDaemon()
    {
        Process daemon = Process.Start(new ProcessStartInfo(Daemon, "-f") { RedirectStandardOutput = true, RedirectStandardError = true })!;
        Assert.True(SpinWait.SpinUntil(() => File.Exists(Socket) || daemon.HasExited, TimeSpan.FromSeconds(20)) && !daemon.HasExited, $"{Daemon} did not start.");
        return daemon;
    }

    private void Initialize()
    {
        using var library = Pkcs11Library.Open(_address.Library);
        ulong slot = library.GetTokens()[0].SlotId;
        InitializeToken(library, slot);
        using Pkcs11Session session = library.OpenSession(slot, readWrite: true);
        session.Login(Cku.So, FactoryPin);
        SetPin(session, FactoryPin, SoPin);
        session.InitPin(_pin.Bytes);
        session.Logout();
    }

    private unsafe void InitializeToken(Pkcs11Library library, ulong slot)
    {
        byte[] label = System.Text.Encoding.ASCII.GetBytes(_address.TokenLabel!.PadRight(32));
        fixed (byte* pin = FactoryPin, name = label)
        {
            ulong rv = ((delegate* unmanaged[Cdecl]<CULong, byte*, CULong, byte*, CULong>)library.Functions.Call(FunctionIndex.C_InitToken))(
                new CULong((nuint)slot), pin, new CULong((nuint)FactoryPin.Length), name).Value;
            Assert.Equal(Ckr.Ok, rv);
        }
    }

    /// <summary>The security officer must change the factory PIN before it may do anything else (C_SetPIN).</summary>
    private static unsafe void SetPin(Pkcs11Session session, byte[] oldPin, byte[] newPin)
    {
        fixed (byte* from = oldPin, to = newPin)
        {
            ulong rv = ((delegate* unmanaged[Cdecl]<CULong, byte*, CULong, byte*, CULong, CULong>)session.Functions.Call(FunctionIndex.C_SetPIN))(
                new CULong((nuint)session.Handle), from, new CULong((nuint)oldPin.Length), to, new CULong((nuint)newPin.Length)).Value;
            Assert.Equal(Ckr.Ok, rv);
        }
    }

    private sealed class Token(TokenAddress address, Pin pin) : ITestToken
    {
        public TokenAddress Address => address;

        public Pin Pin => pin;

        /// <summary>By destroying everything: opencryptoki forgets its master key when it initialises a token that was in use.</summary>
        public void Replace()
        {
            using TokenConnection connection = TokenConnection.Open(Address, Pin, readWrite: true, CancellationToken.None);
            foreach (ulong handle in connection.Session.FindTokenObjects())
            {
                Assert.Equal(Ckr.Ok, connection.Session.TryDestroyObject(handle));
            }
        }

        public void Dispose()
        {
            // The machine's.
        }
    }
}

/// <summary>A test that needs opencryptoki; where that is missing or was not asked for, the test says so and is skipped.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class OpencryptokiFactAttribute : FactAttribute
{
    public OpencryptokiFactAttribute() => Skip = OpencryptokiMachine.WhyNot();
}
