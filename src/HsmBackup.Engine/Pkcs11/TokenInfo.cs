using System.Runtime.InteropServices;
using System.Text;
using HsmBackup.Engine.Pkcs11.Native;

namespace HsmBackup.Engine.Pkcs11;

/// <summary>What a library says of itself (CK_INFO).</summary>
public sealed record LibraryInfo(string Manufacturer, string Description, string Version, string CryptokiVersion)
{
    /// <summary>Asks a library (C_GetInfo).</summary>
    internal static unsafe LibraryInfo Read(FunctionTable functions)
    {
        byte* buffer = stackalloc byte[InfoLayout.BufferSize];
        NativeMemory.Clear(buffer, InfoLayout.BufferSize);
        ulong rv = ((delegate* unmanaged[Cdecl]<void*, CULong>)functions.Call(FunctionIndex.C_GetInfo))(buffer).Value;
        return rv == Ckr.Ok ? Read(new ReadOnlySpan<byte>(buffer, InfoLayout.BufferSize)) : throw new Pkcs11Exception(nameof(FunctionIndex.C_GetInfo), rv);
    }

    private static LibraryInfo Read(ReadOnlySpan<byte> info)
    {
        int description = InfoLayout.OffsetOfLibraryDescription(NativeAbi.ULongSize, NativeAbi.Packed);
        int version = InfoLayout.OffsetOfLibraryVersion(NativeAbi.ULongSize, NativeAbi.Packed);
        return new LibraryInfo(
            TokenInfo.Text(info.Slice(InfoLayout.ManufacturerId, InfoLayout.ManufacturerIdLength)),
            TokenInfo.Text(info.Slice(description, InfoLayout.LibraryDescriptionLength)),
            $"{info[version]}.{info[version + 1]}",
            $"{info[InfoLayout.CryptokiVersion]}.{info[InfoLayout.CryptokiVersion + 1]}");
    }
}

/// <summary>What a token says of itself (CK_TOKEN_INFO). Labels are padded with blanks on the token, not here.</summary>
/// <param name="SlotId">The slot it is in; not stable across processes, so never an identity.</param>
/// <param name="Label">The token's label.</param>
/// <param name="Manufacturer">The manufacturer of the device.</param>
/// <param name="Model">The model of the device.</param>
/// <param name="SerialNumber">The serial number; some tokens have the same for all.</param>
/// <param name="Flags">The CKF_ flags of the token.</param>
/// <param name="FirmwareVersion">Firmware version, major.minor.</param>
public sealed record TokenInfo(
    ulong SlotId, string Label, string Manufacturer, string Model, string SerialNumber, ulong Flags, string FirmwareVersion)
{
    /// <summary>C_InitToken was done.</summary>
    public bool IsInitialized => (Flags & Ckf.TokenInitialized) != 0;

    /// <summary>The normal user's PIN was set.</summary>
    public bool HasUserPin => (Flags & Ckf.UserPinInitialized) != 0;

    /// <summary>The token demands a login for private objects.</summary>
    public bool NeedsLogin => (Flags & Ckf.LoginRequired) != 0;

    /// <summary>The user PIN is locked; only the security officer can free it.</summary>
    public bool IsPinLocked => (Flags & Ckf.UserPinLocked) != 0;

    /// <summary>A wrong PIN was entered since the last right one.</summary>
    public bool IsPinCountLow => (Flags & Ckf.UserPinCountLow) != 0;

    /// <summary>The next wrong PIN locks the token.</summary>
    public bool IsPinFinalTry => (Flags & Ckf.UserPinFinalTry) != 0;

    /// <summary>The security officer's PIN is locked, and with it the token's initialisation.</summary>
    public bool IsSoPinLocked => (Flags & Ckf.SoPinLocked) != 0;

    /// <summary>The next wrong PIN of the security officer locks it.</summary>
    public bool IsSoPinFinalTry => (Flags & Ckf.SoPinFinalTry) != 0;

    /// <summary>The shortest PIN that the token takes, in bytes; 0 where it does not say.</summary>
    public int MinPinLength { get; init; }

    /// <summary>The longest PIN that the token takes, in bytes; 0 where it does not say.</summary>
    public int MaxPinLength { get; init; }

    /// <summary>Objects cannot be written.</summary>
    public bool IsWriteProtected => (Flags & Ckf.WriteProtected) != 0;

    internal static TokenInfo Read(ulong slot, ReadOnlySpan<byte> info)
    {
        int flags = TokenInfoLayout.OffsetOf(TokenInfoNumber.Flags, NativeAbi.ULongSize);
        int firmware = TokenInfoLayout.OffsetOfFirmwareVersion(NativeAbi.ULongSize);
        return new TokenInfo(slot,
            Text(info.Slice(TokenInfoLayout.Label, TokenInfoLayout.LabelLength)),
            Text(info.Slice(TokenInfoLayout.ManufacturerId, TokenInfoLayout.ManufacturerIdLength)),
            Text(info.Slice(TokenInfoLayout.Model, TokenInfoLayout.ModelLength)),
            Text(info.Slice(TokenInfoLayout.SerialNumber, TokenInfoLayout.SerialNumberLength)),
            MemoryMarshal.Read<CULong>(info[flags..]).Value,
            $"{info[firmware]}.{info[firmware + 1]}")
        {
            MinPinLength = Length(info, TokenInfoNumber.MinPinLength),
            MaxPinLength = Length(info, TokenInfoNumber.MaxPinLength),
        };
    }

    // A token that fills the structure with nonsense has said nothing.
    private static int Length(ReadOnlySpan<byte> info, TokenInfoNumber field) =>
        MemoryMarshal.Read<CULong>(info[TokenInfoLayout.OffsetOf(field, NativeAbi.ULongSize)..]).Value is var value && value <= ushort.MaxValue ? (int)value : 0;

    /// <summary>A blank-padded text field; some tokens pad with zero bytes instead.</summary>
    internal static string Text(ReadOnlySpan<byte> field) => Encoding.UTF8.GetString(field.TrimEnd(" \0"u8));
}
