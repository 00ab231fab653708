using System.Reflection;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using HsmBackup.Engine.Pkcs11.Native;
using Xunit;

namespace HsmBackup.Engine.Tests.Pkcs11;

/// <summary>Our native structures against those that a C compiler makes of a PKCS#11 header.</summary>
public sealed class LayoutTests
{
    private const int PointerSize = 8;

    // The headers that have CK_INTERFACE and the longer function lists are those of PKCS#11 3.0 and later.
    private static readonly Type[] s_structures =
    [
        typeof(CK_ATTRIBUTE), typeof(CK_MECHANISM), typeof(CK_MECHANISM_INFO), typeof(CK_SESSION_INFO),
        typeof(CK_C_INITIALIZE_ARGS), typeof(CK_NSS_C_INITIALIZE_ARGS), typeof(CK_RSA_PKCS_OAEP_PARAMS),
        typeof(CK_RSA_PKCS_PSS_PARAMS), typeof(CK_ECDH1_DERIVE_PARAMS), typeof(CK_GCM_PARAMS), typeof(CK_VERSION), typeof(CK_DATE), typeof(CK_INTERFACE),
        typeof(CK_KEY_DERIVATION_STRING_DATA),
    ];

    [HeaderFact]
    public void Structures_are_those_of_the_c_compiler_on_64_bit_unix() => CompareAll(Structures, asOnWindows: false);

    [HeaderFact]
    public void Structures_are_those_of_the_c_compiler_on_windows() => CompareAll(Structures, asOnWindows: true);

    [HeaderFact]
    public void Information_offsets_are_those_of_the_c_compiler_on_64_bit_unix() => CompareAll(Information, asOnWindows: false);

    [HeaderFact]
    public void Information_offsets_are_those_of_the_c_compiler_on_windows() => CompareAll(Information, asOnWindows: true);

    [HeaderFact]
    public void Functions_stand_where_the_c_compiler_has_them_on_64_bit_unix() => CompareAll(Functions, asOnWindows: false);

    [HeaderFact]
    public void Functions_stand_where_the_c_compiler_has_them_on_windows() => CompareAll(Functions, asOnWindows: true);

    [Fact]
    public void Every_native_structure_is_packed_and_listed_here()
    {
        var structures = typeof(CK_ATTRIBUTE).Assembly.GetTypes()
            .Where(type => type.Namespace == typeof(CK_ATTRIBUTE).Namespace && type is { IsValueType: true, IsEnum: false })
            .Where(type => !type.IsNested).ToArray();

        Assert.Equal(structures.OrderBy(type => type.Name), s_structures.OrderBy(type => type.Name));
        Assert.All(structures, type => Assert.Equal(1, type.StructLayoutAttribute!.Pack));
    }

    [Fact]
    public void The_runtime_lays_the_structures_out_as_computed()
    {
        foreach (var type in s_structures)
        {
            var actual = (int)typeof(Unsafe).GetMethod(nameof(Unsafe.SizeOf))!.MakeGenericMethod(type).Invoke(null, null)!;
            Assert.Equal(OffsetsOf(type, NativeAbi.ULongSize, nint.Size).Size, actual);
        }
    }

    [Fact]
    public void The_function_lists_have_68_92_and_104_functions()
    {
        Assert.Equal(68, FunctionListLayout.CountOf(2, 40));
        Assert.Equal(92, FunctionListLayout.CountOf(3, 0));
        Assert.Equal(92, FunctionListLayout.CountOf(3, 1));
        Assert.Equal(104, FunctionListLayout.CountOf(3, 2));
        Assert.Equal(104, Enum.GetValues<FunctionIndex>().Length);
    }

    [Fact]
    public void The_first_function_follows_the_version_at_once_on_windows_and_aligned_elsewhere()
    {
        Assert.Equal(2, FunctionListLayout.OffsetOfFirstFunction(8, packed: true));
        Assert.Equal(8, FunctionListLayout.OffsetOfFirstFunction(8, packed: false));
        Assert.Equal(4, FunctionListLayout.OffsetOfFirstFunction(4, packed: false));
    }

    [Fact]
    public void Buffers_are_larger_than_any_library_writes()
    {
        Assert.True(InfoLayout.BufferSize >= 2 * InfoLayout.SizeOf(8, packed: false));
        Assert.True(SlotInfoLayout.BufferSize >= 2 * SlotInfoLayout.SizeOf(8, packed: false));
        Assert.True(TokenInfoLayout.BufferSize >= 2 * TokenInfoLayout.SizeOf(8, packed: false));
    }

    private static void CompareAll(Func<CHeader, int, bool, Dictionary<string, int>> ours, bool asOnWindows)
    {
        foreach (var header in CHeader.All)
        {
            var expected = ours(header, asOnWindows ? 4 : 8, asOnWindows);
            var actual = header.Evaluate(expected.Keys, asOnWindows);
            Assert.Equal(
                expected.Select(pair => $"{header}: {pair.Key} = {pair.Value}"),
                expected.Select(pair => $"{header}: {pair.Key} = {actual[pair.Key]}"));
        }
    }

    private static Dictionary<string, int> Structures(CHeader header, int ulongSize, bool packed)
    {
        var expected = new Dictionary<string, int>();
        foreach (var type in s_structures)
        {
            // NSS declares its own initialisation arguments under the name of the standard.
            if (type == (header.IsNss ? typeof(CK_C_INITIALIZE_ARGS) : typeof(CK_NSS_C_INITIALIZE_ARGS))) continue;
            var name = type.Name.Replace("CK_NSS_", "CK_", StringComparison.Ordinal);
            if (!header.Declares(name)) continue;
            var (size, fields) = OffsetsOf(type, ulongSize, PointerSize);
            expected.Add($"sizeof({name})", size);
            foreach (var (field, offset) in fields) expected.Add($"offsetof({name}, {field})", offset);
        }

        return expected;
    }

    private static Dictionary<string, int> Information(CHeader header, int ulongSize, bool packed)
    {
        var expected = new Dictionary<string, int>
        {
            ["sizeof(CK_INFO)"] = InfoLayout.SizeOf(ulongSize, packed),
            ["offsetof(CK_INFO, cryptokiVersion)"] = InfoLayout.CryptokiVersion,
            ["offsetof(CK_INFO, manufacturerID)"] = InfoLayout.ManufacturerId,
            ["offsetof(CK_INFO, flags)"] = InfoLayout.OffsetOfFlags(ulongSize, packed),
            ["offsetof(CK_INFO, libraryDescription)"] = InfoLayout.OffsetOfLibraryDescription(ulongSize, packed),
            ["offsetof(CK_INFO, libraryVersion)"] = InfoLayout.OffsetOfLibraryVersion(ulongSize, packed),
            ["sizeof(CK_SLOT_INFO)"] = SlotInfoLayout.SizeOf(ulongSize, packed),
            ["offsetof(CK_SLOT_INFO, slotDescription)"] = SlotInfoLayout.SlotDescription,
            ["offsetof(CK_SLOT_INFO, manufacturerID)"] = SlotInfoLayout.ManufacturerId,
            ["offsetof(CK_SLOT_INFO, flags)"] = SlotInfoLayout.Flags,
            ["offsetof(CK_SLOT_INFO, hardwareVersion)"] = SlotInfoLayout.OffsetOfHardwareVersion(ulongSize),
            ["offsetof(CK_SLOT_INFO, firmwareVersion)"] = SlotInfoLayout.OffsetOfFirmwareVersion(ulongSize),
            ["sizeof(CK_TOKEN_INFO)"] = TokenInfoLayout.SizeOf(ulongSize, packed),
            ["offsetof(CK_TOKEN_INFO, label)"] = TokenInfoLayout.Label,
            ["offsetof(CK_TOKEN_INFO, manufacturerID)"] = TokenInfoLayout.ManufacturerId,
            ["offsetof(CK_TOKEN_INFO, model)"] = TokenInfoLayout.Model,
            ["offsetof(CK_TOKEN_INFO, serialNumber)"] = TokenInfoLayout.SerialNumber,
            ["offsetof(CK_TOKEN_INFO, hardwareVersion)"] = TokenInfoLayout.OffsetOfHardwareVersion(ulongSize),
            ["offsetof(CK_TOKEN_INFO, firmwareVersion)"] = TokenInfoLayout.OffsetOfFirmwareVersion(ulongSize),
            ["offsetof(CK_TOKEN_INFO, utcTime)"] = TokenInfoLayout.OffsetOfUtcTime(ulongSize),
        };
        foreach (var number in Enum.GetValues<TokenInfoNumber>())
        {
            var field = "ul" + number.ToString().Replace("Length", "Len", StringComparison.Ordinal);
            if (number == TokenInfoNumber.Flags) field = "flags";
            expected.Add($"offsetof(CK_TOKEN_INFO, {field})", TokenInfoLayout.OffsetOf(number, ulongSize));
        }

        return expected;
    }

    private static Dictionary<string, int> Functions(CHeader header, int ulongSize, bool packed)
    {
        var expected = new Dictionary<string, int>();
        (string, int, int)[] lists =
            [("CK_FUNCTION_LIST", 2, 40), ("CK_FUNCTION_LIST_3_0", 3, 0), ("CK_FUNCTION_LIST_3_2", 3, 2)];
        foreach (var (list, major, minor) in lists)
        {
            if (!header.Declares(list)) continue;
            var count = FunctionListLayout.CountOf(major, minor);
            var end = FunctionListLayout.OffsetOf((FunctionIndex)count, PointerSize, packed);
            expected.Add($"sizeof({list})", end);
            foreach (var function in Enum.GetValues<FunctionIndex>().Take(count))
                expected.Add($"offsetof({list}, {function})", FunctionListLayout.OffsetOf(function, PointerSize, packed));
        }

        return expected;
    }

    private static (int Size, List<(string Name, int Offset)> Fields) OffsetsOf(Type type, int ulongSize, int pointerSize)
    {
        var fields = new List<(string, int)>();
        var offset = 0;
        foreach (var field in type.GetFields().OrderBy(field => field.MetadataToken))
        {
            fields.Add((field.Name, offset));
            offset += field.FieldType == typeof(CULong) ? ulongSize
                : field.FieldType.IsPointer ? pointerSize
                : field.FieldType == typeof(byte) ? 1
                : field.GetCustomAttribute<FixedBufferAttribute>()!.Length;
        }

        return (offset, fields);
    }
}
