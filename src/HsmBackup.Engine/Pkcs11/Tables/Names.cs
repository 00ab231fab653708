namespace HsmBackup.Engine.Pkcs11;

/// <summary>
/// Codes of PKCS#11 as text and back. A code with a name is written by its name, such as CKA_LABEL, any other one as 0x and
/// at least eight upper-case digits; both are understood, so every code survives the round trip. Second names that the
/// standard gave to a code are understood too.
/// </summary>
public static class Names
{
    // Made when first asked for: importing the module must not pay for six hundred names.
    private static readonly Lazy<NameTable> s_returnValues = new(() => new NameTable().Add(NameText.ReturnValues));
    private static readonly Lazy<NameTable> s_classes = new(() => new NameTable().Add(NameText.Classes));
    private static readonly Lazy<NameTable> s_keyTypes = new(() => new NameTable().Add(NameText.KeyTypes));
    private static readonly Lazy<NameTable> s_certificateTypes = new(() => new NameTable().Add(NameText.CertificateTypes));
    private static readonly Lazy<NameTable> s_mechanisms = new(MakeMechanisms);
    private static readonly Lazy<NameTable> s_attributes = new(MakeAttributes);

    /// <summary>The text of a return value, such as CKR_PIN_INCORRECT.</summary>
    /// <param name="code">The code, one of <see cref="Ckr"/> or any other.</param>
    /// <returns>The name, or 0x and hexadecimal digits.</returns>
    public static string OfReturnValue(ulong code) => s_returnValues.Value.Of(code);

    /// <summary>Reads a return value.</summary>
    /// <param name="text">A name, or 0x and hexadecimal digits.</param>
    /// <param name="code">The code.</param>
    /// <returns>False when the text is neither.</returns>
    public static bool TryParseReturnValue(ReadOnlySpan<char> text, out ulong code) =>
        s_returnValues.Value.TryParse(text, out code);

    /// <summary>The text of an object class, such as CKO_SECRET_KEY.</summary>
    /// <param name="code">The code, one of <see cref="Cko"/> or any other.</param>
    /// <returns>The name, or 0x and hexadecimal digits.</returns>
    public static string OfClass(ulong code) => s_classes.Value.Of(code);

    /// <summary>The same text as <see cref="OfClass"/> in UTF-8; a code with a name costs no memory.</summary>
    /// <param name="code">The code.</param>
    /// <returns>The name, or 0x and hexadecimal digits.</returns>
    public static ReadOnlySpan<byte> Utf8OfClass(ulong code) => s_classes.Value.Utf8Of(code);

    /// <summary>Reads an object class.</summary>
    /// <param name="text">A name, or 0x and hexadecimal digits.</param>
    /// <param name="code">The code.</param>
    /// <returns>False when the text is neither.</returns>
    public static bool TryParseClass(ReadOnlySpan<char> text, out ulong code) =>
        s_classes.Value.TryParse(text, out code);

    /// <inheritdoc cref="TryParseClass(ReadOnlySpan{char}, out ulong)"/>
    /// <param name="utf8">A name, or 0x and hexadecimal digits, in UTF-8.</param>
    /// <param name="code">The code.</param>
    public static bool TryParseClass(ReadOnlySpan<byte> utf8, out ulong code) =>
        s_classes.Value.TryParse(utf8, out code);

    /// <summary>The text of a key type, such as CKK_AES.</summary>
    /// <param name="code">The code, one of <see cref="Ckk"/> or any other.</param>
    /// <returns>The name, or 0x and hexadecimal digits.</returns>
    public static string OfKeyType(ulong code) => s_keyTypes.Value.Of(code);

    /// <summary>The same text as <see cref="OfKeyType"/> in UTF-8; a code with a name costs no memory.</summary>
    /// <param name="code">The code.</param>
    /// <returns>The name, or 0x and hexadecimal digits.</returns>
    public static ReadOnlySpan<byte> Utf8OfKeyType(ulong code) => s_keyTypes.Value.Utf8Of(code);

    /// <summary>Reads a key type.</summary>
    /// <param name="text">A name, or 0x and hexadecimal digits.</param>
    /// <param name="code">The code.</param>
    /// <returns>False when the text is neither.</returns>
    public static bool TryParseKeyType(ReadOnlySpan<char> text, out ulong code) =>
        s_keyTypes.Value.TryParse(text, out code);

    /// <inheritdoc cref="TryParseKeyType(ReadOnlySpan{char}, out ulong)"/>
    /// <param name="utf8">A name, or 0x and hexadecimal digits, in UTF-8.</param>
    /// <param name="code">The code.</param>
    public static bool TryParseKeyType(ReadOnlySpan<byte> utf8, out ulong code) =>
        s_keyTypes.Value.TryParse(utf8, out code);

    /// <summary>The text of a certificate type, such as CKC_X_509.</summary>
    /// <param name="code">The code, one of <see cref="Ckc"/> or any other.</param>
    /// <returns>The name, or 0x and hexadecimal digits.</returns>
    public static string OfCertificateType(ulong code) => s_certificateTypes.Value.Of(code);

    /// <summary>The same text as <see cref="OfCertificateType"/> in UTF-8; a code with a name costs no memory.</summary>
    /// <param name="code">The code.</param>
    /// <returns>The name, or 0x and hexadecimal digits.</returns>
    public static ReadOnlySpan<byte> Utf8OfCertificateType(ulong code) => s_certificateTypes.Value.Utf8Of(code);

    /// <summary>Reads a certificate type.</summary>
    /// <param name="text">A name, or 0x and hexadecimal digits.</param>
    /// <param name="code">The code.</param>
    /// <returns>False when the text is neither.</returns>
    public static bool TryParseCertificateType(ReadOnlySpan<char> text, out ulong code) =>
        s_certificateTypes.Value.TryParse(text, out code);

    /// <inheritdoc cref="TryParseCertificateType(ReadOnlySpan{char}, out ulong)"/>
    /// <param name="utf8">A name, or 0x and hexadecimal digits, in UTF-8.</param>
    /// <param name="code">The code.</param>
    public static bool TryParseCertificateType(ReadOnlySpan<byte> utf8, out ulong code) =>
        s_certificateTypes.Value.TryParse(utf8, out code);

    /// <summary>The text of a mechanism, such as CKM_AES_KEY_WRAP_PAD.</summary>
    /// <param name="code">The code, one of <see cref="Ckm"/> or any other.</param>
    /// <returns>The name, or 0x and hexadecimal digits.</returns>
    public static string OfMechanism(ulong code) => s_mechanisms.Value.Of(code);

    /// <summary>The same text as <see cref="OfMechanism"/> in UTF-8; a code with a name costs no memory.</summary>
    /// <param name="code">The code.</param>
    /// <returns>The name, or 0x and hexadecimal digits.</returns>
    public static ReadOnlySpan<byte> Utf8OfMechanism(ulong code) => s_mechanisms.Value.Utf8Of(code);

    /// <summary>Reads a mechanism.</summary>
    /// <param name="text">A name, or 0x and hexadecimal digits.</param>
    /// <param name="code">The code.</param>
    /// <returns>False when the text is neither.</returns>
    public static bool TryParseMechanism(ReadOnlySpan<char> text, out ulong code) =>
        s_mechanisms.Value.TryParse(text, out code);

    /// <inheritdoc cref="TryParseMechanism(ReadOnlySpan{char}, out ulong)"/>
    /// <param name="utf8">A name, or 0x and hexadecimal digits, in UTF-8.</param>
    /// <param name="code">The code.</param>
    public static bool TryParseMechanism(ReadOnlySpan<byte> utf8, out ulong code) =>
        s_mechanisms.Value.TryParse(utf8, out code);

    /// <summary>The text of an attribute, such as CKA_LABEL.</summary>
    /// <param name="code">The code, one of <see cref="Cka"/> or any other.</param>
    /// <returns>The name, or 0x and hexadecimal digits.</returns>
    public static string OfAttribute(ulong code) => s_attributes.Value.Of(code);

    /// <summary>The same text as <see cref="OfAttribute"/> in UTF-8; a code with a name costs no memory.</summary>
    /// <param name="code">The code.</param>
    /// <returns>The name, or 0x and hexadecimal digits.</returns>
    public static ReadOnlySpan<byte> Utf8OfAttribute(ulong code) => s_attributes.Value.Utf8Of(code);

    /// <summary>Reads an attribute.</summary>
    /// <param name="text">A name, or 0x and hexadecimal digits.</param>
    /// <param name="code">The code.</param>
    /// <returns>False when the text is neither.</returns>
    public static bool TryParseAttribute(ReadOnlySpan<char> text, out ulong code) =>
        s_attributes.Value.TryParse(text, out code);

    /// <inheritdoc cref="TryParseAttribute(ReadOnlySpan{char}, out ulong)"/>
    /// <param name="utf8">A name, or 0x and hexadecimal digits, in UTF-8.</param>
    /// <param name="code">The code.</param>
    public static bool TryParseAttribute(ReadOnlySpan<byte> utf8, out ulong code) =>
        s_attributes.Value.TryParse(utf8, out code);

    internal static NameTable MakeMechanisms() => new NameTable()
        .Add(NameText.AsymmetricMechanisms)
        .Add(NameText.PostQuantumMechanisms)
        .Add(NameText.CipherMechanisms)
        .Add(NameText.DigestMechanisms)
        .Add(NameText.DerivationMechanisms)
        .Add(NameText.NssMechanisms);

    internal static NameTable MakeAttributes()
    {
        var names = new NameTable();
        foreach (var row in AttributeTable.All) names.Add(row.Type, row.Name);
        return names.Add(Cka.EcParams, "CKA_ECDSA_PARAMS").Add(Cka.SubprimeBits, "CKA_SUB_PRIME_BITS");
    }
}
