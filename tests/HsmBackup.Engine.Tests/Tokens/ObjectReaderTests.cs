using HsmBackup.Engine.Protection;
using HsmBackup.Engine.Tests.Support;
using HsmBackup.Engine.Tokens;
using Xunit;
using Xunit.Abstractions;

namespace HsmBackup.Engine.Tests.Tokens;

public sealed class ObjectReaderTests(ITestOutputHelper output)
{
    [Fact]
    public void Every_object_of_a_SoftHSM_token_is_captured_and_its_record_survives_json()
    {
        using ScratchToken token = ScratchToken.Create("reader");
        using TokenConnection connection = TokenConnection.Open(token.Address, token.Pin, readWrite: true, CancellationToken.None);
        TokenContent content = TokenContent.FillAll(connection);
        using var kek = SecretBuffer.Random(32);
        output.WriteLine(connection.Capabilities.ToString());
        using KeyEncryptionKey wrapping = KeyEncryptionKey.Import(connection, kek);
        var reader = new ObjectReader(connection, wrapping);
        using var json = new ObjectRecordJson();
        List<ulong> handles = connection.Session.FindTokenObjects();
        foreach (ulong handle in handles)
        {
            ObjectRecord record = reader.Capture(handle);
            byte[] line = json.Write(record).ToArray();
            output.WriteLine(System.Text.Encoding.UTF8.GetString(line));
            Assert.Equal(Verdict.Captured, record.Verdict);
            ObjectRecord back = ObjectRecordJson.Read(line);
            Assert.Equal(line, json.Write(back).ToArray());
        }
        Assert.Equal(content.Made.Count + 5, handles.Count);
    }
}
