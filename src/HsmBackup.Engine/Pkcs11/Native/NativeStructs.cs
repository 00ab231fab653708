using System.Runtime.InteropServices;

namespace HsmBackup.Engine.Pkcs11.Native;

// The structures that cross the border, under the names and with the field names of the standard, so that they can be
// laid beside its text. Pack = 1 is the Windows convention; on Unix it changes nothing for these structures, because
// there CK_ULONG is as wide as a pointer and every field falls on its natural place. CK_INFO is not like that, see
// InfoLayout. LayoutTests holds all of them against a C compiler.
#pragma warning disable CS0649 // Fields are written by the PKCS#11 library, or read by it.

[StructLayout(LayoutKind.Sequential, Pack = 1)]
internal unsafe struct CK_ATTRIBUTE
{
    public CULong type;
    public void* pValue;
    public CULong ulValueLen;
}

[StructLayout(LayoutKind.Sequential, Pack = 1)]
internal unsafe struct CK_MECHANISM
{
    public CULong mechanism;
    public void* pParameter;
    public CULong ulParameterLen;
}

[StructLayout(LayoutKind.Sequential, Pack = 1)]
internal struct CK_MECHANISM_INFO
{
    public CULong ulMinKeySize;
    public CULong ulMaxKeySize;
    public CULong flags;
}

[StructLayout(LayoutKind.Sequential, Pack = 1)]
internal struct CK_SESSION_INFO
{
    public CULong slotID;
    public CULong state;
    public CULong flags;
    public CULong ulDeviceError;
}

[StructLayout(LayoutKind.Sequential, Pack = 1)]
internal unsafe struct CK_C_INITIALIZE_ARGS
{
    public void* CreateMutex;
    public void* DestroyMutex;
    public void* LockMutex;
    public void* UnlockMutex;
    public CULong flags;
    public void* pReserved;
}

/// <summary>What NSS takes in place of CK_C_INITIALIZE_ARGS: its parameter string stands before the reserved field.</summary>
[StructLayout(LayoutKind.Sequential, Pack = 1)]
internal unsafe struct CK_NSS_C_INITIALIZE_ARGS
{
    public void* CreateMutex;
    public void* DestroyMutex;
    public void* LockMutex;
    public void* UnlockMutex;
    public CULong flags;
    public byte* LibraryParameters;
    public void* pReserved;
}

[StructLayout(LayoutKind.Sequential, Pack = 1)]
internal unsafe struct CK_RSA_PKCS_OAEP_PARAMS
{
    public CULong hashAlg;
    public CULong mgf;
    public CULong source;
    public void* pSourceData;
    public CULong ulSourceDataLen;
}

[StructLayout(LayoutKind.Sequential, Pack = 1)]
internal struct CK_RSA_PKCS_PSS_PARAMS
{
    public CULong hashAlg;
    public CULong mgf;
    public CULong sLen;
}

[StructLayout(LayoutKind.Sequential, Pack = 1)]
internal unsafe struct CK_ECDH1_DERIVE_PARAMS
{
    public CULong kdf;
    public CULong ulSharedDataLen;
    public byte* pSharedData;
    public CULong ulPublicDataLen;
    public byte* pPublicData;
}

[StructLayout(LayoutKind.Sequential, Pack = 1)]
internal unsafe struct CK_KEY_DERIVATION_STRING_DATA
{
    public byte* pData;
    public CULong ulLen;
}

[StructLayout(LayoutKind.Sequential, Pack = 1)]
internal unsafe struct CK_GCM_PARAMS
{
    public byte* pIv;
    public CULong ulIvLen;
    public CULong ulIvBits;
    public byte* pAAD;
    public CULong ulAADLen;
    public CULong ulTagBits;
}

[StructLayout(LayoutKind.Sequential, Pack = 1)]
internal struct CK_VERSION
{
    public byte major;
    public byte minor;
}

/// <summary>A date in ASCII digits: YYYY, MM, DD.</summary>
[StructLayout(LayoutKind.Sequential, Pack = 1)]
internal unsafe struct CK_DATE
{
    public fixed byte year[4];
    public fixed byte month[2];
    public fixed byte day[2];
}

[StructLayout(LayoutKind.Sequential, Pack = 1)]
internal unsafe struct CK_INTERFACE
{
    public byte* pInterfaceName;
    public void* pFunctionList;
    public CULong flags;
}
