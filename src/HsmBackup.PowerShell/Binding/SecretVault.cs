using System.Collections.ObjectModel;
using System.Management.Automation;
using System.Security;
using HsmBackup.Engine;
using HsmBackup.Engine.Clusters.Definitions;
using PS = System.Management.Automation.PowerShell;

namespace HsmBackup.PowerShell.Binding;

/// <summary>Secrets of vaults, through the module Microsoft.PowerShell.SecretManagement where it is installed.</summary>
internal static class SecretVault
{
    private const string Module = "Microsoft.PowerShell.SecretManagement";

    /// <summary>Fetches a secret; the caller disposes it.</summary>
    /// <exception cref="HsmBackupException">PinUnavailable.</exception>
    public static SecureString Get(SecretPin secret)
    {
        using PS shell = PS.Create(RunspaceMode.CurrentRunspace);
        shell.AddCommand($"{Module}\\Get-Secret")
            .AddParameter("Vault", secret.Vault).AddParameter("Name", secret.Name).AddParameter("ErrorAction", ActionPreference.Stop);
        Collection<PSObject> found;
        try
        {
            found = shell.Invoke();
        }
        catch (CommandNotFoundException e)
        {
            throw Unavailable(secret, $"and the module {Module} is not installed",
                $"Install it (Install-PSResource {Module}) with the vault's own module, or give the PIN with -Pin.", e);
        }
        catch (RuntimeException e)
        {
            throw Unavailable(secret, $"which did not give it: {e.Message.TrimEnd('.')}", $"Try Get-Secret -Vault '{secret.Vault}' -Name '{secret.Name}' by hand.", e);
        }
        return found.Count == 1 ? Of(secret, found[0].BaseObject)
            : throw Unavailable(secret, $"which gave {found.Count} secrets", "Store the PIN as one secret of that name.");
    }

    private static SecureString Of(SecretPin secret, object found) => found switch
    {
        SecureString text => text,
        PSCredential credential => credential.Password,
        _ => throw Unavailable(secret, $"where it is of type {found.GetType().Name}", "Store the PIN as a SecureString."),
    };

    private static HsmBackupException Unavailable(SecretPin secret, string why, string recommendedAction, Exception? cause = null) => new(
        ErrorCode.PinUnavailable, $"A PIN is to come from the secret '{secret.Name}' of the vault '{secret.Vault}', {why}.", recommendedAction, cause)
    { Target = secret.ToString() };
}
