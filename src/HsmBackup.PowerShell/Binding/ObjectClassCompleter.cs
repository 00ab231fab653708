using System.Collections;

namespace HsmBackup.PowerShell.Binding;

/// <summary>Completes an object class with those that tokens keep.</summary>
public sealed class ObjectClassCompleter : ValueCompleter
{
    private protected override IEnumerable<CompletionValue> Find(IDictionary boundParameters) =>
    [
        new("PrivateKey", "CKO_PRIVATE_KEY: the private halves of key pairs"),
        new("PublicKey", "CKO_PUBLIC_KEY: the public halves of key pairs"),
        new("SecretKey", "CKO_SECRET_KEY: AES, HMAC and other symmetric keys"),
        new("Certificate", "CKO_CERTIFICATE: certificates"),
        new("Data", "CKO_DATA: data objects"),
    ];
}
