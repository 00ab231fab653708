using System.Text.Encodings.Web;
using System.Text.Json;
using HsmBackup.Engine.Pkcs11;
using HsmBackup.Engine.Protection;

namespace HsmBackup.Engine.Tokens;

/// <summary>Object records as lines of a backup's sealed content (docs/format.md, "Objects").</summary>
public sealed class ObjectRecordJson : IDisposable
{
    // Records of readable keys pass through here.
    private readonly SecretBufferWriter _buffer = new(4096);
    private readonly Utf8JsonWriter _json;

    /// <summary>A writer that is used for many records.</summary>
    public ObjectRecordJson() =>
        _json = new Utf8JsonWriter(_buffer, new JsonWriterOptions
        {
            // The content is not HTML; escaping every plus sign of base64 would only make it long and unreadable.
            Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        });

    /// <summary>The line of a record, without its end; valid until the next call.</summary>
    public ReadOnlySpan<byte> Write(ObjectRecord record)
    {
        _buffer.Reset();
        _json.Reset();
        _json.WriteStartObject();
        _json.WriteNumber("object"u8, record.Index);
        if (record.ObjectClass != ulong.MaxValue)
        {
            _json.WriteString("class"u8, Names.Utf8OfClass(record.ObjectClass));
        }
        _json.WriteString("verdict"u8, VerdictName(record.Verdict));
        if (record.Reason is not null)
        {
            _json.WriteString("reason"u8, record.Reason);
        }
        _json.WriteStartObject("attributes"u8);
        AttributeJson.Write(_json, record.Attributes);
        _json.WriteEndObject();
        if (record.Unavailable.Count > 0)
        {
            _json.WriteStartObject("unavailable"u8);
            foreach ((ulong type, ulong rv) in record.Unavailable)
            {
                _json.WriteString(Names.Utf8OfAttribute(type), Names.OfReturnValue(rv));
            }
            _json.WriteEndObject();
        }
        if (record.Material is not null)
        {
            WriteMaterial(record.Material);
        }
        _json.WriteEndObject();
        _json.Flush();
        return _buffer.Written;
    }

    /// <summary>Reads a record.</summary>
    /// <exception cref="HsmBackupException">AuthenticationFailed: the content is not what this version writes.</exception>
    public static ObjectRecord Read(ReadOnlySpan<byte> line)
    {
        try
        {
            var json = new Utf8JsonReader(line);
            return Read(ref json);
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or FormatException or OverflowException)
        {
            throw new HsmBackupException(ErrorCode.AuthenticationFailed, $"A record of the backup is not of format version 1: {e.Message}",
                "The backup was made by a program that does not follow the format. Use another backup, and keep this one for analysis.", e);
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _json.Dispose();
        _buffer.Dispose();
    }

    private static ObjectRecord Read(ref Utf8JsonReader json)
    {
        int? index = null;
        Verdict? verdict = null;
        ulong? objectClass = null;
        string? reason = null;
        AttributeMap? attributes = null;
        List<(ulong, ulong)> unavailable = [];
        KeyMaterial? material = null;
        json.Read();
        while (json.Read() && json.TokenType == JsonTokenType.PropertyName)
        {
            string name = json.GetString()!;
            json.Read();
            switch (name)
            {
                case "object": index = json.GetInt32(); break;
                case "class": objectClass = Names.TryParseClass(json.ValueSpan, out ulong c) ? c : throw new JsonException("Unknown class."); break;
                case "verdict": verdict = ParseVerdict(json.GetString()!); break;
                case "reason": reason = json.GetString(); break;
                case "attributes": attributes = AttributeJson.Read(ref json); break;
                case "unavailable": ReadUnavailable(ref json, unavailable); break;
                case "material": material = ReadMaterial(ref json); break;
                default: throw new JsonException($"Unknown member '{name}' of an object.");
            }
        }
        if (index is null || verdict is null || attributes is null)
        {
            throw new JsonException("An object without index, verdict or attributes.");
        }
        var record = new ObjectRecord
        {
            Index = index.Value,
            Verdict = verdict.Value,
            Reason = reason,
            Attributes = attributes,
            Unavailable = unavailable,
            Material = material,
        };
        return objectClass is null || objectClass == record.ObjectClass ? record : throw new JsonException("An object with two classes.");
    }

    private void WriteMaterial(KeyMaterial material)
    {
        _json.WriteStartObject("material"u8);
        _json.WriteString("form"u8, FormName(material.Form));
        if (material.Length is { } length)
        {
            _json.WriteNumber("length"u8, length);
        }
        if (material.Values is { } values)
        {
            _json.WriteStartObject("values"u8);
            AttributeJson.Write(_json, values);
            _json.WriteEndObject();
        }
        else
        {
            _json.WriteBase64String("data"u8, material.Data);
        }
        if (material.Form == WrapForm.RsaOaep)
        {
            _json.WriteString("hash"u8, Names.Utf8OfMechanism(material.OaepHash));
            if (material.Check is { } check)
            {
                _json.WriteBase64String("check"u8, check);
            }
            if (material.Digest is { } digest)
            {
                _json.WriteBase64String("salt"u8, digest.Salt);
                _json.WriteBase64String("digest"u8, digest.Digest);
            }
        }
        _json.WriteEndObject();
    }

    private static KeyMaterial ReadMaterial(ref Utf8JsonReader json)
    {
        WrapForm? form = null;
        int? length = null;
        byte[] data = [];
        ulong hash = 0;
        byte[]? check = null;
        byte[]? salt = null;
        byte[]? digest = null;
        AttributeMap? values = null;
        while (json.Read() && json.TokenType == JsonTokenType.PropertyName)
        {
            string name = json.GetString()!;
            json.Read();
            switch (name)
            {
                case "form": form = ParseForm(json.GetString()!); break;
                case "length": length = json.GetInt32(); break;
                case "data": data = json.GetBytesFromBase64(); break;
                case "hash": hash = Names.TryParseMechanism(json.ValueSpan, out ulong h) ? h : throw new JsonException("Unknown hash."); break;
                case "check": check = json.GetBytesFromBase64(); break;
                case "salt": salt = json.GetBytesFromBase64(); break;
                case "digest": digest = json.GetBytesFromBase64(); break;
                case "values": values = AttributeJson.Read(ref json, secret: true); break;
                default: throw new JsonException($"Unknown member '{name}' of key material.");
            }
        }
        if (form == WrapForm.Value ? values is not { Count: > 0 } || data.Length > 0 : values is not null || data.Length == 0)
        {
            throw new JsonException("Key material without a key.");
        }
        return new KeyMaterial
        {
            Form = form ?? throw new JsonException("Key material without its form."),
            Data = data,
            Length = length,
            OaepHash = hash,
            Check = check,
            Digest = salt is not null && digest is not null ? (salt, digest) : null,
            Values = values,
        };
    }

    private static void ReadUnavailable(ref Utf8JsonReader json, List<(ulong, ulong)> unavailable)
    {
        while (json.Read() && json.TokenType == JsonTokenType.PropertyName)
        {
            bool known = Names.TryParseAttribute(json.ValueSpan, out ulong type);
            json.Read();
            known &= Names.TryParseReturnValue(json.GetString(), out ulong rv);
            unavailable.Add(known ? (type, rv) : throw new JsonException("Unknown attribute or return value."));
        }
    }

    /// <summary>Names of the forms as the format has them.</summary>
    internal static string FormName(WrapForm form) => form switch
    {
        WrapForm.Rfc5649 => "RFC5649",
        WrapForm.Rfc3394 => "RFC3394",
        WrapForm.Rfc3394Pkcs7 => "RFC3394-PKCS7",
        WrapForm.CbcPad => "CBC-PAD",
        WrapForm.RsaOaep => "RSA-OAEP",
        _ => "VALUE",
    };

    /// <summary>The form of a name.</summary>
    internal static WrapForm ParseForm(string name) => name switch
    {
        "RFC5649" => WrapForm.Rfc5649,
        "RFC3394" => WrapForm.Rfc3394,
        "RFC3394-PKCS7" => WrapForm.Rfc3394Pkcs7,
        "CBC-PAD" => WrapForm.CbcPad,
        "RSA-OAEP" => WrapForm.RsaOaep,
        "VALUE" => WrapForm.Value,
        _ => throw new JsonException($"Unknown form '{name}' of key material."),
    };

    private static Verdict ParseVerdict(string name) => name switch
    {
        nameof(Verdict.Captured) => Verdict.Captured,
        nameof(Verdict.NotExtractable) => Verdict.NotExtractable,
        nameof(Verdict.NotWrappable) => Verdict.NotWrappable,
        nameof(Verdict.Inexact) => Verdict.Inexact,
        nameof(Verdict.Unreadable) => Verdict.Unreadable,
        _ => throw new JsonException($"Unknown verdict '{name}'."),
    };

    private static string VerdictName(Verdict verdict) => verdict switch
    {
        Verdict.Captured => nameof(Verdict.Captured),
        Verdict.NotExtractable => nameof(Verdict.NotExtractable),
        Verdict.NotWrappable => nameof(Verdict.NotWrappable),
        Verdict.Inexact => nameof(Verdict.Inexact),
        _ => nameof(Verdict.Unreadable),
    };
}
