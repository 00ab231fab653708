namespace HsmBackup.Engine.Drills;

/// <summary>What a drill pretends to have happened.</summary>
public enum DrillScenario
{
    /// <summary>All nodes are lost: a new cluster is made from the latest backup that can be restored.</summary>
    ClusterLoss,

    /// <summary>One node is lost and replaced.</summary>
    NodeLoss,

    /// <summary>
    /// Keys were deleted on all nodes: they are brought back from the backup, and nothing else is touched. One node stands for all, and the
    /// recovery time is that of one.
    /// </summary>
    KeyLoss,

    /// <summary>Nothing happened: a random sample of the stored backups is restored, to know that they can be.</summary>
    BackupVerification,

    /// <summary>
    /// The nodes and a store are lost, the first where none is named: a node is made anew from what the other stores have. It stands for
    /// all, and the recovery time is that of one.
    /// </summary>
    StoreLoss,
}

/// <summary>How a drill ended.</summary>
public enum DrillResult
{
    /// <summary>Every step passed, and every key that was expected was recovered, proven and used as far as its flags allow.</summary>
    Passed,

    /// <summary>Something was not as it must be; the report says what.</summary>
    Failed,

    /// <summary>Somebody stopped it, or its process ended. It says nothing about recovery.</summary>
    Interrupted,
}
