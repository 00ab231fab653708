using HsmBackup.Engine.Pkcs11;
using HsmBackup.Engine.Tokens;

namespace HsmBackup.Engine.Tests.Support;

/// <summary>Takes a SoftHSM token away while it is in use, as a network takes an HSM away, and brings it back.</summary>
internal sealed class Vanishing(ITestToken token)
{
    private readonly string _folder = Path.Combine(Path.GetDirectoryName(token.Address.Library.Path)!, "tokens");

    public bool HasVanished => Directory.Exists(_folder + ".away");

    public void Vanish()
    {
        if (!HasVanished)
        {
            Directory.Move(_folder, _folder + ".away");
            // SoftHSM looks at the folder of the token only; with the root gone it would not even notice.
            Directory.CreateDirectory(_folder);
        }
    }

    public void ComeBack()
    {
        Directory.Delete(_folder, recursive: true);
        Directory.Move(_folder + ".away", _folder);
    }
}

/// <summary>A connection for a few changes to a token.</summary>
internal sealed class TokenConnectionScope(BackupFixture fixture) : IDisposable
{
    private readonly TokenConnection _connection = fixture.Open();

    public void Destroy(params string[] labels)
    {
        foreach (string label in labels)
        {
            foreach (ulong handle in _connection.Session.FindObjects(new AttributeMap().Set(Cka.Label, label)))
            {
                _connection.Session.TryDestroyObject(handle);
            }
        }
    }

    public void Dispose() => _connection.Dispose();
}
