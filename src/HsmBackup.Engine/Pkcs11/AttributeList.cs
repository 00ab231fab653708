using System.Runtime.InteropServices;

namespace HsmBackup.Engine.Pkcs11;

/// <summary>Attributes to ask objects for, with what must be known of each looked up once and not for every object.</summary>
internal sealed class AttributeList
{
    private readonly Entry[] _entries;

    /// <summary>A list of attributes, no one twice.</summary>
    public AttributeList(params ReadOnlySpan<ulong> types)
    {
        _entries = new Entry[types.Length];
        for (int i = 0; i < types.Length; i++)
        {
            _entries[i] = Entry.Of(types[i]);
        }
    }

    /// <summary>The attributes in their order.</summary>
    public ReadOnlySpan<Entry> Entries => _entries;

    /// <summary>True where the list has an attribute.</summary>
    public bool Contains(ulong type) => Array.Exists(_entries, e => e.Type == type);

    /// <summary>The list with one more attribute in front of another.</summary>
    public AttributeList With(ulong type, ulong before) =>
        new([.. _entries.SelectMany(e => e.Type == before ? (ulong[])[type, before] : [e.Type])]);

    /// <summary>An attribute and what is known of it.</summary>
    /// <param name="Type">The CKA code.</param>
    /// <param name="Kind">What its value looks like.</param>
    /// <param name="IsNumeric">True for one or more CK_ULONG.</param>
    /// <param name="IsSecret">True where its value is always a secret.</param>
    /// <param name="FixedLength">The length that a value always has on this machine; 0 where it varies.</param>
    /// <param name="Room">The longest value that is taken without asking for its length first; 0 to ask.</param>
    public readonly record struct Entry(ulong Type, AttributeKind Kind, bool IsNumeric, bool IsSecret, int FixedLength, int Room)
    {
        // A modulus of 8192 bits, a long name, a list of 128 mechanisms.
        private const int UsualRoom = 1024;
        private static readonly ulong[] WithSecrets = [Cko.SecretKey, Cko.PrivateKey, Cko.OtpKey];

        /// <summary>Looks an attribute up.</summary>
        public static unsafe Entry Of(ulong type)
        {
            AttributeKind kind = AttributeTable.KindOf(type);
            bool numeric = AttributeTable.IsNumeric(type);
            bool list = kind is AttributeKind.NumberList or AttributeKind.MechanismList;
            int length = kind == AttributeKind.Boolean ? 1 : numeric && !list ? sizeof(CULong) : 0;
            // What may be a secret does not leave the token before it is known whether it is one; nor is there room for arrays of attributes.
            bool asks = kind == AttributeKind.Template || Array.Exists(WithSecrets, c => AttributeTable.RoleOf(type, c) == AttributeRole.SecretComponent);
            return new Entry(type, kind, numeric, AttributeTable.Find(type)?.Role == AttributeRole.SecretComponent, length,
                length != 0 ? length : asks ? 0 : UsualRoom);
        }
    }
}
