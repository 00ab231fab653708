using HsmBackup.Engine.Pkcs11;

namespace HsmBackup.Engine.Tokens;

/// <summary>
/// Makes objects of a backup again in a token, first as session objects on trial and then for good. A token that refuses some
/// attribute is asked again without it, and the object is read back in the end: what came out differently is told, not assumed.
/// </summary>
public sealed class ObjectWriter
{
    private readonly Pkcs11Session _session;
    private readonly KeyEncryptionKey _kek;
    private readonly IReadOnlyDictionary<int, byte[]> _transportKeys;
    private readonly Dictionary<(ulong Class, ulong? KeyType), HashSet<ulong>> _refused = [];

    /// <summary>A writer for one backup.</summary>
    /// <param name="connection">The token, open for writing.</param>
    /// <param name="kek">The backup's KEK in that token.</param>
    /// <param name="transportKeys">The backup's transport keys by modulus length.</param>
    public ObjectWriter(TokenConnection connection, KeyEncryptionKey kek, IReadOnlyDictionary<int, byte[]> transportKeys)
    {
        _session = connection.Session;
        _kek = kek;
        _transportKeys = transportKeys;
    }

    /// <summary>Makes the object as a session object and destroys it again.</summary>
    /// <exception cref="Pkcs11Exception">The token cannot take it.</exception>
    public void Try(ObjectRecord record)
    {
        ulong handle = Make(record, onToken: false, out string function, out ulong rv);
        if (handle == 0)
        {
            throw new Pkcs11Exception(function, rv);
        }
        _session.TryDestroyObject(handle);
    }

    /// <summary>Makes the object for good.</summary>
    /// <param name="record">The object.</param>
    /// <param name="known">Handles of the token objects before; what a failed attempt leaves beside them is removed.</param>
    /// <returns>Its handle.</returns>
    /// <exception cref="Pkcs11Exception">The token refused; nothing of the attempt is left.</exception>
    public ulong Add(ObjectRecord record, IReadOnlySet<ulong> known)
    {
        ulong handle = Make(record, onToken: true, out string function, out ulong rv);
        if (handle != 0)
        {
            SetWhatWasLeftOut(handle, record);
            return handle;
        }
        // SoftHSM leaves an object without label and value behind when an attribute is refused.
        foreach (ulong debris in _session.FindTokenObjects().Where(h => !known.Contains(h)))
        {
            _session.TryDestroyObject(debris);
        }
        throw new Pkcs11Exception(function, rv);
    }

    private ulong Make(ObjectRecord record, bool onToken, out string function, out ulong rv)
    {
        AttributeMap template = ObjectTemplate.For(record, onToken, _kek.Capabilities.Quirks);
        if (!_refused.TryGetValue((record.ObjectClass, record.KeyType), out HashSet<ulong>? refused))
        {
            rv = MakeWith(record, template, out ulong first, out function);
            if (rv == Ckr.Ok || !IsAboutTemplate(rv))
            {
                return first;
            }
        }
        else
        {
            foreach (ulong type in refused)
            {
                template.Remove(type);
            }
            rv = MakeWith(record, template, out ulong known, out function);
            if (rv == Ckr.Ok || !IsAboutTemplate(rv))
            {
                return known;
            }
        }
        // Only a trial may search: on the token each attempt could leave debris.
        return onToken ? 0 : Negotiate(record, template, refused ?? [], ref rv, ref function);
    }

    /// <summary>Leaves out one setting after the other, until the token takes the object.</summary>
    private ulong Negotiate(ObjectRecord record, AttributeMap template, HashSet<ulong> refused, ref ulong rv, ref string function)
    {
        List<ulong> optional = [.. template.Select(a => a.Type).Where(IsOptional)];
        foreach (ulong type in optional)
        {
            AttributeMap without = template.Copy();
            without.Remove(type);
            rv = MakeWith(record, without, out ulong handle, out function);
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
            rv = MakeWith(record, rest, out ulong handle, out function);
            if (rv == Ckr.Ok)
            {
                refused.UnionWith(optional.TakeWhile(t => t != type).Append(type));
                _refused[(record.ObjectClass, record.KeyType)] = refused;
                return handle;
            }
        }
        return 0;
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
            ulong transport = _kek.TransportPrivateKey(_transportKeys, material.Data.Length * 8);
            return transport == 0
                ? Ckr.UnwrappingKeyHandleInvalid
                : _session.TryUnwrapKey(Mechanism.RsaOaep(material.OaepHash), transport, material.Data, template, out handle);
        }
        return _kek.MechanismFor(material.Form, record.ObjectClass) is { } mechanism
            ? _session.TryUnwrapKey(mechanism, _kek.Handle, material.Data, template, out handle)
            : Ckr.MechanismInvalid;
    }

    /// <summary>What the token would not hear while the object was made it may accept afterwards (opencryptoki: CKA_SENSITIVE).</summary>
    private void SetWhatWasLeftOut(ulong handle, ObjectRecord record)
    {
        if (!_refused.TryGetValue((record.ObjectClass, record.KeyType), out HashSet<ulong>? refused))
        {
            return;
        }
        foreach (ulong type in refused)
        {
            if (record.Attributes.TryGet(type, out TokenAttribute attribute))
            {
                // A refusal shows when the object is read back.
                _session.TrySetAttributes(handle, new AttributeMap().Set(attribute));
            }
        }
    }

    private static bool IsAboutTemplate(ulong rv) => rv is Ckr.AttributeReadOnly or Ckr.AttributeTypeInvalid or Ckr.AttributeValueInvalid
        or Ckr.TemplateInconsistent or Ckr.GeneralError or Ckr.UserNotLoggedIn;

    /// <summary>Never left out: what the object is, where it lives, and what keeps its key inside.</summary>
    private static bool IsOptional(ulong type) => type is not (Cka.Class or Cka.KeyType or Cka.CertificateType or Cka.Token or Cka.Private
        or Cka.Label or Cka.Id or Cka.Sensitive or Cka.NssDb)
        && AttributeTable.Find(type)?.Role is AttributeRole.Setting or AttributeRole.Identity;
}
