using HsmBackup.Engine.Clusters.Definitions;
using HsmBackup.Engine.Protection;

namespace HsmBackup.Engine.Monitoring.Alerts.Channels;

/// <summary>A notice was not sent.</summary>
/// <param name="message">Why; nothing of a secret.</param>
/// <param name="passes">Whether that may be otherwise in a moment.</param>
/// <param name="innerException">The cause.</param>
internal sealed class AlertNotSentException(string message, bool passes, Exception? innerException = null)
    : Exception(message, innerException)
{
    /// <summary>Whether that may be otherwise in a moment.</summary>
    public bool Passes { get; } = passes;

    /// <summary>Whether every notice on this channel would fail now: then the others wait for the next time.</summary>
    public bool ConcernsAll { get; init; }
}

/// <summary>Somebody whom a notice did not reach, while it reached others.</summary>
/// <param name="Address">Their address.</param>
/// <param name="Reason">Why.</param>
/// <param name="Passes">Whether that may be otherwise the next time.</param>
internal sealed record UnreachedAddress(string Address, string Reason, bool Passes);

/// <summary>Sends notices on one channel.</summary>
internal abstract class AlertSender : IDisposable
{
    /// <summary>Sends a notice once.</summary>
    /// <returns>Whom it did not reach, where it reached somebody.</returns>
    /// <exception cref="AlertNotSentException">It was not sent, as far as that is known.</exception>
    /// <exception cref="OperationCanceledException">The caller gave up.</exception>
    public abstract IReadOnlyList<UnreachedAddress> Send(AlertMessage message, CancellationToken cancellationToken);

    /// <summary>Makes the sender of a channel. Nothing is sent yet, and nobody is connected to.</summary>
    /// <param name="channel">The channel.</param>
    /// <param name="secretVariables">Names of environment variables that hold secrets, which no program is given.</param>
    /// <param name="asker">Who can be asked for secrets.</param>
    /// <exception cref="HsmBackupException">Of the channel's secrets and authorities.</exception>
    public static AlertSender Open(AlertChannel channel, IReadOnlyCollection<string> secretVariables, PinAsker asker) => channel.Kind switch
    {
        AlertChannelKind.Webhook => new WebhookSender(channel, asker),
        AlertChannelKind.Command => new CommandSender(channel, secretVariables),
        AlertChannelKind.Mail => new MailSender(channel, asker),
        _ => throw new ArgumentException($"The channel '{channel.Name}' carries no notices.", nameof(channel)),
    };

    /// <inheritdoc/>
    public abstract void Dispose();

    /// <summary>A secret of the channel; null where it has no source.</summary>
    private protected static Pin? OpenSecret(AlertChannel channel, PinSource? source, PinAsker asker) =>
        source?.Open(asker, $"the alert channel '{channel.Name}'");

    /// <summary>The address of the channel, which may be a secret itself.</summary>
    internal static Uri OpenAddress(AlertChannel channel, PinAsker asker)
    {
        using Pin? secret = OpenSecret(channel, channel.Url!.Source, asker);
        string text = secret is null ? channel.Url.Text! : System.Text.Encoding.UTF8.GetString(secret.Bytes);
        return DefinitionTypes.IsWebAddress(text) ? new Uri(text) : throw new HsmBackupException(ErrorCode.PinUnavailable,
            $"What {channel.Url} holds is not an address that the alert channel '{channel.Name}' can use.",
            "Put an address there that begins with https://.")
        { Target = channel.Name };
    }
}
