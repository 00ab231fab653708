using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using HsmBackup.Engine.Pkcs11;
using HsmBackup.Engine.Pkcs11.Native;

namespace HsmBackup.Engine.Tests.Support;

/// <summary>A native call on its way to the library or back. It is valid only while the hook runs.</summary>
internal sealed unsafe class NativeCall
{
    /// <summary>The function.</summary>
    public required FunctionIndex Function { get; init; }

    /// <summary>The session; meaningless for C_GetTokenInfo.</summary>
    public CULong Session { get; init; }

    /// <summary>How many calls of this function there were, this one included.</summary>
    public required int Number { get; init; }

    /// <summary>The object or key that it is about; the new one after it was made.</summary>
    public ulong Handle { get; set; }

    /// <summary>The wrapping key of C_WrapKey.</summary>
    public ulong WrappingKey { get; init; }

    /// <summary>Where the handle of a new object goes.</summary>
    public CULong* Made { get; init; }

    /// <summary>The mechanism; 0 where there is none.</summary>
    public ulong Mechanism { get; init; }

    /// <summary>The template, as the library sees it.</summary>
    public CK_ATTRIBUTE* Template { get; init; }

    /// <summary>Number of its attributes.</summary>
    public int Count { get; init; }

    /// <summary>The answer, after the call; a hook may change it.</summary>
    public ulong ReturnValue { get; set; }

    /// <summary>CK_TOKEN_INFO of C_GetTokenInfo, the wrapped key of C_UnwrapKey, where to put it of C_WrapKey.</summary>
    public byte* Buffer { get; init; }

    /// <summary>Length of the wrapped key, of C_WrapKey in and out.</summary>
    public CULong* Length { get; init; }

    /// <summary>The wrapped key of C_UnwrapKey.</summary>
    public ReadOnlySpan<byte> Wrapped => new(Buffer, (int)Length->Value);

    /// <summary>Where C_FindObjects puts handles.</summary>
    public CULong* Found { get; init; }

    /// <summary>How many it has put there.</summary>
    public CULong* FoundCount { get; init; }

    /// <summary>True where the template says that the object lives on the token.</summary>
    public bool MakesTokenObject => Find(Cka.Token) is { } token && *(byte*)token.pValue != 0;

    /// <summary>The class that the template asks for.</summary>
    public ulong ObjectClass => Find(Cka.Class) is { } found ? ((CULong*)found.pValue)->Value : ulong.MaxValue;

    /// <summary>The label that the template asks for.</summary>
    public string Label => Find(Cka.Label) is { } found && found.pValue != null
        ? System.Text.Encoding.UTF8.GetString((byte*)found.pValue, (int)found.ulValueLen.Value)
        : "";

    /// <summary>An attribute of the template.</summary>
    public CK_ATTRIBUTE? Find(ulong type)
    {
        for (int i = 0; i < Count; i++)
        {
            if (Template[i].type.Value == type)
            {
                return Template[i];
            }
        }
        return null;
    }

    /// <summary>Overwrites a boolean that the library has just read out.</summary>
    public void Answer(ulong type, bool value)
    {
        if (Find(type) is { } found && found.pValue != null && found.ulValueLen.Value == 1)
        {
            *(byte*)found.pValue = value ? (byte)1 : (byte)0;
        }
    }
}

/// <summary>
/// Stands between the engine and a PKCS#11 library: counts calls, refuses them, changes their answers. Everything that no
/// hook wants goes to the library as it is. It acts on the thread that made it, so that tests can run side by side.
/// </summary>
internal sealed unsafe class NativeFaults : IDisposable
{
    [ThreadStatic]
    private static NativeFaults? s_current;

    private readonly LibraryOwner _owner;
    private readonly FunctionTable _real;
    private readonly Dictionary<FunctionIndex, int> _numbers = [];

    public NativeFaults(LibraryLocation library)
    {
        // The owner outlives its users: a library stays loaded.
        using (var opened = Pkcs11Library.Open(library))
        {
            _owner = opened.Owner;
        }
        _owner.Substitute = null;
        _real = _owner.Functions;
        Functions = _real
            .With(FunctionIndex.C_GetTokenInfo, (nint)(delegate* unmanaged[Cdecl]<CULong, byte*, CULong>)&GetTokenInfo)
            .With(FunctionIndex.C_Login, (nint)(delegate* unmanaged[Cdecl]<CULong, CULong, byte*, CULong, CULong>)&Login)
            .With(FunctionIndex.C_CreateObject, (nint)(delegate* unmanaged[Cdecl]<CULong, CK_ATTRIBUTE*, CULong, CULong*, CULong>)&CreateObject)
            .With(FunctionIndex.C_DestroyObject, (nint)(delegate* unmanaged[Cdecl]<CULong, CULong, CULong>)&DestroyObject)
            .With(FunctionIndex.C_GetAttributeValue, (nint)(delegate* unmanaged[Cdecl]<CULong, CULong, CK_ATTRIBUTE*, CULong, CULong>)&GetAttributeValue)
            .With(FunctionIndex.C_SetAttributeValue, (nint)(delegate* unmanaged[Cdecl]<CULong, CULong, CK_ATTRIBUTE*, CULong, CULong>)&SetAttributeValue)
            .With(FunctionIndex.C_FindObjectsInit, (nint)(delegate* unmanaged[Cdecl]<CULong, CK_ATTRIBUTE*, CULong, CULong>)&FindObjectsInit)
            .With(FunctionIndex.C_FindObjects, (nint)(delegate* unmanaged[Cdecl]<CULong, CULong*, CULong, CULong*, CULong>)&FindObjects)
            .With(FunctionIndex.C_GenerateKeyPair, (nint)(delegate* unmanaged[Cdecl]<
                CULong, CK_MECHANISM*, CK_ATTRIBUTE*, CULong, CK_ATTRIBUTE*, CULong, CULong*, CULong*, CULong>)&GenerateKeyPair)
            .With(FunctionIndex.C_WrapKey, (nint)(delegate* unmanaged[Cdecl]<CULong, CK_MECHANISM*, CULong, CULong, byte*, CULong*, CULong>)&WrapKey)
            .With(FunctionIndex.C_DigestKey, (nint)(delegate* unmanaged[Cdecl]<CULong, CULong, CULong>)&DigestKey)
            .With(FunctionIndex.C_UnwrapKey, (nint)(delegate* unmanaged[Cdecl]<
                CULong, CK_MECHANISM*, CULong, byte*, CULong, CK_ATTRIBUTE*, CULong, CULong*, CULong>)&UnwrapKey);
        _owner.Substitute = Functions;
        s_current = this;
    }

    /// <summary>The table that the engine gets; it counts the calls.</summary>
    public FunctionTable Functions { get; }

    /// <summary>Looks at a call before the library does; a value is the answer, and the library never hears of the call.</summary>
    public Func<NativeCall, ulong?>? Before { get; set; }

    /// <summary>Looks at the answer; for calls that were passed on.</summary>
    public Action<NativeCall>? After { get; set; }

    /// <summary>Gives C_UnwrapKey another wrapped key than the engine did.</summary>
    public Func<NativeCall, byte[]?>? Exchange { get; set; }

    /// <summary>True to add an attribute that SoftHSM refuses, so that it leaves a half-made object behind.</summary>
    public Func<NativeCall, bool>? Spoil { get; set; }

    /// <summary>How often a function was called.</summary>
    public long CallsOf(FunctionIndex function) => Functions.CallsOf(function);

    /// <summary>The library itself, for a hook that makes calls of its own.</summary>
    public FunctionTable RealFunctions => _real;

    public void Dispose()
    {
        _owner.Substitute = null;
        s_current = null;
    }

    private nint Real(FunctionIndex function) => _real.PointerOf(function);

    private static NativeFaults Current => s_current ?? throw new InvalidOperationException("Another thread than the test's called the library.");

    private NativeCall Start(FunctionIndex function, CULong session, ulong handle = 0, CK_MECHANISM* mechanism = null,
        CK_ATTRIBUTE* template = null, CULong count = default, byte* buffer = null, CULong* length = null,
        CULong* found = null, CULong* foundCount = null, ulong wrappingKey = 0, CULong* made = null) => new()
        {
            Function = function,
            Session = session,
            Number = _numbers[function] = _numbers.GetValueOrDefault(function) + 1,
            Handle = handle,
            Mechanism = mechanism == null ? 0 : mechanism->mechanism.Value,
            Template = template,
            Count = (int)count.Value,
            Buffer = buffer,
            Length = length,
            Found = found,
            FoundCount = foundCount,
            WrappingKey = wrappingKey,
            Made = made,
        };

    private bool IsRefused(NativeCall call, out CULong answer)
    {
        ulong? refusal = Before?.Invoke(call);
        answer = new CULong((nuint)(refusal ?? 0));
        return refusal is not null;
    }

    private CULong Finish(NativeCall call, CULong rv, CULong* handle = null)
    {
        call.ReturnValue = rv.Value;
        if (handle != null && rv.Value == Ckr.Ok)
        {
            call.Handle = handle->Value;
        }
        After?.Invoke(call);
        if (handle != null && call.ReturnValue == Ckr.Ok)
        {
            *handle = new CULong((nuint)call.Handle);
        }
        return new CULong((nuint)call.ReturnValue);
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static CULong GetTokenInfo(CULong slot, byte* info)
    {
        NativeCall call = Current.Start(FunctionIndex.C_GetTokenInfo, default, slot.Value, buffer: info);
        return Current.IsRefused(call, out CULong answer) ? answer : Current.Finish(call,
            ((delegate* unmanaged[Cdecl]<CULong, byte*, CULong>)Current.Real(call.Function))(slot, info));
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static CULong Login(CULong session, CULong user, byte* pin, CULong length)
    {
        NativeCall call = Current.Start(FunctionIndex.C_Login, session);
        return Current.IsRefused(call, out CULong answer) ? answer : Current.Finish(call,
            ((delegate* unmanaged[Cdecl]<CULong, CULong, byte*, CULong, CULong>)Current.Real(call.Function))(session, user, pin, length));
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static CULong CreateObject(CULong session, CK_ATTRIBUTE* template, CULong count, CULong* handle)
    {
        NativeCall call = Current.Start(FunctionIndex.C_CreateObject, session, template: template, count: count, made: handle);
        return Current.IsRefused(call, out CULong answer) ? answer : Current.Finish(call,
            ((delegate* unmanaged[Cdecl]<CULong, CK_ATTRIBUTE*, CULong, CULong*, CULong>)Current.Real(call.Function))(session, template, count, handle), handle);
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static CULong DestroyObject(CULong session, CULong handle)
    {
        NativeCall call = Current.Start(FunctionIndex.C_DestroyObject, session, handle.Value);
        return Current.IsRefused(call, out CULong answer) ? answer : Current.Finish(call,
            ((delegate* unmanaged[Cdecl]<CULong, CULong, CULong>)Current.Real(call.Function))(session, handle));
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static CULong DigestKey(CULong session, CULong handle)
    {
        NativeCall call = Current.Start(FunctionIndex.C_DigestKey, session, handle.Value);
        return Current.IsRefused(call, out CULong answer) ? answer : Current.Finish(call,
            ((delegate* unmanaged[Cdecl]<CULong, CULong, CULong>)Current.Real(call.Function))(session, handle));
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static CULong GetAttributeValue(CULong session, CULong handle, CK_ATTRIBUTE* template, CULong count) =>
        Attributes(FunctionIndex.C_GetAttributeValue, session, handle, template, count);

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static CULong SetAttributeValue(CULong session, CULong handle, CK_ATTRIBUTE* template, CULong count) =>
        Attributes(FunctionIndex.C_SetAttributeValue, session, handle, template, count);

    private static CULong Attributes(FunctionIndex function, CULong session, CULong handle, CK_ATTRIBUTE* template, CULong count)
    {
        NativeCall call = Current.Start(function, session, handle.Value, template: template, count: count);
        return Current.IsRefused(call, out CULong answer) ? answer : Current.Finish(call,
            ((delegate* unmanaged[Cdecl]<CULong, CULong, CK_ATTRIBUTE*, CULong, CULong>)Current.Real(function))(session, handle, template, count));
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static CULong FindObjectsInit(CULong session, CK_ATTRIBUTE* template, CULong count)
    {
        NativeCall call = Current.Start(FunctionIndex.C_FindObjectsInit, session, template: template, count: count);
        return Current.IsRefused(call, out CULong answer) ? answer : Current.Finish(call,
            ((delegate* unmanaged[Cdecl]<CULong, CK_ATTRIBUTE*, CULong, CULong>)Current.Real(call.Function))(session, template, count));
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static CULong FindObjects(CULong session, CULong* handles, CULong max, CULong* count)
    {
        NativeCall call = Current.Start(FunctionIndex.C_FindObjects, session, found: handles, foundCount: count);
        return Current.IsRefused(call, out CULong answer) ? answer : Current.Finish(call,
            ((delegate* unmanaged[Cdecl]<CULong, CULong*, CULong, CULong*, CULong>)Current.Real(call.Function))(session, handles, max, count));
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static CULong GenerateKeyPair(CULong session, CK_MECHANISM* mechanism, CK_ATTRIBUTE* publicTemplate, CULong publicCount,
        CK_ATTRIBUTE* privateTemplate, CULong privateCount, CULong* publicKey, CULong* privateKey)
    {
        NativeCall call = Current.Start(FunctionIndex.C_GenerateKeyPair, session, 0, mechanism, privateTemplate, privateCount);
        return Current.IsRefused(call, out CULong answer) ? answer : Current.Finish(call,
            ((delegate* unmanaged[Cdecl]<CULong, CK_MECHANISM*, CK_ATTRIBUTE*, CULong, CK_ATTRIBUTE*, CULong, CULong*, CULong*, CULong>)Current.Real(call.Function))(
                session, mechanism, publicTemplate, publicCount, privateTemplate, privateCount, publicKey, privateKey));
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static CULong WrapKey(CULong session, CK_MECHANISM* mechanism, CULong wrapping, CULong key, byte* wrapped, CULong* length)
    {
        NativeCall call = Current.Start(FunctionIndex.C_WrapKey, session, key.Value, mechanism, buffer: wrapped, length: length, wrappingKey: wrapping.Value);
        return Current.IsRefused(call, out CULong answer) ? answer : Current.Finish(call,
            ((delegate* unmanaged[Cdecl]<CULong, CK_MECHANISM*, CULong, CULong, byte*, CULong*, CULong>)Current.Real(call.Function))(
                session, mechanism, wrapping, key, wrapped, length));
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static CULong UnwrapKey(CULong session, CK_MECHANISM* mechanism, CULong unwrapping, byte* wrapped, CULong length,
        CK_ATTRIBUTE* template, CULong count, CULong* handle)
    {
        NativeCall call = Current.Start(FunctionIndex.C_UnwrapKey, session, unwrapping.Value, mechanism, template, count, wrapped, &length, made: handle);
        if (Current.IsRefused(call, out CULong answer))
        {
            return answer;
        }
        var real = (delegate* unmanaged[Cdecl]<CULong, CK_MECHANISM*, CULong, byte*, CULong, CK_ATTRIBUTE*, CULong, CULong*, CULong>)Current.Real(call.Function);
        CK_ATTRIBUTE* spoilt = stackalloc CK_ATTRIBUTE[call.Count + 1];
        if (Current.Spoil?.Invoke(call) == true)
        {
            new ReadOnlySpan<CK_ATTRIBUTE>(template, call.Count).CopyTo(new Span<CK_ATTRIBUTE>(spoilt, call.Count));
            spoilt[call.Count] = new CK_ATTRIBUTE { type = new CULong((nuint)Cka.CheckValue), pValue = wrapped, ulValueLen = new CULong(3) };
            template = spoilt;
            count = new CULong((nuint)call.Count + 1);
        }
        byte[] blob = Current.Exchange?.Invoke(call) ?? call.Wrapped.ToArray();
        fixed (byte* other = blob)
        {
            return Current.Finish(call, real(session, mechanism, unwrapping, other, new CULong((nuint)blob.Length), template, count, handle), handle);
        }
    }
}
