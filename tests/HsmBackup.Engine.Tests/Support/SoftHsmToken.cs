using HsmBackup.Engine.Protection;
using HsmBackup.Engine.Tokens;

namespace HsmBackup.Engine.Tests.Support;

/// <summary>The engine's own throw-away token: SoftHSM.</summary>
internal sealed class SoftHsmToken(string label, string? pin = null) : ITestToken
{
    private readonly ScratchToken _token = ScratchToken.Create(label, pin: pin);

    public TokenAddress Address => _token.Address;

    public Pin Pin => _token.Pin;

    public void Replace() => _token.Replace();

    public void Dispose() => _token.Dispose();
}
