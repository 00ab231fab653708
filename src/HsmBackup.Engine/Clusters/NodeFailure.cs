using HsmBackup.Engine.Pkcs11;

namespace HsmBackup.Engine.Clusters;

/// <summary>What kept a node from answering, in words and as a code.</summary>
internal static class NodeFailure
{
    /// <summary>Why, for people: without the advice, which is about one node and not about the cluster.</summary>
    public static string ReasonOf(Exception obstacle) => obstacle switch
    {
        HsmBackupException own => own.Message,
        Pkcs11Exception native => $"{native.Function} returned {Names.OfReturnValue(native.ReturnValue)}",
        _ => $"the library gave an answer that makes no sense ({obstacle.GetType().Name}: {obstacle.Message})",
    };

    /// <summary>What kind of failure it is.</summary>
    public static ErrorCode CodeOf(Exception obstacle) => obstacle is HsmBackupException own ? own.Code : ErrorCode.TokenError;

    /// <summary>What is said of a node that did not answer.</summary>
    public static string Silence(ClusterNode node) => FormattableString.Invariant($"it did not answer within {node.Timeout.TotalSeconds:0.###} s");
}
