using System.Security.Cryptography;
using HsmBackup.Engine.Pkcs11;

namespace HsmBackup.Engine.Tokens;

/// <summary>
/// Reads what a token holds, object by object: two attribute reads and, for a key, one wrapping. Whatever happens to an object,
/// it ends in a record with a verdict.
/// </summary>
public sealed class ObjectReader
{
    // Every attribute that the usual kinds of object have, so that one read serves without knowing the class beforehand. A token
    // answers quickly that it does not know one; looking the class up first would cost a call for each object.
    private static readonly AttributeList Usual = CollectUsual();
    private static readonly AttributeList UsualOfNss = Usual.With(Cka.NssDb, before: Cka.AllowedMechanisms);

    private readonly Pkcs11Session _session;
    private readonly KeyEncryptionKey? _kek;
    private readonly Dictionary<(ulong Class, ulong KeyType, ulong CertificateType), AttributeList?> _unusual = [];
    private readonly Dictionary<(ulong Class, ulong KeyType, ulong CertificateType), HashSet<ulong>> _compared = [];
    private readonly bool _forComparison;

    /// <summary>A reader that captures keys under a KEK.</summary>
    /// <param name="connection">The token.</param>
    /// <param name="kek">The KEK in it.</param>
    /// <param name="forComparison">True where keys are only compared with a backup and not kept: no pains are taken to keep odd lengths.</param>
    public ObjectReader(TokenConnection connection, KeyEncryptionKey kek, bool forComparison = false)
    {
        _session = connection.Session;
        _kek = kek;
        FirstRead = kek.Capabilities.Quirks.HasFlag(Quirks.UnwrapNeedsNssDb) ? UsualOfNss : Usual;
        _forComparison = forComparison;
    }

    /// <summary>A reader that leaves keys where they are, and the token as it is.</summary>
    /// <param name="session">A session with the token, logged in or not.</param>
    internal ObjectReader(Pkcs11Session session)
    {
        _session = session;
        FirstRead = Usual;
    }

    /// <summary>What every object is asked for.</summary>
    internal AttributeList FirstRead { get; init; }

    /// <summary>
    /// Of what objects usually have, that which says whether two are the same: less than a backup holds, and every attribute costs time in
    /// the token.
    /// </summary>
    internal static AttributeList Compared { get; } = CollectCompared();

    private KeyEncryptionKey Kek => _kek ?? throw new InvalidOperationException("This reader leaves keys where they are.");

    /// <summary>Reads one object with its key.</summary>
    public ObjectRecord Capture(ulong handle)
    {
        ObjectRecord record = ReadAttributes(handle);
        if (record.Verdict != Verdict.Unreadable && record.HasSecret)
        {
            CaptureKey(handle, record);
        }
        if (Kek.IsClusterBound && record.ObjectClass == Cko.SecretKey && record.KeyType is not (Ckk.Aes or Ckk.Des or Ckk.Des2 or Ckk.Des3))
        {
            // Three bytes of a hash of what may be a short secret or a password: too much for a file that is to tell nothing of keys.
            record.Attributes.Remove(Cka.CheckValue);
        }
        return record;
    }

    /// <summary>Reads one object without its key.</summary>
    public ObjectRecord ReadAttributes(ulong handle)
    {
        AttributeReading reading;
        try
        {
            reading = _session.ReadAttributes(handle, FirstRead, ReferenceEquals(FirstRead, Compared) ? IsNotCompared : IsSecret);
            ReadUnusual(handle, reading);
        }
        catch (Pkcs11Exception e) when (!IsTokenGone(e.ReturnValue))
        {
            return new ObjectRecord { Verdict = Verdict.Unreadable, Reason = $"{e.Function} returned {Names.OfReturnValue(e.ReturnValue)}" };
        }
        var record = new ObjectRecord { Attributes = reading.Attributes, Unavailable = reading.Failed, Verdict = Verdict.Captured };
        Judge(record, reading);
        return record;
    }

    private static void Judge(ObjectRecord record, AttributeReading reading)
    {
        if (!reading.Attributes.Contains(Cka.Class))
        {
            record.Verdict = Verdict.Unreadable;
            record.Reason = "the token does not tell its class";
        }
        else if (reading.TooLong is [var (tooLong, length), ..])
        {
            record.Verdict = Verdict.Unreadable;
            record.Reason = $"{Names.OfAttribute(tooLong)} has {length} bytes, more than the {AttributeReader.LongestValue} that a backup takes";
        }
        else if (Lost(record, AttributeRole.PublicComponent, AttributeRole.Content) is { } missing)
        {
            record.Verdict = Verdict.Unreadable;
            record.Reason = missing;
        }
        else if (FindMissing(record) is { } content)
        {
            record.Verdict = Verdict.Unreadable;
            record.Reason = $"the token does not show its {content}";
        }
        else if (Names.OfClass(record.ObjectClass).StartsWith("0x", StringComparison.Ordinal))
        {
            record.Verdict = Verdict.Inexact;
            record.Reason = "its class is not known here, so it may have attributes that were not asked for";
        }
        else if (Lost(record, AttributeRole.Identity, AttributeRole.Setting) is { } lost)
        {
            record.Verdict = Verdict.Inexact;
            record.Reason = lost + "; it would come back without";
        }
    }

    /// <summary>The first attribute of these roles that is there and could not be read, with why.</summary>
    private static string? Lost(ObjectRecord record, AttributeRole role, AttributeRole otherRole)
    {
        foreach ((ulong type, ulong rv) in record.Unavailable)
        {
            if (AttributeTable.RoleOf(type, record.ObjectClass) is { } found && (found == role || found == otherRole))
            {
                return $"reading {Names.OfAttribute(type)} returned {Names.OfReturnValue(rv)}";
            }
        }
        return null;
    }

    /// <summary>
    /// What an object is nothing without. A token that knows an attribute and will not show it answers as if it did not know it, so an
    /// object without its content would otherwise pass as a whole one.
    /// </summary>
    private static string? FindMissing(ObjectRecord record)
    {
        ulong[] needed = (record.ObjectClass, record.KeyType) switch
        {
            (Cko.Data, _) => [Cka.Value],
            (Cko.PublicKey, Ckk.Rsa) => [Cka.Modulus, Cka.PublicExponent],
            (Cko.PublicKey, Ckk.Ec or Ckk.EcEdwards or Ckk.EcMontgomery) => [Cka.EcParams, Cka.EcPoint],
            (Cko.PublicKey, Ckk.Dsa) => [Cka.Prime, Cka.Subprime, Cka.Base, Cka.Value],
            (Cko.PublicKey, Ckk.Dh) => [Cka.Prime, Cka.Base, Cka.Value],
            (Cko.PublicKey, Ckk.MlDsa or Ckk.MlKem or Ckk.SlhDsa) => [Cka.ParameterSet, Cka.Value],
            _ => [],
        };
        if (Array.Find(needed, type => !record.Attributes.Contains(type)) is var missing and not 0)
        {
            return Names.OfAttribute(missing);
        }
        // A certificate may stand elsewhere, at its URL (PKCS#11 4.6.3).
        return record.ObjectClass == Cko.Certificate && record.Attributes.Bytes(Cka.Value) is not { Length: > 0 }
            && record.Attributes.Bytes(Cka.Url) is not { Length: > 0 } ? Names.OfAttribute(Cka.Value) : null;
    }

    private static bool IsSecret(AttributeMap known, ulong type) =>
        AttributeTable.RoleOf(type, known.Number(Cka.Class) ?? Cko.SecretKey) == AttributeRole.SecretComponent;

    /// <summary>
    /// Besides secrets, what objects of this kind do not have by the standard: a look that compares need not make sure that it is absent,
    /// and not to ask for it saves a call for each key. A backup makes sure.
    /// </summary>
    private bool IsNotCompared(AttributeMap known, ulong type)
    {
        if (known.Number(Cka.Class) is not { } objectClass)
        {
            return false;
        }
        (ulong, ulong, ulong) kind = (objectClass, known.Number(Cka.KeyType) ?? ulong.MaxValue, known.Number(Cka.CertificateType) ?? ulong.MaxValue);
        if (!_compared.TryGetValue(kind, out HashSet<ulong>? compared))
        {
            compared = [.. ObjectAttributes.For(kind.Item1, kind.Item2, kind.Item3)];
            _compared.Add(kind, compared);
        }
        return !compared.Contains(type) || IsSecret(known, type);
    }

    /// <summary>Attributes that only the rarer kinds of object have.</summary>
    private void ReadUnusual(ulong handle, AttributeReading reading)
    {
        if (reading.Attributes.Number(Cka.Class) is not { } objectClass)
        {
            return;
        }
        ulong keyType = reading.Attributes.Number(Cka.KeyType) ?? ulong.MaxValue;
        ulong certificateType = reading.Attributes.Number(Cka.CertificateType) ?? ulong.MaxValue;
        if (!_unusual.TryGetValue((objectClass, keyType, certificateType), out AttributeList? unusual))
        {
            ulong[] missing = [.. ObjectAttributes.For(objectClass, keyType, certificateType).ToArray().Where(t => !Usual.Contains(t))];
            unusual = missing.Length == 0 ? null : new AttributeList([Cka.Class, .. missing]);
            _unusual.Add((objectClass, keyType, certificateType), unusual);
        }
        if (unusual is not null)
        {
            AttributeReading more = _session.ReadAttributes(handle, unusual, IsSecret);
            foreach (TokenAttribute attribute in more.Attributes)
            {
                reading.Attributes.Set(attribute);
            }
            reading.Failed.AddRange(more.Failed);
            reading.TooLong.AddRange(more.TooLong);
        }
    }

    private void CaptureKey(ulong handle, ObjectRecord record)
    {
        WrapMethod? method = Kek.MethodFor(record.ObjectClass);
        string refusal = "the token has no way of wrapping this kind of key";
        if (method is not null)
        {
            ulong rv = !_forComparison && NeedsExactLength(record, method) ? WrapExactly(handle, record, method) : WrapPlainly(handle, record, method);
            if (rv == Ckr.Ok)
            {
                if (record.Attributes.Boolean(Cka.Extractable) == false)
                {
                    record.Reason ??= "the token wraps it although CKA_EXTRACTABLE is false";
                }
                return;
            }
            if (IsTokenGone(rv))
            {
                throw new Pkcs11Exception("C_WrapKey", rv);
            }
            refusal = $"C_WrapKey returned {Names.OfReturnValue(rv)}";
            if (rv == Ckr.KeyUnextractable || record.Attributes.Boolean(Cka.Extractable) == false)
            {
                record.Verdict = Verdict.NotExtractable;
                record.Reason = $"the key may not leave the token (CKA_EXTRACTABLE is false; {refusal})";
                return;
            }
        }
        else if (record.Attributes.Boolean(Cka.Extractable) == false)
        {
            record.Verdict = Verdict.NotExtractable;
            record.Reason = "the key may not leave the token (CKA_EXTRACTABLE is false)";
            return;
        }
        if (Kek.IsClusterBound)
        {
            record.Verdict = Verdict.NotWrappable;
            record.Reason = IsReadable(record) ? refusal + ", and a cluster-bound backup takes no key by its value, though the token shows it" : refusal;
        }
        else if (!TryReadByValue(handle, record))
        {
            record.Verdict = Verdict.NotWrappable;
            record.Reason = refusal;
        }
    }

    private ulong WrapPlainly(ulong handle, ObjectRecord record, WrapMethod method)
    {
        ulong rv = Kek.TryWrap(method, handle, out ReadOnlySpan<byte> wrapped);
        if (rv == Ckr.Ok)
        {
            record.Material = new KeyMaterial { Form = method.Form, Data = wrapped.ToArray(), Length = LengthOf(record) };
        }
        return rv;
    }

    /// <summary>Whether a key that was captured to be compared must be captured once more to be kept, because its length was rounded.</summary>
    internal bool IsRounded(ObjectRecord record) =>
        record.HasSecret && record.Material is { Form: not WrapForm.Value } && Kek.MethodFor(record.ObjectClass) is { } method && NeedsExactLength(record, method);

    /// <summary>
    /// A secret key whose length the method would round. AES and DES keys have lengths that are multiples of 8; for any other type a
    /// length that is unknown counts as odd.
    /// </summary>
    private static bool NeedsExactLength(ObjectRecord record, WrapMethod method)
    {
        if (method.ExactLengths || record.ObjectClass == Cko.PrivateKey)
        {
            return false;
        }
        return LengthOf(record) is { } length
            ? length % 8 != 0
            : record.KeyType is not (Ckk.Aes or Ckk.Des or Ckk.Des2 or Ckk.Des3);
    }

    /// <summary>CKA_VALUE_LEN; SoftHSM says 0 for keys that were unwrapped, which is no length.</summary>
    private static int? LengthOf(ObjectRecord record) =>
        record.Attributes.Number(Cka.ValueLen) is > 0 and < int.MaxValue and { } length ? (int)length : null;

    private ulong WrapExactly(ulong handle, ObjectRecord record, WrapMethod method)
    {
        if (Kek.Capabilities.OddLengths is { } odd)
        {
            return WrapPlainly(handle, record, odd);
        }
        ulong rv = Kek.TryWrap(method, handle, out ReadOnlySpan<byte> rounded);
        byte[]? check = rv == Ckr.Ok ? rounded.ToArray() : null;
        if (Kek.TryWrapExactly(handle, LengthOf(record), out ulong hash, out byte[] wrapped))
        {
            record.Material = new KeyMaterial
            {
                Form = WrapForm.RsaOaep,
                OaepHash = hash,
                Data = wrapped,
                Length = LengthOf(record),
                Check = check,
                Digest = DigestOf(handle),
            };
            return Ckr.Ok;
        }
        if (rv == Ckr.Ok)
        {
            record.Material = new KeyMaterial { Form = method.Form, Data = check!, Length = LengthOf(record) };
            record.Verdict = Verdict.Inexact;
            string length = LengthOf(record) is { } known ? $"its {known} bytes" : "its length";
            record.Reason = (record.Reason is null ? "" : record.Reason + "; ") + $"{Names.OfMechanism(method.Mechanism)} of this token rounds {length} up to a multiple of 8 with zero bytes, and no exact way was found";
        }
        return rv;
    }

    private (byte[] Salt, byte[] Digest)? DigestOf(ulong handle)
    {
        // Beside the wrapped key it would let anybody who opens the file try short secrets and passwords.
        if (!Kek.Capabilities.DigestsKeys || Kek.IsClusterBound)
        {
            return null;
        }
        byte[] salt = RandomNumberGenerator.GetBytes(16);
        return _session.TryDigestKey(new Mechanism(Ckm.Sha256), salt, handle, out byte[] digest) == Ckr.Ok ? (salt, digest) : null;
    }

    /// <summary>
    /// A key that the token will not wrap but shows (CKA_SENSITIVE false, CKA_EXTRACTABLE true: Ed25519 on SoftHSM) is taken as its
    /// values, which stand in the sealed segments like everything else.
    /// </summary>
    private bool TryReadByValue(ulong handle, ObjectRecord record)
    {
        if (!IsReadable(record))
        {
            return false;
        }
        ReadOnlySpan<ulong> secrets = SecretAttributes.For(record.ObjectClass, record.KeyType ?? ulong.MaxValue);
        AttributeReading reading;
        try
        {
            reading = _session.ReadAttributes(handle, secrets);
        }
        catch (Pkcs11Exception e) when (!IsTokenGone(e.ReturnValue))
        {
            return false;
        }
        if (reading.Attributes.All(a => a.Value.Length == 0) || reading.Failed.Count > 0)
        {
            return false;
        }
        record.Material = new KeyMaterial { Form = WrapForm.Value, Values = reading.Attributes, Length = LengthOf(record) };
        return true;
    }

    private static bool IsReadable(ObjectRecord record) =>
        record.Attributes.Boolean(Cka.Sensitive) == false && record.Attributes.Boolean(Cka.Extractable) == true;

    /// <summary>Answers after which no object of the token can be trusted to be read: the operation must stop, not blame the object.</summary>
    private static bool IsTokenGone(ulong rv) => rv is Ckr.DeviceRemoved or Ckr.TokenNotPresent or Ckr.SessionClosed
        or Ckr.SessionHandleInvalid or Ckr.CryptokiNotInitialized or Ckr.UserNotLoggedIn;

    private static AttributeList CollectCompared()
    {
        ulong[] classes = [Cko.Data, Cko.Certificate, Cko.PublicKey, Cko.PrivateKey, Cko.SecretKey];
        // The length is not compared, but without it a key of unknown length could not be judged.
        return new AttributeList([.. Usual.Entries.ToArray().Select(e => e.Type)
            .Where(type => type == Cka.ValueLen || Array.Exists(classes, c => ObjectComparison.Counts(type, c)))]);
    }

    private static AttributeList CollectUsual()
    {
        (ulong Class, ulong KeyType)[] kinds =
        [
            (Cko.Data, ulong.MaxValue), (Cko.Certificate, ulong.MaxValue),
            (Cko.PublicKey, Ckk.Rsa), (Cko.PublicKey, Ckk.Ec), (Cko.PublicKey, Ckk.Dsa), (Cko.PublicKey, Ckk.Dh),
            (Cko.PrivateKey, Ckk.Rsa), (Cko.PrivateKey, Ckk.Ec), (Cko.PrivateKey, Ckk.Dsa), (Cko.PrivateKey, Ckk.Dh),
            (Cko.SecretKey, Ckk.Aes),
        ];
        // First, because the others are judged by them while they come in.
        List<ulong> types = [Cka.Class, Cka.KeyType, Cka.CertificateType, Cka.Private];
        foreach ((ulong objectClass, ulong keyType) in kinds)
        {
            foreach (ulong type in ObjectAttributes.For(objectClass, keyType, Ckc.X509))
            {
                if (!types.Contains(type))
                {
                    types.Add(type);
                }
            }
        }
        return new AttributeList([.. types]);
    }
}
