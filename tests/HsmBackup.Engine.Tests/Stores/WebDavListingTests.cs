using System.Text;
using HsmBackup.Engine.Stores;
using HsmBackup.Engine.Tests.Protection;
using HsmBackup.Engine.Tests.Support;
using Xunit;

namespace HsmBackup.Engine.Tests.Stores;

/// <summary>Answers to PROPFIND: many spellings are right, some are incomplete, and none is trusted.</summary>
public sealed class WebDavListingTests : IDisposable
{
    private const string Self = "<D:response><D:href>/dav/</D:href><D:propstat><D:prop><D:resourcetype><D:collection/></D:resourcetype></D:prop>"
        + "<D:status>HTTP/1.1 200 OK</D:status></D:propstat></D:response>";

    private readonly TestFolder _folder = new();
    private readonly TlsIdentity _identity;
    private readonly FaultServer _server;
    private readonly WebDavStore _store;

    public WebDavListingTests()
    {
        _identity = new TlsIdentity(_folder.File("tls"));
        _server = new FaultServer(_identity);
        _store = new WebDavStore(new WebDavSettings
        {
            // Without the slash at its end, as people write it.
            Collection = new Uri($"https://localhost:{_server.Port}/dav"),
            CertificateAuthority = _identity.AuthorityFile,
            Patience = new WebDavPatience { Wait = (_, _) => { } },
        });
    }

    public void Dispose()
    {
        _store.Dispose();
        _server.Dispose();
        _identity.Dispose();
        _folder.Dispose();
    }

    [Fact]
    public void Addresses_are_taken_in_all_their_forms()
    {
        string listed = Names(
            FaultServer.Response("/dav/a%20b.hsmbackup", 1), FaultServer.Response($"https://localhost:{_server.Port}/dav/absolute.hsmbackup", 1),
            FaultServer.Response($"HTTPS://LOCALHOST:{_server.Port}/dav/upper.hsmbackup", 1), FaultServer.Response("relative.hsmbackup", 1),
            FaultServer.Response("/dav/%C3%BC.hsmbackup", 1), FaultServer.Response("/dav/ö.hsmbackup", 1), FaultServer.Response("/d%61v/e.hsmbackup", 1),
            FaultServer.Response("/dav/%2541.hsmbackup", 1));

        Assert.Equal("%41.hsmbackup|a b.hsmbackup|absolute.hsmbackup|e.hsmbackup|relative.hsmbackup|upper.hsmbackup|ö.hsmbackup|ü.hsmbackup".Split('|').Order(StringComparer.Ordinal),
            listed.Split('|'));
    }

    [Theory]
    [InlineData("/other/a.hsmbackup")]
    [InlineData("/dav/below/a.hsmbackup")]
    [InlineData("/dav/../etc/a.hsmbackup")]
    [InlineData("/dav/%2e%2e/a.hsmbackup")]
    [InlineData("/dav/..%2fa.hsmbackup")]
    [InlineData("/dav/..%5ca.hsmbackup")]
    [InlineData("/dav/a%2fb.hsmbackup")]
    [InlineData("/dav/a%00.hsmbackup")]
    [InlineData("/dav/a%0a.hsmbackup")]
    [InlineData("/dav/a%E2%80%AEb.hsmbackup")]
    [InlineData("/dav/.hidden.hsmbackup")]
    [InlineData("/dav/.a.hsmbackup.0123abcd.partial")]
    [InlineData("/dav/a.hsmbackup?version=1")]
    [InlineData("/dav/a.hsmbackup#part")]
    [InlineData("https://elsewhere.example/dav/a.hsmbackup")]
    [InlineData("http://localhost/dav/a.hsmbackup")]
    [InlineData("https://user@localhost/dav/a.hsmbackup")]
    [InlineData("//elsewhere.example/dav/a.hsmbackup")]
    [InlineData("file:///etc/passwd")]
    [InlineData("javascript:alert(1)")]
    [InlineData("https://[/")]
    [InlineData("")]
    public void What_leads_elsewhere_or_is_no_name_is_not_listed(string address) =>
        Assert.Equal("good.hsmbackup", Names(FaultServer.Response(address, 1), FaultServer.Response("/dav/good.hsmbackup", 1)));

    [Fact]
    public void Collections_and_what_vanished_meanwhile_are_not_listed() => Assert.Equal("good.hsmbackup", Names(
        Self.Replace("/dav/", "/dav/folder.hsmbackup/", StringComparison.Ordinal),
        "<D:response><D:href>/dav/gone.hsmbackup</D:href><D:status>HTTP/1.1 404 Not Found</D:status></D:response>",
        FaultServer.Response("/dav/good.hsmbackup", 1), FaultServer.Response("/dav/good.hsmbackup", 1)));

    [Theory]
    [InlineData("<D:response><D:href>/dav/</D:href><D:status>HTTP/1.1 507 Insufficient Storage</D:status><D:error><D:number-of-matches-within-limits/></D:error></D:response>", "")]
    [InlineData("<D:response><D:href>/dav/a.hsmbackup</D:href><D:status>HTTP/1.1 403 Forbidden</D:status></D:response>", "")]
    [InlineData("<D:response><D:href>/dav/a.hsmbackup</D:href><D:status>HTTP/1.1 500 Oops</D:status></D:response>", "")]
    [InlineData("", "Link: <https://localhost/dav/?page=2>; rel=\"next\"\r\n")]
    public void A_part_of_a_list_is_not_taken_for_the_whole(string response, string headers)
    {
        _server.Fault = _ => new DavFault { Body = Document(Self, response), Headers = headers };

        Assert.Contains("part", Refusal.Of(ErrorCode.StoreUnavailable, List).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_list_that_breaks_off_is_asked_for_again()
    {
        _server.Files["a.hsmbackup"] = ([1], "\"1\"");
        _server.Fault = _ => _server.Requests.Count < 3 ? new DavFault { CutAnswerAt = 200 } : null;

        Assert.Equal("a.hsmbackup", Assert.Single(_store.List(CancellationToken.None)).Name);
        Assert.Equal(3, _server.Requests.Count);
    }

    [Theory]
    [InlineData("")]
    [InlineData("no XML")]
    [InlineData("<html><body>Welcome</body></html>")]
    [InlineData("<multistatus/>")]
    [InlineData("<D:multistatus xmlns:D=\"DAV:\"><D:response>")]
    [InlineData("<D:multistatus xmlns:D=\"DAV:\"></D:multistatus><extra/>")]
    [InlineData("<!DOCTYPE x [<!ENTITY a \"aaaaaaaaaa\"><!ENTITY b \"&a;&a;&a;&a;&a;&a;&a;&a;\">]><D:multistatus xmlns:D=\"DAV:\">&b;</D:multistatus>")]
    [InlineData("<!DOCTYPE x SYSTEM \"file:///etc/passwd\"><D:multistatus xmlns:D=\"DAV:\"/>")]
    public void What_is_no_list_is_an_error(string body)
    {
        _server.Fault = _ => new DavFault { Body = body };

        Refusal.Of(ErrorCode.StoreUnavailable, List);
    }

    [Fact]
    public void A_list_of_something_else_is_an_error_and_not_an_empty_store()
    {
        _server.Fault = _ => new DavFault { Body = Document(Self.Replace("/dav/", "/other/", StringComparison.Ordinal)) };

        Refusal.Of(ErrorCode.StoreUnavailable, List);
    }

    [Fact]
    public void A_file_is_no_collection()
    {
        _server.Fault = _ => new DavFault { Body = Document(FaultServer.Response("/dav/", 5)) };

        Refusal.Of(ErrorCode.StoreUnavailable, List);
    }

    [Fact]
    public void A_text_without_end_is_not_held()
    {
        var endless = new StringBuilder("<D:multistatus xmlns:D=\"DAV:\"><D:response><D:href>").Append('a', 20_000_000).Append("</D:href></D:response></D:multistatus>");
        using var body = new MemoryStream(Encoding.UTF8.GetBytes(endless.ToString()));
        long before = GC.GetAllocatedBytesForCurrentThread();

        Assert.Throws<System.Xml.XmlException>(() => WebDavListing.Read(body).Count());

        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 1_000_000);
    }

    [Fact]
    public void A_collection_that_is_not_there_is_empty()
    {
        _server.Fault = _ => new DavFault { Status = 404 };

        Assert.Empty(_store.List(CancellationToken.None));
    }

    [Fact]
    public void Properties_of_other_namespaces_and_of_a_bad_status_do_not_count()
    {
        _server.Fault = _ => new DavFault
        {
            Body = Document(Self, "<D:response xmlns:X=\"urn:x\"><D:href>/dav/a.hsmbackup</D:href>"
                + "<D:propstat><D:prop><X:getcontentlength>9</X:getcontentlength><D:getcontentlength>5</D:getcontentlength><D:getetag>\"v\"</D:getetag><D:resourcetype/></D:prop><D:status>HTTP/1.1 200 OK</D:status></D:propstat>"
                + "<D:propstat><D:prop><D:getcontentlength>7</D:getcontentlength><D:getlastmodified/></D:prop><D:status>HTTP/1.1 404 Not Found</D:status></D:propstat></D:response>"),
        };

        Assert.Equal(new StoreItem("a.hsmbackup", 5, DateTimeOffset.UnixEpoch, "\"v\""), Assert.Single(_store.List(CancellationToken.None)));
    }

    private void List() => _store.List(CancellationToken.None);

    private string Names(params string[] responses)
    {
        _server.Fault = _ => new DavFault { Body = Document([Self, .. responses]) };
        return string.Join('|', _store.List(CancellationToken.None).Select(i => i.Name));
    }

    private static string Document(params string[] responses) => $"<?xml version=\"1.0\" encoding=\"utf-8\"?><D:multistatus xmlns:D=\"DAV:\">{string.Concat(responses)}</D:multistatus>";
}
