using System.Security.Cryptography;
using HsmBackup.Engine.Pkcs11;

namespace HsmBackup.Engine.Tokens;

/// <summary>A key-encryption key as it leaves a token: wrapped under the cluster key, which no process can see.</summary>
/// <param name="Form">The form of the wrapping.</param>
/// <param name="Data">Its bytes.</param>
public sealed record WrappedKek(WrapForm Form, byte[] Data);

/// <content>In cluster-bound mode the KEK is made in the token, and this process never has it.</content>
public sealed partial class KeyEncryptionKey
{
    /// <summary>The KEK wrapped under the cluster key; null in one-time-key mode, where this process had its value.</summary>
    public WrappedKek? Wrapped { get; private init; }

    /// <summary>True where this process does not have the KEK, and no secret value may pass through it.</summary>
    public bool IsClusterBound => Wrapped is not null;

    /// <summary>Makes a KEK in a token (C_GenerateKey), which leaves it wrapped under the cluster key and in no other way.</summary>
    /// <param name="connection">The token.</param>
    /// <param name="clusterKey">The cluster key in it.</param>
    /// <exception cref="HsmBackupException">TokenCannotWrap.</exception>
    public static KeyEncryptionKey Generate(TokenConnection connection, TokenClusterKey clusterKey)
    {
        TokenCapabilities capabilities = connection.Capabilities;
        WrapMethod method = TokenClusterKey.MethodOf(capabilities, _ => true) ?? throw CannotWrap(connection, "It wraps no secret keys.");
        AttributeMap template = Template().Set(Cka.Extractable, true).Set(Cka.ValueLen, (ulong)ClusterKeyIdentity.KeyLength);
        ulong rv = connection.Session.TryGenerateKey(new Mechanism(Ckm.AesKeyGen), template, out ulong handle);
        if (rv != Ckr.Ok)
        {
            throw CannotWrap(connection, $"C_GenerateKey returned {Names.OfReturnValue(rv)}.");
        }
        rv = connection.Session.TryWrapKey(method.ToMechanism(ClusterKeyIdentity.ZeroIv.AsSpan()), clusterKey.Handle, handle, out ReadOnlySpan<byte> wrapped);
        if (rv != Ckr.Ok)
        {
            connection.Session.TryDestroyObject(handle);
            throw CannotWrap(connection, $"C_WrapKey under the cluster key returned {Names.OfReturnValue(rv)}.");
        }
        byte[] data = wrapped.ToArray();
        // It has left the token the one way that it may. A token that does not hear this has a KEK that lives as long as the session.
        connection.Session.TrySetAttributes(handle, new AttributeMap().Set(Cka.Extractable, false));
        return new KeyEncryptionKey(connection.Session, capabilities, handle, RandomNumberGenerator.GetBytes(16))
        {
            Wrapped = new WrappedKek(method.Form, data),
        };
    }

    /// <summary>Brings a KEK back into a token that holds the cluster key (C_UnwrapKey).</summary>
    /// <param name="connection">The token.</param>
    /// <param name="clusterKey">The cluster key in it.</param>
    /// <param name="wrapped">The KEK.</param>
    /// <param name="iv">The backup's IV.</param>
    /// <exception cref="HsmBackupException">TokenCannotWrap: the token does not master the form. ClusterKeyMismatch: it does not unwrap.</exception>
    public static KeyEncryptionKey Unwrap(TokenConnection connection, TokenClusterKey clusterKey, WrappedKek wrapped, byte[] iv)
    {
        TokenCapabilities capabilities = connection.Capabilities;
        WrapMethod method = TokenClusterKey.MethodOf(capabilities, form => form == wrapped.Form)
            ?? throw CannotWrap(connection, $"The key-encryption key is in the form {wrapped.Form}, which this token does not master.");
        Mechanism mechanism = method.ToMechanism(ClusterKeyIdentity.ZeroIv.AsSpan());
        AttributeMap template = Template().Set(Cka.Extractable, false);
        ulong rv = connection.Session.TryUnwrapKey(mechanism, clusterKey.Handle, wrapped.Data, template, out ulong handle);
        if (rv == Ckr.AttributeReadOnly)
        {
            // opencryptoki: CKA_EXTRACTABLE belongs to the token in an unwrap template. It is a session object either way.
            template.Remove(Cka.Extractable);
            rv = connection.Session.TryUnwrapKey(mechanism, clusterKey.Handle, wrapped.Data, template, out handle);
        }
        if (rv != Ckr.Ok)
        {
            throw new HsmBackupException(ErrorCode.ClusterKeyMismatch,
                $"The key-encryption key does not unwrap under the cluster key of token '{connection.Token.Label}': C_UnwrapKey returned {Names.OfReturnValue(rv)}.",
                "The backup is authentic, so its maker or this token is at fault. Try another node of the cluster, and keep the backup.",
                new Pkcs11Exception("C_UnwrapKey", rv))
            { Target = connection.Token.Label };
        }
        return new KeyEncryptionKey(connection.Session, capabilities, handle, iv) { Wrapped = wrapped };
    }

    private static AttributeMap Template() => new AttributeMap()
        .Set(Cka.Class, Cko.SecretKey).Set(Cka.KeyType, Ckk.Aes).Set(Cka.Token, false).Set(Cka.Private, true).Set(Cka.Sensitive, true)
        .Set(Cka.Encrypt, false).Set(Cka.Decrypt, false).Set(Cka.Wrap, true).Set(Cka.Unwrap, true);

    private static HsmBackupException CannotWrap(TokenConnection connection, string why) => new(ErrorCode.TokenCannotWrap,
        $"Token '{connection.Token.Label}' cannot make or take a key-encryption key under its cluster key. {why}",
        "See what the token was seen to do (-Verbose prints the probe).")
    { Target = connection.Token.Label };
}
