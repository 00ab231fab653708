using HsmBackup.Engine.Clusters;
using HsmBackup.Engine.Pkcs11.Native;
using HsmBackup.Engine.Tests.Support;
using HsmBackup.Engine.Tokens;
using Xunit;

namespace HsmBackup.Engine.Tests.Clusters;

/// <summary>What it costs to look at a node: on a network HSM each native call is a round trip.</summary>
public sealed class InventoryCostTests : IDisposable
{
    private readonly BackupFixture _fixture = new();

    public void Dispose() => _fixture.Dispose();

    [Fact]
    public void A_key_costs_one_read_and_what_is_its_value_two()
    {
        Assert.Equal(20, ReadsOf(c =>
        {
            for (int i = 0; i < 20; i++)
            {
                c.Aes($"aes {i}", 32);
            }
        }));
        Assert.Equal(20 + 2, ReadsOf(c => c.Data("data", isPrivate: true)));
    }

    [Fact]
    public void A_name_that_is_longer_than_usual_is_seen_whole()
    {
        string name = new('n', 5000);
        _fixture.Fill(c => c.Aes(name, 32));

        Assert.Equal(name, Assert.Single(Read().Objects).Record.Label);
    }

    private long ReadsOf(Action<TokenContent> fill)
    {
        _fixture.Fill(fill);
        using var calls = new NativeFaults(_fixture.Token.Address.Library);
        Read();
        return calls.CallsOf(FunctionIndex.C_GetAttributeValue);
    }

    private NodeInventory Read()
    {
        using TokenConnection connection = _fixture.Open();
        return NodeInventory.Read(connection.Session, publicOnly: false, new NodePulse(CancellationToken.None));
    }
}
