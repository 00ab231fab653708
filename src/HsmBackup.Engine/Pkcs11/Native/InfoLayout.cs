using System.Runtime.InteropServices;

namespace HsmBackup.Engine.Pkcs11.Native;

// CK_INFO is the one structure whose field offsets depend on packing, and libraries differ in how many trailing bytes of
// CK_SLOT_INFO and CK_TOKEN_INFO they write. So these three are read from over-sized buffers at computed offsets.
// ulongSize is the width of CK_ULONG (4 on Windows and 32-bit Unix, 8 on 64-bit Unix); packed is true on Windows.

/// <summary>What the structures of PKCS#11 look like on the machine that runs the program.</summary>
internal static class NativeAbi
{
    /// <summary>Windows packs PKCS#11 structures to one byte (general overview of the standard); Unix does not.</summary>
    public static bool Packed => OperatingSystem.IsWindows();

    /// <summary>The width of CK_ULONG in bytes.</summary>
    public static unsafe int ULongSize => sizeof(CULong);
}

/// <summary>Offsets in CK_INFO.</summary>
internal static class InfoLayout
{
    /// <summary>Bytes to allocate: more than any ABI writes.</summary>
    public const int BufferSize = 256;

    public const int CryptokiVersion = 0;
    public const int ManufacturerId = 2;
    public const int ManufacturerIdLength = 32;
    public const int LibraryDescriptionLength = 32;

    public static int OffsetOfFlags(int ulongSize, bool packed) => RoundUp(34, packed ? 1 : ulongSize);

    public static int OffsetOfLibraryDescription(int ulongSize, bool packed) => OffsetOfFlags(ulongSize, packed) + ulongSize;

    public static int OffsetOfLibraryVersion(int ulongSize, bool packed) =>
        OffsetOfLibraryDescription(ulongSize, packed) + LibraryDescriptionLength;

    /// <summary>The size of the structure as a C compiler sees it.</summary>
    public static int SizeOf(int ulongSize, bool packed) =>
        RoundUp(OffsetOfLibraryVersion(ulongSize, packed) + 2, packed ? 1 : ulongSize);

    /// <summary>The next multiple of an alignment.</summary>
    internal static int RoundUp(int value, int alignment) => (value + alignment - 1) / alignment * alignment;
}

/// <summary>Offsets in CK_SLOT_INFO; packing only changes the size.</summary>
internal static class SlotInfoLayout
{
    /// <summary>Bytes to allocate: more than any ABI writes.</summary>
    public const int BufferSize = 256;

    public const int SlotDescription = 0;
    public const int SlotDescriptionLength = 64;
    public const int ManufacturerId = 64;
    public const int ManufacturerIdLength = 32;
    public const int Flags = 96;

    public static int OffsetOfHardwareVersion(int ulongSize) => Flags + ulongSize;

    public static int OffsetOfFirmwareVersion(int ulongSize) => Flags + ulongSize + 2;

    /// <summary>The size of the structure as a C compiler sees it.</summary>
    public static int SizeOf(int ulongSize, bool packed) =>
        InfoLayout.RoundUp(OffsetOfFirmwareVersion(ulongSize) + 2, packed ? 1 : ulongSize);
}

/// <summary>The CK_ULONG fields of CK_TOKEN_INFO, in their order.</summary>
internal enum TokenInfoNumber
{
    Flags,
    MaxSessionCount,
    SessionCount,
    MaxRwSessionCount,
    RwSessionCount,
    MaxPinLength,
    MinPinLength,
    TotalPublicMemory,
    FreePublicMemory,
    TotalPrivateMemory,
    FreePrivateMemory,
}

/// <summary>Offsets in CK_TOKEN_INFO; packing only changes the size.</summary>
internal static class TokenInfoLayout
{
    /// <summary>Bytes to allocate: more than any ABI writes.</summary>
    public const int BufferSize = 512;

    public const int Label = 0;
    public const int LabelLength = 32;
    public const int ManufacturerId = 32;
    public const int ManufacturerIdLength = 32;
    public const int Model = 64;
    public const int ModelLength = 16;
    public const int SerialNumber = 80;
    public const int SerialNumberLength = 16;
    public const int FirstNumber = 96;
    public const int NumberCount = (int)TokenInfoNumber.FreePrivateMemory + 1;
    public const int UtcTimeLength = 16;

    public static int OffsetOf(TokenInfoNumber field, int ulongSize) => FirstNumber + ((int)field * ulongSize);

    public static int OffsetOfHardwareVersion(int ulongSize) => FirstNumber + (NumberCount * ulongSize);

    public static int OffsetOfFirmwareVersion(int ulongSize) => OffsetOfHardwareVersion(ulongSize) + 2;

    public static int OffsetOfUtcTime(int ulongSize) => OffsetOfHardwareVersion(ulongSize) + 4;

    /// <summary>The size of the structure as a C compiler sees it.</summary>
    public static int SizeOf(int ulongSize, bool packed) =>
        InfoLayout.RoundUp(OffsetOfUtcTime(ulongSize) + UtcTimeLength, packed ? 1 : ulongSize);
}

/// <summary>Where the function pointers stand in CK_FUNCTION_LIST: after the two bytes of its version.</summary>
internal static class FunctionListLayout
{
    public const int Version = 0;

    /// <summary>2 where structures are packed, otherwise the first place that is aligned for a pointer.</summary>
    public static int OffsetOfFirstFunction(int pointerSize, bool packed) => packed ? 2 : pointerSize;

    public static int OffsetOf(FunctionIndex function, int pointerSize, bool packed) =>
        OffsetOfFirstFunction(pointerSize, packed) + ((int)function * pointerSize);

    /// <summary>How many functions a list of a cryptoki version has; a table may not be read beyond them.</summary>
    public static int CountOf(int major, int minor) => (major, minor) switch
    {
        ( < 3, _) => (int)FunctionIndex.C_WaitForSlotEvent + 1,
        (3, < 2) => (int)FunctionIndex.C_MessageVerifyFinal + 1,
        _ => (int)FunctionIndex.C_UnwrapKeyAuthenticated + 1,
    };
}
