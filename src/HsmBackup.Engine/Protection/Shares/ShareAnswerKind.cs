namespace HsmBackup.Engine.Protection.Shares;

/// <summary>What became of a share that was given to a <see cref="ShareCombiner"/>.</summary>
public enum ShareAnswerKind
{
    /// <summary>It was taken.</summary>
    Accepted,
    /// <summary>It is here already.</summary>
    Duplicate,
    /// <summary>Another share with its number is here: one of the two is forged, or of a set with the same identifier.</summary>
    Contradiction,
    /// <summary>It is of a set that a re-split has replaced.</summary>
    RetiredSet,
    /// <summary>It is of another set: of another cluster, or from before or after a re-split.</summary>
    OtherSet,
    /// <summary>It has the identifier of the set, but other thresholds, iterations or length, so it is of another one.</summary>
    OtherParameters,
    /// <summary>There are enough shares already, of its group or altogether.</summary>
    AlreadyComplete,
}
