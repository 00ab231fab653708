namespace HsmBackup.Engine.Clusters;

/// <summary>
/// Decides between two threads, once: a node that is about to write, and who has waited for it long enough. Whoever comes first has its way,
/// and the other is told, so that "nothing was written" stays true.
/// </summary>
internal sealed class FirstOfTwo
{
    private int _taken;

    /// <summary>Tries to be first.</summary>
    /// <returns>True for the first caller only.</returns>
    public bool TryBeFirst() => Interlocked.Exchange(ref _taken, 1) == 0;
}
