using HsmBackup.Engine.Pkcs11;

namespace HsmBackup.Engine.Tokens;

/// <summary>
/// Makes objects of a backup again in a token, first as session objects on trial and then for good. A token that refuses some
/// attribute is asked again without it, and the object is read back in the end: what came out differently is set, and told where that
/// does not help.
/// </summary>
internal sealed class ObjectWriter
{
    private readonly TokenConnection _connection;
    private readonly Pkcs11Session _session;
    private readonly KeyEncryptionKey _kek;
    private readonly IReadOnlyDictionary<int, byte[]> _transportKeys;
    private readonly WrapForm _transportForm;
    private readonly HostKeys? _host;
    private readonly Dictionary<(ulong Class, ulong? KeyType), HashSet<ulong>> _refused = [];
    private readonly HashSet<ulong> _foreign;
    private bool _heedsClosedKeys;

    /// <summary>A writer for one backup.</summary>
    /// <param name="connection">The token, open for writing.</param>
    /// <param name="kek">The backup's KEK in that token.</param>
    /// <param name="transportKeys">The backup's transport keys by modulus length.</param>
    /// <param name="transportForm">Their form.</param>
    /// <param name="host">The backup's keys, where this process may open them.</param>
    public ObjectWriter(TokenConnection connection, KeyEncryptionKey kek, IReadOnlyDictionary<int, byte[]> transportKeys,
        WrapForm transportForm, HostKeys? host)
    {
        _connection = connection;
        _session = connection.Session;
        _kek = kek;
        _transportKeys = transportKeys;
        _transportForm = transportForm;
        _host = host;
        _foreign = [.. _session.FindObjects(NotOnToken())];
    }

    /// <summary>Makes the object as a session object and destroys it again.</summary>
    /// <exception cref="Pkcs11Exception">The token cannot take it.</exception>
    public void Try(ObjectRecord record)
    {
        ulong handle = Make(record, known: null, out string function, out ulong rv);
        if (handle == 0)
        {
            throw new Pkcs11Exception(function, rv);
        }
        if (ObjectTemplate.IsClosed(record) && _kek.MethodFor(record.ObjectClass) is { } method)
        {
            // The key came of a token that wraps such keys all the same (NSS); this one may not, and then could not prove it.
            _heedsClosedKeys |= _kek.TryWrap(method, handle, out _) is Ckr.KeyUnextractable or Ckr.KeyNotWrappable;
        }
        _session.TryDestroyObject(handle);
    }

    /// <summary>
    /// The bytes to which this token wraps a key that another maker's token has wrapped: unwrapped into a session object and wrapped again.
    /// The wrapping guards its content, so that what comes out is what went in, in this token's own encoding.
    /// </summary>
    /// <returns>Null where the token cannot take the key, or cannot wrap it.</returns>
    public byte[]? Rewrap(ObjectRecord record)
    {
        if (record.Material is null or { Form: WrapForm.Value } || _kek.MethodFor(record.ObjectClass) is not { } method)
        {
            return null;
        }
        AttributeMap template = ObjectTemplate.For(record, onToken: false, _kek.Capabilities.Quirks, PublicValueOf(record), ObjectTemplate.IsClosed(record));
        template.Remove(Cka.Modifiable);
        if (MakeWith(record, template, out ulong handle, out _) != Ckr.Ok)
        {
            return null;
        }
        byte[]? bytes = _kek.TryWrap(method, handle, out ReadOnlySpan<byte> wrapped) == Ckr.Ok ? wrapped.ToArray() : null;
        _session.TryDestroyObject(handle);
        return bytes;
    }

    /// <summary>Makes the object for good.</summary>
    /// <param name="record">The object.</param>
    /// <param name="known">Handles of the token objects before; what a failed attempt leaves beside them is removed.</param>
    /// <returns>Its handle.</returns>
    /// <exception cref="Pkcs11Exception">The token refused; nothing of the attempt is left.</exception>
    public ulong Add(ObjectRecord record, IReadOnlySet<ulong> known)
    {
        ulong handle = Make(record, known, out string function, out ulong rv);
        if (handle == 0)
        {
            throw new Pkcs11Exception(function, rv);
        }
        if (ObjectTemplate.GetsIdentifierLater(record, _kek.Capabilities.Quirks))
        {
            rv = _session.TrySetAttributes(handle, new AttributeMap().Set(Cka.Id, record.Attributes.Bytes(Cka.Id)!));
            if (rv != Ckr.Ok)
            {
                _session.TryDestroyObject(handle);
                throw new Pkcs11Exception("C_SetAttributeValue", rv);
            }
        }
        return handle;
    }

    /// <summary>
    /// Sets what came out otherwise than the backup has it: what the token would not hear while the object was made (opencryptoki:
    /// CKA_EXTRACTABLE), heard and forgot (CKA_SENSITIVE), or was not told before the proof.
    /// </summary>
    /// <param name="handle">The object on the token.</param>
    /// <param name="expected">The object as it is to be.</param>
    /// <param name="reader">Reads it.</param>
    /// <returns>What is different all the same.</returns>
    public List<string> PutRight(ulong handle, ObjectRecord expected, ObjectReader reader)
    {
        ObjectRecord actual = reader.ReadAttributes(handle);
        bool changed = false;
        foreach (ulong type in ObjectComparison.DifferentAttributes(expected, actual))
        {
            if (expected.Attributes.TryGet(type, out TokenAttribute attribute) && IsSettable(attribute, expected.ObjectClass))
            {
                changed |= _session.TrySetAttributes(handle, new AttributeMap().Set(attribute)) == Ckr.Ok;
            }
        }
        return ObjectComparison.Differences(expected, changed ? reader.ReadAttributes(handle) : actual);
    }

    /// <param name="record">The object.</param>
    /// <param name="known">Null for a trial as a session object.</param>
    /// <param name="function">The function that was called last.</param>
    /// <param name="rv">What it returned.</param>
    private ulong Make(ObjectRecord record, IReadOnlySet<ulong>? known, out string function, out ulong rv)
    {
        bool opened = _heedsClosedKeys && ObjectTemplate.IsClosed(record) && ObjectTemplate.IsChangeable(record);
        AttributeMap template = ObjectTemplate.For(record, known is not null, _kek.Capabilities.Quirks, PublicValueOf(record), opened);
        if (_refused.TryGetValue((record.ObjectClass, record.KeyType), out HashSet<ulong>? refused))
        {
            foreach (ulong type in refused)
            {
                template.Remove(type);
            }
        }
        rv = MakeWith(record, template, known, out ulong handle, out function);
        return rv == Ckr.Ok || !IsAboutTemplate(rv) ? handle : Negotiate(record, template, refused ?? [], known, ref rv, ref function);
    }

    /// <summary>Leaves out one setting after the other, until the token takes the object.</summary>
    private ulong Negotiate(
        ObjectRecord record, AttributeMap template, HashSet<ulong> refused, IReadOnlySet<ulong>? known, ref ulong rv, ref string function)
    {
        List<ulong> optional = [.. template.Where(IsOptional).Select(a => a.Type)];
        foreach (ulong type in optional)
        {
            AttributeMap without = template.Copy();
            without.Remove(type);
            rv = MakeWith(record, without, known, out ulong handle, out function);
            if (rv == Ckr.Ok)
            {
                refused.Add(type);
                _refused[(record.ObjectClass, record.KeyType)] = refused;
                return handle;
            }
        }
        AttributeMap rest = template.Copy();
        foreach (ulong type in optional)
        {
            rest.Remove(type);
            rv = MakeWith(record, rest, known, out ulong handle, out function);
            if (rv == Ckr.Ok)
            {
                refused.UnionWith(optional.TakeWhile(t => t != type).Append(type));
                _refused[(record.ObjectClass, record.KeyType)] = refused;
                return handle;
            }
        }
        return 0;
    }

    private ulong MakeWith(ObjectRecord record, AttributeMap template, IReadOnlySet<ulong>? known, out ulong handle, out string function)
    {
        ulong rv = MakeWith(record, template, out handle, out function);
        if (rv != Ckr.Ok && known is not null)
        {
            RemoveDebris(record, known);
        }
        return rv;
    }

    private ulong MakeWith(ObjectRecord record, AttributeMap template, out ulong handle, out string function)
    {
        if (record.Material is not { Form: not WrapForm.Value } material)
        {
            function = "C_CreateObject";
            return _session.TryCreateObject(template, out handle);
        }
        function = "C_UnwrapKey";
        handle = 0;
        if (material.Form == WrapForm.RsaOaep)
        {
            ulong transport = _kek.TransportPrivateKey(_transportKeys, _transportForm, material.Data.Length * 8);
            return transport == 0
                ? Ckr.UnwrappingKeyHandleInvalid
                : _session.TryUnwrapKey(Mechanism.RsaOaep(material.OaepHash), transport, material.Data, template, out handle);
        }
        return _kek.MechanismFor(material.Form, record.ObjectClass) is { } mechanism
            ? _session.TryUnwrapKey(mechanism, _kek.Handle, material.Data, template, out handle)
            : Ckr.MechanismInvalid;
    }

    /// <summary>
    /// What a refused attempt leaves behind. SoftHSM leaves an object of the class without label, id and value, in the token's storage
    /// for ever, but with CKA_TOKEN false, so that it does not show among the token objects.
    /// </summary>
    private void RemoveDebris(ObjectRecord record, IReadOnlySet<ulong> known)
    {
        IEnumerable<ulong> found = _session.FindObjects(NotOnToken()).Where(h => !_foreign.Contains(h) && !_kek.Owns(h))
            .Concat(_connection.FindContent().Where(h => !known.Contains(h)));
        foreach (ulong handle in found)
        {
            AttributeMap debris = _session.ReadAttributes(handle, [Cka.Class, Cka.KeyType, Cka.Label, Cka.Id]).Attributes;
            bool isOurs = debris.Number(Cka.Class) == record.ObjectClass && debris.Number(Cka.KeyType) == record.KeyType
                && IsOwnOrEmpty(Cka.Label, debris, record) && IsOwnOrEmpty(Cka.Id, debris, record);
            // Another program's object may have come at the same moment; it has a name of its own.
            _ = isOurs ? _session.TryDestroyObject(handle) : Ckr.Ok;
        }
    }

    private static bool IsOwnOrEmpty(ulong type, AttributeMap debris, ObjectRecord record) =>
        debris.Bytes(type) is not { Length: > 0 } value || value.AsSpan().SequenceEqual(record.Attributes.Bytes(type));

    private static AttributeMap NotOnToken() => new AttributeMap().Set(Cka.Token, false);

    private byte[]? PublicValueOf(ObjectRecord record) =>
        _kek.Capabilities.Quirks.HasFlag(Quirks.UnwrapNeedsNssDb) && record is { ObjectClass: Cko.PrivateKey, KeyType: Ckk.Ec or Ckk.Dsa }
            ? record.Attributes.Bytes(Cka.NssDb) ?? _host?.PublicValue(record)
            : null;

    private static bool IsAboutTemplate(ulong rv) => rv is Ckr.AttributeReadOnly or Ckr.AttributeTypeInvalid or Ckr.AttributeValueInvalid
        or Ckr.TemplateInconsistent or Ckr.GeneralError or Ckr.UserNotLoggedIn;

    /// <summary>Never left out: what the object is, where it lives, and what keeps its key inside.</summary>
    private static bool IsOptional(TokenAttribute attribute) => attribute.Type switch
    {
        Cka.Class or Cka.KeyType or Cka.CertificateType or Cka.Token or Cka.Private or Cka.Label or Cka.Id or Cka.NssDb => false,
        Cka.Sensitive => attribute.Value is [0],
        _ => AttributeTable.Find(attribute.Type)?.Role is AttributeRole.Setting or AttributeRole.Identity,
    };

    private static bool IsSettable(TokenAttribute attribute, ulong objectClass) =>
        attribute.Type is not (Cka.Class or Cka.KeyType or Cka.CertificateType or Cka.Token or Cka.Private or Cka.Modifiable)
        && AttributeTable.RoleOf(attribute.Type, objectClass) is AttributeRole.Setting or AttributeRole.Identity;
}
