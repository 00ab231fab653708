using System.Globalization;

namespace HsmBackup.Engine.Protection.Shares;

/// <summary>What became of a share, in a word and in a sentence; nothing in it is secret.</summary>
public sealed class ShareAnswer
{
    internal ShareAnswer(ShareAnswerKind kind, string message, int missing)
    {
        Kind = kind;
        Message = message;
        Missing = missing;
    }

    /// <summary>The kind of answer.</summary>
    public ShareAnswerKind Kind { get; }

    /// <summary>Whether the share was taken.</summary>
    public bool IsAccepted => Kind == ShareAnswerKind.Accepted;

    /// <summary>The answer as a sentence, for the person who gave the share.</summary>
    public string Message { get; }

    /// <summary>How many shares are still needed, as <see cref="ShareCombiner.Missing"/> counts them.</summary>
    public int Missing { get; }

    /// <summary>Does nothing where the share was taken.</summary>
    /// <exception cref="HsmBackupException">
    /// <see cref="ErrorCode.ShareRefused"/>: the share was not taken; the message says why.
    /// </exception>
    public void ThrowIfRefused()
    {
        if (!IsAccepted)
        {
            string next = Missing == 0
                ? "No more shares are needed."
                : $"Give {Shares(Missing)} of the set that is asked for.";
            throw new HsmBackupException(ErrorCode.ShareRefused, Message, next);
        }
    }

    /// <summary>The same as <see cref="Message"/>.</summary>
    public override string ToString() => Message;

    internal static string Shares(int count) =>
        count == 1 ? "1 more share" : string.Create(CultureInfo.InvariantCulture, $"{count} more shares");
}
