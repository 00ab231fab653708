using System.Security.Cryptography;
using HsmBackup.Engine.Pkcs11;
using HsmBackup.Engine.Protection;

namespace HsmBackup.Engine.Tokens;

/// <summary>
/// The key-encryption key of a backup inside a token: wraps keys of the token the way that the token was seen to master, and
/// unwraps what a backup holds. It is a session object and goes with the session.
/// </summary>
public sealed partial class KeyEncryptionKey : IDisposable
{
    private readonly Pkcs11Session _session;
    private readonly Dictionary<int, (ulong Public, ulong Private)> _transport = [];
    private readonly HashSet<ulong> _refusedHashes = [];
    private byte[] _iv;
    private bool _disposed;

    private KeyEncryptionKey(Pkcs11Session session, TokenCapabilities capabilities, ulong handle, byte[] iv)
    {
        _session = session;
        Capabilities = capabilities;
        Handle = handle;
        _iv = iv;
    }

    /// <summary>What the token can do.</summary>
    public TokenCapabilities Capabilities { get; }

    /// <summary>The handle of the key.</summary>
    public ulong Handle { get; }

    /// <summary>
    /// The IV of <see cref="WrapForm.CbcPad"/>: one for a whole backup, because a wrapping that gives the same bytes again is
    /// what proves a key. The KEK serves one backup only, and the wrapped keys stand inside its sealed segments.
    /// </summary>
    public ReadOnlySpan<byte> Iv => _iv;

    /// <summary>The transport key's private half wrapped under the KEK, by modulus length; empty while nothing needed it.</summary>
    public IReadOnlyDictionary<int, byte[]> TransportKeys => _wrappedTransport;

    private readonly Dictionary<int, byte[]> _wrappedTransport = [];

    /// <summary>Puts a KEK into a token.</summary>
    /// <param name="connection">The token.</param>
    /// <param name="kek">32 bytes.</param>
    /// <param name="iv">The backup's IV; null for a new backup.</param>
    /// <exception cref="HsmBackupException">TokenCannotWrap; TokenError: the token went away.</exception>
    public static KeyEncryptionKey Import(TokenConnection connection, SecretBuffer kek, byte[]? iv = null)
    {
        TokenCapabilities capabilities = connection.Capabilities;
        string refusal = capabilities.Findings.FirstOrDefault(f => !f.Works)?.Detail ?? "";
        ulong handle = capabilities.KekImport == KekImport.None ? 0 : WrappingKeyImport.Import(
            connection.Session, kek.Span, capabilities.KekImport, out _, out _, out refusal);
        if (handle == 0)
        {
            // A token that went away refuses everything, and is not to be blamed for what it cannot do.
            connection.CheckPresent();
            throw new HsmBackupException(ErrorCode.TokenCannotWrap,
                $"No key-encryption key can be brought into token '{connection.Token.Label}'. {refusal}",
                "See what the token was seen to do (-Verbose prints the probe). A token without C_CreateObject for AES keys and without RSA-OAEP "
                + "unwrapping cannot be backed up over PKCS#11.")
            { Target = connection.Token.Label };
        }
        return new KeyEncryptionKey(connection.Session, capabilities, handle, iv ?? RandomNumberGenerator.GetBytes(16));
    }

    /// <summary>Wraps a key under the KEK.</summary>
    /// <returns>The CKR value; the bytes are valid until the next wrapping.</returns>
    public ulong TryWrap(WrapMethod method, ulong key, out ReadOnlySpan<byte> wrapped) =>
        _session.TryWrapKey(method.ToMechanism(_iv), Handle, key, out wrapped);

    /// <summary>The method for a kind of key; null where the token has none.</summary>
    public WrapMethod? MethodFor(ulong objectClass) => objectClass == Cko.PrivateKey ? Capabilities.PrivateKeys : Capabilities.SecretKeys;

    /// <summary>The mechanism of this token for a form found in a backup; null where the token does not master it.</summary>
    public Mechanism? MechanismFor(WrapForm form, ulong objectClass)
    {
        WrapMethod?[] known = objectClass == Cko.PrivateKey
            ? [Capabilities.PrivateKeys]
            : [Capabilities.SecretKeys, Capabilities.OddLengths];
        WrapMethod? method = Array.Find(known, m => m?.Form == form)
            // The other kind's method is better than none: a token that wraps RFC 5649 for one mostly unwraps it for the other.
            ?? Array.Find([Capabilities.SecretKeys, Capabilities.PrivateKeys], m => m?.Form == form);
        return method?.ToMechanism(_iv);
    }

    /// <summary>
    /// Wraps a secret key by RSA-OAEP under the transport key, made when first needed: the one way to keep the length of a
    /// value where AES key wrap rounds it.
    /// </summary>
    /// <param name="key">The key.</param>
    /// <param name="length">Its length in bytes if known.</param>
    /// <param name="hash">The hash that the token took.</param>
    /// <param name="wrapped">The bytes.</param>
    public bool TryWrapExactly(ulong key, int? length, out ulong hash, out byte[] wrapped)
    {
        wrapped = [];
        hash = 0;
        foreach (int bits in (int[])[2048, 4096])
        {
            if (length > TransportKey.Capacity(bits, Ckm.Sha1) || !TryGetTransport(bits, out ulong publicKey))
            {
                continue;
            }
            foreach (ulong candidate in ((ulong[])[Ckm.Sha256, Ckm.Sha1]).Where(h => !_refusedHashes.Contains(h)))
            {
                ulong rv = _session.TryWrapKey(Mechanism.RsaOaep(candidate), publicKey, key, out ReadOnlySpan<byte> bytes);
                if (rv == Ckr.Ok)
                {
                    hash = candidate;
                    wrapped = bytes.ToArray();
                    return true;
                }
                if (rv is Ckr.ArgumentsBad or Ckr.MechanismInvalid or Ckr.MechanismParamInvalid)
                {
                    // SoftHSM: SHA-1 and no other. Not to be asked again for every key.
                    _refusedHashes.Add(candidate);
                }
            }
            if (_refusedHashes.Count == 2)
            {
                // No RSA-OAEP for keys at all: a longer RSA key, which takes seconds to make, would not help.
                return false;
            }
        }
        return false;
    }

    /// <summary>The transport private key of a backup, unwrapped into this token; 0 where that fails.</summary>
    /// <param name="wrappedKeys">The backup's transport keys by modulus length.</param>
    /// <param name="form">Their form.</param>
    /// <param name="bits">The modulus length.</param>
    public ulong TransportPrivateKey(IReadOnlyDictionary<int, byte[]> wrappedKeys, WrapForm form, int bits)
    {
        if (_transport.TryGetValue(bits, out (ulong Public, ulong Private) known))
        {
            return known.Private;
        }
        if (!wrappedKeys.TryGetValue(bits, out byte[]? wrapped) || MechanismFor(form, Cko.PrivateKey) is not { } mechanism)
        {
            return 0;
        }
        AttributeMap template = TransportKey.PrivateTemplate().Set(Cka.Class, Cko.PrivateKey).Set(Cka.KeyType, Ckk.Rsa);
        _session.TryUnwrapKey(mechanism, Handle, wrapped, template, out ulong handle);
        _transport[bits] = (0, handle);
        return handle;
    }

    /// <summary>True for the KEK itself and the transport keys.</summary>
    internal bool Owns(ulong handle) => handle == Handle || _transport.Values.Any(t => handle == t.Public || handle == t.Private);

    /// <summary>Uses the IV of a backup that is being read.</summary>
    internal void UseIv(byte[] iv) => _iv = iv;

    /// <inheritdoc/>
    public void Dispose()
    {
        if (_disposed)
        {
            // The handles may be those of other objects by now.
            return;
        }
        _disposed = true;
        _session.TryDestroyObject(Handle);
        foreach ((ulong publicKey, ulong privateKey) in _transport.Values)
        {
            foreach (ulong handle in (ulong[])[publicKey, privateKey])
            {
                if (handle != 0)
                {
                    _session.TryDestroyObject(handle);
                }
            }
        }
    }

    private bool TryGetTransport(int bits, out ulong publicKey)
    {
        if (_transport.TryGetValue(bits, out (ulong Public, ulong Private) known))
        {
            publicKey = known.Public;
            return publicKey != 0;
        }
        ulong privateKey = 0;
        publicKey = 0;
        if (Capabilities.PrivateKeys is { } method
            && TransportKey.TryGenerate(_session, bits, out publicKey, out privateKey) == Ckr.Ok
            && TryWrap(method, privateKey, out ReadOnlySpan<byte> wrapped) == Ckr.Ok)
        {
            _wrappedTransport[bits] = wrapped.ToArray();
            _transport[bits] = (publicKey, privateKey);
            return true;
        }
        _transport[bits] = (0, privateKey);
        publicKey = 0;
        return false;
    }
}
