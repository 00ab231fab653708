using HsmBackup.Engine.Protection;
using HsmBackup.Engine.Tokens;

namespace HsmBackup.Engine.Tests.Support;

/// <summary>The engine's own throw-away token: SoftHSM.</summary>
internal sealed class SoftHsmToken(string label, string? pin = null) : ITestToken
{
    private readonly ScratchToken _token = ScratchToken.Create(label, pin: pin);

    public TokenAddress Address => _token.Address;

    public Pin Pin => _token.Pin;

    /// <summary>Where SoftHSM keeps its tokens: a folder each.</summary>
    public string Storage => Path.Combine(Path.GetDirectoryName(Address.Library.Path)!, "tokens");

    public void Replace() => _token.Replace();

    /// <summary>Destroys it. The library then shows one blank token, as it always does.</summary>
    public void MakeBlank()
    {
        foreach (string token in Directory.EnumerateDirectories(Storage))
        {
            Directory.Delete(token, recursive: true);
        }
    }

    public void Dispose() => _token.Dispose();
}
