using System.Security.Cryptography;
using HsmBackup.Engine.Pkcs11;
using HsmBackup.Engine.Protection;

namespace HsmBackup.Engine.Tokens;

/// <summary>
/// The wrapped keys of a backup, opened in this process to be compared: tokens of different makers encode and wrap the same key
/// differently, and then equal bytes cannot be asked for. Only in one-time-key mode, where this process has the KEK anyway.
/// </summary>
/// <param name="kek">The KEK.</param>
/// <param name="iv">The backup's IV.</param>
/// <param name="transportKeys">The backup's transport keys.</param>
/// <param name="transportForm">Their form.</param>
internal sealed class HostKeys(SecretBuffer kek, byte[] iv, IReadOnlyDictionary<int, byte[]> transportKeys, WrapForm transportForm)
{
    /// <summary>The value of a secret key or the PKCS #8 of a private key; null where it cannot be opened.</summary>
    public SecretBuffer? Open(ObjectRecord record) => HostUnwrap.Open(record, kek, iv, transportKeys, transportForm);

    /// <summary>A keyed digest that is equal for equal keys, however they were encoded and wrapped; null where the key cannot be opened.</summary>
    /// <param name="record">The key.</param>
    /// <param name="digestKey">A random key of the comparison: the digest means nothing elsewhere.</param>
    public string? Digest(ObjectRecord record, SecretBuffer digestKey)
    {
        using SecretBuffer? content = Open(record);
        return content is null ? null : Digest(record.ObjectClass, content.Span, digestKey);
    }

    /// <summary>The same for keys whose length is proven elsewhere: zero bytes at the end of a secret key do not count.</summary>
    public string? DigestUpToPadding(ObjectRecord record, SecretBuffer digestKey)
    {
        using SecretBuffer? content = Open(record);
        return content is null ? null
            : Digest(record.ObjectClass, record.ObjectClass == Cko.PrivateKey ? content.Span : content.Span.TrimEnd((byte)0), digestKey);
    }

    /// <summary>The public value of a private EC or DSA key; null where it cannot be worked out.</summary>
    public byte[]? PublicValue(ObjectRecord record)
    {
        using SecretBuffer? content = record.ObjectClass == Cko.PrivateKey ? Open(record) : null;
        return content is null ? null : PrivateKeyInfo.PublicValue(content.Span);
    }

    private static string? Digest(ulong objectClass, ReadOnlySpan<byte> content, SecretBuffer digestKey)
    {
        using var hash = IncrementalHash.CreateHMAC(HashAlgorithmName.SHA256, digestKey.Span);
        if (objectClass != Cko.PrivateKey)
        {
            hash.AppendData(content);
        }
        else if (!PrivateKeyInfo.TryAppendIdentity(hash, content))
        {
            return null;
        }
        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }
}
