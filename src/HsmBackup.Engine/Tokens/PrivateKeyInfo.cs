using System.Formats.Asn1;
using System.Security.Cryptography;

namespace HsmBackup.Engine.Tokens;

/// <summary>
/// Reads PKCS #8 private keys (RFC 5208) where they stand, in pinned memory. Tokens encode the same key differently: with or without
/// the public key (RFC 5915), with zero bytes before a number or after the whole. What makes a key the same key is in the numbers.
/// </summary>
internal static class PrivateKeyInfo
{
    private const string Rsa = "1.2.840.113549.1.1.1";
    private const string Ec = "1.2.840.10045.2.1";
    private const string Dsa = "1.2.840.10040.4.1";
    private const string Dh = "1.2.840.113549.1.3.1";

    /// <summary>Adds what makes the key the key that it is to a keyed hash.</summary>
    /// <returns>False where it is no key that can be read, or one whose public part is not its own.</returns>
    public static bool TryAppendIdentity(IncrementalHash hash, ReadOnlySpan<byte> pkcs8)
    {
        try
        {
            Parts parts = Split(pkcs8);
            Append(hash, System.Text.Encoding.ASCII.GetBytes(parts.Algorithm));
            switch (parts.Algorithm)
            {
                case Rsa:
                    AppendNumbers(hash, Inside(parts.Key), int.MaxValue);
                    return true;
                case Ec:
                    Append(hash, parts.Parameters);
                    Append(hash, EcScalar(parts.Key, out ReadOnlySpan<byte> point).TrimStart((byte)0));
                    return point.IsEmpty || EcPoint(parts) is not { } own || point.SequenceEqual(own);
                case Dsa or Dh:
                    // After prime and base, DH may say how long its values are: a hint to its user.
                    AppendNumbers(hash, Inside(parts.Parameters), parts.Algorithm == Dsa ? 3 : 2);
                    AppendNumbers(hash, parts.Key, 1);
                    return true;
                default:
                    Append(hash, parts.Parameters);
                    Append(hash, parts.Key);
                    return true;
            }
        }
        catch (Exception e) when (e is AsnContentException or CryptographicException)
        {
            return false;
        }
    }

    /// <summary>The public value of an EC key (a bare point) or a DSA key; null where it cannot be worked out.</summary>
    public static byte[]? PublicValue(ReadOnlySpan<byte> pkcs8)
    {
        try
        {
            Parts parts = Split(pkcs8);
            switch (parts.Algorithm)
            {
                case Ec when EcPoint(parts) is { } point:
                    return point;
                case Ec:
                    _ = EcScalar(parts.Key, out ReadOnlySpan<byte> told);
                    return told.IsEmpty ? null : told.ToArray();
                case Dsa:
#pragma warning disable CA5384 // The key exists; only its public half is asked for.
                    using (var dsa = DSA.Create())
#pragma warning restore CA5384
                    {
                        dsa.ImportPkcs8PrivateKey(pkcs8, out _);
                        return dsa.ExportParameters(false).Y;
                    }
                default:
                    return null;
            }
        }
        catch (Exception e) when (e is AsnContentException or CryptographicException)
        {
            return null;
        }
    }

    private static Parts Split(ReadOnlySpan<byte> pkcs8)
    {
        ReadOnlySpan<byte> rest = Inside(pkcs8);
        Skip(ref rest);
        ReadOnlySpan<byte> algorithm = Inside(Next(ref rest));
        string oid = AsnDecoder.ReadObjectIdentifier(algorithm, AsnEncodingRules.BER, out int consumed);
        return new Parts { Algorithm = oid, Parameters = algorithm[consumed..], Key = Inside(rest) };
    }

    /// <summary>ECPrivateKey (RFC 5915): version, the scalar, [0] parameters, [1] the point.</summary>
    private static ReadOnlySpan<byte> EcScalar(ReadOnlySpan<byte> key, out ReadOnlySpan<byte> point)
    {
        ReadOnlySpan<byte> rest = Inside(key);
        Skip(ref rest);
        ReadOnlySpan<byte> scalar = Inside(Next(ref rest));
        point = default;
        while (!rest.IsEmpty)
        {
            bool isPoint = rest[0] == 0xA1;
            ReadOnlySpan<byte> content = Inside(Next(ref rest));
            // Within the BIT STRING: a byte for the number of unused bits, then the point.
            point = isPoint ? Inside(content)[1..] : point;
        }
        return scalar;
    }

    /// <summary>The point that belongs to the scalar; null for curves that this platform does not know.</summary>
    private static byte[]? EcPoint(Parts parts)
    {
        byte[] scalar = GC.AllocateUninitializedArray<byte>(EcScalar(parts.Key, out _).Length, pinned: true);
        try
        {
            EcScalar(parts.Key, out _).CopyTo(scalar);
            string curve = AsnDecoder.ReadObjectIdentifier(parts.Parameters, AsnEncodingRules.BER, out _);
            using var key = ECDsa.Create(new ECParameters { Curve = ECCurve.CreateFromValue(curve), D = scalar });
            ECPoint q = key.ExportParameters(false).Q;
            return [4, .. q.X!, .. q.Y!];
        }
        catch (Exception e) when (e is AsnContentException or CryptographicException or PlatformNotSupportedException)
        {
            return null;
        }
        finally
        {
            CryptographicOperations.ZeroMemory(scalar);
        }
    }

    private static void AppendNumbers(IncrementalHash hash, ReadOnlySpan<byte> integers, int most)
    {
        for (int i = 0; i < most && !integers.IsEmpty; i++)
        {
            Append(hash, Inside(Next(ref integers)).TrimStart((byte)0));
        }
    }

    private static void Append(IncrementalHash hash, ReadOnlySpan<byte> bytes)
    {
        Span<byte> length = stackalloc byte[4];
        System.Buffers.Binary.BinaryPrimitives.WriteInt32LittleEndian(length, bytes.Length);
        hash.AppendData(length);
        hash.AppendData(bytes);
    }

    /// <summary>The content of the value that stands first.</summary>
    private static ReadOnlySpan<byte> Inside(ReadOnlySpan<byte> value)
    {
        AsnDecoder.ReadEncodedValue(value, AsnEncodingRules.BER, out int offset, out int length, out _);
        return value.Slice(offset, length);
    }

    /// <summary>The value that stands first, and then the rest.</summary>
    private static ReadOnlySpan<byte> Next(scoped ref ReadOnlySpan<byte> rest)
    {
        AsnDecoder.ReadEncodedValue(rest, AsnEncodingRules.BER, out _, out _, out int consumed);
        ReadOnlySpan<byte> value = rest[..consumed];
        rest = rest[consumed..];
        return value;
    }

    private static void Skip(scoped ref ReadOnlySpan<byte> rest) => _ = Next(ref rest);

    private ref struct Parts
    {
        public required string Algorithm { get; init; }

        public required ReadOnlySpan<byte> Parameters { get; init; }

        public required ReadOnlySpan<byte> Key { get; init; }
    }
}
