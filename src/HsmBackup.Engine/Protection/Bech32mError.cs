namespace HsmBackup.Engine.Protection;

/// <summary>What is wrong with a Bech32m text.</summary>
public enum Bech32mErrorKind
{
    /// <summary>Nothing is wrong.</summary>
    None,
    /// <summary>The text is longer than the 90 characters that BIP-350 allows.</summary>
    TooLong,
    /// <summary>The text is too short for a prefix, the separator <c>1</c> and a checksum of six characters.</summary>
    TooShort,
    /// <summary>Upper-case and lower-case letters are mixed; the position is that of the first letter that differs.</summary>
    MixedCase,
    /// <summary>The text does not begin with the expected prefix and the separator <c>1</c>.</summary>
    WrongPrefix,
    /// <summary>A character is not one of the 32 of the alphabet; the position says which.</summary>
    InvalidCharacter,
    /// <summary>The checksum does not fit: a character is wrong, or two are swapped.</summary>
    Checksum,
    /// <summary>The checksum fits, but the characters are not a whole number of bytes filled up with zero bits.</summary>
    Padding,
}

/// <summary>The outcome of reading a Bech32m text.</summary>
/// <param name="Kind">What is wrong.</param>
/// <param name="Position">Index of the character that is wrong, counted from 0; -1 where no single one is to blame.</param>
public readonly record struct Bech32mError(Bech32mErrorKind Kind, int Position = -1)
{
    /// <summary>Nothing is wrong.</summary>
    public static Bech32mError None { get; } = new(Bech32mErrorKind.None);
}
