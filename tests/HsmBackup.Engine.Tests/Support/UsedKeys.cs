using HsmBackup.Engine.Protection;
using HsmBackup.Engine.Tokens;

namespace HsmBackup.Engine.Tests.Support;

/// <summary>A token, its objects as a backup would have them, and their use.</summary>
internal sealed class UsedKeys : IDisposable
{
    private readonly ScratchToken _token;
    private readonly SecretBuffer _key = SecretBuffer.Random(32);
    private readonly KeyEncryptionKey _kek;

    /// <param name="fill">Fills the token.</param>
    /// <param name="library">A library in SoftHSM's place; null for SoftHSM.</param>
    public UsedKeys(Action<TokenContent> fill, string? library = null)
    {
        _token = ScratchToken.Create("uses", library);
        Connection = TokenConnection.Open(_token.Address, _token.Pin, readWrite: true, CancellationToken.None);
        fill(new TokenContent(Connection.Session));
        _kek = KeyEncryptionKey.Import(Connection, _key);
        var reader = new ObjectReader(Connection, _kek);
        foreach (ulong handle in Connection.FindContent())
        {
            ObjectRecord record = reader.Capture(handle);
            record.Index = Records.Count;
            Handles[record.Index] = handle;
            Records.Add(record);
        }
    }

    public TokenConnection Connection { get; }

    public List<ObjectRecord> Records { get; } = [];

    public Dictionary<int, ulong> Handles { get; } = [];

    /// <summary>Another object takes the place of one, and the other way round, as if a restore had mixed them up.</summary>
    public void Swap(string first, string second, ulong objectClass)
    {
        int a = IndexOf(first, objectClass), b = IndexOf(second, objectClass);
        (Handles[a], Handles[b]) = (Handles[b], Handles[a]);
    }

    /// <summary>The uses of every private key, secret key and certificate by its label.</summary>
    /// <param name="opened">Whether this process may open the keys, as with a one-time key; else it is as with a backup that is bound to its cluster.</param>
    /// <param name="pin">The PIN for keys that want it each time; else the right one.</param>
    public Dictionary<string, IReadOnlyList<KeyUse>> Use(bool opened, Pin? pin = null)
    {
        var host = new HostKeys(_key, _kek.Iv.ToArray(), _kek.TransportKeys, _kek.Capabilities.PrivateKeys?.Form ?? default);
        return KeyUses.Of(Connection, pin ?? _token.Pin, Records, Handles, opened ? host.Open : null, CancellationToken.None)
            .ToDictionary(u => u.Record.Label, u => u.Uses, StringComparer.Ordinal);
    }

    public void Dispose()
    {
        _kek.Dispose();
        _key.Dispose();
        Connection.Dispose();
        _token.Dispose();
    }

    private int IndexOf(string label, ulong objectClass) => Records.FindIndex(r => r.Label == label && r.ObjectClass == objectClass);
}
