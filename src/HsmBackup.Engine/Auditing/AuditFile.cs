namespace HsmBackup.Engine.Auditing;

/// <summary>A file of a log as it is found: who may have written what in it is to be seen.</summary>
/// <param name="Name">Its name, without the folder.</param>
/// <param name="Content">All that it holds.</param>
internal sealed record AuditFile(string Name, ReadOnlyMemory<byte> Content)
{
    /// <summary>Its whole lines, without their newlines.</summary>
    public IEnumerable<ReadOnlyMemory<byte>> Lines()
    {
        ReadOnlyMemory<byte> rest = Content;
        for (int end = rest.Span.IndexOf((byte)'\n'); end >= 0; end = rest.Span.IndexOf((byte)'\n'))
        {
            yield return rest[..end];
            rest = rest[(end + 1)..];
        }
    }

    /// <summary>How many bytes stand behind the last newline.</summary>
    public int TornLength => Content.Length - Content.Span.LastIndexOf((byte)'\n') - 1;
}
