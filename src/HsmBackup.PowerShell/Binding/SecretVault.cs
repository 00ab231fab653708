using System.Collections.ObjectModel;
using System.Management.Automation;
using System.Security;
using HsmBackup.Engine;
using HsmBackup.Engine.Clusters.Definitions;
using HsmBackup.Engine.Handover;
using PS = System.Management.Automation.PowerShell;

namespace HsmBackup.PowerShell.Binding;

/// <summary>Secrets of vaults, through the module Microsoft.PowerShell.SecretManagement where it is installed.</summary>
internal sealed class SecretVault : IKeyVault
{
    /// <summary>For one-time keys, which are put into a vault and taken out of it.</summary>
    public static readonly SecretVault ForKeys = new();

    private const string Module = "Microsoft.PowerShell.SecretManagement";

    /// <summary>Fetches a secret; the caller disposes it.</summary>
    /// <exception cref="HsmBackupException">PinUnavailable.</exception>
    public static SecureString Get(SecretPin secret)
    {
        Collection<PSObject> found;
        try
        {
            found = Call("Get-Secret", secret.Vault, secret.Name);
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

    /// <inheritdoc/>
    public void Add(string vault, string name, SecureString secret) => Do("Set-Secret", vault, name, secret);

    /// <inheritdoc/>
    public SecureString? Find(string vault, string name) =>
        Do("Get-SecretInfo", vault, name).Count == 0 ? null : Get(new SecretPin(vault, name));

    /// <inheritdoc/>
    public void Remove(string vault, string name)
    {
        if (Do("Get-SecretInfo", vault, name).Count > 0)
        {
            Do("Remove-Secret", vault, name);
        }
    }

    private static Collection<PSObject> Do(string command, string vault, string name, SecureString? secret = null)
    {
        try
        {
            return Call(command, vault, name, secret);
        }
        catch (CommandNotFoundException e)
        {
            throw Failed(vault, $"The module {Module} is not installed.", $"Install it (Install-PSResource {Module}) with the vault's own module.", e);
        }
        catch (RuntimeException e)
        {
            throw Failed(vault, $"{command} said: {e.Message}", "See to the vault, and that it opens without anybody being asked.", e);
        }
    }

    private static Collection<PSObject> Call(string command, string vault, string name, SecureString? secret = null)
    {
        using PS shell = PS.Create(RunspaceMode.CurrentRunspace);
        shell.AddCommand($"{Module}\\{command}").AddParameter("Vault", vault).AddParameter("Name", name).AddParameter("ErrorAction", ActionPreference.Stop);
        if (secret is not null)
        {
            shell.AddParameter("SecureStringSecret", secret);
        }
        return shell.Invoke();
    }

    private static HsmBackupException Failed(string vault, string why, string recommendedAction, Exception cause) => new(
        ErrorCode.PinUnavailable, $"One-time keys are kept in the vault '{vault}', which cannot be used. {why}", recommendedAction, cause)
    { Target = vault };

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
