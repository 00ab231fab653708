using HsmBackup.Engine.Pkcs11;
using HsmBackup.Engine.Protection;

namespace HsmBackup.Engine.Tokens;

/// <summary>
/// The key of a cluster in one of its tokens: sensitive, not extractable, good for wrapping and unwrapping and nothing else. It exists
/// only where it was proven; an object that merely has its label is an object like any other.
/// </summary>
public sealed class TokenClusterKey
{
    private TokenClusterKey(ulong handle, ClusterKeyIdentity identity)
    {
        Handle = handle;
        Identity = identity;
    }

    /// <summary>Its handle.</summary>
    public ulong Handle { get; }

    /// <summary>What it is known by.</summary>
    public ClusterKeyIdentity Identity { get; }

    /// <summary>The key of a cluster in a token, proven.</summary>
    /// <exception cref="HsmBackupException">ClusterKeyMissing, ClusterKeyMismatch.</exception>
    public static TokenClusterKey Require(TokenConnection connection, ClusterKeyIdentity identity)
    {
        if (Find(connection, identity, out string? why) is { } found)
        {
            return found;
        }
        string label = connection.Token.Label;
        List<string> others = Labelled(connection);
        if (why is not null || others.Count > 0)
        {
            throw new HsmBackupException(ErrorCode.ClusterKeyMismatch,
                why is not null
                    ? $"The token '{label}' has a key with the name of cluster key {identity.Check}, and it is not that key: {why}."
                    : $"The token '{label}' holds another cluster key: {string.Join(", ", others)} instead of {identity.Check}.",
                "Use a token of the cluster that the backup is of, or bring the right cluster key in from its custodians' shares (Restore-HsmClusterKey).")
            { Target = label };
        }
        throw new HsmBackupException(ErrorCode.ClusterKeyMissing, $"The token '{label}' does not hold the cluster key {identity.Check}.",
            "Use a token of the cluster, or bring the cluster key in from its custodians' shares (Restore-HsmClusterKey).")
        { Target = label };
    }

    /// <summary>The key of a cluster in a token; null where it is not there, or not proven.</summary>
    public static TokenClusterKey? Find(TokenConnection connection, ClusterKeyIdentity identity) => Find(connection, identity, out _);

    /// <summary>
    /// The check values that keys with the label of a cluster key claim by their CKA_ID: of this cluster, of another one, of an earlier key,
    /// or of nothing at all.
    /// </summary>
    public static List<string> Labelled(TokenConnection connection) =>
        [.. FindLabelled(connection).Select(h => ClaimOf(connection.Session, h))];

    /// <summary>
    /// Handles of the keys that may be cluster keys: with the label of one, an id of its length, and protected as one is. Whatever else has the
    /// label is an object like any other, and is not removed for it.
    /// </summary>
    internal static List<ulong> FindLabelled(TokenConnection connection) =>
        [.. connection.Session.FindObjects(NamePattern()).Where(handle => MayBeOne(connection.Session, handle))];

    /// <summary>Brings a cluster key into a token for good, and proves it there. One that is there already stays.</summary>
    /// <param name="connection">The token, open for writing.</param>
    /// <param name="key">32 bytes.</param>
    /// <param name="identity">What the key is known by.</param>
    /// <param name="added">False where it was there already.</param>
    /// <exception cref="HsmBackupException">TokenCannotWrap, ClusterKeyMismatch: what the token made of it is not that key, or is not
    /// protected. Nothing of the attempt is left.</exception>
    public static TokenClusterKey Import(TokenConnection connection, SecretBuffer key, ClusterKeyIdentity identity, out bool added)
    {
        if (Find(connection, identity) is { } there)
        {
            added = false;
            return there;
        }
        added = true;
        string refusal = "";
        ulong handle = 0;
        foreach (bool unmodifiable in (bool[])[true, false])
        {
            if (handle == 0)
            {
                handle = WrappingKeyImport.ImportSecret(connection.Session, key.Span, Template(identity, unmodifiable),
                    connection.Capabilities.KekImport, out _, out _, out refusal);
            }
        }
        if (handle == 0)
        {
            throw new HsmBackupException(ErrorCode.TokenCannotWrap,
                $"The token '{connection.Token.Label}' does not take a cluster key. {refusal}",
                "A node needs C_CreateObject for AES keys, or RSA-OAEP unwrapping.")
            { Target = connection.Token.Label };
        }
        if (FaultOf(connection, handle, identity) is { } fault)
        {
            connection.Session.TryDestroyObject(handle);
            throw new HsmBackupException(ErrorCode.ClusterKeyMismatch,
                $"The cluster key was brought into token '{connection.Token.Label}', and did not pass its proof: {fault}. It was removed again.",
                "This token cannot be a node of a cluster with a cluster key. Look at what it was seen to do (-Verbose).")
            { Target = connection.Token.Label };
        }
        return Recognised(connection, handle, identity);
    }

    /// <summary>Removes it.</summary>
    /// <returns>False where the token keeps it.</returns>
    public bool TryRemove(TokenConnection connection)
    {
        bool gone = connection.Session.TryDestroyObject(Handle) == Ckr.Ok;
        if (gone)
        {
            connection.Infrastructure.Remove(Handle);
        }
        return gone;
    }

    /// <summary>How a token wraps under a cluster key: as it wraps secret keys under any other.</summary>
    internal static WrapMethod? MethodOf(TokenCapabilities capabilities, Func<WrapForm, bool> isKnown) =>
        Array.Find([capabilities.SecretKeys, capabilities.OddLengths, capabilities.PrivateKeys], m => m is not null && isKnown(m.Form));

    private static TokenClusterKey? Find(TokenConnection connection, ClusterKeyIdentity identity, out string? why)
    {
        why = null;
        foreach (ulong handle in connection.Session.FindObjects(NamePattern().Set(Cka.Id, identity.Id)))
        {
            why = FaultOf(connection, handle, identity);
            if (why is null)
            {
                return Recognised(connection, handle, identity);
            }
        }
        return null;
    }

    private static TokenClusterKey Recognised(TokenConnection connection, ulong handle, ClusterKeyIdentity identity)
    {
        connection.Infrastructure.Add(handle);
        return new TokenClusterKey(handle, identity);
    }

    /// <summary>What is wrong with a key that claims to be a cluster key; null where it is that key, and protected.</summary>
    private static string? FaultOf(TokenConnection connection, ulong handle, ClusterKeyIdentity identity)
    {
        Pkcs11Session session = connection.Session;
        AttributeMap attributes = session.GetAttributes(handle, Cka.Sensitive, Cka.Extractable);
        if (attributes.Boolean(Cka.Sensitive) != true || attributes.Boolean(Cka.Extractable) != false)
        {
            return "it may leave the token (CKA_SENSITIVE is not true, or CKA_EXTRACTABLE not false)";
        }
        if (MethodOf(connection.Capabilities, identity.WrapChecks.ContainsKey) is not { } method)
        {
            return "the token has no way of wrapping by which it could be proven";
        }
        ulong subject = WrappingKeyImport.ImportSecret(session, ClusterKeyIdentity.Constant.AsSpan(), ConstantTemplate(),
            connection.Capabilities.KekImport, out _, out _, out string refusal);
        if (subject == 0)
        {
            return $"the token does not take the constant that proves it: {refusal}";
        }
        try
        {
            ulong rv = session.TryWrapKey(method.ToMechanism(ClusterKeyIdentity.ZeroIv.AsSpan()), handle, subject, out ReadOnlySpan<byte> wrapped);
            return rv != Ckr.Ok ? $"C_WrapKey returned {Names.OfReturnValue(rv)}"
                : ClusterKeyIdentity.CheckOf(wrapped) != identity.WrapChecks[method.Form] ? "it wraps the published constant to other bytes"
                : null;
        }
        finally
        {
            session.TryDestroyObject(subject);
        }
    }

    private static bool MayBeOne(Pkcs11Session session, ulong handle)
    {
        AttributeMap attributes = session.GetAttributes(handle, Cka.Id, Cka.Sensitive, Cka.Extractable);
        return attributes.Bytes(Cka.Id) is { Length: ClusterKeyIdentity.CheckLength }
            && attributes.Boolean(Cka.Sensitive) == true && attributes.Boolean(Cka.Extractable) == false;
    }

    private static string ClaimOf(Pkcs11Session session, ulong handle) =>
        session.GetAttributes(handle, Cka.Id).Bytes(Cka.Id) is { Length: > 0 } id ? Convert.ToHexStringLower(id) : "(without id)";

    private static AttributeMap NamePattern() => new AttributeMap()
        .Set(Cka.Class, Cko.SecretKey).Set(Cka.Token, true).Set(Cka.Label, ClusterKeyIdentity.Label);

    private static AttributeMap Template(ClusterKeyIdentity identity, bool unmodifiable)
    {
        AttributeMap template = new AttributeMap()
            .Set(Cka.Class, Cko.SecretKey).Set(Cka.KeyType, Ckk.Aes).Set(Cka.Label, ClusterKeyIdentity.Label).Set(Cka.Id, identity.Id)
            .Set(Cka.Token, true).Set(Cka.Private, true).Set(Cka.Sensitive, true).Set(Cka.Extractable, false)
            .Set(Cka.Encrypt, false).Set(Cka.Decrypt, false).Set(Cka.Sign, false).Set(Cka.Verify, false).Set(Cka.Derive, false)
            .Set(Cka.Wrap, true).Set(Cka.Unwrap, true);
        // SoftHSM takes it in C_UnwrapKey only as the last attribute.
        return unmodifiable ? template.Set(Cka.Modifiable, false) : template;
    }

    private static AttributeMap ConstantTemplate() => new AttributeMap()
        .Set(Cka.Class, Cko.SecretKey).Set(Cka.KeyType, Ckk.Aes).Set(Cka.Token, false).Set(Cka.Private, true)
        .Set(Cka.Sensitive, true).Set(Cka.Extractable, true).Set(Cka.Encrypt, false).Set(Cka.Decrypt, false);
}
