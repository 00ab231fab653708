using System.Collections.Immutable;
using System.Security.Cryptography;
using HsmBackup.Engine.Pkcs11;
using HsmBackup.Engine.Protection;

namespace HsmBackup.Engine.Tokens;

/// <summary>
/// What a cluster key is known by, without being known: all of it is public. The check value is worked out from the key while it is in
/// this process; a token, which will not show the key, proves it by wrapping a constant (docs/format.md, "Cluster key").
/// </summary>
/// <param name="Check">32 lower-case hex digits: 16 bytes of HKDF-SHA256 over the key.</param>
/// <param name="WrapChecks">For each form of wrapping, 32 lower-case hex digits: 16 bytes of SHA-256 over the wrapped constant.</param>
public sealed record ClusterKeyIdentity(string Check, IReadOnlyDictionary<WrapForm, string> WrapChecks)
{
    /// <summary>The length of a cluster key in bytes.</summary>
    public const int KeyLength = 32;

    /// <summary>The CKA_LABEL of a cluster key.</summary>
    public const string Label = "HsmBackup cluster key";

    /// <summary>The length of a check value in bytes.</summary>
    internal const int CheckLength = 16;

    /// <summary>The IV for <see cref="WrapForm.CbcPad"/> under a cluster key: what it wraps is the constant, or a random key.</summary>
    internal static readonly ImmutableArray<byte> ZeroIv = [.. new byte[16]];

    /// <summary>The published 32 bytes that a token wraps to show which cluster key it holds.</summary>
    internal static ImmutableArray<byte> Constant { get; } = [.. SHA256.HashData("hsm-backup/1 cluster-key check"u8)];

    /// <summary>The CKA_ID of a cluster key: its check value.</summary>
    internal byte[] Id => Convert.FromHexString(Check);

    /// <summary>What a cluster key is known by.</summary>
    /// <param name="key">32 bytes.</param>
    public static ClusterKeyIdentity Of(ReadOnlySpan<byte> key)
    {
        using SecretBuffer check = new(CheckLength);
        HKDF.DeriveKey(HashAlgorithmName.SHA256, key, check.Span, [], "hsm-backup/1 cluster-check"u8);
        return new ClusterKeyIdentity(Convert.ToHexStringLower(check.Span), new Dictionary<WrapForm, string>
        {
            [WrapForm.Rfc5649] = CheckOf(Wrap5649(key)),
            [WrapForm.Rfc3394] = CheckOf(Wrap3394(key, Constant.AsSpan())),
            // PKCS #7 behind 32 bytes, which are a multiple of eight, is eight bytes of eight.
            [WrapForm.Rfc3394Pkcs7] = CheckOf(Wrap3394(key, [.. Constant, 8, 8, 8, 8, 8, 8, 8, 8])),
            [WrapForm.CbcPad] = CheckOf(EncryptCbc(key)),
        });
    }

    /// <summary>The check value that a wrapping of the constant gives.</summary>
    internal static string CheckOf(ReadOnlySpan<byte> wrapped) => Convert.ToHexStringLower(SHA256.HashData(wrapped).AsSpan(0, CheckLength));

    /// <summary>True for the spelling of a check value.</summary>
    internal static bool IsCheck(string? text) => text is { Length: 2 * CheckLength } && text.All(char.IsAsciiHexDigitLower);

    private static byte[] Wrap5649(ReadOnlySpan<byte> key)
    {
        var wrapped = new byte[KeyWrap.WrappedLength5649(Constant.Length)];
        KeyWrap.Wrap5649(key, Constant.AsSpan(), wrapped);
        return wrapped;
    }

    private static byte[] Wrap3394(ReadOnlySpan<byte> key, ReadOnlySpan<byte> content)
    {
        var wrapped = new byte[KeyWrap.WrappedLength3394(content.Length)];
        KeyWrap.Wrap3394(key, content, wrapped);
        return wrapped;
    }

    private static byte[] EncryptCbc(ReadOnlySpan<byte> key)
    {
        using Aes aes = Aes.Create();
        aes.SetKey(key);
        return aes.EncryptCbc(Constant.AsSpan(), ZeroIv.AsSpan());
    }
}
