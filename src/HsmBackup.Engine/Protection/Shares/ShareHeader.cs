namespace HsmBackup.Engine.Protection.Shares;

/// <summary>
/// What the first four words of a share say: 40 bits, most significant first (SLIP-0039, "Format of the share mnemonic").
/// Nothing of it is secret.
/// </summary>
/// <param name="SetId">The random identifier of the set, 15 bits.</param>
/// <param name="Extendable">Whether the encryption of the secret does without the identifier.</param>
/// <param name="IterationExponent">PBKDF2 makes 10,000 times two to this power iterations; 0 to 15.</param>
/// <param name="GroupIndex">Which group the share is of, from 0.</param>
/// <param name="GroupThreshold">How many groups are needed, 1 to 16.</param>
/// <param name="GroupCount">How many groups there are, 1 to 16.</param>
/// <param name="Index">Which share of its group it is, from 0.</param>
/// <param name="Threshold">How many shares of its group are needed, 1 to 16.</param>
internal readonly record struct ShareHeader(
    int SetId, bool Extendable, int IterationExponent,
    int GroupIndex, int GroupThreshold, int GroupCount, int Index, int Threshold)
{
    /// <summary>Number of words that the header takes.</summary>
    public const int WordCount = 4;

    /// <summary>Identifiers are below this number.</summary>
    public const int SetIdLimit = 1 << 15;

    /// <summary>Iteration exponents are below this number.</summary>
    public const int IterationExponentLimit = 1 << FieldBits;

    /// <summary>Which word has the flag <see cref="Extendable"/>: 15 bits come before it, so it is in the second.</summary>
    public const int FlagWord = 1;

    /// <summary>The bit of that word.</summary>
    public const uint FlagBit = 1 << 4;

    private const int WordBits = 10;
    private const int FieldBits = 4;

    /// <summary>The first two words: identifier, flag and exponent, which are all that they hold.</summary>
    public string SetName
    {
        get
        {
            Span<ushort> words = stackalloc ushort[WordCount];
            Write(words);
            return $"{WordList.At(words[0])} {WordList.At(words[1])}";
        }
    }

    /// <summary>
    /// Whether two shares can be of one set: all that SLIP-0039, "Combining the shares", wants to be equal, but the length.
    /// </summary>
    public bool IsOfSameSet(ShareHeader other) =>
        SetId == other.SetId && Extendable == other.Extendable && IterationExponent == other.IterationExponent
        && GroupThreshold == other.GroupThreshold && GroupCount == other.GroupCount;

    /// <summary>Reads the first four words.</summary>
    public static ShareHeader Read(ReadOnlySpan<ushort> words)
    {
        ulong bits = 0;
        foreach (ushort word in words[..WordCount])
        {
            bits = (bits << WordBits) | word;
        }
        // Thresholds and the count are written less one.
        return new ShareHeader(
            SetId: (int)(bits >> 25),
            Extendable: ((bits >> 24) & 1) != 0,
            IterationExponent: Field(bits, 5),
            GroupIndex: Field(bits, 4),
            GroupThreshold: Field(bits, 3) + 1,
            GroupCount: Field(bits, 2) + 1,
            Index: Field(bits, 1),
            Threshold: Field(bits, 0) + 1);
    }

    /// <summary>Writes the first four words.</summary>
    public void Write(Span<ushort> words)
    {
        ulong bits = (uint)SetId;
        bits = (bits << 1) | (Extendable ? 1u : 0u);
        ReadOnlySpan<int> fields =
            [IterationExponent, GroupIndex, GroupThreshold - 1, GroupCount - 1, Index, Threshold - 1];
        foreach (int field in fields)
        {
            bits = (bits << FieldBits) | (uint)field;
        }
        for (int i = 0; i < WordCount; i++)
        {
            words[i] = (ushort)((bits >> (WordBits * (WordCount - 1 - i))) & 0x3FF);
        }
    }

    // The four-bit fields, counted from the last.
    private static int Field(ulong bits, int number) => (int)((bits >> (FieldBits * number)) & 0xF);
}
