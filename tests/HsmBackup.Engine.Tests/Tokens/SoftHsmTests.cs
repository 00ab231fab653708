using HsmBackup.Engine.Tests.Support;
using Xunit;

namespace HsmBackup.Engine.Tests.Tokens;

public sealed class SoftHsmTests
{
    [Fact]
    public void A_token_of_every_kind_of_object_is_lost_and_comes_back_as_its_table_says() =>
        TokenConformance.AssertTable("SoftHSM.txt", new SoftHsmToken("conformance"));
}
