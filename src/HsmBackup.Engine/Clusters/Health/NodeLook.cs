using HsmBackup.Engine.Pkcs11;
using HsmBackup.Engine.Protection;
using HsmBackup.Engine.Tokens;

namespace HsmBackup.Engine.Clusters.Health;

/// <summary>What a look at one node gave.</summary>
internal sealed record NodeLook
{
    /// <summary>What the token says of itself; null where it did not answer.</summary>
    public TokenInfo? Token { get; init; }

    /// <summary>How long C_GetTokenInfo took.</summary>
    public TimeSpan? Latency { get; init; }

    /// <summary>Whether the user was logged in.</summary>
    public bool LoggedIn { get; init; }

    /// <summary>Whether private objects were to be seen.</summary>
    public bool SeesPrivate { get; init; }

    /// <summary>Whether the cluster key was proven on it; null where nobody tried.</summary>
    public bool? ClusterKeyProven { get; init; }

    /// <summary>Whether keys were compared by wrapping them.</summary>
    public bool Deep { get; init; }

    /// <summary>What it holds; null where nobody could look.</summary>
    public NodeInventory? Inventory { get; init; }

    /// <summary>What kept us from looking; null where nothing did.</summary>
    public Exception? Obstacle { get; init; }

    /// <summary>
    /// Looks at a node without changing anything. What is known when something fails is given back with the failure. The PIN is not sent
    /// where the token says that a wrong one was entered last: one more may lock it.
    /// </summary>
    /// <param name="node">The node.</param>
    /// <param name="openPin">Fetches its PIN; null to look without logging in.</param>
    /// <param name="common">The key-encryption key by which keys are compared; null to compare attributes only.</param>
    /// <param name="pulse">Is beaten for each answer.</param>
    public static NodeLook At(ClusterNode node, Func<ClusterNode, Pin>? openPin, CommonKek? common, NodePulse pulse)
    {
        var look = new NodeLook();
        try
        {
            using Pkcs11Library library = Pkcs11Library.Open(node.Address.Library);
            TokenInfo token = library.FindToken(node.Address.TokenLabel, node.Address.TokenSerial);
            look = look with { Token = token };
            long asked = TimeProvider.System.GetTimestamp();
            CheckAnswers(library, token);
            look = look with { Latency = TimeProvider.System.GetElapsedTime(asked) };
            pulse.Beat();
            (NodeInventory inventory, bool deep) = openPin is null ? (ReadPublic(library, token, pulse), false) : ReadAll(node, token, openPin, common, pulse);
            look = look with { Inventory = inventory, Deep = deep, ClusterKeyProven = common is null ? null : deep };
            // A token whose storage is gone may show an empty list of objects instead of an error.
            CheckAnswers(library, token);
            return look with { LoggedIn = openPin is not null && token.NeedsLogin, SeesPrivate = openPin is not null };
        }
        catch (Exception e) when (e is not OperationCanceledException and not OutOfMemoryException)
        {
            // Whatever it is, a library that throws nonsense included: it is this node's, and the others are still looked at.
            return look with { Obstacle = e };
        }
    }

    private static void CheckAnswers(Pkcs11Library library, TokenInfo token)
    {
        ulong rv = library.TryGetToken(token.SlotId, out TokenInfo? now);
        if (rv != Ckr.Ok)
        {
            throw new Pkcs11Exception("C_GetTokenInfo", rv);
        }
        if (now!.SerialNumber != token.SerialNumber || now.Label != token.Label)
        {
            throw new HsmBackupException(ErrorCode.TokenError, $"Another token than '{token.Label}' came into its slot.", "Look again.") { Target = token.Label };
        }
    }

    private static NodeInventory ReadPublic(Pkcs11Library library, TokenInfo token, NodePulse pulse)
    {
        if (!token.IsInitialized || !token.HasUserPin)
        {
            throw TokenConnection.NotInitialized(token);
        }
        using Pkcs11Session session = library.OpenSession(token.SlotId, readWrite: false);
        return NodeInventory.Read(session, publicOnly: true, pulse);
    }

    private static (NodeInventory Inventory, bool Deep) ReadAll(
        ClusterNode node, TokenInfo token, Func<ClusterNode, Pin> openPin, CommonKek? common, NodePulse pulse)
    {
        using TokenConnection connection = Open(node, token, openPin, pulse);
        if (common is null || TokenClusterKey.Find(connection, common.ClusterKey) is not { } clusterKey)
        {
            return (NodeInventory.Read(connection.Session, publicOnly: false, pulse), false);
        }
        pulse.Beat();
        using KeyEncryptionKey kek = KeyEncryptionKey.Unwrap(connection, clusterKey, common.Wrapped, common.Iv);
        return (NodeInventory.ReadDeep(connection, clusterKey, kek, whole: false, pulse), true);
    }

    /// <summary>Logs in to a node, with its PIN where it needs one and it is safe to send it.</summary>
    /// <exception cref="HsmBackupException">Of the token and the PIN.</exception>
    internal static TokenConnection Open(ClusterNode node, TokenInfo token, Func<ClusterNode, Pin> openPin, NodePulse pulse, bool readWrite = false)
    {
        using Pin? pin = NeedsPin(token) ? openPin(node) : null;
        return TokenConnection.Open(node.Address, pin, readWrite, pulse.Token);
    }

    private static bool NeedsPin(TokenInfo token)
    {
        if (!token.NeedsLogin || !token.IsInitialized || !token.HasUserPin)
        {
            return false;
        }
        if (token.IsPinLocked || token.IsPinFinalTry || token.IsPinCountLow)
        {
            throw new HsmBackupException(token.IsPinLocked ? ErrorCode.PinLocked : ErrorCode.PinIncorrect,
                token.IsPinLocked ? $"The user PIN of token '{token.Label}' is locked. It was not tried."
                : $"A wrong PIN was entered at token '{token.Label}'{(token.IsPinFinalTry ? ", and the next wrong one locks it" : "")}. No PIN was sent.",
                token.IsPinLocked ? "The security officer must unlock it (C_InitPIN)."
                : "Log in once with the right PIN, which clears the token's warning; correct the node's PIN source if it is wrong.")
            { Target = token.Label };
        }
        return true;
    }
}
