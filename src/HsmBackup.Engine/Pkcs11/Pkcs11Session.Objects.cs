using System.Runtime.InteropServices;
using HsmBackup.Engine.Pkcs11.Native;

namespace HsmBackup.Engine.Pkcs11;

/// <content>Object management (PKCS#11 5.7).</content>
public sealed unsafe partial class Pkcs11Session
{
    private const int HandlesPerCall = 4096;

    /// <summary>Handles of all objects that match a template (C_FindObjects).</summary>
    public List<ulong> FindObjects(AttributeMap template)
    {
        using (var native = new NativeTemplate(template))
        {
            ulong rv = ((delegate* unmanaged[Cdecl]<CULong, CK_ATTRIBUTE*, CULong, CULong>)
                _functions.Call(FunctionIndex.C_FindObjectsInit))(Native, native.Pointer, native.Count).Value;
            if (rv != Ckr.Ok)
            {
                // SoftHSM counts a search as begun even when it refused it, and would refuse every later one.
                _ = ((delegate* unmanaged[Cdecl]<CULong, CULong>)_functions.Call(FunctionIndex.C_FindObjectsFinal))(Native);
                throw new Pkcs11Exception(nameof(FunctionIndex.C_FindObjectsInit), rv);
            }
        }
        var found = new List<ulong>();
        var buffer = new CULong[HandlesPerCall];
        try
        {
            fixed (CULong* p = buffer)
            {
                while (true)
                {
                    CULong count;
                    Check(FunctionIndex.C_FindObjects, ((delegate* unmanaged[Cdecl]<CULong, CULong*, CULong, CULong*, CULong>)
                        _functions.Call(FunctionIndex.C_FindObjects))(Native, p, new CULong(HandlesPerCall), &count).Value);
                    for (int i = 0; i < (int)count.Value; i++)
                    {
                        found.Add(buffer[i].Value);
                    }
                    // Fewer than asked for is not the end with every token; none is.
                    if (count.Value == 0)
                    {
                        return found;
                    }
                }
            }
        }
        finally
        {
            _ = ((delegate* unmanaged[Cdecl]<CULong, CULong>)_functions.Call(FunctionIndex.C_FindObjectsFinal))(Native);
        }
    }

    /// <summary>Handles of all token objects that this session may see.</summary>
    public List<ulong> FindTokenObjects() => FindObjects(new AttributeMap().Set(Cka.Token, true));

    /// <summary>Creates an object from its attributes (C_CreateObject).</summary>
    /// <returns>The CKR value; <paramref name="handle"/> is 0 unless it is CKR_OK.</returns>
    public ulong TryCreateObject(AttributeMap template, out ulong handle)
    {
        using var native = new NativeTemplate(template);
        var created = new CULong(0);
        ulong rv = ((delegate* unmanaged[Cdecl]<CULong, CK_ATTRIBUTE*, CULong, CULong*, CULong>)
            _functions.Call(FunctionIndex.C_CreateObject))(Native, native.Pointer, native.Count, &created).Value;
        handle = rv == Ckr.Ok ? created.Value : 0;
        return rv;
    }

    /// <summary>Destroys an object (C_DestroyObject).</summary>
    /// <returns>The CKR value.</returns>
    public ulong TryDestroyObject(ulong handle) => ((delegate* unmanaged[Cdecl]<CULong, CULong, CULong>)
        _functions.Call(FunctionIndex.C_DestroyObject))(Native, new CULong((nuint)handle)).Value;

    /// <summary>Changes attributes of an object (C_SetAttributeValue).</summary>
    /// <returns>The CKR value.</returns>
    public ulong TrySetAttributes(ulong handle, AttributeMap attributes)
    {
        using var native = new NativeTemplate(attributes);
        return ((delegate* unmanaged[Cdecl]<CULong, CULong, CK_ATTRIBUTE*, CULong, CULong>)
            _functions.Call(FunctionIndex.C_SetAttributeValue))(Native, new CULong((nuint)handle), native.Pointer, native.Count).Value;
    }

    /// <summary>Attributes of an object (C_GetAttributeValue). What it does not have, or does not show, is not in the result.</summary>
    /// <exception cref="Pkcs11Exception">The object cannot be read at all.</exception>
    public AttributeMap GetAttributes(ulong handle, params ReadOnlySpan<ulong> types) => ReadAttributes(handle, types).Attributes;

    /// <summary>Reads attributes of an object; see <see cref="AttributeReader.Read"/>.</summary>
    internal AttributeReading ReadAttributes(ulong handle, ReadOnlySpan<ulong> types, Func<AttributeMap, ulong, bool>? skip = null) =>
        _reader.Read(handle, types, skip);

    internal ulong GetAttributeValue(ulong handle, CK_ATTRIBUTE* attributes, int count) =>
        ((delegate* unmanaged[Cdecl]<CULong, CULong, CK_ATTRIBUTE*, CULong, CULong>)
            _functions.Call(FunctionIndex.C_GetAttributeValue))(Native, new CULong((nuint)handle), attributes, new CULong((nuint)count)).Value;
}
