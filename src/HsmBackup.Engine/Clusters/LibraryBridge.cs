using HsmBackup.Engine.Pkcs11;

namespace HsmBackup.Engine.Clusters;

/// <summary>
/// Keeps the library of a node started from one question to the next. A library that its last user leaves is finalised, and to start it
/// again means, with some, to read every object of the token again.
/// </summary>
internal sealed class LibraryBridge : IDisposable
{
    private readonly Dictionary<string, Pkcs11Library> _kept = new(StringComparer.Ordinal);
    private readonly Lock _gate = new();
    private bool _disposed;

    /// <summary>Keeps the library of a node that the caller is using, until somebody lets go of it.</summary>
    public void Keep(ClusterNode node)
    {
        Pkcs11Library library = Pkcs11Library.Open(node.Address.Library);
        lock (_gate)
        {
            if (!_disposed && _kept.TryAdd(node.Name, library))
            {
                return;
            }
        }
        library.Dispose();
    }

    /// <summary>Lets go of it; on the thread of the node, because to finalise a library may block.</summary>
    public void LetGo(ClusterNode node)
    {
        Pkcs11Library? library;
        lock (_gate)
        {
            _kept.Remove(node.Name, out library);
        }
        library?.Dispose();
    }

    /// <summary>Lets go of those that nobody came for: their nodes do not answer, so it is not waited for.</summary>
    public void Dispose()
    {
        lock (_gate)
        {
            _disposed = true;
            foreach (Pkcs11Library library in _kept.Values)
            {
                new Thread(library.Dispose) { IsBackground = true, Name = "library without an answer" }.Start();
            }
            _kept.Clear();
        }
    }
}
