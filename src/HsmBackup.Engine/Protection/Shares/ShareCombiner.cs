namespace HsmBackup.Engine.Protection.Shares;

/// <summary>
/// Takes shares one by one as custodians give them, says of each whether it belongs here and what is still missing, and
/// gives the secret back (SLIP-0039, "Combining the shares"). Sets of several groups are read too.
/// </summary>
public sealed class ShareCombiner : IDisposable
{
    private readonly int? _expectedSetId;
    private readonly IReadOnlyCollection<int> _retiredSetIds;
    private readonly SortedDictionary<int, ShareGroup> _groups = [];
    private ShareHeader _set;
    private int _secretLength;

    /// <summary>Makes a combiner that holds nothing yet.</summary>
    /// <param name="expectedSetId">
    /// The set whose shares are wanted. Null: the first share decides, and old shares are not noticed as long as they are
    /// all of one set.
    /// </param>
    /// <param name="retiredSetIds">Sets that a re-split has replaced: their shares are named as old ones.</param>
    /// <exception cref="ArgumentOutOfRangeException">The expected set is not one from 0 to 32767.</exception>
    public ShareCombiner(int? expectedSetId = null, IReadOnlyCollection<int>? retiredSetIds = null)
    {
        if (expectedSetId is int id)
        {
            ArgumentOutOfRangeException.ThrowIfNegative(id, nameof(expectedSetId));
            ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(id, ShareHeader.SetIdLimit, nameof(expectedSetId));
        }
        _expectedSetId = expectedSetId;
        _retiredSetIds = retiredSetIds ?? [];
    }

    /// <summary>The set of the shares that are here, or the one expected; null where neither is known.</summary>
    public int? SetId => _groups.Count > 0 ? _set.SetId : _expectedSetId;

    /// <summary>Number of shares taken.</summary>
    public int Count => _groups.Values.Sum(group => group.Count);

    /// <summary>
    /// How many shares are still needed. At least so many, where nothing is known of a group because none of its shares is
    /// here; so it is 1 at the beginning.
    /// </summary>
    public int Missing
    {
        get
        {
            if (_groups.Count == 0)
            {
                return 1;
            }
            int unknown = Math.Max(0, _set.GroupThreshold - _groups.Count);
            return unknown + _groups.Values.Select(group => group.Missing).Order().Take(_set.GroupThreshold).Sum();
        }
    }

    /// <summary>Whether there are enough shares to combine.</summary>
    public bool IsComplete => Missing == 0;

    /// <summary>Takes a share, or says why not. What is needed of it is copied; it stays the caller's to dispose.</summary>
    /// <param name="share">The share.</param>
    public ShareAnswer Add(Share share)
    {
        ArgumentNullException.ThrowIfNull(share);
        if (Refuse(share) is { } refusal)
        {
            return refusal;
        }
        if (_groups.Count == 0)
        {
            _set = share.Header;
            _secretLength = share.SecretLength;
        }
        if (!_groups.TryGetValue(share.GroupIndex, out ShareGroup? group))
        {
            group = new ShareGroup(share.Threshold);
            _groups.Add(share.GroupIndex, group);
        }
        group.Add(share);
        return Answer(ShareAnswerKind.Accepted, $"{Name(share)} is taken. {Need()}");
    }

    /// <summary>
    /// Gives a share back, so that another can take its place: the way to find out which share is wrong when
    /// <see cref="Combine"/> says that one of them is.
    /// </summary>
    /// <param name="index">Its index, counted from 0.</param>
    /// <param name="groupIndex">Its group, counted from 0.</param>
    /// <returns>Whether it was here.</returns>
    public bool Remove(int index, int groupIndex = 0)
    {
        if (!_groups.TryGetValue(groupIndex, out ShareGroup? group) || !group.Remove(index))
        {
            return false;
        }
        if (group.Count == 0)
        {
            _groups.Remove(groupIndex);
        }
        return true;
    }

    /// <summary>Gives the secret, which the caller disposes.</summary>
    /// <param name="passphrase">
    /// The passphrase that the set was made with. A wrong one is not noticed, it gives another secret: compare with a check
    /// value of the secret.
    /// </param>
    /// <exception cref="HsmBackupException">
    /// <see cref="ErrorCode.SharesMissing"/>: not enough shares, and how many more are needed.
    /// <see cref="ErrorCode.SharesInconsistent"/>: the digest does not fit, so a share is wrong though its checksum is right.
    /// <see cref="ErrorCode.InvalidArgument"/>: the passphrase has characters that are not allowed.
    /// </exception>
    public SecretBuffer Combine(ReadOnlySpan<char> passphrase = default)
    {
        SecretBuffer secret = CombineEncrypted();
        try
        {
            SecretCipher.Decrypt(secret.Span, passphrase, _set);
            return secret;
        }
        catch
        {
            secret.Dispose();
            throw;
        }
    }

    /// <summary>Overwrites what was copied from the shares with zeros.</summary>
    public void Dispose()
    {
        foreach (ShareGroup group in _groups.Values)
        {
            group.Dispose();
        }
        _groups.Clear();
    }

    /// <summary>Says only how many shares there are.</summary>
    public override string ToString() => FormattableString.Invariant($"({Count} shares)");

    /// <summary>The part of <see cref="Combine"/> that comes before the decryption.</summary>
    internal SecretBuffer CombineEncrypted()
    {
        if (!IsComplete)
        {
            throw new HsmBackupException(ErrorCode.SharesMissing, $"There are not enough shares. {Need()}",
                "Ask further custodians for their shares.");
        }
        SecretBuffer secret = new(_secretLength);
        try
        {
            Recover(secret.Span);
            return secret;
        }
        catch
        {
            secret.Dispose();
            throw;
        }
    }

    // Steps 2 and 3 of the standard: the secret of each group from its members, then theirs from the groups.
    private void Recover(Span<byte> secret)
    {
        KeyValuePair<int, ShareGroup>[] groups =
            [.. _groups.Where(group => group.Value.Missing == 0).Take(_set.GroupThreshold)];
        Span<byte> indices = stackalloc byte[groups.Length];
        using SecretBuffer values = new(groups.Length * _secretLength);
        for (int i = 0; i < groups.Length; i++)
        {
            (int index, ShareGroup group) = groups[i];
            indices[i] = (byte)index;
            if (!group.TryRecover(values.Span.Slice(i * _secretLength, _secretLength)))
            {
                throw Inconsistent(
                    _set.GroupCount == 1 ? "the shares" : FormattableString.Invariant($"the shares of group {index + 1}"));
            }
        }
        if (!ShamirScheme.TryRecover(indices, values.Span, secret))
        {
            throw Inconsistent("the groups");
        }
    }

    private static HsmBackupException Inconsistent(string which) => new(
        ErrorCode.SharesInconsistent,
        $"Each share is right by its checksum, but the digest says that {which} do not belong together: at least one was "
            + "forged, or is of another set that has the same identifier by chance.",
        "Put the share of another custodian in the place of one after the other. Where it then works, the one that was "
            + "taken out is the wrong one.");

    // Null where the share is welcome.
    private ShareAnswer? Refuse(Share share)
    {
        bool stranger = SetId is int wanted ? share.SetId != wanted : _retiredSetIds.Contains(share.SetId);
        if (stranger)
        {
            return _retiredSetIds.Contains(share.SetId)
                ? Answer(ShareAnswerKind.RetiredSet, $"{Name(share)} is an old one: a re-split replaced its set.{Wanted()}")
                : Answer(
                    ShareAnswerKind.OtherSet,
                    $"{Name(share)} is of another set: of another key, or from before a re-split.{Wanted()}");
        }
        if (_groups.Count == 0)
        {
            return null;
        }
        if (!_set.IsOfSameSet(share.Header) || _secretLength != share.SecretLength)
        {
            return Answer(
                ShareAnswerKind.OtherParameters,
                $"{Name(share)} has the identifier of this set, but other thresholds, iterations or length, so it is of "
                    + "another one.");
        }
        if (_groups.TryGetValue(share.GroupIndex, out ShareGroup? group))
        {
            return RefuseMember(group, share);
        }
        return IsComplete ? NotNeeded(share, "there are enough already.") : null;
    }

    private ShareAnswer? RefuseMember(ShareGroup group, Share share)
    {
        if (group.Threshold != share.Threshold)
        {
            return Answer(
                ShareAnswerKind.OtherParameters,
                $"{Name(share)} does not agree with the others on how many shares are needed, so it is of another set.");
        }
        return group.Find(share) switch
        {
            true => Answer(ShareAnswerKind.Duplicate, $"{Name(share)} is here already. {Need()}"),
            false => Answer(
                ShareAnswerKind.Contradiction,
                $"{Name(share)} is here already with other words: one of the two is forged, or of another set that has the "
                    + "same identifier by chance."),
            null when IsComplete => NotNeeded(share, "there are enough already."),
            null when group.Missing == 0 => NotNeeded(share, $"there are enough of its group already. {Need()}"),
            null => null,
        };
    }

    private ShareAnswer NotNeeded(Share share, string why) =>
        Answer(ShareAnswerKind.AlreadyComplete, $"{Name(share)} is not needed: {why}");

    private ShareAnswer Answer(ShareAnswerKind kind, string message) => new(kind, message, Missing);

    private string Wanted()
    {
        if (_groups.Count > 0)
        {
            return $" The shares here are of the set '{_set.SetName}'.";
        }
        // The first word is the upper ten bits of the identifier.
        return _expectedSetId is int id ? $" The shares that are wanted begin with the word '{WordList.At(id >> 5)}'." : "";
    }

    private string Need()
    {
        string verb = Missing == 1 ? "is" : "are";
        // Of a group that has not been seen, the threshold is not known.
        bool exact = _groups.Count >= 1 && _set.GroupThreshold == 1;
        return Missing == 0 ? "No more shares are needed."
            : exact ? $"{ShareAnswer.Shares(Missing)} {verb} needed."
            : $"At least {ShareAnswer.Shares(Missing)} {verb} needed.";
    }

    private static string Name(Share share) => share.GroupCount == 1
        ? FormattableString.Invariant($"Share {share.Number} of the set '{share.SetName}'")
        : FormattableString.Invariant($"Share {share.Number} of group {share.GroupIndex + 1} of the set '{share.SetName}'");
}
