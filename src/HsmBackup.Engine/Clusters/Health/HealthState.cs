namespace HsmBackup.Engine.Clusters.Health;

/// <summary>How a node, or a whole cluster, is.</summary>
public enum HealthState
{
    /// <summary>It answers, and holds what the cluster holds.</summary>
    Online,

    /// <summary>It answers, and something is not as it should be: the reason says what. A cluster: some of its nodes do not serve.</summary>
    Degraded,

    /// <summary>It answers, and does not hold what the majority of the cluster holds.</summary>
    OutOfSync,

    /// <summary>Its PIN is wrong, missing, locked, or about to be locked. It was not tried again.</summary>
    PinProblem,

    /// <summary>The token is there and blank, or has no user PIN.</summary>
    Uninitialized,

    /// <summary>It does not answer, or gives answers that make no sense. A cluster: none of its nodes serves.</summary>
    Unreachable,
}
