using HsmBackup.Engine.Protection;

namespace HsmBackup.Engine.Clusters;

/// <summary>
/// The PINs of nodes, fetched before any node is asked: on the thread of the caller, who may have to ask a person, and one after the other.
/// </summary>
internal sealed class NodePins : IDisposable
{
    private readonly Dictionary<string, Pin> _pins = new(StringComparer.Ordinal);
    private readonly Dictionary<string, HsmBackupException> _refusals = new(StringComparer.Ordinal);
    private readonly Lock _gate = new();
    private readonly bool _oneForAll;
    private bool _disposed;

    /// <summary>Fetches them. One that cannot be had is the affair of its node, not of the others.</summary>
    /// <param name="nodes">The nodes.</param>
    /// <param name="open">Fetches one; null for none.</param>
    /// <param name="oneForAll">True where all have the same: if one node refuses it, no other hears it.</param>
    public NodePins(IEnumerable<ClusterNode> nodes, Func<ClusterNode, Pin>? open, bool oneForAll = false)
    {
        _oneForAll = oneForAll;
        try
        {
            foreach (ClusterNode node in open is null ? [] : nodes)
            {
                try
                {
                    _pins.Add(node.Name, open!(node));
                }
                catch (HsmBackupException e)
                {
                    _refusals.Add(node.Name, e);
                }
            }
        }
        catch
        {
            // Such as a person who gave up at a later question.
            Dispose();
            throw;
        }
    }

    /// <summary>The PIN of a node, as a copy that the caller disposes: a node that answers too late must not find it overwritten in its hands.</summary>
    /// <exception cref="HsmBackupException">Why there is none.</exception>
    public Pin Of(ClusterNode node)
    {
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            return _refusals.TryGetValue(node.Name, out HsmBackupException? refusal) ? throw refusal : _pins[node.Name].Clone();
        }
    }

    /// <summary>Remembers that the PIN of a node was sent and did not open it: it is not given out again, and no other node hears it if it is theirs too.</summary>
    public void Refuse(ClusterNode node, HsmBackupException why)
    {
        lock (_gate)
        {
            _refusals[node.Name] = why;
            if (!_oneForAll || why.Code is not (ErrorCode.PinIncorrect or ErrorCode.PinLocked))
            {
                return;
            }
            foreach (string other in _pins.Keys.Where(name => name != node.Name))
            {
                _refusals.TryAdd(other, new HsmBackupException(ErrorCode.PinRequired, $"The PIN that was given for all was refused by node '{node.Name}', and not sent to '{other}'.",
                    "Give the right PIN.")
                { Target = other });
            }
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        lock (_gate)
        {
            _disposed = true;
            foreach (Pin pin in _pins.Values)
            {
                pin.Dispose();
            }
        }
    }
}
