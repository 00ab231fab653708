using HsmBackup.Engine.Pkcs11;

namespace HsmBackup.Engine.Tokens;

/// <summary>What a backup says of an object. Each object gets exactly one; there is no silence.</summary>
public enum Verdict
{
    /// <summary>Everything that a restore needs is in the backup.</summary>
    Captured,

    /// <summary>The token says that the key may not leave it (CKA_EXTRACTABLE is false).</summary>
    NotExtractable,

    /// <summary>The key may leave, but this token has no way of wrapping it.</summary>
    NotWrappable,

    /// <summary>The key is in the backup, but would come back changed; the reason says how.</summary>
    Inexact,

    /// <summary>The object could not be read.</summary>
    Unreadable,
}

/// <summary>One object of a token, as it stands in a backup.</summary>
public sealed class ObjectRecord
{
    /// <summary>Its place in the backup, from 0.</summary>
    public int Index { get; set; }

    /// <summary>The verdict.</summary>
    public Verdict Verdict { get; set; }

    /// <summary>Why the verdict is not Captured; or what is remarkable about it although it is; mostly null.</summary>
    public string? Reason { get; set; }

    /// <summary>Its attributes, without secret values.</summary>
    public AttributeMap Attributes { get; init; } = [];

    /// <summary>Attributes whose reading failed, with the CKR value.</summary>
    public IReadOnlyList<(ulong Type, ulong ReturnValue)> Unavailable { get; set; } = [];

    /// <summary>The key material; null for objects that are their attributes, and where there is none.</summary>
    public KeyMaterial? Material { get; set; }

    /// <summary>The object class (CKO).</summary>
    public ulong ObjectClass => Attributes.Number(Cka.Class) ?? ulong.MaxValue;

    /// <summary>The key type (CKK); null for objects that are not keys.</summary>
    public ulong? KeyType => Attributes.Number(Cka.KeyType);

    /// <summary>A key whose value is a secret: private or secret key.</summary>
    public bool HasSecret => ObjectClass is Cko.PrivateKey or Cko.SecretKey or Cko.OtpKey;

    /// <summary>The label; empty where it has none.</summary>
    public string Label => Attributes.Text(Cka.Label) ?? "";

    /// <summary>CKA_ID in hex; empty where it has none.</summary>
    public string Id => Convert.ToHexStringLower(Attributes.Bytes(Cka.Id) ?? []);

    /// <summary>Lists the object as unreadable, with nothing of it but what names it.</summary>
    internal void GiveUp(string reason)
    {
        Verdict = Verdict.Unreadable;
        Reason = reason;
        Material?.ZeroValues();
        Material = null;
        foreach (TokenAttribute attribute in Attributes.Where(a => a.Value.Length > 256 || a.Template is { Count: > 0 }).ToArray())
        {
            Attributes.Remove(attribute.Type);
        }
    }

    /// <summary>The object as a person would name it: class, key type, label, id.</summary>
    public override string ToString()
    {
        string kind = ObjectClass == ulong.MaxValue ? "object of unknown class" : Names.OfClass(ObjectClass);
        string type = KeyType is { } keyType ? " " + Names.OfKeyType(keyType) : "";
        string id = Id.Length > 0 ? $" (id {Id})" : "";
        return DisplayText.Harmless($"{kind}{type} '{Label}'{id}");
    }
}

/// <summary>The secret of a key in the form that a token gave it.</summary>
public sealed class KeyMaterial
{
    /// <summary>Which bytes these are.</summary>
    public required WrapForm Form { get; init; }

    /// <summary>The bytes; empty for <see cref="WrapForm.Value"/>.</summary>
    public byte[] Data { get; init; } = [];

    /// <summary>Length of a secret key in bytes, where the token told it.</summary>
    public int? Length { get; init; }

    /// <summary>For <see cref="WrapForm.RsaOaep"/>: the hash, a CKM code.</summary>
    public ulong OaepHash { get; init; }

    /// <summary>For <see cref="WrapForm.RsaOaep"/>: the same key wrapped under the KEK, which proves the value though not the length.</summary>
    public byte[]? Check { get; init; }

    /// <summary>For <see cref="WrapForm.RsaOaep"/>: a salt and the SHA-256 of salt and value, which proves value and length; null where the token has no C_DigestKey.</summary>
    public (byte[] Salt, byte[] Digest)? Digest { get; init; }

    /// <summary>For <see cref="WrapForm.Value"/>: the secret attributes of a key that its token shows to everybody who is logged in.</summary>
    public AttributeMap? Values { get; init; }

    /// <summary>Zeroes the values of a readable key; wrapped material is no secret.</summary>
    public void ZeroValues()
    {
        foreach (TokenAttribute attribute in Values ?? [])
        {
            System.Security.Cryptography.CryptographicOperations.ZeroMemory(attribute.Value);
        }
    }
}
