namespace HsmBackup.Engine.Pkcs11;

/// <summary>What the value of an attribute looks like at the PKCS#11 border, and so how it is shown and stored.</summary>
public enum AttributeKind
{
    /// <summary>Bytes without a meaning that matters here: DER, big-endian numbers, hashes, a CK_VERSION.</summary>
    Bytes,
    /// <summary>CK_BBOOL: one byte.</summary>
    Boolean,
    /// <summary>CK_ULONG: four or eight bytes in the order of the machine.</summary>
    Number,
    /// <summary>An array of CK_ULONG.</summary>
    NumberList,
    /// <summary>UTF-8 by the standard; tokens also return other bytes, which must survive.</summary>
    Text,
    /// <summary>CK_DATE: eight ASCII digits, or empty.</summary>
    Date,
    /// <summary>A CK_ULONG of the CKO_ family.</summary>
    ObjectClass,
    /// <summary>A CK_ULONG of the CKK_ family.</summary>
    KeyType,
    /// <summary>A CK_ULONG of the CKC_ family.</summary>
    CertificateType,
    /// <summary>A CK_ULONG of the CKM_ family.</summary>
    Mechanism,
    /// <summary>An array of CK_ULONG of the CKM_ family.</summary>
    MechanismList,
    /// <summary>An array of CK_ATTRIBUTE: its bytes hold pointers and mean nothing outside the call that read them.</summary>
    Template,
}

/// <summary>What an attribute is to a backup: who sets it, whether it may be read, whether a restore can set it.</summary>
public enum AttributeRole
{
    /// <summary>Not in the tables: neither read nor set.</summary>
    Unknown,
    /// <summary>Says which object it is: class, type, label, id, subject.</summary>
    Identity,
    /// <summary>Decided by whoever made the object: where it lives, what it may do, until when.</summary>
    Setting,
    /// <summary>Part of a public key, of domain parameters or of a certificate.</summary>
    PublicComponent,
    /// <summary>The value of a data object. Read like a public component, but it may well be a secret.</summary>
    Content,
    /// <summary>Part of a secret or private key. Never read, except of keys that their owner made readable.</summary>
    SecretComponent,
    /// <summary>Computed by the token from other attributes; a restored object gets it again.</summary>
    Derived,
    /// <summary>Written by the token alone, such as CKA_LOCAL: a restored object has its own.</summary>
    History,
}

/// <summary>What is known about an attribute.</summary>
/// <param name="Type">The code, one of <see cref="Cka"/>.</param>
/// <param name="Name">The name in the standard, such as CKA_MODULUS.</param>
/// <param name="Kind">What its value looks like.</param>
/// <param name="Role">What it is to a backup, where the class of the object does not say otherwise.</param>
public sealed record AttributeInfo(ulong Type, string Name, AttributeKind Kind, AttributeRole Role)
{
    /// <summary>True for a single CK_ULONG, whatever it stands for; its width is that of the machine.</summary>
    public bool IsNumber => Kind is AttributeKind.Number or AttributeKind.ObjectClass or AttributeKind.KeyType
        or AttributeKind.CertificateType or AttributeKind.Mechanism;
}
