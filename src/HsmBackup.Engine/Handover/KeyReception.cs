using HsmBackup.Engine.Protection;

namespace HsmBackup.Engine.Handover;

/// <summary>
/// A one-time key on its way to whom it was sealed for. It goes on waiting until <see cref="Complete"/>: a crash before that loses nothing.
/// Nobody else can receive a key of the cluster meanwhile.
/// </summary>
public sealed class KeyReception : IDisposable
{
    private readonly IDisposable _lock;
    private readonly Action<KeyReceipt> _complete;

    internal KeyReception(OneTimeKey key, KeyReceipt receipt, IDisposable @lock, Action<KeyReceipt> complete)
    {
        Key = key;
        Receipt = receipt;
        _lock = @lock;
        _complete = complete;
    }

    /// <summary>The key; it goes with this object.</summary>
    public OneTimeKey Key { get; }

    /// <summary>Who receives it; written by <see cref="Complete"/>.</summary>
    public KeyReceipt Receipt { get; }

    /// <summary>The receiver has it: writes the receipt, and then deletes what waited.</summary>
    /// <exception cref="HsmBackupException">DestinationUnwritable, DiskFull: there is no receipt, and the key goes on waiting.</exception>
    public KeyReceipt Complete()
    {
        _complete(Receipt);
        return Receipt;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Key.Dispose();
        _lock.Dispose();
    }
}
