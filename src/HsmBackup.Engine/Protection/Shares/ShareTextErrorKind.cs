namespace HsmBackup.Engine.Protection.Shares;

/// <summary>What can be wrong with the words of a share.</summary>
public enum ShareTextErrorKind
{
    /// <summary>There are no words.</summary>
    Empty,
    /// <summary>A word is not in the list of the standard.</summary>
    UnknownWord,
    /// <summary>No share has this number of words.</summary>
    WordCount,
    /// <summary>The checksum does not fit: a wrong word, or words in the wrong order.</summary>
    Checksum,
    /// <summary>The checksum fits, but bits that must be zero are not.</summary>
    Padding,
    /// <summary>The checksum fits, but the share asks for more groups than there are.</summary>
    GroupThreshold,
}
