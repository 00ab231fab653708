namespace HsmBackup.Engine.Clusters.Definitions;

/// <summary>The bytes of a definition, and the name that errors call it by.</summary>
/// <param name="Name">A path, or what else the definition is from.</param>
/// <param name="Bytes">JSON in UTF-8.</param>
internal sealed record DefinitionText(string Name, byte[] Bytes)
{
    /// <summary>More than any cluster needs; a file that is larger is something else.</summary>
    public const int MaxLength = 1024 * 1024;

    /// <summary>How deep the objects of a definition may lie in each other.</summary>
    public const int MaxDepth = 8;

    /// <summary>The line that a byte is in, from 1.</summary>
    public int LineAt(long offset) => 1 + Bytes.AsSpan(0, (int)Math.Min(offset, Bytes.Length)).Count((byte)'\n');

    /// <summary>An error in this definition. Values are not repeated in it: one of them may be a PIN that does not belong there.</summary>
    public HsmBackupException Error(int line, string path, string problem, string expected, Exception? cause = null) => new(
        ErrorCode.DefinitionInvalid, $"{Name}, line {line}, {path}: {problem}. Expected: {expected}.", Remedy, cause)
    { Target = Name };

    /// <summary>What to do about a definition that is wrong.</summary>
    public const string Remedy = "Correct the definition; docs/cluster-definition.md describes it, and docs/hsmcluster.schema.json lets an editor check it.";
}
