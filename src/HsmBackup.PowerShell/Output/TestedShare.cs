using HsmBackup.Engine.Clusters.Keys;
using HsmBackup.Engine.Protection.Shares;

namespace HsmBackup.PowerShell.Output;

/// <summary>What a share says of itself; none of it is secret.</summary>
public sealed class TestedShare
{
    internal TestedShare(Share share, ClusterKeyInfo? key, ShareAnswer answer)
    {
        SetName = share.SetName;
        SetId = share.SetId;
        Number = share.Number;
        Threshold = share.Threshold;
        // Set and number are for chance to agree on with a share of something else; the threshold is not.
        bool differs = answer.IsAccepted && key is not null && (share.Threshold != key.Threshold || share.Number > key.Shares || share.WordCount != 33);
        State = key is null ? "Readable" : differs ? nameof(ShareAnswerKind.OtherParameters) : answer.IsAccepted ? "Valid" : answer.Kind.ToString();
        Valid = answer.IsAccepted && !differs;
        Message = differs ? $"Share {share.Number} has the identifier of the cluster's set, but other numbers: it is of another one."
            : key is null ? $"Share {share.Number} of set '{share.SetName}' is free of typing errors. Name the cluster to know whether it is of its set."
            : answer.IsAccepted ? $"Share {share.Number} of set '{share.SetName}' is one of the valid ones; {share.Threshold} are needed." : answer.Message;
    }

    /// <summary>Whether it is right in itself and, where a cluster was named, of its valid set.</summary>
    public bool Valid { get; }

    /// <summary>
    /// "Valid"; "Readable" where no cluster was named; "RetiredSet" for one from before a re-split; "OtherSet", "OtherParameters" for those
    /// of something else.
    /// </summary>
    public string State { get; }

    /// <summary>The first two words, which all shares of its set have in common.</summary>
    public string SetName { get; }

    /// <summary>The identifier of its set.</summary>
    public int SetId { get; }

    /// <summary>Which share it is, from 1.</summary>
    public int Number { get; }

    /// <summary>How many are needed.</summary>
    public int Threshold { get; }

    /// <summary>The answer as a sentence.</summary>
    public string Message { get; }

    /// <summary>The sentence.</summary>
    public override string ToString() => Message;
}
