using System.Runtime.InteropServices;
using HsmBackup.Engine.Pkcs11.Native;

namespace HsmBackup.Engine.Pkcs11;

/// <content>Using keys (PKCS#11 5.8 to 5.14): what a proof of use needs.</content>
public sealed unsafe partial class Pkcs11Session
{
    private byte[] _useBuffer = new byte[64 * 1024];

    /// <summary>Encrypts in one part (C_EncryptInit, C_Encrypt).</summary>
    /// <returns>The CKR value.</returns>
    public ulong TryEncrypt(Mechanism mechanism, ulong key, ReadOnlySpan<byte> data, out byte[] result) =>
        Transform(FunctionIndex.C_EncryptInit, FunctionIndex.C_Encrypt, mechanism, key, data, out result);

    /// <summary>Decrypts in one part (C_DecryptInit, C_Decrypt).</summary>
    /// <returns>The CKR value.</returns>
    public ulong TryDecrypt(Mechanism mechanism, ulong key, ReadOnlySpan<byte> data, out byte[] result) =>
        Transform(FunctionIndex.C_DecryptInit, FunctionIndex.C_Decrypt, mechanism, key, data, out result);

    /// <summary>Signs or authenticates in one part (C_SignInit, C_Sign).</summary>
    /// <param name="mechanism">How.</param>
    /// <param name="key">With what.</param>
    /// <param name="data">What.</param>
    /// <param name="result">The signature or MAC.</param>
    /// <param name="pin">The PIN of a key with CKA_ALWAYS_AUTHENTICATE, sent between the two calls; empty for all others.</param>
    /// <returns>The CKR value.</returns>
    public ulong TrySign(Mechanism mechanism, ulong key, ReadOnlySpan<byte> data, out byte[] result, ReadOnlySpan<byte> pin = default) =>
        Transform(FunctionIndex.C_SignInit, FunctionIndex.C_Sign, mechanism, key, data, out result, pin);

    /// <summary>Decrypts with a key that has CKA_ALWAYS_AUTHENTICATE.</summary>
    /// <returns>The CKR value.</returns>
    public ulong TryDecrypt(Mechanism mechanism, ulong key, ReadOnlySpan<byte> data, out byte[] result, ReadOnlySpan<byte> pin) =>
        Transform(FunctionIndex.C_DecryptInit, FunctionIndex.C_Decrypt, mechanism, key, data, out result, pin);

    /// <summary>Decrypts a secret, of which no copy stays behind.</summary>
    /// <param name="mechanism">How.</param>
    /// <param name="key">With what.</param>
    /// <param name="data">What.</param>
    /// <param name="destination">Takes the result; memory that the garbage collector does not move, which the caller wipes.</param>
    /// <param name="length">How long the result is.</param>
    /// <param name="pin">The PIN of a key with CKA_ALWAYS_AUTHENTICATE; empty for all others.</param>
    /// <returns>The CKR value.</returns>
    public ulong TryDecrypt(
        Mechanism mechanism, ulong key, ReadOnlySpan<byte> data, Span<byte> destination, out int length, ReadOnlySpan<byte> pin = default) =>
        Transform(FunctionIndex.C_DecryptInit, FunctionIndex.C_Decrypt, mechanism, key, data, destination, out length, pin);

    /// <summary>Verifies a signature or MAC in one part (C_VerifyInit, C_Verify).</summary>
    /// <returns>The CKR value.</returns>
    public ulong TryVerify(Mechanism mechanism, ulong key, ReadOnlySpan<byte> data, ReadOnlySpan<byte> signature)
    {
        ulong rv = Begin(FunctionIndex.C_VerifyInit, mechanism, key);
        if (rv != Ckr.Ok)
        {
            return rv;
        }
        fixed (byte* d = data)
        fixed (byte* s = signature)
        {
            return ((delegate* unmanaged[Cdecl]<CULong, byte*, CULong, byte*, CULong, CULong>)_functions.Call(FunctionIndex.C_Verify))(
                Native, d, new CULong((nuint)data.Length), s, new CULong((nuint)signature.Length)).Value;
        }
    }

    /// <summary>The digest of some bytes followed by the value of a secret key (C_DigestKey): tells keys apart by value and length.</summary>
    /// <returns>The CKR value.</returns>
    public ulong TryDigestKey(Mechanism mechanism, ReadOnlySpan<byte> salt, ulong key, out byte[] result)
    {
        result = [];
        fixed (byte* parameter = mechanism.Parameter)
        fixed (byte* s = salt)
        {
            CK_MECHANISM native = ToNative(mechanism, parameter);
            ulong rv = ((delegate* unmanaged[Cdecl]<CULong, CK_MECHANISM*, CULong>)_functions.Call(FunctionIndex.C_DigestInit))(
                Native, &native).Value;
            if (rv != Ckr.Ok)
            {
                return rv;
            }
            rv = ((delegate* unmanaged[Cdecl]<CULong, byte*, CULong, CULong>)_functions.Call(FunctionIndex.C_DigestUpdate))(
                Native, s, new CULong((nuint)salt.Length)).Value;
            ulong keyed = ((delegate* unmanaged[Cdecl]<CULong, CULong, CULong>)_functions.Call(FunctionIndex.C_DigestKey))(
                Native, new CULong((nuint)key)).Value;
            // Finish in any case: a digest left open would make the next one fail.
            byte* digest = stackalloc byte[64];
            var length = new CULong(64);
            ulong final = ((delegate* unmanaged[Cdecl]<CULong, byte*, CULong*, CULong>)_functions.Call(FunctionIndex.C_DigestFinal))(
                Native, digest, &length).Value;
            rv = rv != Ckr.Ok ? rv : keyed != Ckr.Ok ? keyed : final;
            if (rv == Ckr.Ok && length.Value <= 64)
            {
                result = new ReadOnlySpan<byte>(digest, checked((int)length.Value)).ToArray();
            }
            return rv;
        }
    }

    private ulong Transform(FunctionIndex init, FunctionIndex function, Mechanism mechanism, ulong key, ReadOnlySpan<byte> data,
        out byte[] result, ReadOnlySpan<byte> pin = default)
    {
        if (_useBuffer.Length < data.Length + 1024)
        {
            _useBuffer = new byte[data.Length + 1024];
        }
        ulong rv = Transform(init, function, mechanism, key, data, _useBuffer, out int length, pin);
        result = _useBuffer[..length];
        // The next result may be shorter; what was decrypted has no business behind it.
        _useBuffer.AsSpan(0, length).Clear();
        return rv;
    }

    private ulong Transform(FunctionIndex init, FunctionIndex function, Mechanism mechanism, ulong key, ReadOnlySpan<byte> data,
        Span<byte> destination, out int length, ReadOnlySpan<byte> pin)
    {
        length = 0;
        ulong rv = Begin(init, mechanism, key);
        if (rv == Ckr.Ok && pin.Length > 0)
        {
            rv = TryLogin(Cku.ContextSpecific, pin);
            // NSS knows no login for one operation; it shows the attribute and does not heed it.
            rv = rv == Ckr.UserAlreadyLoggedIn ? Ckr.Ok : rv;
            if (rv != Ckr.Ok)
            {
                // Its refusal is no news; it ends the operation, which would stand in the way of every later one (CKR_OPERATION_ACTIVE).
                _ = Finish(function, data, destination, out _);
            }
        }
        if (rv != Ckr.Ok)
        {
            return rv;
        }
        return Finish(function, data, destination, out length);
    }

    private ulong Finish(FunctionIndex function, ReadOnlySpan<byte> data, Span<byte> destination, out int length)
    {
        var written = new CULong((nuint)destination.Length);
        ulong rv;
        fixed (byte* d = data)
        fixed (byte* b = destination)
        {
            rv = ((delegate* unmanaged[Cdecl]<CULong, byte*, CULong, byte*, CULong*, CULong>)_functions.Call(function))(
                Native, d, new CULong((nuint)data.Length), b, &written).Value;
        }
        length = rv == Ckr.Ok ? checked((int)written.Value) : 0;
        return rv;
    }

    private ulong Begin(FunctionIndex init, Mechanism mechanism, ulong key)
    {
        fixed (byte* parameter = mechanism.Parameter)
        {
            CK_MECHANISM native = ToNative(mechanism, parameter);
            return ((delegate* unmanaged[Cdecl]<CULong, CK_MECHANISM*, CULong, CULong>)_functions.Call(init))(
                Native, &native, new CULong((nuint)key)).Value;
        }
    }
}
