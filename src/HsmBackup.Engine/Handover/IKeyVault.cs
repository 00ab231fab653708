using System.Security;

namespace HsmBackup.Engine.Handover;

/// <summary>A vault outside of this program, such as those of SecretManagement. Members throw a <see cref="HsmBackupException"/>.</summary>
public interface IKeyVault
{
    /// <summary>Adds a secret.</summary>
    void Add(string vault, string name, SecureString secret);

    /// <summary>Gives a secret, which the caller disposes; null where the vault has none of that name.</summary>
    SecureString? Find(string vault, string name);

    /// <summary>Removes a secret; one that is not there is no error.</summary>
    void Remove(string vault, string name);
}
