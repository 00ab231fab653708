using System.Security.Cryptography;
using System.Text;

namespace HsmBackup.Engine.Protection;

/// <summary>
/// The keys of one backup, each derived from its one-time key K by HKDF-SHA256 (RFC 5869) with the backup id (UTF-8) as
/// salt and <c>hsm-backup/1</c>, a blank and the use as info; 32 bytes each.
/// </summary>
public sealed class BackupKeys : IDisposable
{
    private const int KeyLength = 32;
    private const int CheckLength = 16;

    private BackupKeys(SecretBuffer cms, SecretBuffer seal, SecretBuffer kek, string check)
    {
        Cms = cms;
        Seal = seal;
        Kek = kek;
        Check = check;
    }

    /// <summary>The key that the segments of the file are encrypted for (use <c>cms</c>).</summary>
    public SecretBuffer Cms { get; }

    /// <summary>The key of the MAC over the whole file (use <c>seal</c>).</summary>
    public SecretBuffer Seal { get; }

    /// <summary>The key that wraps the keys of a token (use <c>kek</c>).</summary>
    public SecretBuffer Kek { get; }

    /// <summary>
    /// The public check value: the first 16 bytes of use <c>check</c> as 32 lower-case hex digits. It tells whether a key
    /// belongs to a backup and says nothing about the other keys.
    /// </summary>
    public string Check { get; }

    /// <summary>Derives the keys of a backup.</summary>
    /// <param name="key">The one-time key.</param>
    /// <param name="backupId">The id of the backup, exactly as its header has it.</param>
    /// <exception cref="ArgumentException">The id is empty.</exception>
    public static BackupKeys Derive(OneTimeKey key, string backupId)
    {
        ArgumentNullException.ThrowIfNull(key);
        ArgumentException.ThrowIfNullOrEmpty(backupId);
        byte[] salt = Encoding.UTF8.GetBytes(backupId);
        using SecretBuffer check = DeriveOne(key, salt, "hsm-backup/1 check"u8);
        return new BackupKeys(
            DeriveOne(key, salt, "hsm-backup/1 cms"u8),
            DeriveOne(key, salt, "hsm-backup/1 seal"u8),
            DeriveOne(key, salt, "hsm-backup/1 kek"u8),
            Convert.ToHexStringLower(check.Span[..CheckLength]));
    }

    /// <summary>Whether a check value, as a header has it, is the one of these keys. Takes the same time for any value.</summary>
    /// <param name="check">The check value: 32 lower-case hex digits.</param>
    public bool Matches(string check)
    {
        ArgumentNullException.ThrowIfNull(check);
        return CryptographicOperations.FixedTimeEquals(Encoding.UTF8.GetBytes(check), Encoding.UTF8.GetBytes(Check));
    }

    /// <summary>Overwrites the keys with zeros.</summary>
    public void Dispose()
    {
        Cms.Dispose();
        Seal.Dispose();
        Kek.Dispose();
    }

    /// <summary>Says which backup's keys these are by their public check value, never a key.</summary>
    public override string ToString() => $"(keys with check value {Check})";

    private static SecretBuffer DeriveOne(OneTimeKey key, ReadOnlySpan<byte> salt, ReadOnlySpan<byte> info)
    {
        SecretBuffer derived = new(KeyLength);
        HKDF.DeriveKey(HashAlgorithmName.SHA256, key.Bytes, derived.Span, salt, info);
        return derived;
    }
}
