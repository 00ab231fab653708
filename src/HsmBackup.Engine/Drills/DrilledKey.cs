using HsmBackup.Engine.Backup;

namespace HsmBackup.Engine.Drills;

/// <summary>A use of a key: what its flags allow was tried.</summary>
/// <param name="Use">
/// "Sign", "SignRecover", "Decrypt", "Derive", "Decapsulate", "Mac", "Encrypt", "Wrap", "Unwrap" or "Certificate" (a signature that the
/// certificate verifies).
/// </param>
/// <param name="Outcome">Passed; Failed; Skipped: it could not be tried, for the reason given.</param>
/// <param name="Detail">What was done, or why not.</param>
public sealed record DrilledUse(string Use, CheckOutcome Outcome, string Detail)
{
    /// <summary>The use and its outcome.</summary>
    public override string ToString() => $"{Use}: {Outcome}, {Detail}";
}

/// <summary>A key, or a certificate, on a target of a drill.</summary>
public sealed record DrilledKey
{
    /// <summary>The target node that it was recovered to.</summary>
    public required string Node { get; init; }

    /// <summary>The backup that it came from.</summary>
    public required string BackupId { get; init; }

    /// <summary>Its class by its PKCS#11 name.</summary>
    public required string Class { get; init; }

    /// <summary>Its key type by its PKCS#11 name; null for a certificate.</summary>
    public string? KeyType { get; init; }

    /// <summary>Its label.</summary>
    public required string Label { get; init; }

    /// <summary>CKA_ID in hex.</summary>
    public required string Id { get; init; }

    /// <summary>Whether it is on the target.</summary>
    public required bool Recovered { get; init; }

    /// <summary>Whether it was proven to be the key in the backup.</summary>
    public required CheckOutcome Proof { get; init; }

    /// <summary>What it was used for.</summary>
    public IReadOnlyList<DrilledUse> Uses { get; init; } = [];

    /// <summary>
    /// Failed where anything failed; Skipped where it was proven and could not be used; NotRun where the drill did not come so far.
    /// </summary>
    public required CheckOutcome Result { get; init; }

    /// <summary>Why it did not pass; null where it did.</summary>
    public string? Reason { get; init; }

    /// <summary>The key and its result.</summary>
    public override string ToString() =>
        $"{Class}{(KeyType is null ? "" : " " + KeyType)} '{Label}'{(Id.Length == 0 ? "" : $" (id {Id})")} on {Node}: {Result}";
}
