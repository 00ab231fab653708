using HsmBackup.Engine.Backup;
using HsmBackup.Engine.Pkcs11;
using HsmBackup.Engine.Tokens;

namespace HsmBackup.Engine.Clusters;

/// <summary>An object of a node, as it is compared with those of other nodes.</summary>
/// <param name="Record">The object without its key.</param>
/// <param name="Handle">Its handle, while the node is open.</param>
/// <param name="KeyDigest">What stands for its key: equal for equal keys; empty where nobody compared keys.</param>
internal sealed record InventoryObject(ObjectRecord Record, ulong Handle, string KeyDigest)
{
    /// <summary>Class, key type, id and label.</summary>
    public string Identity { get; } = ObjectComparison.Identity(Record);

    // Computed once, on the thread of the node: what is left to do when all have answered is done one node after the other.
    private readonly string _attributes = ObjectComparison.Fingerprint(Record, "");

    /// <summary>Equal for objects that are the same.</summary>
    public string Fingerprint => _attributes + KeyDigest;

    /// <summary>The same, as if nobody had compared keys.</summary>
    public InventoryObject WithoutKey => this with { KeyDigest = "" };

    /// <summary>For people.</summary>
    public ObjectSummary Summary => ObjectSummary.Of(Record);
}

/// <summary>What a node holds, the cluster key apart.</summary>
/// <param name="Objects">Its objects.</param>
/// <param name="ClusterKeyClaims">The ids of the keys that have the label of a cluster key: the check values that they claim.</param>
/// <param name="Unreadable">How many objects could not be read whole.</param>
internal sealed record NodeInventory(IReadOnlyList<InventoryObject> Objects, IReadOnlyList<string> ClusterKeyClaims, int Unreadable)
{
    /// <summary>How many keys were to be compared and could not be, because they do not leave the token even wrapped.</summary>
    public int Uncompared { get; init; }

    /// <summary>Reads the attributes of every object: at most two calls for each, and nothing is changed.</summary>
    /// <param name="session">A session with the token.</param>
    /// <param name="publicOnly">True to leave private objects out, even where somebody else of this process is logged in.</param>
    /// <param name="pulse">Is beaten for each object.</param>
    public static NodeInventory Read(Pkcs11Session session, bool publicOnly, NodePulse pulse)
    {
        var reader = new ObjectReader(session) { FirstRead = ObjectReader.Compared };
        List<ulong> handles = session.FindTokenObjects();
        var objects = new List<InventoryObject>(handles.Count);
        var claims = new List<string>();
        int unreadable = 0;
        foreach (ulong handle in handles)
        {
            pulse.Beat();
            ObjectRecord record = reader.ReadAttributes(handle);
            if (ClaimsToBeClusterKey(record))
            {
                // It may be one. What could leave the token is none, and an object like any other.
                claims.Add(record.Id);
                continue;
            }
            if (publicOnly && record.Attributes.Boolean(Cka.Private) != false)
            {
                continue;
            }
            unreadable += record.Verdict == Verdict.Unreadable ? 1 : 0;
            objects.Add(new InventoryObject(record, handle, ""));
        }
        return new NodeInventory(objects, claims, unreadable);
    }

    /// <summary>
    /// The same with every key wrapped once, under a key-encryption key that all nodes have: equal bytes are equal keys. The cluster key,
    /// which was proven, is left out; a key that merely has its label is an object like any other.
    /// </summary>
    /// <param name="connection">The token.</param>
    /// <param name="clusterKey">The cluster key in it.</param>
    /// <param name="kek">The key-encryption key in it.</param>
    /// <param name="whole">True to read everything that an object is made of again, and not only what is compared.</param>
    /// <param name="pulse">Is beaten for each object.</param>
    public static NodeInventory ReadDeep(TokenConnection connection, TokenClusterKey clusterKey, KeyEncryptionKey kek, bool whole, NodePulse pulse)
    {
        ObjectReader reader = whole ? new ObjectReader(connection, kek, forComparison: true)
            : new ObjectReader(connection, kek, forComparison: true) { FirstRead = ObjectReader.Compared };
        var objects = new List<InventoryObject>();
        List<string> claims = [clusterKey.Identity.Check];
        int unreadable = 0;
        foreach (ulong handle in connection.FindContent())
        {
            pulse.Beat();
            ObjectRecord record = reader.Capture(handle);
            unreadable += record.Verdict == Verdict.Unreadable ? 1 : 0;
            objects.Add(new InventoryObject(record, handle, ObjectComparison.KeyDigest(record)));
            if (ClaimsToBeClusterKey(record))
            {
                claims.Add(record.Id);
            }
        }
        return new NodeInventory(objects, claims, unreadable)
        {
            Uncompared = objects.Count(o => o.Record.HasSecret && o.KeyDigest.Length == 0),
        };
    }

    private static bool ClaimsToBeClusterKey(ObjectRecord record) =>
        record.ObjectClass == Cko.SecretKey && record.Label == ClusterKeyIdentity.Label
        && record.Attributes.Boolean(Cka.Sensitive) == true && record.Attributes.Boolean(Cka.Extractable) == false;

    /// <summary>What it holds, keys not compared.</summary>
    public IReadOnlyList<InventoryObject> WithoutKeys => [.. Objects.Select(o => o.WithoutKey)];

    /// <summary>What it holds, with those keys compared that every maker's token wraps to the same bytes.</summary>
    public IReadOnlyList<InventoryObject> WithSecretKeys =>
        [.. Objects.Select(o => WrapsAlikeEverywhere(o.Record) ? o : o.WithoutKey)];

    /// <summary>
    /// Secret keys whose length is a multiple of 8: their value is wrapped as it is. Of other lengths some tokens round the value up, and a
    /// private key each encodes in its own way.
    /// </summary>
    public static bool WrapsAlikeEverywhere(ObjectRecord record) => record.ObjectClass == Cko.SecretKey
        && (record.KeyType is Ckk.Aes or Ckk.Des or Ckk.Des2 or Ckk.Des3 || record.Attributes.Number(Cka.ValueLen) is > 0 and { } length && length % 8 == 0);
}
