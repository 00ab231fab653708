namespace HsmBackup.Engine.Pkcs11;

/// <summary>A PKCS#11 function answered with something other than CKR_OK.</summary>
public sealed class Pkcs11Exception : Exception
{
    /// <summary>Makes the error.</summary>
    /// <param name="function">Name of the function, for example <c>C_WrapKey</c>.</param>
    /// <param name="returnValue">The CKR code, vendor codes included.</param>
    public Pkcs11Exception(string function, ulong returnValue)
        : base($"{function} returned {Names.OfReturnValue(returnValue)} (0x{returnValue:X8}).")
    {
        Function = function;
        ReturnValue = returnValue;
    }

    /// <summary>Name of the C_ function.</summary>
    public string Function { get; }

    /// <summary>The CKR code.</summary>
    public ulong ReturnValue { get; }
}
