using System.Formats.Asn1;
using System.Security.Cryptography;
using HsmBackup.Engine.Protection;

namespace HsmBackup.Engine.Pkcs11;

/// <summary>
/// Asks a token what it really does, before anything depends on it: keys with values known to us go in, are wrapped, and the
/// bytes are compared with our own RFC 3394 and RFC 5649. Everything is done with session objects, which are gone afterwards.
/// </summary>
internal sealed class CapabilityProbe : IDisposable
{
    // Not a multiple of 8: the length at which padding conventions differ.
    private const int OddLength = 20;
    private const int EvenLength = 32;

    private static readonly (ulong Mechanism, string Name)[] Candidates =
    [
        (Ckm.AesKeyWrapKwp, "CKM_AES_KEY_WRAP_KWP"),
        (Ckm.AesKeyWrapPad, "CKM_AES_KEY_WRAP_PAD"),
        (Ckm.AesKeyWrap, "CKM_AES_KEY_WRAP"),
        (Ckm.AesCbcPad, "CKM_AES_CBC_PAD"),
    ];

    private static readonly byte[] P256 = [0x06, 0x08, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x03, 0x01, 0x07];

    private readonly Pkcs11Session _session;
    private readonly SecretBuffer _kek = SecretBuffer.Random(32);
    private readonly byte[] _iv = RandomNumberGenerator.GetBytes(16);
    private readonly List<ProbeFinding> _findings = [];
    private readonly List<ulong> _handles = [];
    private Quirks _quirks;

    private CapabilityProbe(Pkcs11Session session) => _session = session;

    /// <summary>Probes a token.</summary>
    /// <param name="session">A session with the user logged in.</param>
    /// <param name="library">Who made the library, for the quirks that cannot be seen on session objects.</param>
    public static TokenCapabilities Run(Pkcs11Session session, LibraryInfo library)
    {
        using var probe = new CapabilityProbe(session);
        return probe.Run(library);
    }

    public void Dispose()
    {
        foreach (ulong handle in _handles)
        {
            _session.TryDestroyObject(handle);
        }
        _kek.Dispose();
    }

    private TokenCapabilities Run(LibraryInfo library)
    {
        _quirks |= KnownQuirks.Of(library);
        ulong kek = WrappingKeyImport.Import(_session, _kek.Span, KekImport.None, out KekImport import, out ulong hash, out string refusal);
        Note("import of a key-encryption key", kek != 0, import switch
        {
            KekImport.CreateObject => "C_CreateObject",
            KekImport.RsaOaep => $"RSA-OAEP, {Names.OfMechanism(hash)}, because {refusal}",
            _ => refusal,
        });
        if (kek == 0)
        {
            return new TokenCapabilities { Quirks = _quirks, Findings = _findings };
        }
        _handles.Add(kek);
        ProbeDates();

        byte[] value = RandomNumberGenerator.GetBytes(OddLength);
        ulong subject = ImportSubject(value, import);
        List<WrapMethod> methods = subject == 0 ? [] : [.. Candidates.Select(c => ProbeSecret(c.Mechanism, c.Name, kek, subject, value)).OfType<WrapMethod>()];
        if (methods.Count == 0)
        {
            methods = ProbeEvenLengths(kek, import);
        }
        WrapMethod? secrets = methods.FirstOrDefault(m => m.ExactLengths && m.Form != WrapForm.CbcPad)
            ?? methods.FirstOrDefault(m => m.Form != WrapForm.CbcPad) ?? methods.FirstOrDefault();
        _quirks |= secrets is { ExactLengths: false } ? Quirks.WrapRoundsLengths : 0;

        return new TokenCapabilities
        {
            KekImport = import,
            OaepHash = hash,
            SecretKeys = secrets,
            OddLengths = secrets is { ExactLengths: false } ? methods.FirstOrDefault(m => m.ExactLengths) : null,
            PrivateKeys = ProbePrivate(kek),
            DigestsKeys = subject != 0 && ProbeDigestKey(subject, value),
            Quirks = _quirks,
            Findings = _findings,
        };
    }

    /// <summary>RFC 3394 in its strict form takes multiples of 8 bytes only; such a token still wraps every AES key.</summary>
    private List<WrapMethod> ProbeEvenLengths(ulong kek, KekImport import)
    {
        byte[] value = RandomNumberGenerator.GetBytes(EvenLength);
        ulong subject = ImportSubject(value, import);
        return subject == 0 ? [] : [.. Candidates.Select(c => ProbeSecret(c.Mechanism, c.Name, kek, subject, value)).OfType<WrapMethod>()];
    }

    private ulong ImportSubject(byte[] value, KekImport import)
    {
        ulong handle = WrappingKeyImport.ImportSecret(_session, value, SubjectTemplate(), import, out _, out _, out string refusal);
        if (handle == 0)
        {
            Note("a generic secret to try wrapping on", false, refusal);
            return 0;
        }
        _handles.Add(handle);
        return handle;
    }

    private static AttributeMap SubjectTemplate() => new AttributeMap()
        .Set(Cka.Class, Cko.SecretKey).Set(Cka.KeyType, Ckk.GenericSecret)
        .Set(Cka.Token, false).Set(Cka.Private, true).Set(Cka.Sensitive, true).Set(Cka.Extractable, true).Set(Cka.Sign, true);

    private WrapMethod? ProbeSecret(ulong mechanism, string name, ulong kek, ulong subject, byte[] value)
    {
        Mechanism native = mechanism == Ckm.AesCbcPad ? Mechanism.AesCbcPad(_iv) : new Mechanism(mechanism);
        ulong rv = _session.TryWrapKey(native, kek, subject, out ReadOnlySpan<byte> blob);
        if (rv != Ckr.Ok)
        {
            Note($"{name} on secret keys", false, $"C_WrapKey {Names.OfReturnValue(rv)}");
            return null;
        }
        byte[] wrapped = blob.ToArray();
        WrapMethod? method = Classify(mechanism, wrapped, value);
        if (method is null)
        {
            Note($"{name} on secret keys", false, "wraps, but its bytes are of no form known here");
            return null;
        }
        rv = Unwrap(native, kek, wrapped, SubjectTemplate(), out ulong back);
        if (rv != Ckr.Ok)
        {
            Note($"{name} on secret keys", false, $"wraps, but C_UnwrapKey {Names.OfReturnValue(rv)}");
            return null;
        }
        _handles.Add(back);
        bool same = _session.TryWrapKey(native, kek, back, out ReadOnlySpan<byte> again) == Ckr.Ok && again.SequenceEqual(wrapped);
        Note($"{name} on secret keys", same, same ? method.ToString() : "what it unwraps is not what it wrapped");
        return same ? method : null;
    }

    private WrapMethod? Classify(ulong mechanism, byte[] wrapped, byte[] value)
    {
        var plain = new byte[wrapped.Length];
        if (mechanism == Ckm.AesCbcPad)
        {
            using Aes aes = Aes.Create();
            aes.SetKey(_kek.Span);
            return aes.EncryptCbc(value, _iv).AsSpan().SequenceEqual(wrapped) ? new WrapMethod(WrapForm.CbcPad, mechanism, true) : null;
        }
        if (KeyWrap.TryUnwrap5649(_kek.Span, wrapped, plain, out int length))
        {
            ReadOnlySpan<byte> content = plain.AsSpan(0, length);
            return content.SequenceEqual(value) ? new WrapMethod(WrapForm.Rfc5649, mechanism, true)
                : IsZeroPadded(content, value) ? new WrapMethod(WrapForm.Rfc5649, mechanism, false) : null;
        }
        if (KeyWrap.TryUnwrap3394(_kek.Span, wrapped, plain, out length))
        {
            ReadOnlySpan<byte> content = plain.AsSpan(0, length);
            return content.SequenceEqual(value) || IsZeroPadded(content, value) ? new WrapMethod(WrapForm.Rfc3394, mechanism, false)
                : IsPkcs7Padded(content, value) ? new WrapMethod(WrapForm.Rfc3394Pkcs7, mechanism, true) : null;
        }
        return null;
    }

    private static bool IsZeroPadded(ReadOnlySpan<byte> content, byte[] value) =>
        content.Length > value.Length && content.StartsWith(value) && !content[value.Length..].ContainsAnyExcept((byte)0);

    private static bool IsPkcs7Padded(ReadOnlySpan<byte> content, byte[] value) =>
        content.Length > value.Length && content.StartsWith(value)
        && !content[value.Length..].ContainsAnyExcept((byte)(content.Length - value.Length));

    /// <summary>Private keys take another path in most tokens (PKCS #8), so they are tried on their own: EC for speed, RSA where there is no EC.</summary>
    private WrapMethod? ProbePrivate(ulong kek)
    {
        (ulong key, ulong publicKey, ulong keyType, string name) = GeneratePrivate();
        if (key == 0)
        {
            return null;
        }
        foreach ((ulong mechanism, string mechanismName) in Candidates)
        {
            Mechanism native = mechanism == Ckm.AesCbcPad ? Mechanism.AesCbcPad(_iv) : new Mechanism(mechanism);
            ulong rv = _session.TryWrapKey(native, kek, key, out ReadOnlySpan<byte> blob);
            if (rv != Ckr.Ok)
            {
                Note($"{mechanismName} on {name} private keys", false, $"C_WrapKey {Names.OfReturnValue(rv)}");
                continue;
            }
            byte[] wrapped = blob.ToArray();
            if (FormOfPrivate(mechanism, wrapped) is not { } form)
            {
                Note($"{mechanismName} on {name} private keys", false, "wraps, but its bytes are of no form known here");
                continue;
            }
            rv = UnwrapPrivate(native, kek, wrapped, keyType, publicKey, out ulong back);
            if (rv != Ckr.Ok)
            {
                Note($"{mechanismName} on {name} private keys", false, $"wraps, but C_UnwrapKey {Names.OfReturnValue(rv)}");
                continue;
            }
            _handles.Add(back);
            bool same = _session.TryWrapKey(native, kek, back, out ReadOnlySpan<byte> again) == Ckr.Ok && again.SequenceEqual(wrapped);
            var method = new WrapMethod(form, mechanism, true);
            Note($"{mechanismName} on {name} private keys", same, same ? method.ToString() : "what it unwraps is not what it wrapped");
            if (same)
            {
                return method;
            }
        }
        return null;
    }

    private ulong UnwrapPrivate(Mechanism native, ulong kek, byte[] wrapped, ulong keyType, ulong publicKey, out ulong handle)
    {
        AttributeMap template = new AttributeMap()
            .Set(Cka.Class, Cko.PrivateKey).Set(Cka.KeyType, keyType).Set(Cka.Token, false).Set(Cka.Private, true)
            .Set(Cka.Sensitive, true).Set(Cka.Extractable, true).Set(Cka.Sign, true);
        ulong rv = Unwrap(native, kek, wrapped, template, out handle);
        if (rv == Ckr.TemplateIncomplete && keyType == Ckk.Ec
            && _session.ReadAttributes(publicKey, [Cka.EcPoint]).Attributes.Bytes(Cka.EcPoint) is { } point)
        {
            rv = Unwrap(native, kek, wrapped, template.Set(Cka.NssDb, EcPublicPoint.Raw(point)), out handle);
            _quirks |= rv == Ckr.Ok ? Quirks.UnwrapNeedsNssDb : 0;
        }
        return rv;
    }

    private ulong Unwrap(Mechanism native, ulong kek, byte[] wrapped, AttributeMap template, out ulong handle)
    {
        ulong rv = _session.TryUnwrapKey(native, kek, wrapped, template, out handle);
        if (rv == Ckr.AttributeReadOnly)
        {
            // opencryptoki: CKA_EXTRACTABLE belongs to the token in an unwrap template, and is true without being asked for.
            AttributeMap without = template.Copy();
            without.Remove(Cka.Extractable);
            rv = _session.TryUnwrapKey(native, kek, wrapped, without, out handle);
        }
        return rv;
    }

    private WrapForm? FormOfPrivate(ulong mechanism, byte[] wrapped)
    {
        if (mechanism == Ckm.AesCbcPad)
        {
            return WrapForm.CbcPad;
        }
        using var plain = new SecretBuffer(wrapped.Length);
        if (KeyWrap.TryUnwrap5649(_kek.Span, wrapped, plain.Span, out _))
        {
            return WrapForm.Rfc5649;
        }
        if (!KeyWrap.TryUnwrap3394(_kek.Span, wrapped, plain.Span, out int length))
        {
            return null;
        }
        // PKCS #8 says where it ends; what comes after it tells the two paddings apart.
        ReadOnlySpan<byte> content = plain.Span[..length];
        return AsnDecoder.TryReadEncodedValue(content, AsnEncodingRules.BER, out _, out _, out _, out int used)
            && used < length && content[used..].IndexOfAnyExcept((byte)(length - used)) < 0
            ? WrapForm.Rfc3394Pkcs7
            : WrapForm.Rfc3394;
    }

    private (ulong Key, ulong PublicKey, ulong KeyType, string Name) GeneratePrivate()
    {
        AttributeMap publicTemplate = new AttributeMap().Set(Cka.Token, false).Set(Cka.Private, false).Set(Cka.Verify, true).Set(Cka.EcParams, P256);
        AttributeMap privateTemplate = new AttributeMap().Set(Cka.Token, false).Set(Cka.Private, true).Set(Cka.Sensitive, true)
            .Set(Cka.Extractable, true).Set(Cka.Sign, true);
        ulong rv = _session.TryGenerateKeyPair(new Mechanism(Ckm.EcKeyPairGen), publicTemplate, privateTemplate, out ulong publicKey, out ulong privateKey);
        if (rv == Ckr.Ok)
        {
            _handles.AddRange([publicKey, privateKey]);
            return (privateKey, publicKey, Ckk.Ec, "EC");
        }
        ulong second = TransportKey.TryGenerate(_session, 2048, out publicKey, out privateKey);
        if (second == Ckr.Ok)
        {
            _handles.AddRange([publicKey, privateKey]);
            return (privateKey, publicKey, Ckk.Rsa, "RSA");
        }
        Note("a private key to try wrapping on", false, $"C_GenerateKeyPair {Names.OfReturnValue(rv)} for EC, {Names.OfReturnValue(second)} for RSA");
        return default;
    }

    private bool ProbeDigestKey(ulong subject, byte[] value)
    {
        byte[] salt = RandomNumberGenerator.GetBytes(16);
        ulong rv = _session.TryDigestKey(new Mechanism(Ckm.Sha256), salt, subject, out byte[] digest);
        bool works = rv == Ckr.Ok && digest.AsSpan().SequenceEqual(SHA256.HashData([.. salt, .. value]));
        Note("C_DigestKey with SHA-256", works, works ? "tells keys apart by value and length" : Names.OfReturnValue(rv));
        return works;
    }

    /// <summary>Dates that are set: SoftHSM shows those that are not.</summary>
    private void ProbeDates()
    {
        AttributeMap template = SubjectTemplate().Set(Cka.Value, RandomNumberGenerator.GetBytes(32))
            .Set(Cka.StartDate, "20200101").Set(Cka.EndDate, "20991231");
        if (_session.TryCreateObject(template, out ulong subject) != Ckr.Ok)
        {
            return;
        }
        _handles.Add(subject);
        AttributeReading reading = _session.ReadAttributes(subject, [Cka.Class, Cka.StartDate, Cka.EndDate]);
        if (reading.Failed.Count > 0)
        {
            _quirks |= Quirks.PrivateDatesUnreadable;
            Note("dates of private objects", false, $"C_GetAttributeValue {Names.OfReturnValue(reading.Failed[0].ReturnValue)}");
        }
    }

    private void Note(string subject, bool works, string detail) => _findings.Add(new ProbeFinding(subject, works, detail));
}
