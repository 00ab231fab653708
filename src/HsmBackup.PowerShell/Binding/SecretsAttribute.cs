using System.Collections;
using System.Management.Automation;
using System.Security;

namespace HsmBackup.PowerShell.Binding;

/// <summary>Takes secrets as SecureStrings only, one or several; see <see cref="SecretAttribute"/>.</summary>
[AttributeUsage(AttributeTargets.Property)]
internal sealed class SecretsAttribute : ArgumentTransformationAttribute
{
    private static readonly SecretAttribute One = new();

    /// <inheritdoc/>
    public override object? Transform(EngineIntrinsics engineIntrinsics, object? inputData) => inputData switch
    {
        PSObject wrapped => Transform(engineIntrinsics, wrapped.BaseObject),
        null => null,
        // A string is a sequence of characters too.
        IEnumerable several and not string => several.Cast<object?>().Select(s => (SecureString?)One.Transform(engineIntrinsics, s)).ToArray(),
        _ => new[] { (SecureString?)One.Transform(engineIntrinsics, inputData) },
    };
}
