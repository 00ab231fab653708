namespace HsmBackup.Engine.Protection.Shares;

/// <summary>
/// The checksum of a share: three words of a Reed-Solomon code over GF(1024), which finds every error in up to three words
/// (SLIP-0039, "Checksum").
/// </summary>
internal static class Rs1024
{
    /// <summary>Number of words that the checksum takes at the end of a share.</summary>
    public const int Length = 3;

    private const int WordBits = 10;
    private const uint WordMask = (1 << WordBits) - 1;
    // The remainder of a right share, and of the empty one to begin with: so that leading zero words count.
    private const uint One = 1;

    // The element a of GF(1024) whose powers are all others but zero, and the polynomial that it is a root of.
    private const uint Primitive = 2;
    private const uint Modulus = 0x409;

    // The generator of the code is (x - a)(x - a^2)(x - a^3). This is what each bit of the word that leaves the window leaves
    // behind: the bit, times x^3, modulo the generator.
    private static ReadOnlySpan<uint> Generator =>
    [
        0x00E0E040, 0x01C1C080, 0x03838100, 0x07070200, 0x0E0E0009,
        0x1C0C2412, 0x38086C24, 0x3090FC48, 0x21B1F890, 0x03F3F120,
    ];

    /// <summary>Whether the last three words are the checksum of those before them.</summary>
    public static bool IsRight(bool extendable, ReadOnlySpan<ushort> words) => Syndrome(extendable, words) == 0;

    /// <summary>Fills the last three words in.</summary>
    public static void Write(bool extendable, Span<ushort> words)
    {
        Span<ushort> checksum = words[^Length..];
        checksum.Clear();
        uint remainder = Syndrome(extendable, words);
        for (int i = 0; i < Length; i++)
        {
            checksum[i] = (ushort)((remainder >> (WordBits * (Length - 1 - i))) & WordMask);
        }
    }

    /// <summary>
    /// Where the error is, if exactly one word is wrong: the code keeps any two errors of one word apart. With two wrong
    /// words it mostly fits no single place, with more it may name a wrong one, so it is a hint and no more.
    /// </summary>
    /// <remarks>
    /// The place alone is told. The code could tell the right word too, but SLIP-0039 asks not to: a share that was mended
    /// by guessing may pass for right and be another one.
    /// </remarks>
    /// <param name="extendable">The flag as the words have it.</param>
    /// <param name="words">A share with a wrong checksum.</param>
    /// <returns>Index of the word, or -1 where no single word explains the checksum.</returns>
    public static int FindSingleError(bool extendable, ReadOnlySpan<ushort> words)
    {
        int place = FindError(Syndrome(extendable, words), words.Length, out uint difference);
        bool turnsFlag = place == ShareHeader.FlagWord && (difference & ShareHeader.FlagBit) != 0;
        // The wrong word may be the one with the flag, and then the checksum was made with the other customization string.
        int other = FindError(Syndrome(!extendable, words), words.Length, out difference);
        bool otherTurnsFlag = other == ShareHeader.FlagWord && (difference & ShareHeader.FlagBit) != 0;
        return (place >= 0 && !turnsFlag, otherTurnsFlag) switch
        {
            (true, false) => place,
            (false, true) => other,
            _ => -1,
        };
    }

    // What is left of the remainder; zero for a right share. Linear, so that it depends on the errors alone.
    private static uint Syndrome(bool extendable, ReadOnlySpan<ushort> words)
    {
        uint remainder = One;
        // SLIP-0039 feeds the characters of the customization string in before the words.
        foreach (byte character in extendable ? "shamir_extendable"u8 : "shamir"u8)
        {
            remainder = Next(remainder, character);
        }
        foreach (ushort word in words)
        {
            remainder = Next(remainder, word);
        }
        return remainder ^ One;
    }

    private static uint Next(uint remainder, uint word)
    {
        uint top = remainder >> (2 * WordBits);
        uint next = ((remainder << WordBits) & 0x3FFFFFFF) ^ word;
        for (int bit = 0; bit < WordBits; bit++)
        {
            next ^= Generator[bit] & Mask(top >> bit);
        }
        return next;
    }

    // One error e, in the place j from the end, is the polynomial e x^j. What is left of it has the same values at the roots
    // of the generator, a, a^2 and a^3, as e x^j itself: e a^j, e a^2j, e a^3j. So from one to the next it is times a^j.
    private static int FindError(uint syndrome, int length, out uint difference)
    {
        difference = 0;
        uint root = Primitive;
        uint rootSquared = Multiply(root, root);
        uint first = Evaluate(syndrome, root);
        uint second = Evaluate(syndrome, rootSquared);
        uint third = Evaluate(syndrome, Multiply(root, rootSquared));
        if (first == 0)
        {
            return -1;
        }
        uint power = 1;
        for (int place = length - 1; place >= 0; place--)
        {
            if (Multiply(first, power) == second && Multiply(second, power) == third)
            {
                difference = Divide(first, length - 1 - place);
                return place;
            }
            power = Multiply(power, root);
        }
        return -1;
    }

    // The value of a polynomial of three words, the highest power first.
    private static uint Evaluate(uint polynomial, uint x)
    {
        uint value = 0;
        for (int shift = 2 * WordBits; shift >= 0; shift -= WordBits)
        {
            value = Multiply(value, x) ^ ((polynomial >> shift) & WordMask);
        }
        return value;
    }

    // By a power of the primitive element: its 1023rd power is 1, so what is missing to that is multiplied.
    private static uint Divide(uint value, int power)
    {
        for (int i = power; i < WordMask; i++)
        {
            value = Multiply(value, Primitive);
        }
        return value;
    }

    // In GF(1024), modulo the primitive polynomial x^10 + x^3 + 1 (SLIP-0039, "Checksum design").
    private static uint Multiply(uint a, uint b)
    {
        uint product = 0;
        for (int bit = WordBits - 1; bit >= 0; bit--)
        {
            product <<= 1;
            product ^= Modulus & Mask(product >> WordBits);
            product ^= a & Mask(b >> bit);
        }
        return product;
    }

    // All ones where the lowest bit is set, else zero: instead of a branch, because the words are secret.
    private static uint Mask(uint bits) => unchecked(0 - (bits & 1));
}
