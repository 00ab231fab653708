using System.Runtime.InteropServices;
using HsmBackup.Engine.Pkcs11.Native;

namespace HsmBackup.Engine.Pkcs11;

/// <summary>A PKCS#11 library in use; dispose it to let go. Several may be open on one library at a time.</summary>
public sealed unsafe class Pkcs11Library : IDisposable
{
    private readonly LibraryOwner _owner;
    private bool _disposed;

    private Pkcs11Library(LibraryOwner owner, LibraryLocation location)
    {
        _owner = owner;
        Location = location;
    }

    /// <summary>Where the library is.</summary>
    public LibraryLocation Location { get; }

    internal LibraryOwner Owner => _owner;

    internal FunctionTable Functions => _owner.Functions;

    /// <summary>Loads and initialises a library.</summary>
    /// <exception cref="HsmBackupException">LibraryNotFound, LibraryLoadFailed, Busy.</exception>
    public static Pkcs11Library Open(LibraryLocation location) => new(LibraryOwner.Acquire(location), location);

    /// <summary>What the library says of itself (C_GetInfo).</summary>
    public LibraryInfo GetInfo() => LibraryInfo.Read(Functions);

    /// <summary>Every slot that has a token in it, initialised or blank, without login.</summary>
    public IReadOnlyList<TokenInfo> GetTokens()
    {
        var tokens = new List<TokenInfo>();
        foreach (ulong slot in GetSlots())
        {
            // A slot that fails (pulled out, node down) must not hide the others.
            if (TryGetToken(slot, out TokenInfo? token) == Ckr.Ok)
            {
                tokens.Add(token!);
            }
        }
        return tokens;
    }

    /// <summary>Reads CK_TOKEN_INFO of one slot.</summary>
    /// <returns>The CKR value; <paramref name="token"/> is null unless it is CKR_OK.</returns>
    public ulong TryGetToken(ulong slot, out TokenInfo? token)
    {
        byte* buffer = stackalloc byte[TokenInfoLayout.BufferSize];
        NativeMemory.Clear(buffer, TokenInfoLayout.BufferSize);
        ulong rv = ((delegate* unmanaged[Cdecl]<CULong, void*, CULong>)Functions.Call(FunctionIndex.C_GetTokenInfo))(
            new CULong((nuint)slot), buffer).Value;
        token = rv == Ckr.Ok ? TokenInfo.Read(slot, new ReadOnlySpan<byte>(buffer, TokenInfoLayout.BufferSize)) : null;
        return rv;
    }

    /// <summary>The one token with a label or serial number, or both.</summary>
    /// <exception cref="HsmBackupException">TokenNotFound, TokenAmbiguous, TokenNotInitialized.</exception>
    public TokenInfo FindToken(string? label, string? serial)
    {
        IReadOnlyList<TokenInfo> all = GetTokens();
        List<TokenInfo> found = [.. all.Where(t =>
            (label is null || t.Label == label) && (serial is null || t.SerialNumber == serial) && (t.IsInitialized || serial is not null))];
        string wanted = (label, serial) switch
        {
            (not null, not null) => $"label '{label}' and serial number '{serial}'",
            (null, not null) => $"serial number '{serial}'",
            _ => $"label '{label}'",
        };
        if (found.Count == 0)
        {
            string present = all.Any(t => t.IsInitialized)
                ? "Present: " + string.Join(", ", all.Where(t => t.IsInitialized).Select(t => $"'{t.Label}' (serial {t.SerialNumber})")) + "."
                : "The library shows no initialised token.";
            throw new HsmBackupException(ErrorCode.TokenNotFound, $"No token with {wanted}. {present}",
                "Check the label, and that the library sees the right HSM or token folder (its environment variables and configuration).")
            {
                Target = label ?? serial,
            };
        }
        if (found.Count > 1)
        {
            throw new HsmBackupException(ErrorCode.TokenAmbiguous, $"{found.Count} tokens have {wanted}: serial numbers "
                + string.Join(", ", found.Select(t => $"'{t.SerialNumber}'")) + ".",
                "Name the token by its serial number (-TokenSerial).")
            { Target = label ?? serial };
        }
        return found[0];
    }

    /// <summary>Initialises a blank token, or wipes one (C_InitToken), and gives it a user PIN (C_InitPIN).</summary>
    public void InitializeToken(ulong slot, string label, ReadOnlySpan<byte> soPin, ReadOnlySpan<byte> userPin)
    {
        Check(nameof(FunctionIndex.C_InitToken), new CULong((nuint)TryInitToken(slot, label, soPin)));
        using Pkcs11Session session = OpenSession(slot, readWrite: true);
        session.Login(Cku.So, soPin);
        session.InitPin(userPin);
        session.Logout();
    }

    /// <summary>Initialises a blank token, or wipes one (C_InitToken). It has no user PIN then.</summary>
    /// <returns>The CKR value.</returns>
    /// <exception cref="HsmBackupException">InvalidArgument: the label does not fit.</exception>
    public ulong TryInitToken(ulong slot, string label, ReadOnlySpan<byte> soPin)
    {
        Span<byte> padded = stackalloc byte[TokenInfoLayout.LabelLength];
        padded.Fill((byte)' ');
        if (!System.Text.Encoding.UTF8.TryGetBytes(label, padded, out _))
        {
            throw new HsmBackupException(ErrorCode.InvalidArgument, $"The token label '{label}' is longer than 32 bytes of UTF-8.",
                "Choose a shorter label.");
        }
        fixed (byte* pin = soPin)
        fixed (byte* name = padded)
        {
            return ((delegate* unmanaged[Cdecl]<CULong, byte*, CULong, byte*, CULong>)Functions.Call(FunctionIndex.C_InitToken))(
                new CULong((nuint)slot), pin, new CULong((nuint)soPin.Length), name).Value;
        }
    }

    /// <summary>Opens a session (C_OpenSession). It belongs to the calling thread.</summary>
    public Pkcs11Session OpenSession(ulong slot, bool readWrite)
    {
        ulong flags = Ckf.SerialSession | (readWrite ? Ckf.RwSession : 0);
        CULong handle;
        Check(nameof(FunctionIndex.C_OpenSession), ((delegate* unmanaged[Cdecl]<CULong, CULong, void*, void*, CULong*, CULong>)
            Functions.Call(FunctionIndex.C_OpenSession))(new CULong((nuint)slot), new CULong((nuint)flags), null, null, &handle));
        return new Pkcs11Session(Functions, slot, handle.Value);
    }

    /// <summary>The mechanisms of a slot (C_GetMechanismList): a claim of the token, not a proof.</summary>
    public IReadOnlyList<ulong> GetMechanisms(ulong slot)
    {
        var list = (delegate* unmanaged[Cdecl]<CULong, CULong*, CULong*, CULong>)Functions.Call(FunctionIndex.C_GetMechanismList);
        var count = new CULong(0);
        Check(nameof(FunctionIndex.C_GetMechanismList), list(new CULong((nuint)slot), null, &count));
        var values = new CULong[(int)count.Value + 1];
        fixed (CULong* p = values)
        {
            Check(nameof(FunctionIndex.C_GetMechanismList), list(new CULong((nuint)slot), p, &count));
        }
        return [.. values.Take((int)count.Value).Select(v => (ulong)v.Value)];
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (!_disposed)
        {
            _disposed = true;
            _owner.Release();
        }
    }

    private List<ulong> GetSlots()
    {
        var list = (delegate* unmanaged[Cdecl]<byte, CULong*, CULong*, CULong>)Functions.Call(FunctionIndex.C_GetSlotList);
        // The number of slots may grow between the two calls (hot-plugged readers, new soft tokens).
        for (int attempt = 0; ; attempt++)
        {
            var count = new CULong(0);
            Check(nameof(FunctionIndex.C_GetSlotList), list(1, null, &count));
            var slots = new CULong[(int)count.Value + 1];
            count = new CULong((nuint)slots.Length);
            ulong rv;
            fixed (CULong* p = slots)
            {
                rv = list(1, p, &count).Value;
            }
            if (rv == Ckr.Ok)
            {
                return [.. slots.Take((int)count.Value).Select(s => (ulong)s.Value)];
            }
            if (rv != Ckr.BufferTooSmall || attempt == 3)
            {
                throw new Pkcs11Exception(nameof(FunctionIndex.C_GetSlotList), rv);
            }
        }
    }

    private static void Check(string function, CULong rv)
    {
        if (rv.Value != Ckr.Ok)
        {
            throw new Pkcs11Exception(function, rv.Value);
        }
    }
}
