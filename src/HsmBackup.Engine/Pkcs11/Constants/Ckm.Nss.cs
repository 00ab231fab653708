namespace HsmBackup.Engine.Pkcs11;

#pragma warning disable CS1591 // The names are those of the standard, which is where they are explained.
#pragma warning disable CA1707 // An underscore keeps two numbers apart: SHA3_256 is Sha3_256.

/// <summary>CKM_: mechanisms. This part: The mechanisms of NSS, as found in libnss3.</summary>
public static partial class Ckm
{
    public const ulong NssAesKeyWrap = 0xCE534351;
    public const ulong NssAesKeyWrapPad = 0xCE534352;
    public const ulong NssHkdfSha1 = 0xCE534353;
    public const ulong NssHkdfSha256 = 0xCE534354;
    public const ulong NssHkdfSha384 = 0xCE534355;
    public const ulong NssHkdfSha512 = 0xCE534356;
    public const ulong NssJpakeRound1Sha1 = 0xCE534357;
    public const ulong NssJpakeRound1Sha256 = 0xCE534358;
    public const ulong NssJpakeRound1Sha384 = 0xCE534359;
    public const ulong NssJpakeRound1Sha512 = 0xCE53435A;
    public const ulong NssJpakeRound2Sha1 = 0xCE53435B;
    public const ulong NssJpakeRound2Sha256 = 0xCE53435C;
    public const ulong NssJpakeRound2Sha384 = 0xCE53435D;
    public const ulong NssJpakeRound2Sha512 = 0xCE53435E;
    public const ulong NssJpakeFinalSha1 = 0xCE53435F;
    public const ulong NssJpakeFinalSha256 = 0xCE534360;
    public const ulong NssJpakeFinalSha384 = 0xCE534361;
    public const ulong NssJpakeFinalSha512 = 0xCE534362;
    public const ulong NssHmacConstantTime = 0xCE534363;
    public const ulong NssSsl3MacConstantTime = 0xCE534364;
    public const ulong NssTlsPrfGeneralSha256 = 0xCE534365;
    public const ulong NssTlsMasterKeyDeriveSha256 = 0xCE534366;
    public const ulong NssTlsKeyAndMacDeriveSha256 = 0xCE534367;
    public const ulong NssTlsMasterKeyDeriveDhSha256 = 0xCE534368;
    public const ulong NssTlsExtendedMasterKeyDerive = 0xCE534369;
    public const ulong NssTlsExtendedMasterKeyDeriveDh = 0xCE53436A;
    public const ulong NssChacha20KeyGen = 0xCE53436B;
    public const ulong NssChacha20Poly1305 = 0xCE53436C;
    public const ulong NssPkcs12PbeSha224HmacKeyGen = 0xCE53436D;
    public const ulong NssPkcs12PbeSha256HmacKeyGen = 0xCE53436E;
    public const ulong NssPkcs12PbeSha384HmacKeyGen = 0xCE53436F;
    public const ulong NssPkcs12PbeSha512HmacKeyGen = 0xCE534370;
    public const ulong NssChacha20Ctr = 0xCE534371;
    public const ulong NssIkePrfPlusDerive = 0xCE534372;
    public const ulong NssIkePrfDerive = 0xCE534373;
    public const ulong NssIke1PrfDerive = 0xCE534374;
    public const ulong NssIke1AppBPrfDerive = 0xCE534375;
    public const ulong NssPubFromPriv = 0xCE534378;
    public const ulong NssSp800_108CounterKdfDeriveData = 0xCE53437A;
    public const ulong NssSp800_108FeedbackKdfDeriveData = 0xCE53437B;
    public const ulong NssSp800_108DoublePipelineKdfDeriveData = 0xCE53437C;
}
