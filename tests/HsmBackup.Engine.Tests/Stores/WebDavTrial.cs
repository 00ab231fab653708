using System.Security.Cryptography;
using HsmBackup.Engine.Protection;
using HsmBackup.Engine.Stores;
using HsmBackup.Engine.Tests.Protection;
using HsmBackup.Engine.Tests.Support;
using Xunit;

namespace HsmBackup.Engine.Tests.Stores;

/// <summary>A store on a server that does wrong what a test wants, and in which time is only noted.</summary>
public abstract class WebDavTrial : IDisposable
{
    private protected const string Name = "a.hsmbackup";

    private readonly TestFolder _folder = new();
    private readonly TlsIdentity _identity;

    protected WebDavTrial()
    {
        _identity = new TlsIdentity(_folder.File("tls"));
        Server = new FaultServer(_identity);
        Store = Open(s => s);
    }

    private protected FaultServer Server { get; }

    private protected WebDavStore Store { get; }

    /// <summary>How long the store waited each time.</summary>
    private protected List<TimeSpan> Delays { get; } = [];

    private protected byte[] Content { get; } = RandomNumberGenerator.GetBytes(1_000_000);

    public void Dispose()
    {
        Store.Dispose();
        Server.Dispose();
        _identity.Dispose();
        _folder.Dispose();
        GC.SuppressFinalize(this);
    }

    private protected WebDavStore Open(Func<WebDavSettings, WebDavSettings> change) => new(change(new WebDavSettings
    {
        Collection = new Uri($"https://localhost:{Server.Port}{FaultServer.Collection}"),
        Credentials = WebDavCredentials.Basic("user", Pin.FromChars("pass:wörd")),
        CertificateAuthority = _identity.AuthorityFile,
        Patience = new WebDavPatience { Wait = (delay, _) => Delays.Add(delay) },
    }));

    private protected void Add()
    {
        using var content = new MemoryStream(Content);
        Store.Add(Name, content, CancellationToken.None);
    }

    private protected byte[] Read()
    {
        using var content = new MemoryStream();
        content.Write("before"u8);
        Store.Read(Name, content, CancellationToken.None);
        return content.ToArray()[6..];
    }

    private protected void Plant(byte[] content) => Server.Files[Name] = (content, $"\"{content.Length}-{content[0]}-{content[1]}-{content[2]}\"");

    private protected void AssertOnly(byte[] content)
    {
        KeyValuePair<string, (byte[] Content, string)> file = Assert.Single(Server.Files);
        Assert.Equal(Name, file.Key);
        Assert.Equal(content, file.Value.Content);
    }

    private protected string[] Ranges() => [.. Server.Requests.Where(r => r.Method == "GET").Select(r => r.Headers.GetValueOrDefault("Range", "all"))];

    /// <summary>As any refusal; and no name that is listed leads to a part of the file.</summary>
    private protected HsmBackupException Refused(ErrorCode code, Action action)
    {
        HsmBackupException refusal = Refusal.Of(code, action);
        Assert.DoesNotContain("pass:wörd", refusal.ToString(), StringComparison.Ordinal);
        Assert.All(Server.Files.Where(f => !f.Key.StartsWith('.')), f => Assert.True(f.Value.Content.Length >= 900_000));
        return refusal;
    }
}
