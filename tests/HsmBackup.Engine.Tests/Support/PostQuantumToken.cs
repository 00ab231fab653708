using System.Runtime.InteropServices;
using HsmBackup.Engine.Pkcs11;
using HsmBackup.Engine.Pkcs11.Native;

namespace HsmBackup.Engine.Tests.Support;

/// <summary>
/// Makes a SoftHSM token look as if it held post-quantum keys (PKCS#11 3.2, 6.67 to 6.69), which no token at hand does. Their
/// objects live here; the secret of a private key is a secret key that SoftHSM has, and it does the wrapping. As with PKCS #8, the
/// wrapped bytes say which parameter set it is: it is the first byte of the secret.
/// </summary>
internal sealed unsafe class PostQuantumToken : IDisposable
{
    private const ulong FirstHandle = 0x7000_0001;

    private readonly NativeFaults _faults;
    private readonly SortedDictionary<ulong, PostQuantumObject> _objects = [];
    private ulong _next = FirstHandle;
    private Search _search;

    public PostQuantumToken(LibraryLocation library) => _faults = new NativeFaults(library) { Before = Answer };

    /// <summary>The objects with CKA_TOKEN, in the order in which they were made.</summary>
    public IEnumerable<PostQuantumObject> Objects => _objects.Values.Where(o => o.Attributes.Boolean(Cka.Token) == true);

    /// <summary>Templates of C_CreateObject and C_UnwrapKey for token objects.</summary>
    public List<AttributeMap> Templates { get; } = [];

    /// <summary>Puts an object on the token.</summary>
    /// <param name="attributes">Its attributes.</param>
    /// <param name="secret">For a private key: its secret, the parameter set first.</param>
    public void Add(AttributeMap attributes, byte[]? secret = null) => _objects.Add(_next++, new PostQuantumObject(attributes, secret));

    /// <summary>A blank token.</summary>
    public void Clear() => _objects.Clear();

    public void Dispose() => _faults.Dispose();

    private ulong? Answer(NativeCall call) => call.Function switch
    {
        FunctionIndex.C_FindObjectsInit => StartSearch(call),
        FunctionIndex.C_FindObjects => Find(call),
        FunctionIndex.C_GetAttributeValue when _objects.TryGetValue(call.Handle, out PostQuantumObject? found) => Read(call, found),
        FunctionIndex.C_WrapKey when _objects.TryGetValue(call.Handle, out PostQuantumObject? found) => Wrap(call, found),
        FunctionIndex.C_DestroyObject when _objects.Remove(call.Handle) => Ckr.Ok,
        FunctionIndex.C_CreateObject when IsPostQuantum(call) => Create(call),
        FunctionIndex.C_UnwrapKey when IsPostQuantum(call) => Unwrap(call),
        _ => null,
    };

    private static bool IsPostQuantum(NativeCall call) =>
        call.Find(Cka.KeyType) is { } type && ((ulong)((CULong*)type.pValue)->Value is Ckk.MlKem or Ckk.MlDsa or Ckk.SlhDsa);

    private ulong? StartSearch(NativeCall call)
    {
        _search = call.MakesTokenObject ? Search.ForTokenObjects : Search.OfSoftHsm;
        return null;
    }

    /// <summary>The token objects, all at once; SoftHSM has none of its own here.</summary>
    private ulong? Find(NativeCall call)
    {
        if (_search == Search.OfSoftHsm)
        {
            return null;
        }
        int count = 0;
        foreach ((ulong handle, PostQuantumObject found) in _objects)
        {
            if (_search == Search.ForTokenObjects && found.Attributes.Boolean(Cka.Token) == true)
            {
                call.Found[count++] = new CULong((nuint)handle);
            }
        }
        _search = Search.Over;
        *call.FoundCount = new CULong((nuint)count);
        return Ckr.Ok;
    }

    private enum Search
    {
        OfSoftHsm,
        ForTokenObjects,
        Over,
    }

    private static ulong Read(NativeCall call, PostQuantumObject found)
    {
        ulong rv = Ckr.Ok;
        for (int i = 0; i < call.Count; i++)
        {
            ref CK_ATTRIBUTE asked = ref call.Template[i];
            ulong type = asked.type.Value;
            if (found.IsHidden(type) || !found.Attributes.TryGet(type, out TokenAttribute attribute))
            {
                asked.ulValueLen = new CULong(nuint.MaxValue);
                rv = found.IsHidden(type) ? Ckr.AttributeSensitive : Ckr.AttributeTypeInvalid;
                continue;
            }
            if (asked.pValue != null)
            {
                attribute.Value.CopyTo(new Span<byte>(asked.pValue, (int)asked.ulValueLen.Value));
            }
            asked.ulValueLen = new CULong((nuint)attribute.Value.Length);
        }
        return rv;
    }

    private ulong Create(NativeCall call)
    {
        AttributeMap template = Copy(call);
        if (!template.Contains(Cka.ParameterSet) || !template.Contains(Cka.Value))
        {
            return Ckr.TemplateIncomplete;
        }
        return Made(call, template, template.Number(Cka.Class) == Cko.PrivateKey ? template.Bytes(Cka.Value) : null);
    }

    private ulong Unwrap(NativeCall call)
    {
        AttributeMap template = Copy(call);
        if (template.Contains(Cka.ParameterSet) || template.Contains(Cka.Value))
        {
            // PKCS#11 3.2: it must not be specified when a key is unwrapped; the wrapped bytes say it.
            return Ckr.TemplateInconsistent;
        }
        AttributeMap readable = new AttributeMap().Set(Cka.Class, Cko.SecretKey).Set(Cka.KeyType, Ckk.GenericSecret)
            .Set(Cka.Token, false).Set(Cka.Sensitive, false).Set(Cka.Extractable, true);
        ulong rv = Real(call).TryUnwrapKey(new Mechanism(call.Mechanism), call.Handle, call.Wrapped, readable, out ulong hidden);
        if (rv != Ckr.Ok)
        {
            return rv;
        }
        byte[] secret = Real(call).ReadAttributes(hidden, [Cka.Value]).Attributes.Bytes(Cka.Value)!;
        Real(call).TryDestroyObject(hidden);
        return Made(call, template.Copy().Set(Cka.ParameterSet, (ulong)secret[0]), secret);
    }

    private ulong Made(NativeCall call, AttributeMap attributes, byte[]? secret)
    {
        if (call.MakesTokenObject)
        {
            Templates.Add(Copy(call));
        }
        *call.Made = new CULong((nuint)_next);
        Add(attributes, secret);
        return Ckr.Ok;
    }

    /// <summary>SoftHSM wraps a secret key with the same value.</summary>
    private ulong Wrap(NativeCall call, PostQuantumObject found)
    {
        if (!found.IsWrappable)
        {
            return Ckr.KeyNotWrappable;
        }
        AttributeMap template = new AttributeMap().Set(Cka.Class, Cko.SecretKey).Set(Cka.KeyType, Ckk.GenericSecret)
            .Set(Cka.Token, false).Set(Cka.Extractable, true).Set(Cka.Value, found.Secret!);
        ulong rv = Real(call).TryCreateObject(template, out ulong hidden);
        if (rv == Ckr.Ok)
        {
            rv = Real(call).TryWrapKey(new Mechanism(call.Mechanism), call.WrappingKey, hidden, out ReadOnlySpan<byte> wrapped);
            wrapped.CopyTo(new Span<byte>(call.Buffer, (int)call.Length->Value));
            *call.Length = new CULong((nuint)wrapped.Length);
            Real(call).TryDestroyObject(hidden);
        }
        return rv;
    }

    /// <summary>The session as SoftHSM knows it, past this stand-in.</summary>
    private Pkcs11Session Real(NativeCall call) => new(_faults.RealFunctions, 0, call.Session.Value);

    private static AttributeMap Copy(NativeCall call)
    {
        var copy = new AttributeMap();
        for (int i = 0; i < call.Count; i++)
        {
            ref CK_ATTRIBUTE attribute = ref call.Template[i];
            copy.Set(attribute.type.Value, new ReadOnlySpan<byte>(attribute.pValue, (int)attribute.ulValueLen.Value));
        }
        return copy;
    }
}

/// <summary>An object of the stand-in.</summary>
/// <param name="Attributes">What it shows.</param>
/// <param name="Secret">What it hides; null for a public key.</param>
internal sealed record PostQuantumObject(AttributeMap Attributes, byte[]? Secret)
{
    /// <summary>False for a key that is readable and cannot be wrapped.</summary>
    public bool IsWrappable => Attributes.Boolean(Cka.Sensitive) != false;

    public bool IsHidden(ulong type) => Secret is not null && IsWrappable && (type is Cka.Value or Cka.Seed);
}
