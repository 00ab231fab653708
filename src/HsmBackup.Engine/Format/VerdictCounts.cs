namespace HsmBackup.Engine.Format;

/// <summary>How many objects of a token got which verdict. Every object has exactly one.</summary>
/// <param name="Captured">In the backup, completely.</param>
/// <param name="NotExtractable">The token never gives the key away, by the key's own attributes.</param>
/// <param name="NotWrappable">The token has no way to wrap this kind of object.</param>
/// <param name="Inexact">What the token gave is not exactly the object.</param>
/// <param name="Unreadable">The object could not be read.</param>
public sealed record VerdictCounts(int Captured, int NotExtractable, int NotWrappable, int Inexact, int Unreadable)
{
    /// <summary>All objects of the token.</summary>
    public long Total => (long)Captured + NotExtractable + NotWrappable + Inexact + Unreadable;
}
