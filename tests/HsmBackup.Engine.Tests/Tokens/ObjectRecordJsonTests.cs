using System.Text;
using HsmBackup.Engine.Format;
using HsmBackup.Engine.Pkcs11;
using HsmBackup.Engine.Tokens;
using Xunit;

namespace HsmBackup.Engine.Tests.Tokens;

public sealed class ObjectRecordJsonTests
{
    public static TheoryData<byte[]> Texts => new(
        [],
        "plain"u8.ToArray(),
        "two\r\nlines\u2028and\u2029more"u8.ToArray(),
        "\"},{\"end\":{\"objects\":0}}"u8.ToArray(),
        "back\\slash, tab\t, null\0, bell\a, delete\u007F"u8.ToArray(),
        Encoding.UTF8.GetBytes("ﬁ 鍵 🔑"),
        [0xC3, 0x28],
        [0xFF, 0xFE, 0x0A, 0x22],
        [0xED, 0xA0, 0x80]);

    /// <summary>The spool takes these lines without a look of its own.</summary>
    [Theory]
    [MemberData(nameof(Texts))]
    public void Whatever_a_token_calls_an_object_its_line_can_stand_in_a_backup_and_comes_back(byte[] text)
    {
        var record = new ObjectRecord
        {
            Index = 7,
            Verdict = Verdict.NotWrappable,
            Reason = Encoding.UTF8.GetString(text),
            Attributes = new AttributeMap().Set(Cka.Class, Cko.SecretKey).Set(Cka.KeyType, 0x80001234UL).Set(Cka.Label, text)
                .Set(Cka.Id, text).Set(Cka.StartDate, text).Set(Cka.Token, text).Set(Cka.KeyGenMechanism, text).Set(Cka.AllowedMechanisms, text)
                .Set(0x80000BADUL, text).Set(Cka.WrapTemplate, new AttributeMap().Set(Cka.Label, text).Set(Cka.Sensitive, true)),
            Unavailable = [(Cka.EndDate, Ckr.GeneralError), (0x80000BAEUL, 0x80000001UL)],
            Material = new KeyMaterial { Form = WrapForm.Value, Length = text.Length, Values = new AttributeMap().Set(Cka.Value, text) },
        };
        using var json = new ObjectRecordJson();
        byte[] line = json.Write(record).ToArray();

        Assert.Null(ContentLines.FindFault(line));
        ObjectRecord back = ObjectRecordJson.Read(line);
        Assert.True(record.Attributes.SameAs(back.Attributes));
        Assert.Equal(record.Unavailable, back.Unavailable);
        Assert.Equal(line, json.Write(back).ToArray());
    }
}
