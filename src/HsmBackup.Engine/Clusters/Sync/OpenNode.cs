using System.Collections.Concurrent;
using HsmBackup.Engine.Clusters.Health;
using HsmBackup.Engine.Pkcs11;
using HsmBackup.Engine.Tokens;

namespace HsmBackup.Engine.Clusters.Sync;

/// <summary>A node that is open for writing, with what it holds. It belongs to one thread at a time.</summary>
internal sealed class OpenNode : IDisposable
{
    private OpenNode(ClusterNode node, TokenConnection connection, TokenClusterKey clusterKey, KeyEncryptionKey kek, NodeInventory inventory)
    {
        Node = node;
        Connection = connection;
        ClusterKey = clusterKey;
        Kek = kek;
        Objects = inventory.Objects;
        Uncompared = inventory.Uncompared;
    }

    /// <summary>The node.</summary>
    public ClusterNode Node { get; }

    /// <summary>Its token.</summary>
    public TokenConnection Connection { get; }

    /// <summary>The cluster key in it.</summary>
    public TokenClusterKey ClusterKey { get; }

    /// <summary>The key-encryption key of all nodes, in this one.</summary>
    public KeyEncryptionKey Kek { get; }

    /// <summary>What it holds. Keys of another maker's token are given the digests that they have elsewhere, so that equal keys have equal ones.</summary>
    public IReadOnlyList<InventoryObject> Objects { get; set; }

    /// <summary>How many of its keys could not be compared.</summary>
    public int Uncompared { get; private set; }

    /// <summary>Tokens of one kind wrap the same key to the same bytes.</summary>
    public (string Manufacturer, string Model) Kind => (Connection.Token.Manufacturer, Connection.Token.Model);

    /// <summary>Opens a node and reads it whole, each key wrapped once under the common key-encryption key.</summary>
    /// <param name="node">The node.</param>
    /// <param name="pins">The PINs.</param>
    /// <param name="common">The key-encryption key.</param>
    /// <param name="others">Who has which token; one token under two names would wait for itself.</param>
    /// <param name="bridge">Has the library of the node that made the key-encryption key, which is let go of.</param>
    /// <param name="pulse">Is beaten for each object.</param>
    /// <exception cref="HsmBackupException">Of the token; ClusterKeyMissing, ClusterKeyMismatch; InvalidArgument: another node is the same token.</exception>
    public static OpenNode Open(ClusterNode node, NodePins pins, CommonKek common, ConcurrentDictionary<object, string> others, LibraryBridge bridge, NodePulse pulse)
    {
        try
        {
            return Open(node, pins, common, others, pulse);
        }
        finally
        {
            bridge.LetGo(node);
        }
    }

    private static OpenNode Open(ClusterNode node, NodePins pins, CommonKek common, ConcurrentDictionary<object, string> others, NodePulse pulse)
    {
        using Pkcs11Library library = Pkcs11Library.Open(node.Address.Library);
        TokenInfo token = library.FindToken(node.Address.TokenLabel, node.Address.TokenSerial);
        pulse.Beat();
        if (others.GetOrAdd((library.Owner, token.SlotId), node.Name) is var other && other != node.Name)
        {
            throw new HsmBackupException(ErrorCode.InvalidArgument, $"Node '{node.Name}' is the same token as node '{other}'.", "Name each token once.")
            { Target = node.Name };
        }
        TokenConnection connection = NodeLook.Open(node, token, pins.Of, pulse, readWrite: true);
        KeyEncryptionKey? kek = null;
        try
        {
            var clusterKey = TokenClusterKey.Require(connection, common.ClusterKey);
            pulse.Beat();
            kek = KeyEncryptionKey.Unwrap(connection, clusterKey, common.Wrapped, common.Iv);
            var inventory = NodeInventory.ReadDeep(connection, clusterKey, kek, whole: true, pulse);
            // A token whose storage is gone may show an empty list of objects, and everything would be copied to it or be missing on it.
            connection.CheckPresent();
            CheckReadable(node, inventory);
            pulse.Beat();
            return new OpenNode(node, connection, clusterKey, kek, inventory);
        }
        catch
        {
            kek?.Dispose();
            connection.Dispose();
            throw;
        }
    }

    /// <summary>Takes the digests from keys that another maker's token would wrap to other bytes, however equal they were.</summary>
    public void ForgetIncomparable()
    {
        Uncompared += Objects.Count(IsIncomparable);
        Objects = [.. Objects.Select(o => IsIncomparable(o) ? o.WithoutKey : o)];
    }

    /// <summary>
    /// Puts a question to open nodes, each on a thread of its own. A node is its thread's until it has answered: one that fails, or answers
    /// when nobody waits any more, is closed by that thread.
    /// </summary>
    /// <param name="nodes">The nodes; the caller must not touch them until they come back.</param>
    /// <param name="question">The work; it beats the pulse.</param>
    /// <param name="cancellationToken">Gives up on all; then all are closed.</param>
    /// <returns>The nodes that have answered.</returns>
    /// <exception cref="OperationCanceledException">The caller gave up.</exception>
    public static IReadOnlyList<NodeAnswer<OpenNode>> Ask(
        IReadOnlyCollection<OpenNode> nodes, Action<OpenNode, NodePulse> question, CancellationToken cancellationToken)
    {
        // A thread may be kept from starting its work for ever, by another one that is blocked in the same token.
        var waiting = new ConcurrentDictionary<string, OpenNode>(nodes.Select(n => KeyValuePair.Create(n.Node.Name, n)), StringComparer.Ordinal);
        try
        {
            return NodeThreads.Run([.. nodes.Select(n => n.Node)], (node, pulse) =>
            {
                if (!waiting.TryRemove(node.Name, out OpenNode? open))
                {
                    throw new OperationCanceledException(pulse.Token);
                }
                try
                {
                    question(open, pulse);
                    return open;
                }
                catch
                {
                    open.Dispose();
                    throw;
                }
            }, cancellationToken);
        }
        finally
        {
            var never = new List<OpenNode>();
            foreach (string name in waiting.Keys)
            {
                if (waiting.TryRemove(name, out OpenNode? open))
                {
                    never.Add(open);
                }
            }
            Close(never);
        }
    }

    /// <summary>Of an object that does not tell its class nobody knows whether it is one of those that the node seems to lack.</summary>
    private static void CheckReadable(ClusterNode node, NodeInventory inventory)
    {
        int unknown = inventory.Objects.Count(o => o.Record.ObjectClass == ulong.MaxValue);
        if (unknown > 0)
        {
            throw new HsmBackupException(ErrorCode.TokenError,
                FormattableString.Invariant($"{unknown} of {inventory.Objects.Count} objects of node '{node.Name}' cannot be read ({inventory.Objects.First(o => o.Record.ObjectClass == ulong.MaxValue).Record.Reason}), so that nobody knows what it lacks."),
                "Find out why the token does not show them, then run the command again.")
            { Target = node.Name };
        }
    }

    private static bool IsIncomparable(InventoryObject item) =>
        item is { Record.ObjectClass: Cko.SecretKey, KeyDigest.Length: > 0 } && !NodeInventory.WrapsAlikeEverywhere(item.Record);

    /// <summary>Closes nodes, each on a thread of its own: that takes native calls too, and may block as any other.</summary>
    public static void Close(IReadOnlyCollection<OpenNode> nodes)
    {
        Dictionary<string, OpenNode> byName = nodes.ToDictionary(n => n.Node.Name, StringComparer.Ordinal);
        NodeThreads.Run([.. nodes.Select(n => n.Node)], (node, _) =>
        {
            byName[node.Name].Dispose();
            return true;
        }, CancellationToken.None);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Kek.Dispose();
        Connection.Dispose();
    }
}
