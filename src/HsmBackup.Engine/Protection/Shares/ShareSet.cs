using System.Security.Cryptography;

namespace HsmBackup.Engine.Protection.Shares;

/// <summary>
/// A secret split into N shares of which any M give it back, as one group of SLIP-0039 with the extendable backup flag.
/// </summary>
/// <remarks>
/// A re-split gives a set with another identifier, by which shares of the earlier set are told apart. It does not take
/// their power away: M of them still give the same secret. Only a new secret does that.
/// </remarks>
public sealed class ShareSet : IDisposable
{
    private readonly Share[] _shares;

    private ShareSet(Share[] shares) => _shares = shares;

    /// <summary>The shares, in the order of their index. They are disposed with the set.</summary>
    public IReadOnlyList<Share> Shares => _shares;

    /// <summary>The random identifier of the set, 0 to 32767; it is not secret.</summary>
    public int SetId => _shares[0].SetId;

    /// <summary>The first two words of every share of the set; they are not secret.</summary>
    public string SetName => _shares[0].SetName;

    /// <summary>How many shares give the secret back.</summary>
    public int Threshold => _shares[0].Threshold;

    /// <summary>
    /// Splits a secret (SLIP-0039, "Generating the shares"), and combines the shares again before it hands them out: a share
    /// that was damaged in the making would be noticed when it is needed, and not before.
    /// </summary>
    /// <param name="secret">The secret: 16 to 64 bytes, an even number.</param>
    /// <param name="threshold">How many shares give the secret back.</param>
    /// <param name="count">How many shares are made; at most 16.</param>
    /// <param name="passphrase">
    /// Printable US-ASCII that is needed beside the shares; empty for none. A wrong one is not noticed, it gives another
    /// secret.
    /// </param>
    /// <param name="options">Iterations, and identifiers not to use.</param>
    /// <exception cref="HsmBackupException">
    /// <see cref="ErrorCode.InvalidArgument"/>: threshold, count, passphrase or options make no sense.
    /// </exception>
    /// <exception cref="ArgumentException">The length of the secret is not one that can be split.</exception>
    /// <exception cref="CryptographicException">The shares do not give the secret: the machine computes wrong.</exception>
    public static ShareSet Split(
        ReadOnlySpan<byte> secret,
        int threshold,
        int count,
        ReadOnlySpan<char> passphrase = default,
        ShareSetOptions? options = null)
    {
        options ??= new ShareSetOptions();
        if (!ShareEncoding.IsSecretLength(secret.Length))
        {
            throw new ArgumentException("A secret of 16 to 64 bytes, an even number, can be split.", nameof(secret));
        }
        CheckCounts(threshold, count);
        ShareHeader header = new(
            NewSetId(options.UsedSetIds), Extendable: true, CheckedExponent(options.IterationExponent),
            GroupIndex: 0, GroupThreshold: 1, GroupCount: 1, Index: 0, threshold);

        using SecretBuffer encrypted = SecretBuffer.CopyOf(secret);
        SecretCipher.Encrypt(encrypted.Span, passphrase, header);
        ShareSet set = SplitEncrypted(encrypted.Span, header, count);
        try
        {
            set.CheckValues(encrypted.Span);
            SecretCipher.Decrypt(encrypted.Span, passphrase, header);
            RequireEqual(encrypted.Span, secret);
            return set;
        }
        catch
        {
            set.Dispose();
            throw;
        }
    }

    /// <summary>Overwrites all shares with zeros.</summary>
    public void Dispose()
    {
        foreach (Share share in _shares)
        {
            share.Dispose();
        }
    }

    /// <summary>Says which set it is, and nothing of its shares.</summary>
    public override string ToString() => $"(share set {SetName})";

    /// <summary>The part of <see cref="Split"/> that comes after the encryption.</summary>
    internal static ShareSet SplitEncrypted(ReadOnlySpan<byte> encrypted, ShareHeader header, int count)
    {
        int length = encrypted.Length;
        using SecretBuffer values = new(count * length);
        ShamirScheme.Split(header.Threshold, count, encrypted, values.Span);
        Share[] shares = new Share[count];
        for (int i = 0; i < count; i++)
        {
            shares[i] = Share.Create(header with { Index = i }, values.Span.Slice(i * length, length));
        }
        return new ShareSet(shares);
    }

    /// <summary>Recovers the encrypted secret from the words of the shares, each share taking part at least once.</summary>
    internal void CheckValues(ReadOnlySpan<byte> encrypted)
    {
        for (int first = 0; first < _shares.Length; first++)
        {
            using ShareCombiner combiner = new();
            for (int i = 0; i < Threshold; i++)
            {
                combiner.Add(_shares[(first + i) % _shares.Length]).ThrowIfRefused();
            }
            using SecretBuffer recovered = combiner.CombineEncrypted();
            RequireEqual(recovered.Span, encrypted);
        }
    }

    private static void RequireEqual(ReadOnlySpan<byte> recovered, ReadOnlySpan<byte> expected)
    {
        if (!CryptographicOperations.FixedTimeEquals(recovered, expected))
        {
            throw new CryptographicException("The shares that were made do not give the secret back.");
        }
    }

    /// <summary>Refuses thresholds and counts that make no sense.</summary>
    /// <exception cref="HsmBackupException">InvalidArgument.</exception>
    internal static void CheckCounts(int threshold, int count)
    {
        if (count is < 1 or > ShamirScheme.MaxCount)
        {
            throw Invalid($"A secret cannot be split into {count} shares.", "Choose from 1 to 16 shares.");
        }
        if (threshold < 1 || threshold > count)
        {
            throw Invalid(
                $"With {count} shares, the number needed cannot be {threshold}.",
                "Choose a number from 2 to the number of shares.");
        }
        // SLIP-0039, "Generating the shares", step 1: it would be the same share many times over.
        if (threshold == 1 && count > 1)
        {
            throw Invalid(
                $"If one share is enough, {count} shares are copies of the secret, and the standard of shares forbids them.",
                "Make two or more shares needed, or make one share only.");
        }
    }

    private static int CheckedExponent(int exponent) => exponent is >= 0 and < ShareHeader.IterationExponentLimit
        ? exponent
        : throw Invalid($"The iteration exponent cannot be {exponent}.", "Choose from 0 to 15.");

    private static int NewSetId(IReadOnlyCollection<int> used)
    {
        int[] free = [.. Enumerable.Range(0, ShareHeader.SetIdLimit).Except(used)];
        return free.Length > 0
            ? free[RandomNumberGenerator.GetInt32(free.Length)]
            : throw Invalid($"Every identifier of a set has been used.", "Make a new key, and forget the sets of the old one.");
    }

    private static HsmBackupException Invalid(FormattableString message, string recommendedAction) =>
        new(ErrorCode.InvalidArgument, FormattableString.Invariant(message), recommendedAction);
}
