using HsmBackup.Engine.Pkcs11;
using HsmBackup.Engine.Pkcs11.Native;
using HsmBackup.Engine.Protection;
using HsmBackup.Engine.Tests.Support;
using HsmBackup.Engine.Tokens;
using Xunit;

namespace HsmBackup.Engine.Tests.Tokens;

/// <summary>
/// What an object costs: on a network HSM each native call is a round trip, and time is their number. At most two attribute reads
/// and one wrapping, plus what a named quirk of the token demands.
/// </summary>
public sealed class NativeCallCountTests : IDisposable
{
    private readonly BackupFixture _fixture = new();

    public void Dispose() => _fixture.Dispose();

    [Fact]
    public void A_secret_key_costs_two_reads_and_one_wrapping() => AssertCosts(c => c.Aes("key", 32), Cko.SecretKey, reads: 2, wraps: 1);

    [Fact]
    public void A_generic_secret_of_even_length_costs_the_same() => AssertCosts(c => c.Generic("key", 32), Cko.SecretKey, reads: 2, wraps: 1);

    [Fact]
    public void A_private_EC_key_costs_two_reads_and_one_wrapping() =>
        AssertCosts(c => c.Ec("key", TokenContent.P256), Cko.PrivateKey, reads: 2, wraps: 1);

    [Fact]
    public void A_private_RSA_key_costs_two_reads_and_one_wrapping() => AssertCosts(c => c.Rsa("key", 2048), Cko.PrivateKey, reads: 2, wraps: 1);

    [Fact]
    public void A_certificate_costs_two_reads() => AssertCosts(c => c.Certificate("certificate"), Cko.Certificate, reads: 2, wraps: 0);

    [Fact]
    public void A_data_object_costs_two_reads() => AssertCosts(c => c.Data("data", isPrivate: true), Cko.Data, reads: 2, wraps: 0);

    [Fact]
    public void A_public_key_costs_two_reads_and_those_of_its_dates_where_they_cannot_be_read_with_the_others() =>
        AssertCosts(c => c.Ec("key", TokenContent.P256), Cko.PublicKey, reads: 2, wraps: 0, Quirks.PrivateDatesUnreadable, quirkReads: 2);

    [Fact]
    public void An_odd_length_costs_one_wrapping_more_where_key_wrap_rounds_it() =>
        AssertCosts(c => c.Generic("key", 33), Cko.SecretKey, reads: 2, wraps: 1, Quirks.WrapRoundsLengths, quirkWraps: 1);

    [Fact]
    public void A_name_that_is_longer_than_usual_is_read_whole_and_costs_one_read_more()
    {
        string name = new('n', 5000);
        AssertCosts(c => c.Aes(name, 32), Cko.SecretKey, reads: 3, wraps: 1, check: record => Assert.Equal(name, record.Label));
    }

    [Fact]
    public unsafe void What_may_be_a_secret_is_not_read_to_learn_its_length()
    {
        _fixture.Fill(c => c.Generic("readable", 32, key => key.Set(Cka.Sensitive, false)));
        using var calls = new NativeFaults(_fixture.Token.Address.Library);
        int seen = 0;
        bool asked = false;
        calls.Before = call =>
        {
            seen++;
            asked |= call.Find(Cka.Value) is { } value && value.pValue != null;
            return null;
        };

        using TokenConnection connection = _fixture.Open();
        ObjectRecord record = new ObjectReader(connection.Session).ReadAttributes(connection.Session.FindTokenObjects().Single());

        Assert.Equal(("readable", false), (record.Label, record.Attributes.Boolean(Cka.Sensitive)));
        Assert.True(seen > 0);
        Assert.False(asked);
    }

    [Fact]
    public void A_whole_token_costs_no_more_than_its_objects()
    {
        _fixture.Fill(c =>
        {
            for (int i = 0; i < 20; i++)
            {
                c.Aes($"aes {i}", 32);
                c.Data($"data {i}", isPrivate: i % 2 == 0);
            }
            c.Ec("ec", TokenContent.P256);
        });
        using var calls = new NativeFaults(_fixture.Token.Address.Library);
        using (TokenConnection connection = _fixture.Open())
        {
            _ = connection.Capabilities;
        }
        (long probeReads, long probeWraps) = (calls.CallsOf(FunctionIndex.C_GetAttributeValue), calls.CallsOf(FunctionIndex.C_WrapKey));

        _fixture.BackUp().Key!.Dispose();

        Assert.InRange(calls.CallsOf(FunctionIndex.C_GetAttributeValue) - (2 * probeReads), 1, (2 * 42) + 2);
        Assert.InRange(calls.CallsOf(FunctionIndex.C_WrapKey) - (2 * probeWraps), 21, 21);
        Assert.Equal(2, calls.CallsOf(FunctionIndex.C_Login));
    }

    private void AssertCosts(Action<TokenContent> make, ulong objectClass, int reads, int wraps,
        Quirks quirk = Quirks.None, int quirkReads = 0, int quirkWraps = 0, Action<ObjectRecord>? check = null)
    {
        using TokenConnection connection = _fixture.Open();
        make(new TokenContent(connection.Session));
        using var kekBytes = SecretBuffer.Random(32);
        using KeyEncryptionKey kek = KeyEncryptionKey.Import(connection, kekBytes);
        var reader = new ObjectReader(connection, kek);
        ulong handle = connection.Session.FindObjects(new AttributeMap().Set(Cka.Token, true).Set(Cka.Class, objectClass)).Single();
        // The first of a kind may cost what all others share: a transport key.
        Assert.Equal(Verdict.Captured, reader.Capture(handle).Verdict);
        FunctionTable functions = connection.Library.Functions;
        (long readsBefore, long wrapsBefore) = (functions.CallsOf(FunctionIndex.C_GetAttributeValue), functions.CallsOf(FunctionIndex.C_WrapKey));

        ObjectRecord record = reader.Capture(handle);

        Assert.Equal(Verdict.Captured, record.Verdict);
        bool hasQuirk = kek.Capabilities.Quirks.HasFlag(quirk);
        Assert.InRange(functions.CallsOf(FunctionIndex.C_GetAttributeValue) - readsBefore, 1, reads + (hasQuirk ? quirkReads : 0));
        check?.Invoke(record);
        Assert.Equal(wraps + (hasQuirk ? quirkWraps : 0), functions.CallsOf(FunctionIndex.C_WrapKey) - wrapsBefore);
    }
}
