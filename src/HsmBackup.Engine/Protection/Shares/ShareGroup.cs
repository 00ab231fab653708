using System.Security.Cryptography;

namespace HsmBackup.Engine.Protection.Shares;

/// <summary>The shares of one group that a <see cref="ShareCombiner"/> has so far.</summary>
internal sealed class ShareGroup(int threshold) : IDisposable
{
    private readonly SortedDictionary<int, SecretBuffer> _values = [];

    /// <summary>How many shares of this group are needed.</summary>
    public int Threshold => threshold;

    /// <summary>How many shares there are.</summary>
    public int Count => _values.Count;

    /// <summary>How many more are needed; never negative, because no more are taken.</summary>
    public int Missing => threshold - Count;

    /// <summary>Copies what the share holds.</summary>
    public void Add(Share share) => _values.Add(share.Index, share.GetValue());

    /// <summary>Whether the share is here: null where none of its index is, false where another of its index is.</summary>
    public bool? Find(Share share)
    {
        if (!_values.TryGetValue(share.Index, out SecretBuffer? known))
        {
            return null;
        }
        using SecretBuffer value = share.GetValue();
        return CryptographicOperations.FixedTimeEquals(known.Span, value.Span);
    }

    /// <summary>Forgets a share.</summary>
    /// <returns>Whether it was here.</returns>
    public bool Remove(int index)
    {
        if (!_values.Remove(index, out SecretBuffer? value))
        {
            return false;
        }
        value.Dispose();
        return true;
    }

    /// <summary>Recovers the secret of the group, as <see cref="ShamirScheme.TryRecover"/> does.</summary>
    public bool TryRecover(Span<byte> secret)
    {
        Span<byte> indices = stackalloc byte[Count];
        using SecretBuffer values = new(Count * secret.Length);
        int next = 0;
        foreach ((int index, SecretBuffer value) in _values)
        {
            indices[next] = (byte)index;
            value.Span.CopyTo(values.Span[(next * secret.Length)..]);
            next++;
        }
        return ShamirScheme.TryRecover(indices, values.Span, secret);
    }

    public void Dispose()
    {
        foreach (SecretBuffer value in _values.Values)
        {
            value.Dispose();
        }
        _values.Clear();
    }
}
