using System.Collections.Concurrent;
using HsmBackup.Engine.Pkcs11;

namespace HsmBackup.Engine.Tokens;

/// <summary>
/// The public halves of private keys, brought into the platform's cryptography by a thread of their own while the token works: of all that
/// this process does about a key, that takes longest (OpenSSL 3: several times as long as to verify a signature).
/// </summary>
internal sealed class HalvesAhead : IDisposable
{
    // So many wait at most: a token may be slow, and hold very many keys.
    private const int Room = 64;

    private readonly BlockingCollection<(ObjectRecord Key, List<PublicHalf> Halves)> _ready = new(Room);
    private readonly CancellationTokenSource _stop;
    private readonly Task _work;

    public HalvesAhead(KeyRelatives relatives, CancellationToken cancellationToken)
    {
        _stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        _work = Task.Run(() => Import(relatives), CancellationToken.None);
    }

    /// <summary>Those of the next key; the caller disposes them.</summary>
    /// <exception cref="OperationCanceledException">It was stopped.</exception>
    public List<PublicHalf> Take(ObjectRecord key)
    {
        if (!_ready.TryTake(out (ObjectRecord Key, List<PublicHalf> Halves) next, Timeout.Infinite, _stop.Token))
        {
            // It ended before its time: why is told here.
            _work.GetAwaiter().GetResult();
        }
        return next.Key?.Index == key.Index ? next.Halves
            : throw new InvalidOperationException("The keys come in the order of the records.");
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _stop.Cancel();
        Task.WaitAny(_work);
        while (_ready.TryTake(out (ObjectRecord Key, List<PublicHalf> Halves) left))
        {
            left.Halves.ForEach(h => h.Dispose());
        }
        _ready.Dispose();
        _stop.Dispose();
    }

    private void Import(KeyRelatives relatives)
    {
        try
        {
            foreach (ObjectRecord key in relatives.PrivateKeys)
            {
                _stop.Token.ThrowIfCancellationRequested();
                _ready.Add((key, Prepared(key, relatives.HalvesOf(key))), _stop.Token);
            }
        }
        catch (OperationCanceledException)
        {
            // Nobody waits for the rest.
        }
        finally
        {
            _ready.CompleteAdding();
        }
    }

    private static List<PublicHalf> Prepared(ObjectRecord key, List<PublicHalf> halves)
    {
        bool signs = UseFlags.Allows(key, Cka.Sign), derives = UseFlags.Allows(key, Cka.Derive);
        halves.RemoveAll(half =>
        {
            try
            {
                half.Prepare(signs, derives);
                return false;
            }
            catch (Exception e) when (PublicHalf.IsUnknown(e))
            {
                half.Dispose();
                return true;
            }
        });
        return halves;
    }
}
