using System.Runtime.InteropServices;
using HsmBackup.Engine.Pkcs11.Native;

namespace HsmBackup.Engine.Pkcs11;

/// <summary>A mechanism with its parameter in native form; none of those used here has pointers in it.</summary>
/// <param name="Type">The CKM code.</param>
/// <param name="Parameter">The parameter; empty for most.</param>
public sealed record Mechanism(ulong Type, byte[] Parameter)
{
    /// <summary>A mechanism without a parameter.</summary>
    public Mechanism(ulong type)
        : this(type, [])
    {
    }

    /// <summary>AES-CBC with PKCS padding (CKM_AES_CBC_PAD); the parameter is the IV of 16 bytes.</summary>
    public static Mechanism AesCbcPad(ReadOnlySpan<byte> iv) => new(Ckm.AesCbcPad, iv.ToArray());

    /// <summary>RSA-OAEP with one hash for both purposes and an empty label (PKCS#11, CK_RSA_PKCS_OAEP_PARAMS).</summary>
    /// <param name="hash">The CKM code of the hash, for example CKM_SHA256.</param>
    public static Mechanism RsaOaep(ulong hash)
    {
        ulong mgf = hash switch
        {
            Ckm.Sha1 => Ckg.Mgf1Sha1,
            Ckm.Sha256 => Ckg.Mgf1Sha256,
            Ckm.Sha384 => Ckg.Mgf1Sha384,
            Ckm.Sha512 => Ckg.Mgf1Sha512,
            _ => throw new ArgumentOutOfRangeException(nameof(hash)),
        };
        var parameters = new CK_RSA_PKCS_OAEP_PARAMS
        {
            hashAlg = new CULong((nuint)hash),
            mgf = new CULong((nuint)mgf),
            source = new CULong((nuint)Ckz.DataSpecified),
        };
        return new Mechanism(Ckm.RsaPkcsOaep, MemoryMarshal.AsBytes(new ReadOnlySpan<CK_RSA_PKCS_OAEP_PARAMS>(in parameters)).ToArray());
    }

    /// <summary>RSA-PSS over a digest made elsewhere, salt as long as the digest (CK_RSA_PKCS_PSS_PARAMS).</summary>
    public static Mechanism RsaPssSha256()
    {
        var parameters = new CK_RSA_PKCS_PSS_PARAMS
        {
            hashAlg = new CULong((nuint)Ckm.Sha256),
            mgf = new CULong((nuint)Ckg.Mgf1Sha256),
            sLen = new CULong(32),
        };
        return new Mechanism(Ckm.RsaPkcsPss, MemoryMarshal.AsBytes(new ReadOnlySpan<CK_RSA_PKCS_PSS_PARAMS>(in parameters)).ToArray());
    }
}
