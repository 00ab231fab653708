using System.Security.Cryptography;
using HsmBackup.Engine.Pkcs11;

namespace HsmBackup.Engine.Tests.Support;

/// <summary>One object of every kind, and with every setting, that a token may hold. The name is also its label.</summary>
internal static class TokenSamples
{
    private static readonly byte[] Letters = [.. Enumerable.Range(1, 32).Select(i => (byte)i)];

    /// <summary>Name and making of each.</summary>
    public static IReadOnlyList<(string Name, Action<TokenContent> Make)> All { get; } =
    [
        .. Kinds(),
        .. Settings(),
        .. Names(),
    ];

    private static IEnumerable<(string, Action<TokenContent>)> Kinds()
    {
        foreach (int bits in (int[])[128, 192, 256])
        {
            yield return ($"aes-{bits}", c => c.Aes($"aes-{bits}", bits / 8));
        }
        yield return ("des", c => c.Secret("des", Ckk.Des, Ckm.DesKeyGen, null, Cka.Encrypt, Cka.Decrypt));
        yield return ("des2", c => c.Secret("des2", Ckk.Des2, Ckm.Des2KeyGen, null, Cka.Encrypt, Cka.Decrypt));
        yield return ("des3", c => c.Secret("des3", Ckk.Des3, Ckm.Des3KeyGen, null, Cka.Encrypt, Cka.Decrypt));
        foreach (int bytes in (int[])[1, 16, 20, 33, 64, 100, 214])
        {
            yield return ($"generic-{bytes}", c => c.Generic($"generic-{bytes}", bytes));
        }
        yield return ("hmac-sha256", c => c.Known("hmac-sha256", Ckk.Sha256Hmac, Letters[..20]));
        foreach (int bits in (int[])[1024, 2048])
        {
            yield return ($"rsa-{bits}", c => c.Rsa($"rsa-{bits}", bits));
        }
        yield return ("p256", c => c.Ec("p256", TokenContent.P256));
        yield return ("p384", c => c.Ec("p384", TokenContent.P384));
        yield return ("p521", c => c.Ec("p521", TokenContent.P521));
        yield return ("ed25519-readable", c => c.Edwards("ed25519-readable", sensitive: false));
        yield return ("ed25519-sensitive", c => c.Edwards("ed25519-sensitive", sensitive: true));
        yield return ("dsa", c => c.Dsa("dsa"));
        yield return ("dh", c => c.Dh("dh"));
        yield return ("data-public", c => c.Data("data-public", isPrivate: false));
        yield return ("data-private", c => c.Data("data-private", isPrivate: true));
        yield return ("data-plain", c => c.Data("data-plain", isPrivate: true, change: m => m.Remove(Cka.ObjectId)));
        yield return ("data-1-MiB", c => c.Data("data-1-MiB", isPrivate: true, RandomNumberGenerator.GetBytes(1 << 20)));
        yield return ("data-3-MiB", c => c.Data("data-3-MiB", isPrivate: true, new byte[3 << 20]));
        yield return ("certificate-public", c => c.Certificate("certificate-public"));
        yield return ("certificate-private", c => c.Certificate("certificate-private", isPrivate: true));
        yield return ("certificate-dated", c => c.Certificate("certificate-dated", change: m => m.Set(Cka.StartDate, "20200101").Set(Cka.EndDate, "20401231")));
    }

    private static IEnumerable<(string, Action<TokenContent>)> Settings()
    {
        (string, Action<AttributeMap>)[] settings =
        [
            ("unmodifiable", m => m.Set(Cka.Modifiable, false)),
            ("uncopyable", m => m.Set(Cka.Copyable, false)),
            ("undestroyable", m => m.Set(Cka.Destroyable, false)),
            ("unmodifiable-undestroyable", m => m.Set(Cka.Modifiable, false).Set(Cka.Destroyable, false)),
            ("allowed-mechanisms", m => m.Set(Cka.AllowedMechanisms, (ReadOnlySpan<ulong>)[Ckm.AesGcm, Ckm.AesCbc, Ckm.AesEcb])),
            ("wrap-template", m => m.Set(Cka.Wrap, true).Set(Cka.WrapTemplate, new AttributeMap().Set(Cka.Extractable, true).Set(Cka.KeyType, Ckk.Aes))),
            ("unwrap-template", m => m.Set(Cka.Unwrap, true).Set(Cka.UnwrapTemplate, new AttributeMap().Set(Cka.Sensitive, true).Set(Cka.Label, "inner"))),
            ("derive-template", m => m.Set(Cka.Derive, true).Set(Cka.DeriveTemplate, new AttributeMap().Set(Cka.Sensitive, true))),
            ("wrap-with-trusted", m => m.Set(Cka.WrapWithTrusted, true)),
            ("wrap-with-trusted-readable", m => m.Set(Cka.WrapWithTrusted, true).Set(Cka.Sensitive, false)),
            ("trusted", m => m.Set(Cka.Trusted, true)),
            ("unextractable", m => m.Set(Cka.Extractable, false)),
            ("readable", m => m.Set(Cka.Sensitive, false)),
            ("public", m => m.Set(Cka.Private, false)),
            ("dated-public", m => m.Set(Cka.Private, false).Set(Cka.StartDate, "20200101").Set(Cka.EndDate, "20401231")),
            ("dated-private", m => m.Set(Cka.StartDate, "20200101").Set(Cka.EndDate, "20401231")),
            ("no-use", m => m.Set(Cka.Encrypt, false).Set(Cka.Decrypt, false)),
            ("every-use", m => m.Set(Cka.Wrap, true).Set(Cka.Unwrap, true).Set(Cka.Derive, true).Set(Cka.Sign, true).Set(Cka.Verify, true)),
        ];
        foreach ((string name, Action<AttributeMap> set) in settings)
        {
            yield return (name, c => c.Aes(name, 32, set));
        }
        yield return ("dated-key-pair", c => c.Ec("dated-key-pair", TokenContent.P256, m => m.Set(Cka.StartDate, "20200101")));
        yield return ("always-authenticate", c => c.Ec("always-authenticate", TokenContent.P256, m => m.Set(Cka.AlwaysAuthenticate, true)));
        yield return ("only-unwraps", c => c.Rsa("only-unwraps", 1024, m => m.Set(Cka.Sign, false).Set(Cka.Decrypt, false).Set(Cka.Unwrap, true)));
        yield return ("only-derives", c => c.Ec("only-derives", TokenContent.P256, m => m.Set(Cka.Sign, false)));
    }

    private static IEnumerable<(string, Action<TokenContent>)> Names()
    {
        yield return ("", c => c.Aes("", 16));
        yield return ("ein Schl\u00fcssel \u94a5\u5319", c => c.Aes("ein Schl\u00fcssel \u94a5\u5319", 16));
        yield return ("not-utf-8", c => c.Aes("not-utf-8", 16, m => m.Set(Cka.Label, [.. "not-utf-8"u8, 0xFF, 0xFE, 0x80, 0x00])));
        yield return ("control", c => c.Aes("control", 16, m => m.Set(Cka.Label, "control\u0001\u001b[31m\n\"\\")));
        yield return ("long", c => c.Aes("long", 16, m => m.Set(Cka.Label, "long" + new string('x', 5000))));
        yield return ("no-id", c => c.Aes("no-id", 16, m => m.Remove(Cka.Id)));
        yield return ("empty-id", c => c.Aes("empty-id", 16, m => m.Set(Cka.Id, ""u8)));
        yield return ("long-id", c => c.Aes("long-id", 16, m => m.Set(Cka.Id, RandomNumberGenerator.GetBytes(300))));
        foreach (string twin in (string[])["first", "second"])
        {
            // Equal in everything: two objects on the token, and two must come back.
            yield return ($"twins-{twin}", c => c.Known("twins", Ckk.Aes, Letters, m => m.Remove(Cka.Id)));
            yield return ($"same-id-{twin}", c => c.Known($"same-id-{twin}", Ckk.Aes, twin == "first" ? Letters : Letters[16..], m => m.Set(Cka.Id, [0x1D])));
        }
    }
}
