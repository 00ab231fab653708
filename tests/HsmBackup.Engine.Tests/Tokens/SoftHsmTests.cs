using HsmBackup.Engine.Tests.Support;
using Xunit;
using Xunit.Abstractions;

namespace HsmBackup.Engine.Tests.Tokens;

public sealed class SoftHsmTests(ITestOutputHelper output)
{
    [Fact]
    public void X()
    {
        output.WriteLine(TokenConformance.LoseAndRestore(new SoftHsmToken("conformance")));
    }
    [Fact]
    public void Y()
    {
        output.WriteLine(TokenConformance.LoseAndRestore(new NssToken("conformance")));
    }
    [Fact]
    public void Z()
    {
        if (OpencryptokiToken.WhyNot() is null) output.WriteLine(TokenConformance.LoseAndRestore(new OpencryptokiToken("conformance")));
    }
}
