using HsmBackup.Engine.Clusters.Definitions;
using HsmBackup.Engine.Protection;
using HsmBackup.Engine.Stores;

namespace HsmBackup.Engine.Clusters;

/// <summary>Opens the stores that a cluster definition names.</summary>
public static class BackupStores
{
    /// <summary>Opens a store. Nothing is asked of it yet, so that one that is down fails only when it is used.</summary>
    /// <param name="store">The store.</param>
    /// <param name="asker">Who can be asked for its password.</param>
    /// <exception cref="HsmBackupException">
    /// PinUnavailable, PinSourceRefused: there is no password. StoreUntrusted: the authorities cannot be read. InvalidArgument.
    /// </exception>
    public static IBackupStore Open(ClusterStore store, PinAsker asker)
    {
        ArgumentNullException.ThrowIfNull(store);
        ArgumentNullException.ThrowIfNull(asker);
        return store.Kind switch
        {
            StoreKind.Directory => new DirectoryStore(store.Location, store.Name),
            StoreKind.Offline => new OfflineStore(store.Location, store.Name),
            _ => OpenWebDav(store, asker),
        };
    }

    private static WebDavStore OpenWebDav(ClusterStore store, PinAsker asker)
    {
        WebDavCredentials? credentials = OpenCredentials(store, asker);
        try
        {
            return new WebDavStore(new WebDavSettings
            {
                Collection = new Uri(store.Location),
                Name = store.Name,
                Credentials = credentials,
                CertificateAuthority = store.CertificateAuthority,
                CertificatePin = store.CertificatePin,
            });
        }
        catch
        {
            credentials?.Dispose();
            throw;
        }
    }

    private static WebDavCredentials? OpenCredentials(ClusterStore store, PinAsker asker)
    {
        Pin? secret = store.Password?.Open(asker, $"the store '{store.Name}'");
        try
        {
            return secret is null ? null
                : store.Authentication == StoreAuthentication.Bearer ? WebDavCredentials.Bearer(secret)
                : WebDavCredentials.Basic(store.User!, secret);
        }
        catch
        {
            secret?.Dispose();
            throw;
        }
    }
}
