using HsmBackup.Engine.Protection;
using HsmBackup.Engine.Stores;
using HsmBackup.Engine.Tests.Support;
using Xunit;

namespace HsmBackup.Engine.Tests.Stores;


/// <summary>Where requests go, what they carry, and over how many connections.</summary>
public sealed class WebDavAccessTests : WebDavTrial
{
    [Theory]
    [InlineData("http://localhost/dav/")]
    [InlineData("https://elsewhere.example/dav/?token=s3cret")]
    [InlineData("/other/")]
    public void Redirections_are_not_followed(string target)
    {
        Server.Fault = r => new DavFault { Status = 301, Headers = $"Location: {target}\r\n" };

        HsmBackupException refusal = Refused(ErrorCode.StoreUnavailable, Add);

        Assert.Contains(target.Split('?')[0], refusal.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("s3cret", refusal.ToString(), StringComparison.Ordinal);
        Assert.Single(Server.Requests);
    }

    [Theory]
    [InlineData("http://localhost/dav/")]
    [InlineData("ftp://localhost/dav/")]
    [InlineData("https://user:s3cret@localhost/dav/")]
    [InlineData("https://localhost/dav/?x=s3cret")]
    [InlineData("https://localhost/dav/#x")]
    public void Only_a_plain_https_address_is_taken(string address) => Assert.DoesNotContain("s3cret",
        Refusal.Of(ErrorCode.InvalidArgument, () => _ = new WebDavStore(new WebDavSettings { Collection = new Uri(address) })).ToString(), StringComparison.Ordinal);

    [Fact]
    public void User_and_password_go_with_the_first_request()
    {
        Assert.Empty(Store.List(CancellationToken.None));

        Assert.Equal("Basic " + Convert.ToBase64String("user:pass:wörd"u8), Assert.Single(Server.Requests).Headers["Authorization"]);
    }

    [Fact]
    public void A_bearer_token_goes_as_it_is()
    {
        using WebDavStore bearer = Open(s => s with { Credentials = WebDavCredentials.Bearer(Pin.FromChars("abc.DEF-123_~+/=")) });

        Assert.Empty(bearer.List(CancellationToken.None));

        Assert.Equal("Bearer abc.DEF-123_~+/=", Assert.Single(Server.Requests).Headers["Authorization"]);
    }

    [Theory]
    [InlineData("")]
    [InlineData("two words")]
    [InlineData("line\r\nX-Evil: 1")]
    [InlineData("ümlaut")]
    public void What_is_no_token_is_refused_and_not_repeated(string token)
    {
        using Pin pin = Pin.FromChars(token);
        HsmBackupException refusal = Refusal.Of(ErrorCode.PinUnavailable, () => WebDavCredentials.Bearer(pin));
        Assert.True(token.Length == 0 || !refusal.ToString().Contains(token, StringComparison.Ordinal));
    }

    [Fact]
    public void A_header_of_ten_thousand_comes_over_few_connections()
    {
        Plant(Content);

        Parallel.For(0, 400, new ParallelOptions { MaxDegreeOfParallelism = 8 }, _ => Store.ReadStart(Name, 1000, CancellationToken.None));

        Assert.InRange(Server.Connections, 1, 16);
    }
}
