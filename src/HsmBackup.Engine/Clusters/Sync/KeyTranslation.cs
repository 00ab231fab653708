using HsmBackup.Engine.Pkcs11;
using HsmBackup.Engine.Tokens;

namespace HsmBackup.Engine.Clusters.Sync;

/// <summary>
/// Makes keys of different makers' tokens comparable. Each encodes a private key in its own way, so that the same key wraps to other
/// bytes; but each can say to which bytes it would wrap what another has wrapped. One may have several encodings for the same key, according
/// to where the key came from, so that both sides are asked before two keys count as different.
/// </summary>
internal static class KeyTranslation
{
    /// <summary>Gives the keys of a node the digests that the same keys have on nodes of another make.</summary>
    /// <param name="node">The node.</param>
    /// <param name="earlier">Nodes whose digests stand.</param>
    /// <param name="ask">Asks one of these nodes, on a thread of its own; false where it did not answer.</param>
    public static void Unify(OpenNode node, IReadOnlyList<OpenNode> earlier, Func<OpenNode, Action<OpenNode, NodePulse>, bool> ask)
    {
        foreach (OpenNode other in earlier.Where(e => e.Kind != node.Kind))
        {
            ILookup<string, InventoryObject> theirs = other.Objects.Where(IsPrivate).ToLookup(o => o.Identity, StringComparer.Ordinal);
            Match(node, theirs, ask, node, theirs.SelectMany(o => o));
            Match(node, theirs, ask, other, node.Objects);
        }
    }

    private static void Match(OpenNode node, ILookup<string, InventoryObject> theirs, Func<OpenNode, Action<OpenNode, NodePulse>, bool> ask,
        OpenNode asked, IEnumerable<InventoryObject> keys)
    {
        HashSet<string> open = [.. node.Objects.Where(o => IsPrivate(o) && theirs.Contains(o.Identity) && !theirs[o.Identity].Any(t => t.KeyDigest == o.KeyDigest))
            .Select(o => o.Identity)];
        List<InventoryObject> questions = [.. keys.Where(o => IsPrivate(o) && open.Contains(o.Identity))];
        var answers = new Dictionary<string, string>(StringComparer.Ordinal);
        if (questions.Count == 0 || !ask(asked, (n, pulse) => Rewrap(n, questions, answers, pulse)))
        {
            return;
        }
        node.Objects = [.. node.Objects.Select(o => open.Contains(o.Identity) && theirs[o.Identity].FirstOrDefault(t => AreSame(o, t, answers)) is { } same
            ? new InventoryObject(o.Record, o.Handle, same.KeyDigest) : o)];
    }

    /// <summary>Whether one of the two, wrapped by the other's token, is the other.</summary>
    private static bool AreSame(InventoryObject one, InventoryObject other, Dictionary<string, string> answers) =>
        answers.GetValueOrDefault(RawDigest(one)) == RawDigest(other) || answers.GetValueOrDefault(RawDigest(other)) == RawDigest(one);

    private static void Rewrap(OpenNode node, List<InventoryObject> questions, Dictionary<string, string> answers, NodePulse pulse)
    {
        var writer = new ObjectWriter(node.Connection, node.Kek, new Dictionary<int, byte[]>(), WrapForm.Rfc5649, host: null);
        foreach (InventoryObject key in questions)
        {
            pulse.Beat();
            if (writer.Rewrap(key.Record) is { } bytes && node.Kek.MethodFor(key.Record.ObjectClass) is { } method)
            {
                var asHere = new ObjectRecord { Material = new KeyMaterial { Form = method.Form, Data = bytes } };
                answers[RawDigest(key)] = ObjectComparison.KeyDigest(asHere);
            }
        }
    }

    private static string RawDigest(InventoryObject item) => ObjectComparison.KeyDigest(item.Record);

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
