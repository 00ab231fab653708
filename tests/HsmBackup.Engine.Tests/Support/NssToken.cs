using HsmBackup.Engine.Pkcs11;
using HsmBackup.Engine.Protection;
using HsmBackup.Engine.Tokens;
using Xunit;

namespace HsmBackup.Engine.Tests.Support;

/// <summary>
/// A token of NSS softoken in a folder of its own. It needs no tool: the library makes its database when it starts. Each token has a
/// copy of the library, because a library loaded twice in one process is one instance with one set of parameters.
/// </summary>
internal sealed class NssToken : ITestToken
{
    /// <summary>
    /// The xunit collection of the tests that use it. Copies of the library share libfreebl, and with it the random number generator,
    /// which the first of them to be finalised ends for all: they cannot run side by side.
    /// </summary>
    public const string Collection = "NSS softoken";

    private const ulong Slot = 4;

    // It derives a key from the PIN for every attribute that it stores, ten thousand rounds each: right for a browser, long for a test.
    private static readonly Dictionary<string, string> QuickStorage = new() { ["NSS_MAX_MP_PBE_ITERATION_COUNT"] = "1" };

    private readonly string _folder;

    public NssToken(string label)
    {
        string library = FindLibrary() ?? throw new InvalidOperationException("NSS softoken is not installed.");
        string root = Directory.Exists("/dev/shm") ? "/dev/shm" : Path.GetTempPath();
        _folder = Path.Combine(root, "hsmbackup-nss-" + Path.GetRandomFileName());
        Directory.CreateDirectory(Database);
        string copy = Path.Combine(_folder, Path.GetFileName(library));
        File.Copy(library, copy);
        // The label is what NSS calls the token's description; C_InitToken does not change it.
        string parameters = "configDir='' secmod='' flags=noModDB,noCertDB tokens=<0x4=[configDir='sql:" + Database
            + $"' tokenDescription='{label}' slotDescription='{label}' minPWLen=4]>";
        Address = new TokenAddress(new LibraryLocation(copy) { Parameters = parameters, Environment = QuickStorage }, label);
        Pin = Pin.FromChars("nss-1234");
        SetPin();
    }

    public TokenAddress Address { get; }

    public Pin Pin { get; }

    private string Database => Path.Combine(_folder, "db");

    public static string? FindLibrary() => Array.Find(
        ["/usr/lib/x86_64-linux-gnu/libsoftokn3.so", "/usr/lib/aarch64-linux-gnu/libsoftokn3.so", "/usr/lib64/libsoftokn3.so"], File.Exists);

    public void Replace()
    {
        MakeBlank();
        SetPin();
    }

    /// <summary>As it comes from the factory: without a user PIN, which for NSS is without anything.</summary>
    public void MakeBlank()
    {
        Directory.Delete(Database, recursive: true);
        Directory.CreateDirectory(Database);
    }

    public void Dispose()
    {
        Pin.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    /// <summary>The security officer of a new database has the empty PIN.</summary>
    private void SetPin()
    {
        using var library = Pkcs11Library.Open(Address.Library);
        using Pkcs11Session session = library.OpenSession(Slot, readWrite: true);
        session.Login(Cku.So, []);
        session.InitPin(Pin.Bytes);
        session.Logout();
    }
}

/// <summary>A test that needs NSS softoken; where it is missing, the test says so and is skipped.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class NssFactAttribute : FactAttribute
{
    public NssFactAttribute() => Skip = NssToken.FindLibrary() is null ? "NSS softoken is not installed (Debian: apt-get install libnss3)." : null;
}
