using System.Security.Cryptography;
using HsmBackup.Engine.Backup;
using HsmBackup.Engine.Pkcs11;
using HsmBackup.Engine.Protection;
using HsmBackup.Engine.Tokens;

namespace HsmBackup.Engine.Tests.Support;

/// <summary>
/// Says what a token or a backup holds without the engine's own comparison: class, label and the key itself, told by its
/// value, its modulus, or what it makes of a zero block. Equal lines are the same object.
/// </summary>
internal static class Witness
{
    /// <summary>The objects of a token, through a connection of its own.</summary>
    public static List<string> OfToken(ScratchToken token)
    {
        using TokenConnection connection = TokenConnection.Open(token.Address, token.Pin, readWrite: true, CancellationToken.None);
        return [.. connection.Session.FindTokenObjects().Select(handle => OfObject(connection.Session, handle)).Order(StringComparer.Ordinal)];
    }

    /// <summary>The objects that a backup can bring back.</summary>
    public static List<string> OfBackup(string path, OneTimeKey key)
    {
        using OpenedBackup backup = OpenedBackup.Open(path, key, CancellationToken.None);
        return [.. backup.Records(CancellationToken.None).Where(r => r.Verdict == Verdict.Captured).Select(r => OfRecord(r, backup)).Order(StringComparer.Ordinal)];
    }

    /// <summary>What is in <paramref name="left"/> and not in <paramref name="right"/>; two equal objects need two.</summary>
    public static List<string> Missing(IEnumerable<string> left, params IEnumerable<string>[] right)
    {
        var missing = new List<string>(left);
        foreach (string line in right.SelectMany(r => r))
        {
            missing.Remove(line);
        }
        return missing;
    }

    private static string OfObject(Pkcs11Session session, ulong handle)
    {
        AttributeMap map = session.ReadAttributes(handle, [Cka.Class, Cka.KeyType, Cka.Label]).Attributes;
        byte[] key;
        if (map.Number(Cka.KeyType) == Ckk.Aes)
        {
            session.TryEncrypt(new Mechanism(Ckm.AesEcb), handle, new byte[16], out key);
        }
        else
        {
            AttributeMap told = session.ReadAttributes(handle, [Cka.Modulus, Cka.EcPoint, Cka.Value]).Attributes;
            key = PublicPart(told) ?? told.Bytes(Cka.Value) ?? [];
        }
        return Line(map.Number(Cka.Class) ?? 0, map.Text(Cka.Label), key);
    }

    private static string OfRecord(ObjectRecord record, OpenedBackup backup)
    {
        if (!record.HasSecret)
        {
            return Line(record.ObjectClass, record.Label, PublicPart(record.Attributes) ?? record.Attributes.Bytes(Cka.Value) ?? []);
        }
        using SecretBuffer value = HostUnwrap.Open(
            record, backup.Keys.Kek, backup.Manifest.Iv, backup.Manifest.TransportKeys, backup.Manifest.TransportForm)!;
        return Line(record.ObjectClass, record.Label, record.KeyType switch
        {
            Ckk.Aes => EncryptedZeroes(value.Span),
            Ckk.Rsa => ModulusOf(value.Span),
            Ckk.Ec => PrivateValueOf(value.Span),
            _ => value.Span.ToArray(),
        });
    }

    private static string Line(ulong objectClass, string? label, byte[] key) =>
        $"{Names.OfClass(objectClass)} {label} {Convert.ToHexStringLower(SHA256.HashData(key)).AsSpan(0, 16)}";

    private static byte[]? PublicPart(AttributeMap map) =>
        map.Bytes(Cka.Modulus) is { Length: > 0 } modulus ? modulus : map.Bytes(Cka.EcPoint) is { Length: > 0 } point ? point : null;

    private static byte[] EncryptedZeroes(ReadOnlySpan<byte> key)
    {
        using var aes = Aes.Create();
        aes.SetKey(key);
        return aes.EncryptEcb(new byte[16], PaddingMode.None);
    }

    private static byte[] ModulusOf(ReadOnlySpan<byte> pkcs8)
    {
        using var rsa = RSA.Create();
        rsa.ImportPkcs8PrivateKey(pkcs8, out _);
        return rsa.ExportParameters(includePrivateParameters: false).Modulus!;
    }

    private static byte[] PrivateValueOf(ReadOnlySpan<byte> pkcs8)
    {
        using var ec = ECDsa.Create();
        ec.ImportPkcs8PrivateKey(pkcs8, out _);
        // As SoftHSM shows it: a number without leading zero bytes.
        return ec.ExportParameters(includePrivateParameters: true).D.AsSpan().TrimStart((byte)0).ToArray();
    }
}
