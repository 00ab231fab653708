using HsmBackup.Engine.Stores;
using HsmBackup.Engine.Tests.Protection;
using HsmBackup.Engine.Tests.Support;
using Xunit;

namespace HsmBackup.Engine.Tests.Stores;

/// <summary>Who may answer for a WebDAV store. Each refusal names its reason, and no request is sent before.</summary>
public sealed class ServerTrustTests : IDisposable
{
    private readonly TestFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void The_authority_that_was_given_may_vouch_for_it() => Assert.Null(Try(Identity(), (s, i) => s with { CertificateAuthority = i.AuthorityFile }));

    [Fact]
    public void A_pin_may_be_demanded_in_addition() =>
        Assert.Null(Try(Identity(), (s, i) => s with { CertificateAuthority = i.AuthorityFile, CertificatePin = i.Pin.ToUpperInvariant() }));

    [Fact]
    public void The_system_does_not_trust_it_by_itself() => Refused("of another authority (CN=Test authority) than the system trusts", Identity(), (s, _) => s);

    [Fact]
    public void Another_authority_may_not_vouch_for_it()
    {
        using TlsIdentity other = Identity();
        Refused("of another authority (CN=Test authority) than was given", Identity(), (s, _) => s with { CertificateAuthority = other.AuthorityFile });
    }

    [Fact]
    public void An_expired_certificate_is_refused() => Refused("its certificate expired on ", Identity(expired: true), (s, i) => s with { CertificateAuthority = i.AuthorityFile });

    [Fact]
    public void The_day_on_which_it_expired_is_told_by_no_local_calendar()
    {
        using var thai = new OtherCulture("th-TH");
        Refused($"expired on {DateTime.UtcNow.Year / 100}", Identity(expired: true), (s, i) => s with { CertificateAuthority = i.AuthorityFile });
    }

    [Fact]
    public void A_certificate_for_another_name_is_refused() =>
        Refused("for another name: other.example", Identity("other.example"), (s, i) => s with { CertificateAuthority = i.AuthorityFile });

    [Fact]
    public void Another_certificate_than_the_pinned_one_is_refused()
    {
        using TlsIdentity other = Identity();
        TlsIdentity shown = Identity();
        Refused(shown.Pin, shown, (s, i) => s with { CertificateAuthority = i.AuthorityFile, CertificatePin = other.Pin });
    }

    [Fact]
    public void A_pin_does_not_stand_in_for_an_authority() => Refused("of another authority", Identity(), (s, i) => s with { CertificatePin = i.Pin });

    [Fact]
    public void A_pin_does_not_make_another_name_right() =>
        Refused("for another name", Identity("other.example"), (s, i) => s with { CertificateAuthority = i.AuthorityFile, CertificatePin = i.Pin });

    [Fact]
    public void A_pin_is_all_that_can_be_known_of_a_certificate_that_vouches_for_itself()
    {
        Assert.Null(Try(Identity(selfSigned: true), (s, i) => s with { CertificatePin = i.Pin }));
        Assert.Null(Try(Identity("other.example", selfSigned: true), (s, i) => s with { CertificatePin = i.Pin }));
        Refused("of another authority", Identity(selfSigned: true), (s, _) => s);
        Refused("is another one than the pinned one", Identity(selfSigned: true), (s, _) => s with { CertificatePin = new string('0', 64) });
        Refused("expired", Identity(selfSigned: true, expired: true), (s, i) => s with { CertificatePin = i.Pin });
        // Where an authority was given, it is demanded.
        using TlsIdentity other = Identity();
        Refused("of another authority", Identity(selfSigned: true), (s, i) => s with { CertificatePin = i.Pin, CertificateAuthority = other.AuthorityFile });
    }

    [Fact]
    public void The_file_with_the_authorities_must_have_some()
    {
        string empty = _folder.File("empty.pem");
        File.WriteAllText(empty, "nothing");
        var address = new Uri("https://localhost/");
        Refusal.Of(ErrorCode.StoreUntrusted, () => _ = new WebDavStore(new WebDavSettings { Collection = address, CertificateAuthority = empty }));
        Refusal.Of(ErrorCode.StoreUntrusted, () => _ = new WebDavStore(new WebDavSettings { Collection = address, CertificateAuthority = _folder.File("missing.pem") }));
        Refusal.Of(ErrorCode.InvalidArgument, () => _ = new WebDavStore(new WebDavSettings { Collection = address, CertificatePin = "abc" }));
    }

    private TlsIdentity Identity(string name = "localhost", bool expired = false, bool selfSigned = false) =>
        new(_folder.File(Guid.NewGuid().ToString("N")), name, expired, selfSigned);

    private static void Refused(string reason, TlsIdentity identity, Func<WebDavSettings, TlsIdentity, WebDavSettings> change)
    {
        HsmBackupException? refusal = Try(identity, change);
        Assert.NotNull(refusal);
        Assert.Equal(ErrorCode.StoreUntrusted, refusal.Code);
        Assert.Contains(reason, refusal.Message, StringComparison.Ordinal);
        Assert.NotEmpty(refusal.RecommendedAction);
    }

    /// <summary>Lists a store; what was refused, or null.</summary>
    private static HsmBackupException? Try(TlsIdentity identity, Func<WebDavSettings, TlsIdentity, WebDavSettings> change)
    {
        using (identity)
        using (var server = new FaultServer(identity))
        {
            var settings = new WebDavSettings
            {
                Collection = new Uri($"https://localhost:{server.Port}{FaultServer.Collection}"),
                Patience = new WebDavPatience { Wait = (_, _) => Assert.Fail("There is nothing to wait for.") },
            };
            using var store = new WebDavStore(change(settings, identity));
            var refusal = (HsmBackupException?)Record.Exception(() => store.List(CancellationToken.None));
            Assert.Equal(refusal is null ? 1 : 0, server.Requests.Count);
            return refusal;
        }
    }
}
