using System.Security.Cryptography;
using HsmBackup.Engine.Protection;
using Xunit;

namespace HsmBackup.Engine.Tests.Protection;

public sealed class KeyWrapTests
{
    private static readonly byte[] Kek = Convert.FromHexString("000102030405060708090A0B0C0D0E0F101112131415161718191A1B1C1D1E1F");

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
}
