using HsmBackup.Engine.Backup;
using HsmBackup.Engine.Pkcs11;
using HsmBackup.Engine.Tokens;

namespace HsmBackup.Engine.Clusters.Sync;

/// <summary>Where the keys of one node come from: the node, and the transport keys under which it wrapped secret keys of odd lengths.</summary>
/// <param name="Node">The node's name.</param>
/// <param name="Kind">The make of its token.</param>
/// <param name="TransportKeys">By modulus length.</param>
/// <param name="TransportForm">Their form.</param>
internal sealed record KeyOrigin(string Node, (string, string) Kind, IReadOnlyDictionary<int, byte[]> TransportKeys, WrapForm TransportForm);

/// <summary>
/// Carries out the steps for one node, on its own thread. Each object is for itself: it is added and proven, and only then does anything
/// go; one that fails leaves nothing behind and keeps no other from its turn.
/// </summary>
internal sealed class SyncExecution : IDisposable
{
    private readonly OpenNode _node;
    private readonly CommonKek _common;
    private readonly IReadOnlyDictionary<string, KeyOrigin> _origins;
    private readonly SyncProtocol _protocol;
    private readonly Dictionary<string, Origin> _open = new(StringComparer.Ordinal);
    private readonly HashSet<ulong> _known;
    private readonly ObjectReader _reader;
    // Names of which something did not come: nothing of such a name goes any more.
    private readonly HashSet<(string, string?, string, string)> _missed = [];

    /// <param name="node">The node.</param>
    /// <param name="common">The key-encryption key of all nodes.</param>
    /// <param name="origins">The nodes that objects come from, by name.</param>
    /// <param name="protocol">Where it is written down what became of each step.</param>
    public SyncExecution(OpenNode node, CommonKek common, IReadOnlyDictionary<string, KeyOrigin> origins, SyncProtocol protocol)
    {
        _node = node;
        _common = common;
        _origins = origins;
        _protocol = protocol;
        _reader = new ObjectReader(node.Connection, node.Kek, forComparison: true);
        _known = [.. node.Objects.Select(o => o.Handle), .. node.Connection.Infrastructure];
    }

    /// <summary>The plan is of the token as it was read; between that and the confirmation somebody may have written to it.</summary>
    /// <exception cref="HsmBackupException">Busy.</exception>
    public void CheckUnchanged()
    {
        var now = new HashSet<ulong>(_node.Connection.FindContent());
        _node.Connection.CheckPresent();
        if (!now.SetEquals(_node.Objects.Select(o => o.Handle)))
        {
            throw new HsmBackupException(ErrorCode.Busy, $"The objects of node '{_node.Node}' changed since the plan was made. Nothing was done to it.",
                "Make sure that nobody else writes to the token, then run the command again.")
            { Target = _node.Node.Name };
        }
    }

    /// <summary>Carries the steps out.</summary>
    /// <exception cref="HsmBackupException">TokenError: the token went away; what was done is in the protocol.</exception>
    public void Run(NodePulse pulse)
    {
        _missed.UnionWith(_protocol.Steps.Where((s, i) => _protocol.IsMissed(i)).Select(NameOf));
        for (int i = 0; i < _protocol.Steps.Count; i++)
        {
            SyncStep step = _protocol.Steps[i];
            if (!step.Item.Changes || _protocol.IsDecided(i))
            {
                continue;
            }
            if (step.Item.Action == SyncAction.Remove && HasName(step) && _missed.Contains(NameOf(step)))
            {
                _protocol.End(i, CheckOutcome.NotRun, "what was to come in its place did not");
                continue;
            }
            pulse.Beat();
            _protocol.Begin(i);
            (CheckOutcome outcome, string? detail) = Do(step);
            _protocol.End(i, outcome, detail);
            if (outcome == CheckOutcome.Failed)
            {
                _missed.Add(NameOf(step));
                // One object may be refused; a token that is gone refuses them all.
                _node.Connection.CheckPresent();
            }
        }
        _node.Connection.CheckPresent();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (Origin origin in _open.Values)
        {
            origin.Kek.Dispose();
        }
    }

    private static bool HasName(SyncStep step) => step.Item.Object.Label.Length > 0 || step.Item.Object.Id.Length > 0;

    private static (string, string?, string, string) NameOf(SyncStep step) =>
        (step.Item.Object.Class, step.Item.Object.KeyType, step.Item.Object.Label, step.Item.Object.Id);

    private (CheckOutcome Outcome, string? Detail) Do(SyncStep step)
    {
        try
        {
            return step.Source is { } source ? Place(step, source) : Destroy(step.Target!);
        }
        catch (Pkcs11Exception e)
        {
            return (CheckOutcome.Failed, $"the token refused it: {e.Function} returned {Names.OfReturnValue(e.ReturnValue)}");
        }
        catch (HsmBackupException e)
        {
            return (CheckOutcome.Failed, e.Message);
        }
    }

    private (CheckOutcome Outcome, string? Detail) Place(SyncStep step, InventoryObject source)
    {
        Origin origin = OriginOf(step.Item.From!);
        ObjectRecord record = source.Record;
        if (ObjectTemplate.IsClosed(record))
        {
            // Whether this token wraps such a key, as the one that it came from did, decides how it is made.
            origin.Writer.Try(record);
        }
        ulong handle = origin.Writer.Add(record, _known);
        if (!_known.Add(handle))
        {
            return (CheckOutcome.Failed, "the token put it in the place of an object that it held before, instead of beside it; see whether that is still there");
        }
        try
        {
            return Finish(step, source, origin, handle);
        }
        catch (Pkcs11Exception e)
        {
            return Withdraw(handle, $"it was made and could not be proven: {e.Function} returned {Names.OfReturnValue(e.ReturnValue)}");
        }
    }

    /// <summary>Proves what was made, sets what came out otherwise, and lets go what it replaces.</summary>
    private (CheckOutcome Outcome, string? Detail) Finish(SyncStep step, InventoryObject source, Origin origin, ulong handle)
    {
        ObjectRecord record = source.Record;
        if (record.Material is not null && !Prove(origin, handle, record, out string? detail))
        {
            return Withdraw(handle, $"what the token made of it was not proven to be the same key: {detail}");
        }
        List<string> differences = origin.Writer.PutRight(handle, record, _reader);
        if (step.Target is { } old)
        {
            if (differences.Count > 0 && old.KeyDigest == source.KeyDigest && ObjectComparison.Differences(record, old.Record).Count <= differences.Count)
            {
                return Withdraw(handle, $"the token cannot hold it as {step.Item.From} does: {string.Join("; ", differences)}; it has the same key");
            }
            if (Destroy(old) is { Outcome: CheckOutcome.Failed } kept)
            {
                return Withdraw(handle, kept.Detail!);
            }
        }
        return (CheckOutcome.Passed, differences.Count == 0 ? null : $"it came out with other attributes: {string.Join("; ", differences)}");
    }

    private bool Prove(Origin origin, ulong handle, ObjectRecord record, out string? detail)
    {
        if (origin.Proof.Prove(handle, record, out detail))
        {
            return true;
        }
        if (origin.Known.Kind == _node.Kind)
        {
            return false;
        }
        if (record.ObjectClass == Cko.SecretKey && !NodeInventory.WrapsAlikeEverywhere(record))
        {
            detail = $"the token of {origin.Known.Node} and this one wrap a key of this length in different ways, so that it cannot be proven";
            return false;
        }
        // Another maker's token encodes a private key otherwise; then it is compared with what this token makes of the wrapped key.
        if (record.ObjectClass != Cko.PrivateKey || _node.Kek.MethodFor(record.ObjectClass) is not { } method
            || origin.Writer.Rewrap(record) is not { } expected || _node.Kek.TryWrap(method, handle, out ReadOnlySpan<byte> wrapped) != Ckr.Ok
            || !wrapped.SequenceEqual(expected))
        {
            return false;
        }
        detail = null;
        return true;
    }

    private (CheckOutcome Outcome, string? Detail) Destroy(InventoryObject target)
    {
        ulong rv = _node.Connection.Session.TryDestroyObject(target.Handle);
        // Gone already: another program was faster.
        return rv == Ckr.Ok || (rv == Ckr.ObjectHandleInvalid && IsGone(target.Handle))
            ? (CheckOutcome.Passed, null)
            : (CheckOutcome.Failed, $"the token keeps it: C_DestroyObject returned {Names.OfReturnValue(rv)}");
    }

    private bool IsGone(ulong handle)
    {
        bool gone = !_node.Connection.FindContent().Contains(handle);
        // An empty list may be that of a token which is gone itself.
        _node.Connection.CheckPresent();
        return gone;
    }

    private (CheckOutcome Outcome, string? Detail) Withdraw(ulong handle, string why)
    {
        ulong rv = _node.Connection.Session.TryDestroyObject(handle);
        return (CheckOutcome.Failed, rv == Ckr.Ok ? why : $"{why}; and it could not be removed again: C_DestroyObject returned {Names.OfReturnValue(rv)}");
    }

    // Transport keys are those of one node, and so is the key-encryption key by which they come.
    private Origin OriginOf(string name)
    {
        if (!_open.TryGetValue(name, out Origin? origin))
        {
            KeyOrigin known = _origins[name];
            var kek = KeyEncryptionKey.Unwrap(_node.Connection, _node.ClusterKey, _common.Wrapped, _common.Iv);
            origin = new Origin(known, kek, new ObjectWriter(_node.Connection, kek, known.TransportKeys, known.TransportForm, host: null),
                new KeyProof(_node.Connection, kek));
            _open.Add(name, origin);
        }
        return origin;
    }

    private sealed record Origin(KeyOrigin Known, KeyEncryptionKey Kek, ObjectWriter Writer, KeyProof Proof);
}
