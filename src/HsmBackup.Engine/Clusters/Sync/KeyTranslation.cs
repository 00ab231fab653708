using HsmBackup.Engine.Pkcs11;
using HsmBackup.Engine.Tokens;

namespace HsmBackup.Engine.Clusters.Sync;

/// <summary>
/// Makes keys of different makers' tokens comparable. Each encodes a private key in its own way, so that the same key wraps to other
/// bytes; but each can say to which bytes it would wrap what another has wrapped.
/// </summary>
internal static class KeyTranslation
{
    /// <summary>What is to be asked of a node: how it would wrap the keys that nodes of another kind hold under the same names.</summary>
    /// <param name="node">The node.</param>
    /// <param name="earlier">Nodes whose digests stand.</param>
    /// <returns>Keys of others by identity.</returns>
    public static ILookup<string, InventoryObject> Questions(OpenNode node, IEnumerable<OpenNode> earlier)
    {
        ILookup<string, InventoryObject> own = node.Objects.Where(IsPrivate).ToLookup(o => o.Identity, StringComparer.Ordinal);
        return earlier.Where(e => e.Kind != node.Kind).SelectMany(e => e.Objects)
            .Where(o => IsPrivate(o) && own[o.Identity].Any(mine => mine.KeyDigest != o.KeyDigest))
            .DistinctBy(o => (o.Identity, o.KeyDigest))
            .ToLookup(o => o.Identity, StringComparer.Ordinal);
    }

    /// <summary>Asks, on the node's own thread, and gives its keys the digests of those that are the same.</summary>
    /// <param name="node">The node.</param>
    /// <param name="questions">Keys of others by identity.</param>
    /// <param name="pulse">Is beaten for each answer.</param>
    public static List<InventoryObject> Translate(OpenNode node, ILookup<string, InventoryObject> questions, NodePulse pulse)
    {
        var writer = new ObjectWriter(node.Connection, node.Kek, new Dictionary<int, byte[]>(), WrapForm.Rfc5649, host: null);
        var names = new Dictionary<(string Identity, string Digest), string>();
        foreach (InventoryObject foreign in questions.SelectMany(q => q))
        {
            pulse.Beat();
            if (writer.Rewrap(foreign.Record) is { } bytes && node.Kek.MethodFor(foreign.Record.ObjectClass) is { } method)
            {
                var asHere = new ObjectRecord { Material = new KeyMaterial { Form = method.Form, Data = bytes } };
                names[(foreign.Identity, ObjectComparison.KeyDigest(asHere))] = foreign.KeyDigest;
            }
        }
        return [.. node.Objects.Select(o => IsPrivate(o) && names.TryGetValue((o.Identity, o.KeyDigest), out string? digest)
            ? new InventoryObject(o.Record, o.Handle, digest) : o)];
    }

    /// <summary>
    /// Tells the private EC and DSA keys of a node their public values, which stand in the public keys beside them: some tokens take such a
    /// key only with it.
    /// </summary>
    public static void AddPublicValues(IReadOnlyList<InventoryObject> objects)
    {
        ILookup<string, ObjectRecord> publicKeys = objects.Select(o => o.Record).Where(r => r.ObjectClass == Cko.PublicKey && r.Id.Length > 0)
            .ToLookup(r => $"{r.KeyType} {r.Id}", StringComparer.Ordinal);
        foreach (ObjectRecord key in objects.Select(o => o.Record)
            .Where(r => r is { ObjectClass: Cko.PrivateKey, KeyType: Ckk.Ec or Ckk.Dsa } && !r.Attributes.Contains(Cka.NssDb)))
        {
            foreach (ObjectRecord beside in publicKeys[$"{key.KeyType} {key.Id}"])
            {
                byte[]? value = key.KeyType == Ckk.Ec
                    ? beside.Attributes.Bytes(Cka.EcPoint) is { } point ? EcPublicPoint.Raw(point) : null
                    : beside.Attributes.Bytes(Cka.Value);
                if (value is not null)
                {
                    key.Attributes.Set(Cka.NssDb, value);
                    break;
                }
            }
        }
    }

    private static bool IsPrivate(InventoryObject item) => item.Record is { ObjectClass: Cko.PrivateKey, Material: not null };
}
