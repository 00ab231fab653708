using System.Buffers;
using System.Buffers.Binary;
using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Unicode;
using HsmBackup.Engine.Pkcs11;

namespace HsmBackup.Engine.Tokens;

/// <summary>
/// Attributes as JSON members under their PKCS#11 names (docs/format.md, "Attributes"). Lossless: a value that does not look as its
/// attribute should is written as <c>{"raw": base64}</c>.
/// </summary>
internal static class AttributeJson
{
    // Names as they stand in JSON, and kinds, in one look-up: there are three dozen attributes to an object.
    private static readonly Dictionary<ulong, Member> Members = AttributeTable.All.ToDictionary(a => a.Type, a => new Member(a.Type));

    /// <summary>Writes the attributes as members of the object that is open.</summary>
    public static void Write(Utf8JsonWriter json, AttributeMap attributes)
    {
        for (int i = 0; i < attributes.Count; i++)
        {
            TokenAttribute attribute = attributes[i];
            Write(json, Members.GetValueOrDefault(attribute.Type) ?? new Member(attribute.Type), attribute);
        }
    }

    /// <summary>Reads the attributes of an object; the reader stands on its opening brace and ends on its closing one.</summary>
    /// <param name="json">The reader.</param>
    /// <param name="secret">True where the values are those of a key: they are then kept in pinned memory, for the caller to zero.</param>
    /// <exception cref="JsonException">The JSON is not of this form.</exception>
    public static AttributeMap Read(ref Utf8JsonReader json, bool secret = false)
    {
        var attributes = new AttributeMap();
        Expect(json.TokenType == JsonTokenType.StartObject, "an object of attributes");
        while (json.Read() && json.TokenType != JsonTokenType.EndObject)
        {
            Expect(Names.TryParseAttribute(json.ValueSpan, out ulong type), "the name of an attribute");
            Expect(!attributes.Contains(type), "each attribute once");
            json.Read();
            attributes.Set(secret ? ReadSecret(ref json, type) : ReadValue(ref json, type));
        }
        return attributes;
    }

    private static void Write(Utf8JsonWriter json, Member member, TokenAttribute attribute)
    {
        byte[] value = attribute.Value;
        switch (member.Kind)
        {
            case AttributeKind.Template when attribute.Template is { } template:
                json.WriteStartObject(member.Name);
                Write(json, template);
                json.WriteEndObject();
                break;
            case AttributeKind.Boolean when value is [0 or 1]:
                json.WriteBoolean(member.Name, value[0] == 1);
                break;
            case AttributeKind.Number when value.Length == 8:
                json.WriteNumber(member.Name, BinaryPrimitives.ReadUInt64LittleEndian(value));
                break;
            case AttributeKind.ObjectClass or AttributeKind.KeyType or AttributeKind.CertificateType or AttributeKind.Mechanism when value.Length == 8:
                json.WriteString(member.Name, NameOf(member.Kind, BinaryPrimitives.ReadUInt64LittleEndian(value)));
                break;
            case AttributeKind.NumberList or AttributeKind.MechanismList when value.Length % 8 == 0:
                json.WriteStartArray(member.Name);
                WriteElements(json, member.Kind, value);
                json.WriteEndArray();
                break;
            case AttributeKind.Text when Utf8.IsValid(value):
            case AttributeKind.Date when value.Length is 0 or 8 && Utf8.IsValid(value):
                json.WriteString(member.Name, value);
                break;
            case AttributeKind.Bytes:
                json.WriteBase64String(member.Name, value);
                break;
            default:
                json.WriteStartObject(member.Name);
                json.WriteBase64String("raw"u8, value);
                json.WriteEndObject();
                break;
        }
    }

    private static void WriteElements(Utf8JsonWriter json, AttributeKind kind, ReadOnlySpan<byte> list)
    {
        for (; !list.IsEmpty; list = list[8..])
        {
            ulong element = BinaryPrimitives.ReadUInt64LittleEndian(list);
            if (kind == AttributeKind.NumberList)
            {
                json.WriteNumberValue(element);
            }
            else
            {
                json.WriteStringValue(NameOf(AttributeKind.Mechanism, element));
            }
        }
    }

    private static TokenAttribute ReadValue(ref Utf8JsonReader json, ulong type)
    {
        AttributeKind kind = AttributeTable.KindOf(type);
        switch (json.TokenType)
        {
            case JsonTokenType.True or JsonTokenType.False when kind == AttributeKind.Boolean:
                return new TokenAttribute(type, [json.GetBoolean() ? (byte)1 : (byte)0]);
            case JsonTokenType.Number when kind == AttributeKind.Number:
                return new TokenAttribute(type, Bytes(json.GetUInt64()));
            case JsonTokenType.String when kind is AttributeKind.ObjectClass or AttributeKind.KeyType or AttributeKind.CertificateType or AttributeKind.Mechanism:
                return new TokenAttribute(type, Bytes(ReadName(ref json, kind)));
            case JsonTokenType.String when kind is AttributeKind.Text or AttributeKind.Date:
                return new TokenAttribute(type, Encoding.UTF8.GetBytes(json.GetString()!));
            case JsonTokenType.String when kind == AttributeKind.Bytes:
                return new TokenAttribute(type, json.GetBytesFromBase64());
            case JsonTokenType.StartArray when kind is AttributeKind.NumberList or AttributeKind.MechanismList:
                var list = new List<byte>();
                while (json.Read() && json.TokenType != JsonTokenType.EndArray)
                {
                    list.AddRange(Bytes(kind == AttributeKind.NumberList ? json.GetUInt64() : ReadName(ref json, AttributeKind.Mechanism)));
                }
                return new TokenAttribute(type, [.. list]);
            case JsonTokenType.StartObject when kind == AttributeKind.Template:
                return new TokenAttribute(type, [], Read(ref json));
            case JsonTokenType.StartObject:
                Expect(json.Read() && json.ValueTextEquals("raw"u8) && json.Read(), "a raw value");
                byte[] raw = json.GetBytesFromBase64();
                Expect(json.Read() && json.TokenType == JsonTokenType.EndObject, "nothing after a raw value");
                return new TokenAttribute(type, raw);
            default:
                throw new JsonException($"{Names.OfAttribute(type)} has a value of another kind.");
        }
    }

    /// <summary>A secret is always bytes. It is decoded where it stays, without the copies that a reader would make of it.</summary>
    private static TokenAttribute ReadSecret(ref Utf8JsonReader json, ulong type)
    {
        Expect(json.TokenType == JsonTokenType.String && !json.HasValueSequence && !json.ValueIsEscaped, "base64");
        byte[] value = GC.AllocateUninitializedArray<byte>(Base64.GetMaxDecodedFromUtf8Length(json.ValueSpan.Length), pinned: true);
        Expect(Base64.DecodeFromUtf8(json.ValueSpan, value, out _, out int length) == OperationStatus.Done, "base64");
        if (length == value.Length)
        {
            return new TokenAttribute(type, value);
        }
        byte[] exact = GC.AllocateUninitializedArray<byte>(length, pinned: true);
        value.AsSpan(0, length).CopyTo(exact);
        CryptographicOperations.ZeroMemory(value);
        return new TokenAttribute(type, exact);
    }

    private static ReadOnlySpan<byte> NameOf(AttributeKind kind, ulong code) => kind switch
    {
        AttributeKind.ObjectClass => Names.Utf8OfClass(code),
        AttributeKind.KeyType => Names.Utf8OfKeyType(code),
        AttributeKind.CertificateType => Names.Utf8OfCertificateType(code),
        _ => Names.Utf8OfMechanism(code),
    };

    private static ulong ReadName(ref Utf8JsonReader json, AttributeKind kind)
    {
        ulong code = 0;
        bool known = json.TokenType == JsonTokenType.String && kind switch
        {
            AttributeKind.ObjectClass => Names.TryParseClass(json.ValueSpan, out code),
            AttributeKind.KeyType => Names.TryParseKeyType(json.ValueSpan, out code),
            AttributeKind.CertificateType => Names.TryParseCertificateType(json.ValueSpan, out code),
            _ => Names.TryParseMechanism(json.ValueSpan, out code),
        };
        Expect(known, "a known name or a code in hex");
        return code;
    }

    private static byte[] Bytes(ulong value)
    {
        var bytes = new byte[8];
        BinaryPrimitives.WriteUInt64LittleEndian(bytes, value);
        return bytes;
    }

    private static void Expect(bool condition, string what)
    {
        if (!condition)
        {
            throw new JsonException($"Expected {what}.");
        }
    }

    private sealed class Member(ulong type)
    {
        public JsonEncodedText Name { get; } = JsonEncodedText.Encode(Names.OfAttribute(type));

        public AttributeKind Kind { get; } = AttributeTable.KindOf(type);
    }
}
