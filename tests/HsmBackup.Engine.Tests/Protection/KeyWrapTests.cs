using System.Security.Cryptography;
using HsmBackup.Engine.Protection;
using Xunit;

namespace HsmBackup.Engine.Tests.Protection;

public sealed class KeyWrapTests
{
    private static readonly byte[] Kek =
        Convert.FromHexString("000102030405060708090A0B0C0D0E0F101112131415161718191A1B1C1D1E1F");

    // RFC 3394, section 4.1 to 4.6.
    public static TheoryData<int, string, string> Rfc3394Vectors => new()
    {
        { 16, "00112233445566778899AABBCCDDEEFF", "1FA68B0A8112B447AEF34BD8FB5A7B829D3E862371D2CFE5" },
        { 24, "00112233445566778899AABBCCDDEEFF", "96778B25AE6CA435F92B5B97C050AED2468AB8A17AD84E5D" },
        { 32, "00112233445566778899AABBCCDDEEFF", "64E8C3F9CE0F5BA263E9777905818A2A93C8191E7D6E8AE7" },
        {
            24, "00112233445566778899AABBCCDDEEFF0001020304050607",
            "031D33264E15D33268F24EC260743EDCE1C6C7DDEE725A936BA814915C6762D2"
        },
        {
            32, "00112233445566778899AABBCCDDEEFF0001020304050607",
            "A8F9BC1612C68B3FF6E6F4FBE30E71E4769C8B80A32CB8958CD5D17D6B254DA1"
        },
        {
            32, "00112233445566778899AABBCCDDEEFF000102030405060708090A0B0C0D0E0F",
            "28C9F404C4B810F4CBCCB35CFB87F8263F5786E2D80ED326CBC7F0E71A99F43BFB988B9B7A02DD21"
        },
    };

    // RFC 5649, section 6.
    public static TheoryData<string, string> Rfc5649Vectors => new()
    {
        {
            "C37B7E6492584340BED12207808941155068F738",
            "138BDEAA9B8FA7FC61F97742E72248EE5AE6AE5360D1AE6A5F54F373FA543B6A"
        },
        { "466F7250617369", "AFBEB0F07DFBF5419200F2CCB50BB24F" },
    };

    public static TheoryData<int> Lengths3394 => [.. Enumerable.Range(2, 31).Select(n => n * 8)];

    public static TheoryData<int> Lengths5649 => [.. Enumerable.Range(1, 64), 1191, 1192, 1193, 4096];

    [Theory]
    [MemberData(nameof(Rfc3394Vectors))]
    public void The_vectors_of_RFC_3394_hold(int kekLength, string key, string wrapped)
    {
        byte[] plaintext = Convert.FromHexString(key);
        byte[] result = new byte[KeyWrap.WrappedLength3394(plaintext.Length)];
        KeyWrap.Wrap3394(Kek.AsSpan(0, kekLength), plaintext, result);
        Assert.Equal(wrapped, Convert.ToHexString(result));

        byte[] unwrapped = new byte[plaintext.Length];
        Assert.True(KeyWrap.TryUnwrap3394(Kek.AsSpan(0, kekLength), result, unwrapped, out int written));
        Assert.Equal(plaintext.Length, written);
        Assert.Equal(plaintext, unwrapped);
    }

    [Theory]
    [MemberData(nameof(Rfc5649Vectors))]
    public void The_vectors_of_RFC_5649_hold(string key, string wrapped)
    {
        byte[] kek = Convert.FromHexString("5840DF6E29B02AF1AB493B705BF16EA1AE8338F4DCC176A8");
        byte[] plaintext = Convert.FromHexString(key);
        byte[] result = new byte[KeyWrap.WrappedLength5649(plaintext.Length)];
        KeyWrap.Wrap5649(kek, plaintext, result);
        Assert.Equal(wrapped, Convert.ToHexString(result));

        byte[] unwrapped = new byte[result.Length - 8];
        Assert.True(KeyWrap.TryUnwrap5649(kek, result, unwrapped, out int written));
        Assert.Equal(plaintext, unwrapped[..written]);
    }

    [Theory]
    [MemberData(nameof(Lengths5649))]
    public void RFC_5649_agrees_with_the_platform_for_every_length(int length)
    {
        byte[] plaintext = RandomNumberGenerator.GetBytes(length);
        using Aes platform = Aes.Create();
        platform.SetKey(Kek);
        byte[] result = new byte[KeyWrap.WrappedLength5649(length)];
        KeyWrap.Wrap5649(Kek, plaintext, result);
        Assert.Equal(platform.EncryptKeyWrapPadded(plaintext), result);

        byte[] unwrapped = new byte[result.Length - 8];
        Assert.True(KeyWrap.TryUnwrap5649(Kek, result, unwrapped, out int written));
        Assert.Equal(plaintext, unwrapped[..written]);
        Assert.All(unwrapped[written..], b => Assert.Equal(0, b));
    }

    [Theory]
    [MemberData(nameof(Lengths3394))]
    public void RFC_3394_gives_back_what_it_wrapped_for_every_length(int length)
    {
        byte[] plaintext = RandomNumberGenerator.GetBytes(length);
        byte[] wrapped = new byte[KeyWrap.WrappedLength3394(length)];
        KeyWrap.Wrap3394(Kek, plaintext, wrapped);
        byte[] unwrapped = new byte[length];
        Assert.True(KeyWrap.TryUnwrap3394(Kek, wrapped, unwrapped, out int written));
        Assert.Equal(length, written);
        Assert.Equal(plaintext, unwrapped);
    }

    [Theory]
    [InlineData(16)]
    [InlineData(32)]
    [InlineData(1192)]
    public void A_flipped_bit_of_a_wrapped_key_is_refused_and_nothing_is_handed_out(int length)
    {
        byte[] wrapped3394 = new byte[KeyWrap.WrappedLength3394(length)];
        byte[] wrapped5649 = new byte[KeyWrap.WrappedLength5649(length - 3)];
        KeyWrap.Wrap3394(Kek, RandomNumberGenerator.GetBytes(length), wrapped3394);
        KeyWrap.Wrap5649(Kek, RandomNumberGenerator.GetBytes(length - 3), wrapped5649);
        int stride = Math.Max(1, wrapped3394.Length * 8 / 200);
        for (int bit = 0; bit < wrapped3394.Length * 8; bit += stride)
        {
            AssertRefused(KeyWrap.TryUnwrap3394, Kek, Flip(wrapped3394, bit));
            AssertRefused(KeyWrap.TryUnwrap5649, Kek, Flip(wrapped5649, bit));
        }
    }

    [Fact]
    public void Another_KEK_is_refused()
    {
        byte[] other = [.. Kek.Reverse()];
        byte[] wrapped = new byte[40];
        KeyWrap.Wrap3394(Kek, new byte[32], wrapped);
        AssertRefused(KeyWrap.TryUnwrap3394, other, wrapped);
        KeyWrap.Wrap5649(Kek, new byte[32], wrapped);
        AssertRefused(KeyWrap.TryUnwrap5649, other, wrapped);
    }

    [Fact]
    public void The_two_standards_are_not_taken_for_one_another()
    {
        byte[] wrapped = new byte[40];
        KeyWrap.Wrap3394(Kek, new byte[32], wrapped);
        AssertRefused(KeyWrap.TryUnwrap5649, Kek, wrapped);
        KeyWrap.Wrap5649(Kek, new byte[32], wrapped);
        AssertRefused(KeyWrap.TryUnwrap3394, Kek, wrapped);
    }

    // Blocks under the right KEK whose inside is wrong; W itself is the only way to make them.
    [Theory]
    [InlineData("A65959A600000000", 8)] // no length
    [InlineData("A65959A600000008", 16)] // a block too many
    [InlineData("A65959A600000011", 16)] // longer than there are bytes
    [InlineData("A65959A6FFFFFFFF", 16)] // a length that is negative as an integer
    [InlineData("A65959A680000000", 16)]
    [InlineData("A65959A700000010", 16)] // another constant
    [InlineData("A65959A600000000", 24)]
    public void A_wrong_constant_or_length_inside_is_refused(string initial, int length)
    {
        byte[] blocks = [.. Convert.FromHexString(initial), .. new byte[length]];
        AssertRefused(KeyWrap.TryUnwrap5649, Kek, WrapRaw(blocks));
    }

    [Theory]
    [InlineData(9)]
    [InlineData(12)]
    [InlineData(15)]
    public void Padding_that_is_not_zero_is_refused(int length)
    {
        for (int dirty = length; dirty < 16; dirty++)
        {
            byte[] blocks = [.. Convert.FromHexString("A65959A6000000"), (byte)length, .. new byte[16]];
            Assert.True(KeyWrap.TryUnwrap5649(Kek, WrapRaw(blocks), new byte[16], out int written));
            Assert.Equal(length, written);
            blocks[8 + dirty] = 1;
            AssertRefused(KeyWrap.TryUnwrap5649, Kek, WrapRaw(blocks));
        }
    }

    [Fact]
    public void A_last_byte_that_is_not_padding_may_have_any_value()
    {
        byte[] plaintext = [.. Enumerable.Repeat((byte)0xFF, 16)];
        byte[] wrapped = new byte[24];
        KeyWrap.Wrap5649(Kek, plaintext, wrapped);
        Assert.True(KeyWrap.TryUnwrap5649(Kek, wrapped, new byte[16], out int written));
        Assert.Equal(16, written);
    }

    [Fact]
    public void A_length_that_no_wrapping_gives_is_refused_like_a_wrong_key()
    {
        for (int length = 0; length <= 40; length++)
        {
            AssertRefused(KeyWrap.TryUnwrap3394, Kek, new byte[length]);
            AssertRefused(KeyWrap.TryUnwrap5649, Kek, new byte[length]);
        }
    }

    [Theory]
    [InlineData(0)]
    [InlineData(8)]
    [InlineData(17)]
    [InlineData(-8)]
    public void RFC_3394_wraps_no_key_of_another_length_than_whole_blocks(int length)
    {
        Assert.Throws<ArgumentOutOfRangeException>(() => KeyWrap.WrappedLength3394(length));
        if (length >= 0)
        {
            Assert.Throws<ArgumentOutOfRangeException>(() => KeyWrap.Wrap3394(Kek, new byte[length], new byte[64]));
        }
    }

    [Fact]
    public void RFC_5649_wraps_no_empty_key()
    {
        Assert.Throws<ArgumentOutOfRangeException>(() => KeyWrap.Wrap5649(Kek, [], new byte[64]));
        Assert.Throws<ArgumentOutOfRangeException>(() => KeyWrap.WrappedLength5649(int.MaxValue));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(8)]
    [InlineData(31)]
    [InlineData(33)]
    public void A_KEK_of_another_length_than_AES_has_is_refused(int length)
    {
        byte[] kek = new byte[length];
        Assert.Throws<ArgumentException>(() => KeyWrap.Wrap3394(kek, new byte[16], new byte[24]));
        Assert.Throws<ArgumentException>(() => KeyWrap.Wrap5649(kek, new byte[16], new byte[24]));
        Assert.Throws<ArgumentException>(() => KeyWrap.TryUnwrap3394(kek, new byte[24], new byte[16], out _));
        Assert.Throws<ArgumentException>(() => KeyWrap.TryUnwrap5649(kek, new byte[24], new byte[16], out _));
    }

    [Fact]
    public void A_destination_that_is_too_small_is_refused()
    {
        Assert.Throws<ArgumentException>(() => KeyWrap.Wrap3394(Kek, new byte[16], new byte[23]));
        Assert.Throws<ArgumentException>(() => KeyWrap.Wrap5649(Kek, new byte[9], new byte[23]));
        Assert.Throws<ArgumentException>(() => KeyWrap.TryUnwrap3394(Kek, new byte[24], new byte[15], out _));
        Assert.Throws<ArgumentException>(() => KeyWrap.TryUnwrap5649(Kek, new byte[24], new byte[15], out _));
    }

    [Fact]
    public void Wrapping_and_unwrapping_work_in_place()
    {
        byte[] buffer = new byte[48];
        byte[] key = RandomNumberGenerator.GetBytes(32);
        key.CopyTo(buffer, 0);
        KeyWrap.Wrap3394(Kek, buffer.AsSpan(0, 32), buffer);
        Assert.True(KeyWrap.TryUnwrap3394(Kek, buffer.AsSpan(0, 40), buffer.AsSpan(8), out _));
        Assert.Equal(key, buffer[8..40]);
        KeyWrap.Wrap5649(Kek, buffer.AsSpan(8, 32), buffer);
        Assert.True(KeyWrap.TryUnwrap5649(Kek, buffer.AsSpan(0, 40), buffer, out _));
        Assert.Equal(key, buffer[..32]);
    }

    [Fact]
    public void Nothing_is_written_beyond_the_wrapped_length()
    {
        byte[] destination = [.. Enumerable.Repeat((byte)0xEE, 64)];
        KeyWrap.Wrap5649(Kek, new byte[9], destination);
        Assert.All(destination[24..], b => Assert.Equal(0xEE, b));
        byte[] unwrapped = [.. Enumerable.Repeat((byte)0xEE, 64)];
        Assert.True(KeyWrap.TryUnwrap5649(Kek, destination.AsSpan(0, 24), unwrapped, out _));
        Assert.All(unwrapped[16..], b => Assert.Equal(0xEE, b));
    }

    private delegate bool Unwrap(ReadOnlySpan<byte> kek, ReadOnlySpan<byte> wrapped, Span<byte> destination, out int written);

    private static void AssertRefused(Unwrap unwrap, byte[] kek, byte[] wrapped)
    {
        byte[] destination = [.. Enumerable.Repeat((byte)0xEE, wrapped.Length)];
        Assert.False(unwrap(kek, wrapped, destination, out int written));
        Assert.Equal(0, written);
        Assert.False(destination.AsSpan().ContainsAnyExcept((byte)0));
    }

    private static byte[] Flip(byte[] bytes, int bit)
    {
        byte[] flipped = [.. bytes];
        flipped[bit / 8] ^= (byte)(1 << (bit % 8));
        return flipped;
    }

    private static byte[] WrapRaw(byte[] blocks)
    {
        byte[] wrapped = [.. blocks];
        using WrapCipher cipher = WrapCipher.ForEncryption(Kek);
        if (wrapped.Length == 16)
        {
            cipher.TransformPair(wrapped);
        }
        else
        {
            cipher.Wrap(wrapped);
        }
        return wrapped;
    }
}
