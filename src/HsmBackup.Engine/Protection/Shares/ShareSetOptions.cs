namespace HsmBackup.Engine.Protection.Shares;

/// <summary>How a secret is split; the defaults are right for a random key.</summary>
public sealed record ShareSetOptions
{
    /// <summary>
    /// PBKDF2 makes 10,000 times two to this power iterations, 0 to 15. It slows down who guesses a passphrase; without a
    /// passphrase there is nothing to guess, hence the default of 0.
    /// </summary>
    public int IterationExponent { get; init; }

    /// <summary>
    /// Identifiers of earlier sets, which the new set must not have: so that old shares are recognised after a re-split
    /// without exception, and not but for chance.
    /// </summary>
    public IReadOnlyCollection<int> UsedSetIds { get; init; } = [];
}
