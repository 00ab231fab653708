using System.Management.Automation;
using System.Security;

namespace HsmBackup.PowerShell.Binding;

/// <summary>
/// Takes a secret as a SecureString only. Plain text is refused: it would stay in the session's history, in logs and in memory.
/// The refusal repeats nothing of what was given.
/// </summary>
[AttributeUsage(AttributeTargets.Property)]
internal sealed class SecretAttribute : ArgumentTransformationAttribute
{
    /// <inheritdoc/>
    public override object? Transform(EngineIntrinsics engineIntrinsics, object? inputData) =>
        inputData is PSObject wrapped ? Transform(engineIntrinsics, wrapped.BaseObject) : inputData switch
        {
            // What a variable that was never set gives: the same as not giving the parameter.
            null => null,
            SecureString secret => secret,
            _ => throw new ArgumentTransformationMetadataException(
                "A secret is taken as a SecureString only, so that it is not left in the history, in logs or in memory. "
                + "Read-Host -AsSecureString makes one, and so does Get-Secret of a vault."),
        };
}
