using System.Diagnostics;
using System.Runtime.InteropServices;
using HsmBackup.Engine.Pkcs11;
using HsmBackup.Engine.Pkcs11.Native;
using HsmBackup.Engine.Protection;
using HsmBackup.Engine.Tokens;
using Xunit;

namespace HsmBackup.Engine.Tests.Support;

/// <summary>
/// The software token of opencryptoki. It is the machine's one and only: its folder is set aside while a test uses it, and its slot
/// daemon is started here and stopped by its process id. That is too much for everybody's test run, so it is asked for by name.
/// </summary>
internal sealed class OpencryptokiToken : ITestToken
{
    /// <summary>The environment variable that asks for it.</summary>
    public const string Switch = "HSMBACKUP_OPENCRYPTOKI";

    private const string Daemon = "/usr/sbin/pkcsslotd";
    private const string Socket = "/run/pkcsslotd.socket";
    private const string Folder = "/var/lib/opencryptoki/swtok";
    private const string SetAside = Folder + ".set-aside-by-hsmbackup-tests";
    private static readonly byte[] FactoryPin = "87654321"u8.ToArray();
    private static readonly byte[] SoPin = "11223344"u8.ToArray();

    private readonly Process _daemon;

    public OpencryptokiToken(string label)
    {
        Address = new TokenAddress(new LibraryLocation(FindLibrary() ?? throw new InvalidOperationException("opencryptoki is not installed.")), label);
        Pin = Pin.FromChars("ock-1234");
        SetFolderAside();
        _daemon = StartDaemon();
        Initialize(FactoryPin);
    }

    public TokenAddress Address { get; }

    public Pin Pin { get; }

    /// <summary>Why it cannot be used here; null where it can.</summary>
    public static string? WhyNot() =>
        Environment.GetEnvironmentVariable(Switch) != "1" ? $"Takes over the machine's opencryptoki software token: set {Switch}=1 to allow that."
        : FindLibrary() is null || !File.Exists(Daemon) ? "opencryptoki is not installed (Debian: apt-get install opencryptoki)."
        : File.Exists(Socket) ? $"A slot daemon of opencryptoki is running already ({Socket})."
        : Environment.UserName != "root" ? "Only root can start the slot daemon of opencryptoki."
        : null;

    public void Replace() => Initialize(SoPin);

    public void Dispose()
    {
        Pin.Dispose();
        _daemon.Kill();
        _daemon.WaitForExit();
        _daemon.Dispose();
        // Killed, it leaves them behind, and they would say that it is still there.
        File.Delete(Socket);
        File.Delete("/run/pkcsslotd.pid");
        Directory.Delete(Folder, recursive: true);
        Directory.Move(SetAside, Folder);
    }

    private static string? FindLibrary() => Array.Find(
        ["/usr/lib/x86_64-linux-gnu/pkcs11/libopencryptoki.so", "/usr/lib/aarch64-linux-gnu/pkcs11/libopencryptoki.so", "/usr/lib64/pkcs11/libopencryptoki.so"],
        File.Exists);

    private static void SetFolderAside()
    {
        Assert.False(Directory.Exists(SetAside), $"{SetAside} is left of a test that was killed; look into it, and move it back.");
        Directory.Move(Folder, SetAside);
        Directory.CreateDirectory(Path.Combine(Folder, "TOK_OBJ"));
    }

    private static Process StartDaemon()
    {
        Process daemon = Process.Start(new ProcessStartInfo(Daemon, "-f") { RedirectStandardOutput = true, RedirectStandardError = true })!;
        Assert.True(SpinWait.SpinUntil(() => File.Exists(Socket) || daemon.HasExited, TimeSpan.FromSeconds(20)) && !daemon.HasExited, $"{Daemon} did not start.");
        return daemon;
    }

    private void Initialize(byte[] soPin)
    {
        using var library = Pkcs11Library.Open(Address.Library);
        ulong slot = library.GetTokens()[0].SlotId;
        InitializeToken(library, slot, soPin);
        using Pkcs11Session session = library.OpenSession(slot, readWrite: true);
        session.Login(Cku.So, FactoryPin);
        SetPin(session, FactoryPin, SoPin);
        session.InitPin(Pin.Bytes);
        session.Logout();
    }

    private unsafe void InitializeToken(Pkcs11Library library, ulong slot, byte[] soPin)
    {
        byte[] label = System.Text.Encoding.ASCII.GetBytes(Address.TokenLabel!.PadRight(32));
        fixed (byte* pin = soPin, name = label)
        {
            ulong rv = ((delegate* unmanaged[Cdecl]<CULong, byte*, CULong, byte*, CULong>)library.Functions.Call(FunctionIndex.C_InitToken))(
                new CULong((nuint)slot), pin, new CULong((nuint)soPin.Length), name).Value;
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
}
