using System.Runtime.InteropServices;
using HsmBackup.Engine.Pkcs11.Native;

namespace HsmBackup.Engine.Pkcs11;

/// <content>Key management (PKCS#11 5.18).</content>
public sealed unsafe partial class Pkcs11Session
{
    // Enough for an RSA-16384 key; larger ones cost one more call.
    private const int FirstWrapBuffer = 16 * 1024;

    private byte[] _wrapBuffer = new byte[FirstWrapBuffer];

    /// <summary>
    /// Wraps a key (C_WrapKey) with one call. The buffer is generous instead of asked for: NSS answers a length query for
    /// CKM_AES_KEY_WRAP_KWP with too little, SoftHSM and others work out the whole wrapping twice.
    /// </summary>
    /// <returns>The CKR value; <paramref name="wrapped"/> is empty unless it is CKR_OK, and valid until the next call.</returns>
    public ulong TryWrapKey(Mechanism mechanism, ulong wrappingKey, ulong key, out ReadOnlySpan<byte> wrapped)
    {
        for (int attempt = 0; ; attempt++)
        {
            var length = new CULong((nuint)_wrapBuffer.Length);
            ulong rv;
            fixed (byte* parameter = mechanism.Parameter)
            fixed (byte* buffer = _wrapBuffer)
            {
                CK_MECHANISM native = ToNative(mechanism, parameter);
                rv = ((delegate* unmanaged[Cdecl]<CULong, CK_MECHANISM*, CULong, CULong, byte*, CULong*, CULong>)
                    _functions.Call(FunctionIndex.C_WrapKey))(
                    Native, &native, new CULong((nuint)wrappingKey), new CULong((nuint)key), buffer, &length).Value;
            }
            if (rv == Ckr.BufferTooSmall && attempt < 6)
            {
                _wrapBuffer = new byte[_wrapBuffer.Length * 4];
                continue;
            }
            wrapped = rv == Ckr.Ok ? _wrapBuffer.AsSpan(0, checked((int)length.Value)) : default;
            return rv;
        }
    }

    /// <summary>Unwraps a key (C_UnwrapKey).</summary>
    /// <returns>The CKR value; <paramref name="handle"/> is 0 unless it is CKR_OK.</returns>
    public ulong TryUnwrapKey(
        Mechanism mechanism, ulong unwrappingKey, ReadOnlySpan<byte> wrapped, AttributeMap template, out ulong handle)
    {
        using var attributes = new NativeTemplate(template);
        var created = new CULong(0);
        ulong rv;
        fixed (byte* parameter = mechanism.Parameter)
        fixed (byte* blob = wrapped)
        {
            CK_MECHANISM native = ToNative(mechanism, parameter);
            rv = ((delegate* unmanaged[Cdecl]<CULong, CK_MECHANISM*, CULong, byte*, CULong, CK_ATTRIBUTE*, CULong, CULong*, CULong>)
                _functions.Call(FunctionIndex.C_UnwrapKey))(
                Native, &native, new CULong((nuint)unwrappingKey), blob, new CULong((nuint)wrapped.Length),
                attributes.Pointer, attributes.Count, &created).Value;
        }
        handle = rv == Ckr.Ok ? created.Value : 0;
        return rv;
    }

    /// <summary>Generates a secret key (C_GenerateKey).</summary>
    /// <returns>The CKR value.</returns>
    public ulong TryGenerateKey(Mechanism mechanism, AttributeMap template, out ulong handle)
    {
        using var attributes = new NativeTemplate(template);
        var created = new CULong(0);
        ulong rv;
        fixed (byte* parameter = mechanism.Parameter)
        {
            CK_MECHANISM native = ToNative(mechanism, parameter);
            rv = ((delegate* unmanaged[Cdecl]<CULong, CK_MECHANISM*, CK_ATTRIBUTE*, CULong, CULong*, CULong>)
                _functions.Call(FunctionIndex.C_GenerateKey))(Native, &native, attributes.Pointer, attributes.Count, &created).Value;
        }
        handle = rv == Ckr.Ok ? created.Value : 0;
        return rv;
    }

    /// <summary>Generates a key pair (C_GenerateKeyPair).</summary>
    /// <returns>The CKR value.</returns>
    public ulong TryGenerateKeyPair(
        Mechanism mechanism, AttributeMap publicTemplate, AttributeMap privateTemplate, out ulong publicKey, out ulong privateKey)
    {
        using var publicAttributes = new NativeTemplate(publicTemplate);
        using var privateAttributes = new NativeTemplate(privateTemplate);
        var createdPublic = new CULong(0);
        var createdPrivate = new CULong(0);
        ulong rv;
        fixed (byte* parameter = mechanism.Parameter)
        {
            CK_MECHANISM native = ToNative(mechanism, parameter);
            rv = ((delegate* unmanaged[Cdecl]<CULong, CK_MECHANISM*, CK_ATTRIBUTE*, CULong, CK_ATTRIBUTE*, CULong, CULong*, CULong*, CULong>)
                _functions.Call(FunctionIndex.C_GenerateKeyPair))(
                Native, &native, publicAttributes.Pointer, publicAttributes.Count,
                privateAttributes.Pointer, privateAttributes.Count, &createdPublic, &createdPrivate).Value;
        }
        publicKey = rv == Ckr.Ok ? createdPublic.Value : 0;
        privateKey = rv == Ckr.Ok ? createdPrivate.Value : 0;
        return rv;
    }

    /// <summary>Derives a key (C_DeriveKey).</summary>
    /// <returns>The CKR value.</returns>
    public ulong TryDeriveKey(Mechanism mechanism, ulong baseKey, AttributeMap template, out ulong handle)
    {
        using var attributes = new NativeTemplate(template);
        var created = new CULong(0);
        ulong rv;
        fixed (byte* parameter = mechanism.Parameter)
        {
            CK_MECHANISM native = ToNative(mechanism, parameter);
            rv = ((delegate* unmanaged[Cdecl]<CULong, CK_MECHANISM*, CULong, CK_ATTRIBUTE*, CULong, CULong*, CULong>)
                _functions.Call(FunctionIndex.C_DeriveKey))(
                Native, &native, new CULong((nuint)baseKey), attributes.Pointer, attributes.Count, &created).Value;
        }
        handle = rv == Ckr.Ok ? created.Value : 0;
        return rv;
    }

    /// <summary>Derives by plain ECDH, without a KDF (CKM_ECDH1_DERIVE, CKD_NULL).</summary>
    /// <param name="privateKey">The own key.</param>
    /// <param name="peerPoint">The other side's public point, uncompressed.</param>
    /// <param name="template">The derived key.</param>
    /// <param name="handle">Its handle.</param>
    /// <returns>The CKR value.</returns>
    public ulong TryDeriveEcdh(ulong privateKey, ReadOnlySpan<byte> peerPoint, AttributeMap template, out ulong handle)
    {
        fixed (byte* point = peerPoint)
        {
            var parameters = new CK_ECDH1_DERIVE_PARAMS
            {
                kdf = new CULong((nuint)Ckd.Null),
                ulPublicDataLen = new CULong((nuint)peerPoint.Length),
                pPublicData = point,
            };
            byte[] native = new ReadOnlySpan<byte>(&parameters, sizeof(CK_ECDH1_DERIVE_PARAMS)).ToArray();
            return TryDeriveKey(new Mechanism(Ckm.Ecdh1Derive, native), privateKey, template, out handle);
        }
    }

    /// <summary>Derives a secret by encrypting some blocks with a key (CKM_AES_ECB_ENCRYPT_DATA and its like).</summary>
    /// <param name="mechanism">The CKM code.</param>
    /// <param name="baseKey">The key.</param>
    /// <param name="data">What is encrypted: whole blocks.</param>
    /// <param name="template">The derived key.</param>
    /// <param name="handle">Its handle.</param>
    /// <returns>The CKR value.</returns>
    public ulong TryDeriveByEncryption(ulong mechanism, ulong baseKey, ReadOnlySpan<byte> data, AttributeMap template, out ulong handle)
    {
        fixed (byte* d = data)
        {
            var parameters = new CK_KEY_DERIVATION_STRING_DATA { pData = d, ulLen = new CULong((nuint)data.Length) };
            byte[] native = new ReadOnlySpan<byte>(&parameters, sizeof(CK_KEY_DERIVATION_STRING_DATA)).ToArray();
            return TryDeriveKey(new Mechanism(mechanism, native), baseKey, template, out handle);
        }
    }

    private static CK_MECHANISM ToNative(Mechanism mechanism, byte* parameter) => new()
    {
        mechanism = new CULong((nuint)mechanism.Type),
        pParameter = parameter,
        ulParameterLen = new CULong((nuint)mechanism.Parameter.Length),
    };
}
