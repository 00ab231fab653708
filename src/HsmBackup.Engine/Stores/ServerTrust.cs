using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace HsmBackup.Engine.Stores;

/// <summary>Decides whether who answers is who should, and says why not.</summary>
/// <remarks>
/// Authority, time and name of a certificate must always be right, and a pin must fit as well. The one exception is a certificate that
/// vouches for itself, where no authority was given: no authority and no name can say more of it than the pin, which says that it is this
/// very certificate. Its time counts all the same. Revocation is not asked for: private authorities seldom answer, and a pin or a change of
/// authority is the sharper tool.
/// </remarks>
internal sealed class ServerTrust
{
    private const string ServerAuthentication = "1.3.6.1.5.5.7.3.1";

    private readonly X509Certificate2Collection? _authorities;
    private readonly byte[]? _pin;
    private string? _refusal;

    /// <exception cref="HsmBackupException">StoreUntrusted: there are no authorities in the file. InvalidArgument: this is no pin.</exception>
    public ServerTrust(string? authorityFile, string? pin)
    {
        _authorities = authorityFile is null ? null : ReadAuthorities(authorityFile);
        _pin = pin is null ? null : ParsePin(pin);
    }

    /// <summary>Why the last certificate was refused; null where it was not.</summary>
    public string? Refusal => Volatile.Read(ref _refusal);

    /// <summary>Whether the text is the SHA-256 of a certificate in hex.</summary>
    public static bool IsPin(string text) => text.Length == 2 * SHA256.HashSizeInBytes && text.All(char.IsAsciiHexDigit);

    /// <summary>What TLS is to be told.</summary>
    public SslClientAuthenticationOptions Options() => new()
    {
        RemoteCertificateValidationCallback = (_, certificate, chain, errors) =>
        {
            string? reason = WhyNot(certificate as X509Certificate2, chain, errors);
            Volatile.Write(ref _refusal, reason);
            return reason is null;
        },
        CertificateChainPolicy = Policy(),
    };

    /// <summary>The reason to refuse a certificate, as the end of a sentence; null where there is none.</summary>
    internal string? WhyNot(X509Certificate2? certificate, X509Chain? chain, SslPolicyErrors errors)
    {
        if (certificate is null || chain is null)
        {
            return "it showed no certificate";
        }
        byte[] digest = SHA256.HashData(certificate.RawData);
        if (_pin is not null && !digest.AsSpan().SequenceEqual(_pin))
        {
            return $"its certificate is another one than the pinned one; its SHA-256 is {Convert.ToHexStringLower(digest)}";
        }
        X509ChainStatusFlags faults = chain.ChainStatus.Aggregate(X509ChainStatusFlags.NoError, (all, s) => all | s.Status);
        if (faults.HasFlag(X509ChainStatusFlags.NotTimeValid))
        {
            return WhyNotNow(chain);
        }
        if (_pin is not null && _authorities is null && VouchesForItself(certificate))
        {
            return null;
        }
        if (errors.HasFlag(SslPolicyErrors.RemoteCertificateNameMismatch))
        {
            return $"its certificate is for another name: {NamesOf(certificate)}";
        }
        return !errors.HasFlag(SslPolicyErrors.RemoteCertificateChainErrors) ? null
            // The signature is wrong too where another authority has the name of the right one.
            : (faults & (X509ChainStatusFlags.UntrustedRoot | X509ChainStatusFlags.PartialChain | X509ChainStatusFlags.NotSignatureValid)) != 0
            ? $"its certificate is of another authority ({certificate.Issuer}) than {(_authorities is null ? "the system trusts" : "was given")}"
            : $"its certificate is not in order: {string.Join(", ", chain.ChainStatus.Select(s => s.Status).Distinct())}";
    }

    private X509ChainPolicy Policy()
    {
        var policy = new X509ChainPolicy { RevocationMode = X509RevocationMode.NoCheck };
        policy.ApplicationPolicy.Add(new Oid(ServerAuthentication));
        if (_authorities is not null)
        {
            policy.TrustMode = X509ChainTrustMode.CustomRootTrust;
            policy.CustomTrustStore.AddRange(_authorities);
            policy.DisableCertificateDownloads = true;
        }
        return policy;
    }

    private static string WhyNotNow(X509Chain chain)
    {
        X509Certificate2 outOfTime = chain.ChainElements
            .First(e => e.ChainElementStatus.Any(s => s.Status.HasFlag(X509ChainStatusFlags.NotTimeValid))).Certificate;
        string which = outOfTime.Equals(chain.ChainElements[0].Certificate) ? "its certificate" : $"the certificate of its authority ({outOfTime.Subject})";
        DateTime from = outOfTime.NotBefore.ToUniversalTime();
        DateTime until = outOfTime.NotAfter.ToUniversalTime();
        // Not by the calendar of whoever asks.
        return DateTime.UtcNow < from ? FormattableString.Invariant($"{which} is not valid before {from:yyyy-MM-dd HH:mm} UTC")
            : FormattableString.Invariant($"{which} expired on {until:yyyy-MM-dd HH:mm} UTC");
    }

    /// <summary>Whether its own key signed it.</summary>
    private static bool VouchesForItself(X509Certificate2 certificate)
    {
        using var alone = new X509Chain { ChainPolicy = new X509ChainPolicy { RevocationMode = X509RevocationMode.NoCheck, TrustMode = X509ChainTrustMode.CustomRootTrust } };
        alone.ChainPolicy.CustomTrustStore.Add(certificate);
        alone.ChainPolicy.DisableCertificateDownloads = true;
        return certificate.SubjectName.RawData.AsSpan().SequenceEqual(certificate.IssuerName.RawData) && alone.Build(certificate) && alone.ChainElements.Count == 1;
    }

    private static string NamesOf(X509Certificate2 certificate)
    {
        X509SubjectAlternativeNameExtension? names = certificate.Extensions.OfType<X509SubjectAlternativeNameExtension>().FirstOrDefault();
        string[] all = names is null ? [] : [.. names.EnumerateDnsNames(), .. names.EnumerateIPAddresses().Select(a => a.ToString())];
        return all.Length == 0 ? certificate.Subject : string.Join(", ", all.Take(5));
    }

    private static byte[] ParsePin(string pin) => IsPin(pin) ? Convert.FromHexString(pin)
        : throw new HsmBackupException(ErrorCode.InvalidArgument, "The pin of a certificate is its SHA-256: 64 hex digits.",
            "openssl x509 -in server.pem -outform der | sha256sum shows it.")
        { Target = pin };

    private static X509Certificate2Collection ReadAuthorities(string path)
    {
        try
        {
            X509Certificate2Collection read = [];
            read.ImportFromPemFile(path);
            return read.Count > 0 ? read : throw NoAuthorities(path, "there is no certificate in it", null);
        }
        catch (Exception e) when (e is CryptographicException || FileErrors.Covers(e))
        {
            throw NoAuthorities(path, e.Message, e);
        }
    }

    private static HsmBackupException NoAuthorities(string path, string fault, Exception? cause) => new(ErrorCode.StoreUntrusted,
        $"The file '{path}' with the authorities that may vouch for a store cannot be used: {fault}",
        "Put the certificates of the authorities into it, in PEM, and let the account that runs this command read it.", cause)
    { Target = path };
}
