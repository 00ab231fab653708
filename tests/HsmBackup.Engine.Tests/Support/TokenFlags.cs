using System.Runtime.InteropServices;
using HsmBackup.Engine.Pkcs11;
using HsmBackup.Engine.Pkcs11.Native;

namespace HsmBackup.Engine.Tests.Support;

/// <summary>Changes what a token says of itself.</summary>
internal static unsafe class TokenFlags
{
    /// <summary>For <see cref="NativeFaults.After"/>: sets and clears flags in the answer of C_GetTokenInfo.</summary>
    public static void Set(NativeCall call, ulong set, ulong clear = 0)
    {
        if (call.Function == FunctionIndex.C_GetTokenInfo && call.ReturnValue == Ckr.Ok)
        {
            var flags = (CULong*)(call.Buffer + TokenInfoLayout.OffsetOf(TokenInfoNumber.Flags, sizeof(CULong)));
            *flags = new CULong((nuint)((flags->Value | set) & ~clear));
        }
    }
}
