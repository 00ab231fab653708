using HsmBackup.Engine.Pkcs11;
using HsmBackup.Engine.Protection;
using HsmBackup.Engine.Tokens;

namespace HsmBackup.Benchmarks;

/// <summary>A folder with one SoftHSM token and its configuration.</summary>
internal sealed class TokenFolder
{
    public const string PinText = "1234";
    public const string SoPinText = "12345678";

    public TokenFolder(string folder, string label, string library)
    {
        Label = label;
        Storage = Path.Combine(folder, label);
        string tokens = Storage;
        Configuration = Path.Combine(folder, label + ".conf");
        Directory.CreateDirectory(tokens);
        File.WriteAllText(Configuration, $"directories.tokendir = {tokens}\nobjectstore.backend = file\nlog.level = ERROR\n");
        var environment = new Dictionary<string, string> { ["SOFTHSM2_CONF"] = Configuration };
        Address = new TokenAddress(new LibraryLocation(library) { Environment = environment }, label);
    }

    public string Label { get; }

    /// <summary>Where SoftHSM keeps the token.</summary>
    public string Storage { get; }

    public string Configuration { get; }

    public TokenAddress Address { get; }

    public static Pin NewPin() => Pin.FromChars(PinText);

    /// <summary>Makes the token, or makes it anew: it is blank then.</summary>
    public void MakeBlank()
    {
        using var pin = Pin.FromChars(PinText);
        using var soPin = Pin.FromChars(SoPinText);
        using var library = Pkcs11Library.Open(Address.Library);
        IReadOnlyList<TokenInfo> tokens = library.GetTokens();
        TokenInfo token = tokens.FirstOrDefault(t => t.IsInitialized) ?? tokens[0];
        library.InitializeToken(token.SlotId, Label, soPin.Bytes, pin.Bytes);
    }

    /// <summary>Puts a copy of the token in its place.</summary>
    public void PutBack(string copy)
    {
        Directory.Delete(Storage, recursive: true);
        Copy(copy, Storage);
    }

    /// <summary>Copies the files of a token.</summary>
    public static void Copy(string from, string to)
    {
        foreach (string file in Directory.EnumerateFiles(from, "*", SearchOption.AllDirectories))
        {
            string target = Path.Combine(to, Path.GetRelativePath(from, file));
            Directory.CreateDirectory(Path.GetDirectoryName(target)!);
            File.Copy(file, target, overwrite: true);
        }
    }
}
