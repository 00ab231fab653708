using System.Buffers.Binary;

namespace HsmBackup.Engine.Tests.Format;

/// <summary>
/// Backups whose structure is wrong, each sealed again by somebody who knows the key: nothing but the fault may be the
/// reason that they are refused.
/// </summary>
internal static class StructureVectors
{
    public static IEnumerable<MustFail> All()
    {
        byte[] good = ContentVectors.TwoObjects("structure").Build();
        yield return Raw("cut-in-segment", "cut within the segment", good[..(good.Length / 2 + 100)]);
        yield return Raw("cut-before-seal", "cut before the seal", good[..^85]);
        yield return Raw("cut-before-digest", "cut before the digest", good[..^32]);
        yield return Raw("cut-in-digest", "the last byte is missing", good[..^1]);
        yield return Raw("more-after-digest", "a byte after the digest", [.. good, 0]);
        yield return Raw("digest-wrong", "another digest at the end", Forged(forge => forge.Digest = _ => new byte[32]));

        yield return Segments("segments-none", "the seal comes at once", _ => []);
        yield return Segments("seal-missing", "no seal", forge: forge => forge.SealOf = _ => []);
        yield return Segments("seal-twice", "two seals", forge: forge => forge.SealOf = mac => [.. Cms.Seal(mac), .. Cms.Seal(mac)]);
        yield return Segments("seal-version-2", "a seal of version 2", forge: forge => forge.SealOf = mac => Cms.Seal(mac, version: 2));
        yield return Segments("seal-algorithm", "a seal with HMAC-SHA-512",
            forge: forge => forge.SealOf = mac => Cms.Seal(mac, algorithm: "1.2.840.113549.2.11"));
        yield return Segments("seal-no-null", "the seal's algorithm has no parameters",
            forge: forge => forge.SealOf = mac => Cms.Seal(mac, withNull: false));
        yield return Segments("seal-short-mac", "a MAC of 16 bytes", forge: forge => forge.SealOf = mac => Cms.Seal(mac[..16]));
        yield return Segments("seal-extra", "an extra field in the seal", forge: forge => forge.SealOf = mac => Cms.Seal(mac, extra: true));
        yield return Segments("seal-unannounced-signature", "a signature, and no signer in the header",
            forge: forge => forge.SealOf = mac => Cms.Seal(mac, signature: Cms.NotReallySigned()));
        yield return Signed("signature-missing", "a signer in the header, and no signature", mac => Cms.Seal(mac));
        yield return Signed("signature-type", "the signature is another type of CMS",
            mac => Cms.Seal(mac, signature: Cms.NotReallySigned(type: "1.2.840.113549.1.7.1")));
        yield return Signed("seal-too-long", "a seal of more than 64 KiB", mac => Cms.Seal(mac, signature: Cms.NotReallySigned(65536)));

        yield return Shaped("cms-type", "EnvelopedData instead of AuthEnvelopedData", s => s with { OuterType = "1.2.840.113549.1.7.3" });
        yield return Shaped("cms-version", "AuthEnvelopedData of version 1", s => s with { Version = 1 });
        yield return Shaped("cms-two-recipients", "a second recipient", s => s with { Recipients = 2 });
        yield return Shaped("cms-no-recipient", "no recipient", s => s with { Recipients = 0 });
        yield return Shaped("cms-recipient-version", "a recipient of version 3", s => s with { RecipientVersion = 3 });
        yield return Shaped("cms-key-id", "the recipient's key is not the header's", s => s with { KeyId = new byte[16] });
        yield return Shaped("cms-key-id-long", "a key identifier of 17 bytes", s => s with { KeyId = new byte[17] });
        yield return Shaped("cms-key-cipher", "the content key wrapped with AES-128", s => s with { KeyCipher = "2.16.840.1.101.3.4.1.5" });
        yield return Shaped("cms-key-cipher-null", "NULL parameters at the key wrap", s => s with { KeyCipherHasNull = true });
        yield return Shaped("cms-content-type", "content of another type", s => s with { InnerType = "1.2.840.113549.1.7.2" });
        yield return Shaped("cms-content-cipher", "content under AES-256-CCM", s => s with { ContentCipher = "2.16.840.1.101.3.4.1.47" });
        yield return Shaped("cms-nonce", "a nonce of 16 bytes", s => s with { NonceLength = 16 });
        yield return Shaped("cms-tag", "a tag of 12 bytes", s => s with { TagLength = 12 });
        yield return Shaped("cms-tag-named", "a tag of 16 bytes that calls itself 12", s => s with { NamedTagLength = 12 });
        yield return Shaped("cms-constructed", "the content as a constructed string", s => s with { ConstructedContent = true });
        yield return Shaped("cms-attributes", "unauthenticated attributes", s => s with { UnprotectedAttributes = true });

        yield return Der("der-indefinite", "indefinite length", der => [der[0], 0x80, .. der.AsSpan(4), 0, 0]);
        yield return Der("der-long-length", "a length in one byte more than it needs", der => [der[0], 0x83, 0, .. der.AsSpan(2)]);
        yield return Der("der-huge", "a length of 2 GiB", der => [der[0], 0x84, 0x7F, 0xFF, 0xFF, 0xFF, .. der.AsSpan(4)]);
        yield return Der("der-huge-8", "a length of 8 bytes", der => [der[0], 0x88, .. new byte[] { 0x7F, 255, 255, 255, 255, 255, 255, 255 }, .. der.AsSpan(4)]);
        yield return Der("der-4-mib", "a length within the bound and beyond the file", der => [der[0], 0x83, 0x40, 0, 0, .. der.AsSpan(4)]);
        yield return Der("der-inner-short", "the inner length leaves bytes over", der => Lower(der, 4 + 13 + 2));
        yield return Der("der-set", "a SET instead of a SEQUENCE", der => [0x31, .. der.AsSpan(1)]);
        yield return Der("der-padding", "zero bytes between segment and seal", der => [.. der, 0, 0]);
    }

    private static byte[] Forged(Action<Forge> edit, Forge? forge = null)
    {
        forge ??= ContentVectors.TwoObjects("structure");
        edit(forge);
        return forge.Build();
    }

    private static MustFail Raw(string name, string why, byte[] bytes) => MustFail.ByStructure(name, why, bytes);

    private static MustFail Segments(string name, string why, Func<List<byte[]>, IEnumerable<byte[]>>? arrange = null,
        Action<Forge>? forge = null) =>
        Raw(name, why, Forged(f =>
        {
            if (arrange is not null) f.Arrange = arrange;
            forge?.Invoke(f);
        }));

    private static MustFail Signed(string name, string why, Func<byte[], byte[]> seal) =>
        Raw(name, why, Forged(f =>
        {
            f.Header = HeaderVectors.HeaderLine(HeaderVectors.Good.Replace("\"online\"", "\"online\",\"signer\":\"CN=Payments\"", StringComparison.Ordinal));
            f.SealOf = seal;
        }));

    private static MustFail Shaped(string name, string why, Func<Cms.Shape, Cms.Shape> edit) =>
        Raw(name, why, Forged(f => f.Segment = (index, content) => Cms.Segment(edit(new Cms.Shape(f.Seed, index)), content)));

    private static MustFail Der(string name, string why, Func<byte[], byte[]> edit) =>
        Segments(name, why, segments => segments.Select(edit));

    // The two bytes of a length: one less than the truth.
    private static byte[] Lower(byte[] der, int offset)
    {
        byte[] changed = [.. der];
        Span<byte> length = changed.AsSpan(offset, 2);
        BinaryPrimitives.WriteUInt16BigEndian(length, (ushort)(BinaryPrimitives.ReadUInt16BigEndian(length) - 1));
        return changed;
    }
}
