using System.Security.Cryptography;
using HsmBackup.Engine.Pkcs11;
using HsmBackup.Engine.Protection;

namespace HsmBackup.Engine.Tokens;

/// <summary>
/// Evidence that a key on a token is the key in a backup: wrapped again under the same KEK it gives the same bytes. One call, any
/// kind of key, no exposure. Where the backup was made of another maker's token, the bytes may differ though the key is the same; then,
/// in one-time-key mode, both are opened in this process and compared by their numbers.
/// </summary>
public sealed class KeyProof
{
    private readonly Pkcs11Session _session;
    private readonly KeyEncryptionKey _kek;
    private readonly HostKeys? _host;

    /// <summary>Proves keys of one backup on one token.</summary>
    public KeyProof(TokenConnection connection, KeyEncryptionKey kek)
        : this(connection, kek, null)
    {
    }

    /// <summary>The same, where this process may open the keys.</summary>
    internal KeyProof(TokenConnection connection, KeyEncryptionKey kek, HostKeys? host)
    {
        _session = connection.Session;
        _kek = kek;
        _host = host;
    }

    /// <summary>Proves one key.</summary>
    /// <param name="handle">The key on the token.</param>
    /// <param name="record">The key in the backup.</param>
    /// <param name="detail">What was seen, where it is no proof.</param>
    public bool Prove(ulong handle, ObjectRecord record, out string? detail)
    {
        KeyMaterial material = record.Material ?? throw new ArgumentException("The record has no key.", nameof(record));
        if (material.Form == WrapForm.Value)
        {
            return ProveByValue(handle, record, material, out detail);
        }
        WrapForm form = material.Form == WrapForm.RsaOaep ? _kek.MethodFor(record.ObjectClass)?.Form ?? material.Form : material.Form;
        if (_kek.MechanismFor(form, record.ObjectClass) is not { } mechanism)
        {
            detail = $"the token cannot wrap as {material.Form}";
            return ProveOnHost(handle, record, ref detail);
        }
        ulong rv = _session.TryWrapKey(mechanism, _kek.Handle, handle, out ReadOnlySpan<byte> wrapped);
        if (rv != Ckr.Ok)
        {
            detail = $"C_WrapKey returned {Names.OfReturnValue(rv)}";
            return false;
        }
        if (CryptographicOperations.FixedTimeEquals(wrapped, ObjectComparison.KeyBytes(material)))
        {
            return ProveLength(handle, material, out detail);
        }
        detail = "the key is another one: wrapped again it gives other bytes";
        return ProveOnHost(handle, record, ref detail);
    }

    /// <summary>
    /// Where wrapping pads with zero bytes, equal bytes do not mean equal length; the salted digest of the value does. A token
    /// without C_DigestKey keeps the proof of the value only, which the detail says.
    /// </summary>
    /// <param name="handle">The key on the token.</param>
    /// <param name="material">The key in the backup.</param>
    /// <param name="detail">What was seen, where it is no proof.</param>
    internal bool ProveLength(ulong handle, KeyMaterial material, out string? detail)
    {
        detail = null;
        if (material.Form != WrapForm.RsaOaep)
        {
            return true;
        }
        if (material.Digest is not { } expected || !_kek.Capabilities.DigestsKeys)
        {
            detail = "the value is proven up to trailing zero bytes; this token has no way of proving the length";
            return true;
        }
        ulong rv = _session.TryDigestKey(new Mechanism(Ckm.Sha256), expected.Salt, handle, out byte[] digest);
        if (rv == Ckr.Ok && CryptographicOperations.FixedTimeEquals(digest, expected.Digest))
        {
            return true;
        }
        detail = rv == Ckr.Ok ? "the key has another length" : $"C_DigestKey returned {Names.OfReturnValue(rv)}";
        return false;
    }

    /// <summary>What the token wraps, in its own way, and what the backup holds, opened and compared in this process.</summary>
    private bool ProveOnHost(ulong handle, ObjectRecord record, ref string? detail)
    {
        if (_host is null || _kek.MethodFor(record.ObjectClass) is not { } method
            || _kek.TryWrap(method, handle, out ReadOnlySpan<byte> wrapped) != Ckr.Ok)
        {
            return false;
        }
        var actual = new ObjectRecord
        {
            Attributes = new AttributeMap().Set(Cka.Class, record.ObjectClass),
            Material = new KeyMaterial { Form = method.Form, Data = wrapped.ToArray() },
        };
        if (record.ObjectClass != Cko.PrivateKey)
        {
            return ProveSecretOnHost(handle, record, actual, method, ref detail);
        }
        using var digestKey = SecretBuffer.Random(32);
        if (_host.Digest(record, digestKey) is not { } expected || expected != _host.Digest(actual, digestKey))
        {
            return false;
        }
        detail = null;
        return true;
    }

    private bool ProveSecretOnHost(ulong handle, ObjectRecord record, ObjectRecord actual, WrapMethod method, ref string? detail)
    {
        using SecretBuffer? expected = _host!.Open(record);
        using SecretBuffer? found = _host.Open(actual);
        if (expected is null || found is null)
        {
            return false;
        }
        int padded = method.ExactLengths ? expected.Length : (expected.Length + 7) & ~7;
        if (found.Length != padded || !CryptographicOperations.FixedTimeEquals(found.Span[..expected.Length], expected.Span)
            || found.Span[expected.Length..].ContainsAnyExcept((byte)0))
        {
            return false;
        }
        detail = null;
        if (method.ExactLengths)
        {
            return true;
        }
        byte[] salt = RandomNumberGenerator.GetBytes(16);
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        hash.AppendData(salt);
        hash.AppendData(expected.Span);
        return ProveLength(handle, new KeyMaterial { Form = WrapForm.RsaOaep, Digest = (salt, hash.GetHashAndReset()) }, out detail);
    }

    private bool ProveByValue(ulong handle, ObjectRecord record, KeyMaterial material, out string? detail)
    {
        detail = null;
        AttributeReading reading;
        try
        {
            reading = _session.ReadAttributes(handle, SecretAttributes.For(record.ObjectClass, record.KeyType ?? ulong.MaxValue));
        }
        catch (Pkcs11Exception e)
        {
            detail = $"its value cannot be read back: {Names.OfReturnValue(e.ReturnValue)}";
            return false;
        }
        bool same = material.Values!.All(v => reading.Attributes.Bytes(v.Type) is { } b && CryptographicOperations.FixedTimeEquals(v.Value, b));
        foreach (TokenAttribute attribute in reading.Attributes)
        {
            CryptographicOperations.ZeroMemory(attribute.Value);
        }
        detail = same ? null : "the key is another one: its value is different";
        return same;
    }
}
