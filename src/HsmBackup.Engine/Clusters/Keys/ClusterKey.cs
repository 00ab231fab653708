using System.Security.Cryptography;
using HsmBackup.Engine.Protection;
using HsmBackup.Engine.Protection.Shares;
using HsmBackup.Engine.Tokens;

namespace HsmBackup.Engine.Clusters.Keys;

/// <summary>
/// A cluster key while it is in this process: from its making to its custodians' shares and the tokens, or from shares to a token. Nowhere
/// else, and no longer.
/// </summary>
public sealed class ClusterKey : IDisposable
{
    private readonly SecretBuffer _key;

    private ClusterKey(SecretBuffer key)
    {
        _key = key;
        Identity = ClusterKeyIdentity.Of(key.Span);
    }

    /// <summary>What it is known by.</summary>
    public ClusterKeyIdentity Identity { get; }

    /// <summary>
    /// Makes a new key from the random numbers of the operating system and of each token: HKDF-SHA256 over all of them, one behind the other.
    /// Whoever does not know the system's 32 bytes knows nothing of the key, whatever the tokens gave; and the other way round.
    /// </summary>
    /// <param name="nodes">The tokens. One without a random number generator adds nothing.</param>
    /// <param name="contributed">How many tokens took part.</param>
    public static ClusterKey Generate(IReadOnlyList<TokenConnection> nodes, out int contributed)
    {
        const int Each = ClusterKeyIdentity.KeyLength;
        using SecretBuffer sources = SecretBuffer.Random(Each * (nodes.Count + 1));
        contributed = 0;
        for (int i = 0; i < nodes.Count; i++)
        {
            // Over random bytes of the system: a token that claims to fill the buffer and does not takes nothing away.
            contributed += nodes[i].Session.TryGenerateRandom(sources.Span.Slice(Each * (i + 1), Each)) ? 1 : 0;
        }
        SecretBuffer key = new(Each);
        HKDF.DeriveKey(HashAlgorithmName.SHA256, sources.Span, key.Span, [], "hsm-backup/1 cluster-key"u8);
        return new ClusterKey(key);
    }

    /// <summary>Rebuilds a key from shares.</summary>
    /// <param name="shares">Enough shares.</param>
    /// <param name="expectedCheck">The check value that it must have.</param>
    /// <exception cref="HsmBackupException">SharesMissing, SharesInconsistent; ClusterKeyMismatch: the shares give another key.</exception>
    public static ClusterKey Rebuild(ShareCombiner shares, string expectedCheck)
    {
        SecretBuffer secret = shares.Combine();
        if (secret.Length == ClusterKeyIdentity.KeyLength)
        {
            ClusterKey key = new(secret);
            if (key.Identity.Check == expectedCheck)
            {
                return key;
            }
            key.Dispose();
        }
        secret.Dispose();
        throw new HsmBackupException(ErrorCode.ClusterKeyMismatch,
            $"The shares belong together, and what they give is not the cluster key {expectedCheck}.",
            "They are of another cluster whose set has the same identifier by chance. Find the shares of this cluster.");
    }

    /// <summary>Splits it into shares of a new set.</summary>
    /// <param name="threshold">How many shares give it back.</param>
    /// <param name="count">How many shares there are.</param>
    /// <param name="usedSets">Identifiers of sets that there were before.</param>
    /// <exception cref="HsmBackupException">InvalidArgument.</exception>
    public ShareSet Split(int threshold, int count, IReadOnlyCollection<int> usedSets) =>
        ShareSet.Split(_key.Span, threshold, count, options: new ShareSetOptions { UsedSetIds = usedSets });

    /// <summary>Brings it into a token and proves it there.</summary>
    /// <param name="connection">The token, open for writing.</param>
    /// <param name="added">False where it was there already.</param>
    /// <exception cref="HsmBackupException">TokenCannotWrap, ClusterKeyMismatch; nothing is left of it in the token.</exception>
    public TokenClusterKey PutInto(TokenConnection connection, out bool added) => TokenClusterKey.Import(connection, _key, Identity, out added);

    /// <inheritdoc/>
    public void Dispose() => _key.Dispose();

    /// <summary>Its check value.</summary>
    public override string ToString() => $"(cluster key {Identity.Check})";
}
