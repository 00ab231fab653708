namespace HsmBackup.Engine.Pkcs11;

/// <summary>The attributes of objects that are neither keys nor certificates.</summary>
internal static class OtherObjects
{
    /// <summary>One list a class.</summary>
    /// <param name="common">What every object has.</param>
    /// <param name="storage">What every object has that can be stored on a token.</param>
    public static Dictionary<ulong, ulong[]> Lists(ReadOnlySpan<ulong> common, ReadOnlySpan<ulong> storage) => new()
    {
        [Cko.Data] = [.. common, .. storage, Cka.Application, Cka.ObjectId, Cka.Value],
        [Cko.Trust] =
        [
            .. common, .. storage, Cka.Issuer, Cka.SerialNumber, Cka.HashOfCertificate, Cka.NameHashAlgorithm,
            Cka.TrustServerAuth, Cka.TrustClientAuth, Cka.TrustCodeSigning, Cka.TrustEmailProtection, Cka.TrustIpsecIke,
            Cka.TrustTimeStamping, Cka.TrustOcspSigning,
        ],

        // These describe the token itself and live and die with it: no storage attributes, nothing to restore.
        [Cko.HwFeature] =
        [
            .. common, Cka.HwFeatureType, Cka.Value, Cka.ResetOnInit, Cka.HasReset, Cka.PixelX, Cka.PixelY, Cka.Resolution,
            Cka.CharRows, Cka.CharColumns, Cka.Color, Cka.BitsPerPixel, Cka.CharSets, Cka.EncodingMethods, Cka.MimeTypes,
        ],
        [Cko.Mechanism] =
        [
            .. common, Cka.MechanismType, Cka.RequiredCmsAttributes, Cka.DefaultCmsAttributes, Cka.SupportedCmsAttributes,
        ],
        [Cko.Profile] = [.. common, Cka.ProfileId],
        [Cko.Validation] =
        [
            .. common, Cka.ValidationType, Cka.ValidationVersion, Cka.ValidationLevel, Cka.ValidationModuleId,
            Cka.ValidationFlag, Cka.ValidationAuthorityType, Cka.ValidationCountry, Cka.ValidationCertificateIdentifier,
            Cka.ValidationCertificateUri, Cka.ValidationVendorUri, Cka.ValidationProfile,
        ],

        // NSS keeps trust, revocation lists and S/MIME profiles as objects of its own.
        [Cko.NssTrust] =
        [
            .. common, .. storage, Cka.Issuer, Cka.SerialNumber, Cka.Subject, Cka.NssCertSha1Hash, Cka.NssCertMd5Hash,
            Cka.NssTrustDigitalSignature, Cka.NssTrustNonRepudiation, Cka.NssTrustKeyEncipherment,
            Cka.NssTrustDataEncipherment, Cka.NssTrustKeyAgreement, Cka.NssTrustKeyCertSign, Cka.NssTrustCrlSign,
            Cka.NssTrustServerAuth, Cka.NssTrustClientAuth, Cka.NssTrustCodeSigning, Cka.NssTrustEmailProtection,
            Cka.NssTrustIpsecEndSystem, Cka.NssTrustIpsecTunnel, Cka.NssTrustIpsecUser, Cka.NssTrustTimeStamping,
            Cka.NssTrustStepUpApproved,
        ],
        [Cko.NssCrl] = [.. common, .. storage, Cka.Subject, Cka.Value, Cka.NssUrl, Cka.NssKrl],
        [Cko.NssSmime] = [.. common, .. storage, Cka.Subject, Cka.NssEmail, Cka.NssSmimeTimestamp, Cka.Value],
        [Cko.NssBuiltinRootList] = [.. common, .. storage],
    };
}
