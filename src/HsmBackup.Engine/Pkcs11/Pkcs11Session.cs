using System.Runtime.InteropServices;
using HsmBackup.Engine.Pkcs11.Native;

namespace HsmBackup.Engine.Pkcs11;

/// <summary>
/// A session with a token. It belongs to one thread. Calls whose refusal is an answer return the CKR value; the others throw
/// <see cref="Pkcs11Exception"/>.
/// </summary>
public sealed unsafe partial class Pkcs11Session : IDisposable
{
    private readonly FunctionTable _functions;
    private readonly AttributeReader _reader;
    private bool _disposed;

    internal Pkcs11Session(FunctionTable functions, ulong slot, ulong handle)
    {
        _functions = functions;
        SlotId = slot;
        Handle = handle;
        _reader = new AttributeReader(this);
    }

    /// <summary>The slot of the token.</summary>
    public ulong SlotId { get; }

    /// <summary>The session's handle.</summary>
    public ulong Handle { get; }

    internal FunctionTable Functions => _functions;

    private CULong Native => new((nuint)Handle);

    /// <summary>Logs in (C_Login). The PIN is sent once; what the answer means is the caller's business.</summary>
    /// <returns>The CKR value.</returns>
    public ulong TryLogin(ulong userType, ReadOnlySpan<byte> pin)
    {
        // A null pointer asks the token to use its own PIN pad; an empty PIN is something else (NSS), so it gets an address.
        byte empty = 0;
        fixed (byte* p = pin)
        {
            return ((delegate* unmanaged[Cdecl]<CULong, CULong, byte*, CULong, CULong>)_functions.Call(FunctionIndex.C_Login))(
                Native, new CULong((nuint)userType), p == null ? &empty : p, new CULong((nuint)pin.Length)).Value;
        }
    }

    /// <summary>Logs in (C_Login).</summary>
    public void Login(ulong userType, ReadOnlySpan<byte> pin) => Check(FunctionIndex.C_Login, TryLogin(userType, pin));

    /// <summary>Logs out (C_Logout).</summary>
    public void Logout() =>
        Check(FunctionIndex.C_Logout, ((delegate* unmanaged[Cdecl]<CULong, CULong>)_functions.Call(FunctionIndex.C_Logout))(Native).Value);

    /// <summary>Sets the normal user's PIN, as security officer (C_InitPIN).</summary>
    public void InitPin(ReadOnlySpan<byte> pin) => Check(FunctionIndex.C_InitPIN, TryInitPin(pin));

    /// <summary>Sets the normal user's PIN, as security officer (C_InitPIN).</summary>
    /// <returns>The CKR value.</returns>
    public ulong TryInitPin(ReadOnlySpan<byte> pin)
    {
        fixed (byte* p = pin)
        {
            return ((delegate* unmanaged[Cdecl]<CULong, byte*, CULong, CULong>)
                _functions.Call(FunctionIndex.C_InitPIN))(Native, p, new CULong((nuint)pin.Length)).Value;
        }
    }

    /// <summary>Fills a buffer with the token's random numbers (C_GenerateRandom).</summary>
    /// <returns>False where the token has none to give.</returns>
    public bool TryGenerateRandom(Span<byte> destination)
    {
        fixed (byte* p = destination)
        {
            return ((delegate* unmanaged[Cdecl]<CULong, byte*, CULong, CULong>)
                _functions.Call(FunctionIndex.C_GenerateRandom))(Native, p, new CULong((nuint)destination.Length)).Value == Ckr.Ok;
        }
    }

    /// <summary>Closes the session; its session objects go with it.</summary>
    public void Dispose()
    {
        if (!_disposed)
        {
            _disposed = true;
            _reader.Dispose();
            // Nothing useful can be done about a refusal: the library may be gone already.
            _ = ((delegate* unmanaged[Cdecl]<CULong, CULong>)_functions.Call(FunctionIndex.C_CloseSession))(Native);
        }
    }

    private static void Check(FunctionIndex function, ulong rv)
    {
        if (rv != Ckr.Ok)
        {
            throw new Pkcs11Exception(function.ToString(), rv);
        }
    }
}
