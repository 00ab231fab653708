using System.Runtime.InteropServices;
using HsmBackup.Engine.Pkcs11.Native;

namespace HsmBackup.Engine.Pkcs11;

/// <summary>
/// The function pointers of one PKCS#11 library, read from its table at the place where this machine's ABI has them,
/// with a count of the calls made through each: what a backup costs, and how often a PIN was sent, can be asserted.
/// </summary>
internal sealed unsafe class FunctionTable
{
    private readonly nint[] _functions;
    private readonly long[] _calls;

    private FunctionTable(nint[] functions)
    {
        _functions = functions;
        _calls = new long[functions.Length];
    }

    /// <summary>Major version of the interface: 2 or 3.</summary>
    public int MajorVersion { get; private init; }

    /// <summary>Minor version of the interface.</summary>
    public int MinorVersion { get; private init; }

    /// <summary>Reads the table of a loaded library: C_GetInterface first (PKCS#11 3.0, 5.4.5), C_GetFunctionList after.</summary>
    /// <exception cref="EntryPointNotFoundException">The library exports neither: it is not a PKCS#11 library.</exception>
    public static FunctionTable Load(nint library)
    {
        if (NativeLibrary.TryGetExport(library, nameof(FunctionIndex.C_GetInterface), out nint getInterface)
            && TryGetInterface(getInterface, out nint list))
        {
            return Read(list);
        }
        nint getFunctionList = NativeLibrary.GetExport(library, nameof(FunctionIndex.C_GetFunctionList));
        nint functionList;
        ulong rv = ((delegate* unmanaged[Cdecl]<nint*, CULong>)getFunctionList)(&functionList).Value;
        return rv == Ckr.Ok && functionList != 0
            ? Read(functionList)
            : throw new Pkcs11Exception(nameof(FunctionIndex.C_GetFunctionList), rv);
    }

    /// <summary>Pointer of a function, counted as one call.</summary>
    /// <exception cref="Pkcs11Exception">The library's interface is too old to have it, or leaves it empty.</exception>
    public nint Call(FunctionIndex function)
    {
        int index = (int)function;
        if (index >= _functions.Length || _functions[index] == 0)
        {
            throw new Pkcs11Exception(function.ToString(), Ckr.FunctionNotSupported);
        }
        Interlocked.Increment(ref _calls[index]);
        return _functions[index];
    }

    /// <summary>How often a function was called since the table was read.</summary>
    public long CallsOf(FunctionIndex function) => (int)function < _calls.Length ? Interlocked.Read(ref _calls[(int)function]) : 0;

    /// <summary>A copy in which one function is another; for tests, which inject faults that no real token can be made to show.</summary>
    internal FunctionTable With(FunctionIndex function, nint replacement)
    {
        nint[] functions = [.. _functions];
        functions[(int)function] = replacement;
        return new FunctionTable(functions) { MajorVersion = MajorVersion, MinorVersion = MinorVersion };
    }

    /// <summary>The pointer itself, uncounted; for a test double that passes a call on.</summary>
    internal nint PointerOf(FunctionIndex function) => _functions[(int)function];

    private static bool TryGetInterface(nint getInterface, out nint list)
    {
        list = 0;
        fixed (byte* name = "PKCS 11\0"u8)
        {
            CK_INTERFACE* found;
            ulong rv = ((delegate* unmanaged[Cdecl]<byte*, CK_VERSION*, CK_INTERFACE**, CULong, CULong>)getInterface)(
                name, null, &found, new CULong(0)).Value;
            if (rv == Ckr.Ok && found != null)
            {
                list = (nint)found->pFunctionList;
            }
        }
        return list != 0;
    }

    private static FunctionTable Read(nint list)
    {
        byte major = *(byte*)list;
        byte minor = *((byte*)list + 1);
        int count = FunctionListLayout.CountOf(major, minor);
        var functions = new nint[count];
        for (int i = 0; i < count; i++)
        {
            int offset = FunctionListLayout.OffsetOf((FunctionIndex)i, sizeof(nint), NativeAbi.Packed);
            functions[i] = Marshal.ReadIntPtr(list, offset);
        }
        return new FunctionTable(functions) { MajorVersion = major, MinorVersion = minor };
    }
}
