using System.Security.Cryptography;
using HsmBackup.Engine.Pkcs11;
using HsmBackup.Engine.Protection;

namespace HsmBackup.Engine.Tokens;

/// <summary>
/// A throw-away SoftHSM token for a trial restore: in a folder of its own, in memory where the system has a memory file system,
/// under a random PIN that nobody else knows, and gone when disposed. It uses a copy of the library, because a library loaded
/// twice in one process is one instance with one configuration, and the user's token may be in it.
/// </summary>
public sealed class ScratchToken : IDisposable
{
    private static readonly string[] Places =
    [
        "/usr/lib/softhsm/libsofthsm2.so",
        "/usr/lib64/softhsm/libsofthsm2.so",
        "/usr/lib64/pkcs11/libsofthsm2.so",
        "/usr/local/lib/softhsm/libsofthsm2.so",
        "/opt/homebrew/lib/softhsm/libsofthsm2.so",
        @"C:\SoftHSM2\lib\softhsm2-x64.dll",
    ];

    private readonly ScratchFolder _folder;

    private ScratchToken(ScratchFolder folder, TokenAddress address, Pin pin)
    {
        _folder = folder;
        Address = address;
        Pin = pin;
    }

    /// <summary>Where the token is.</summary>
    public TokenAddress Address { get; }

    /// <summary>Its user PIN.</summary>
    public Pin Pin { get; }

    /// <summary>Path of an installed SoftHSM library, or null.</summary>
    public static string? FindLibrary() => Array.Find(Places, File.Exists);

    /// <summary>Makes a token, and removes those that killed processes of this user have left.</summary>
    /// <param name="label">Its label.</param>
    /// <param name="library">The SoftHSM library; null to use the one installed.</param>
    /// <param name="pin">Its user PIN; null for a random one.</param>
    /// <param name="blank">True to leave its initialisation to whoever uses it, with <see cref="Pin"/> as the user PIN.</param>
    /// <exception cref="HsmBackupException">LibraryNotFound: there is no SoftHSM on this system.</exception>
    public static ScratchToken Create(string label, string? library = null, string? pin = null, bool blank = false)
    {
        library ??= FindLibrary() ?? throw new HsmBackupException(ErrorCode.LibraryNotFound,
            "A trial restore needs SoftHSM, and it is not installed.",
            "Install SoftHSM 2 (Debian: apt-get install softhsm2), or name a blank token of your own for the trial.");
        var folder = ScratchFolder.Create();
        Pin? userPin = null;
        try
        {
            ScratchFolder.CreatePrivate(folder.Tokens);
            string copy = Path.Combine(folder.Path, Path.GetFileName(library));
            File.Copy(library, copy);
            string configuration = Path.Combine(folder.Path, "softhsm2.conf");
            File.WriteAllText(configuration, $"directories.tokendir = {folder.Tokens}\nobjectstore.backend = file\nlog.level = ERROR\n");
            var location = new LibraryLocation(copy) { Environment = new Dictionary<string, string> { ["SOFTHSM2_CONF"] = configuration } };
            userPin = pin is null ? RandomPin() : Pin.FromChars(pin);
            var token = new ScratchToken(folder, new TokenAddress(location, label), userPin);
            if (!blank)
            {
                token.Initialize();
            }
            return token;
        }
        catch
        {
            userPin?.Dispose();
            folder.Dispose();
            throw;
        }
    }

    /// <summary>Wipes the token and makes it anew, blank, with the same label and PIN: what a replaced device looks like.</summary>
    public void Replace()
    {
        Destroy();
        Initialize();
    }

    /// <summary>Wipes the token, so that the library shows one that was never initialised. Nobody may have it open.</summary>
    public void Destroy()
    {
        Directory.Delete(_folder.Tokens, recursive: true);
        ScratchFolder.CreatePrivate(_folder.Tokens);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Pin.Dispose();
        _folder.Dispose();
    }

    /// <summary>A PIN that nobody knows.</summary>
    internal static Pin RandomPin()
    {
        Span<char> text = stackalloc char[32];
        RandomNumberGenerator.GetItems("abcdefghijkmnpqrstuvwxyz23456789", text);
        Pin pin = Pin.FromChars(text);
        text.Clear();
        return pin;
    }

    private void Initialize()
    {
        using Pin soPin = RandomPin();
        using var opened = Pkcs11Library.Open(Address.Library);
        ulong slot = opened.GetTokens().First(t => !t.IsInitialized).SlotId;
        opened.InitializeToken(slot, Address.TokenLabel!, soPin.Bytes, Pin.Bytes);
    }
}
