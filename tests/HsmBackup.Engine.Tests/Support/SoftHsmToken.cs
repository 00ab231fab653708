using HsmBackup.Engine.Protection;
using HsmBackup.Engine.Tokens;

namespace HsmBackup.Engine.Tests.Support;

/// <summary>The engine's own throw-away token: SoftHSM.</summary>
internal sealed class SoftHsmToken(string label) : ITestToken
{
    private readonly ScratchToken _token = ScratchToken.Create(label);

    public TokenAddress Address => _token.Address;

    public Pin Pin => _token.Pin;

    public void Replace() => _token.Replace();

    public void Dispose() => _token.Dispose();
}
