using System.Globalization;
using System.Text;
using HsmBackup.Engine.Clusters.Definitions;
using HsmBackup.Engine.Protection;

namespace HsmBackup.Engine.Monitoring.Alerts.Channels;

/// <summary>Sends mail: to those that the channel names, and to the contacts of the escalation's step.</summary>
internal sealed class MailSender : AlertSender
{
    private const int LineLength = 76;

    private readonly AlertChannel _channel;
    private readonly Pin? _password;

    public MailSender(AlertChannel channel, PinAsker asker)
    {
        _channel = channel;
        _password = OpenSecret(channel, channel.Password, asker);
    }

    public override IReadOnlyList<UnreachedAddress> Send(AlertMessage message, CancellationToken cancellationToken)
    {
        string[] all = message.Only.Count > 0 ? [.. message.Only]
            : [.. _channel.To.Concat(message.Addresses).Distinct(StringComparer.OrdinalIgnoreCase)];
        // The addresses of contacts are free text in the definition.
        string[] good = [.. all.Where(DefinitionTypes.IsMailAddress)];
        if (good.Length == 0)
        {
            throw new AlertNotSentException("there is nobody to send it to: the channel names no address, and the contacts of this step of the escalation have none", passes: false);
        }
        return [.. SmtpConnection.Send(_channel, _password, good, Compose(message, good), cancellationToken),
            .. all.Except(good).Select(a => new UnreachedAddress(DisplayText.Harmless(a), "this is no e-mail address", Passes: false))];
    }

    public override void Dispose() => _password?.Dispose();

    private byte[] Compose(AlertMessage message, string[] recipients)
    {
        var mail = new StringBuilder();
        string domain = _channel.From![(_channel.From!.IndexOf('@', StringComparison.Ordinal) + 1)..];
        Header(mail, "From", _channel.From);
        Header(mail, "To", string.Join(",\r\n ", recipients));
        Header(mail, "Subject", Encoded(message.Subject));
        Header(mail, "Date", message.Created.UtcDateTime.ToString("ddd, dd MMM yyyy HH:mm:ss '+0000'", CultureInfo.InvariantCulture));
        Header(mail, "Message-ID", $"<{message.Id}@{domain}>");
        if (message.FirstId is not null)
        {
            Header(mail, "In-Reply-To", $"<{message.FirstId}@{domain}>");
            Header(mail, "References", $"<{message.FirstId}@{domain}>");
        }
        if (message.Severity == AlertSeverity.Critical)
        {
            Header(mail, "Importance", "high");
        }
        Header(mail, "Auto-Submitted", "auto-generated");
        Header(mail, "MIME-Version", "1.0");
        Header(mail, "Content-Type", "text/plain; charset=utf-8");
        Header(mail, "Content-Transfer-Encoding", "base64");
        mail.Append("\r\n");
        // In base64 no line can be too long, begin with a dot, or be anything but text.
        string body = Convert.ToBase64String(Encoding.UTF8.GetBytes(message.Text.ReplaceLineEndings("\r\n")));
        for (int i = 0; i < body.Length; i += LineLength)
        {
            mail.Append(body, i, Math.Min(LineLength, body.Length - i)).Append("\r\n");
        }
        return Encoding.ASCII.GetBytes(mail.ToString());
    }

    private static void Header(StringBuilder mail, string name, string value) => mail.Append(name).Append(": ").Append(value)
        .Append("\r\n");

    // RFC 2047, where it is needed: in pieces that each are whole characters and short enough.
    private static string Encoded(string text)
    {
        if (text.All(c => c is >= ' ' and < '\u007F') && text.Length < LineLength)
        {
            return text;
        }
        var words = new List<string>();
        var word = new StringBuilder();
        foreach (Rune rune in text.EnumerateRunes())
        {
            if (Encoding.UTF8.GetByteCount(word.ToString()) + rune.Utf8SequenceLength > 42)
            {
                words.Add(word.ToString());
                word.Clear();
            }
            word.Append(rune.ToString());
        }
        words.Add(word.ToString());
        return string.Join("\r\n ", words.Select(w => $"=?utf-8?B?{Convert.ToBase64String(Encoding.UTF8.GetBytes(w))}?="));
    }
}
