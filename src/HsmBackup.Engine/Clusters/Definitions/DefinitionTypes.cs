using System.Globalization;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using HsmBackup.Engine.Pkcs11;

namespace HsmBackup.Engine.Clusters.Definitions;

/// <summary>The kinds of values that a definition has. docs/hsmcluster.schema.json has each under the same name.</summary>
internal static partial class DefinitionTypes
{
    private const int MaxTextLength = 1024;
    private static readonly TimeSpan MaxDuration = TimeSpan.FromDays(36525);

    public static readonly DefinitionType<string> Text = OfString("text of 1 to 1024 characters without control characters", IsPlainText);

    public static readonly DefinitionType<string> Name = OfString(
        "1 to 64 ASCII letters, digits, dots, hyphens and underscores, the first of them a letter or digit", NameForm().IsMatch);

    public static readonly DefinitionType<string> Id = OfString("\"cluster-\" and 16 lower-case hexadecimal digits", IdForm().IsMatch);

    public static readonly DefinitionType<string> AbsolutePath = OfString(
        "an absolute path", text => IsPlainText(text) && AbsolutePathForm().IsMatch(text));

    public static readonly DefinitionType<string> HttpsAddress = OfString("an address that begins with https://, without user, query or fragment", text =>
        IsPlainText(text) && HttpsForm().IsMatch(text) && Uri.TryCreate(text, UriKind.Absolute, out _));

    // Without TLS only within this computer, where nobody listens.
    public static readonly DefinitionType<string> WebAddress = OfString(
        "an address that begins with https:// (or http:// for this computer itself), without user or fragment, or env:NAME, file:PATH, secret:VAULT/NAME",
        IsWebAddress);

    public static readonly DefinitionType<string> HostName = OfString("the name or number of a computer", text => text.Length <= 253
        && HostForm().IsMatch(text));

    public static readonly DefinitionType<string> MailAddress = OfString("an e-mail address", IsMailAddress);

    public static readonly DefinitionType<string> MetricsPath = OfString(
        "an absolute path that ends with .prom", text => IsPlainText(text) && AbsolutePathForm().IsMatch(text)
            && text.EndsWith(".prom", StringComparison.Ordinal));

    public static readonly DefinitionType<string> CertificatePin = OfString("the SHA-256 of a certificate: 64 lower-case hexadecimal digits", PinForm().IsMatch);

    public static readonly DefinitionType<string> CheckValue = OfString("32 lower-case hexadecimal digits", CheckForm().IsMatch);

    public static readonly DefinitionType<string> ObjectId = OfString("CKA_ID in lower-case hexadecimal digits", ObjectIdForm().IsMatch);

    public static readonly DefinitionType<string> ObjectClass = OfString(
        "the PKCS#11 name of an object class, such as CKO_PRIVATE_KEY", text => ClassForm().IsMatch(text)
            && Names.TryParseClass(text, out _));

    public static readonly DefinitionType<string> Certificate = OfString("an X.509 certificate, DER in base64", IsCertificate);

    public static readonly DefinitionType<TimeSpan> Duration = new(
        "a duration above zero: seconds as a number, or text like \"00:00:10\" or \"30.00:00:00\" (days, hours, minutes, seconds)",
        (value, out result) => TryDuration(value, out result) && result > TimeSpan.Zero);

    // Timers take no more than some weeks, and nobody waits for longer than that for an answer.
    public static readonly DefinitionType<TimeSpan> Timeout = new(
        "a duration above zero and up to an hour: seconds as a number, or text like \"00:00:10\" (hours, minutes, seconds)",
        (value, out result) => TryDuration(value, out result) && result > TimeSpan.Zero && result <= TimeSpan.FromHours(1));

    public static readonly DefinitionType<TimeSpan> Delay = new(
        "a duration, which may be zero: seconds as a number, or text like \"00:30:00\" (hours, minutes, seconds)", TryDuration);

    public static readonly DefinitionType<TimeOnly> TimeOfDay = new("a time of the day such as \"02:30\"", (value, out result) =>
    {
        result = default;
        return IsString(value) && TimeForm().IsMatch(value.Text)
            && TimeOnly.TryParseExact(value.Text, "HH:mm", CultureInfo.InvariantCulture, DateTimeStyles.None, out result);
    });

    public static readonly DefinitionType<DateTimeOffset> Instant = new("a time in UTC such as \"2026-11-22T02:30:00Z\"",
        (value, out result) =>
    {
        result = default;
        return IsString(value) && DateTimeOffset.TryParseExact(value.Text, "yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture,
            DateTimeStyles.AssumeUniversal | DateTimeStyles.AdjustToUniversal, out result);
    });

    public static readonly DefinitionType<bool> YesOrNo = new("true or false", (value, out result) =>
    {
        result = value.Kind == JsonTokenType.True;
        return value.Kind is JsonTokenType.True or JsonTokenType.False;
    });

    /// <summary>A whole number.</summary>
    public static DefinitionType<int> Number(int least, int most) => new(
        string.Create(CultureInfo.InvariantCulture, $"a whole number from {least} to {most}"), (value, out result) =>
        {
            result = 0;
            return value.Kind == JsonTokenType.Number && WholeForm().IsMatch(value.Text)
                && int.TryParse(value.Text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out result)
                && result >= least && result <= most;
        });

    /// <summary>One of some words.</summary>
    public static DefinitionType<T> OneOf<T>(params (string Word, T Meaning)[] words) => new(
        "one of " + string.Join(", ", words.Select(w => $"\"{w.Word}\"")), (value, out result) =>
        {
            int index = IsString(value) ? Array.FindIndex(words, w => w.Word == value.Text) : -1;
            result = index < 0 ? default! : words[index].Meaning;
            return index >= 0;
        });

    /// <summary>The names of an enumeration, letter by letter.</summary>
    public static DefinitionType<T> OneOf<T>() where T : struct, Enum => OneOf([.. Enum.GetValues<T>().Select(v => (v.ToString(), v))]);

    /// <summary>Whether it is a name as parts of a definition have them.</summary>
    public static bool IsName(string text) => NameForm().IsMatch(text);

    /// <summary>Whether notices may be sent to an address.</summary>
    public static bool IsWebAddress(string text) => IsPlainText(text) && WebForm().IsMatch(text)
        && Uri.TryCreate(text, UriKind.Absolute, out _);

    /// <summary>Whether mail may be sent to an address.</summary>
    public static bool IsMailAddress(string text) => text.Length <= 254 && MailForm().IsMatch(text);

    private static DefinitionType<string> OfString(string expected, Func<string, bool> isRight) => new(expected, (value, out result) =>
    {
        result = value.Text;
        return IsString(value) && isRight(value.Text);
    });

    private static bool IsString(DefinitionValue value) => value.Kind == JsonTokenType.String;

    // What a definition says is shown on terminals: nothing that they would obey.
    private static bool IsPlainText(string text) => text.Length is > 0 and <= MaxTextLength && text.EnumerateRunes().All(rune =>
        Rune.GetUnicodeCategory(rune) is not (UnicodeCategory.Control or UnicodeCategory.Format or UnicodeCategory.LineSeparator
            or UnicodeCategory.ParagraphSeparator));

    private static bool TryDuration(DefinitionValue value, out TimeSpan result)
    {
        result = TimeSpan.Zero;
        if (value.Kind == JsonTokenType.Number)
        {
            bool fits = double.TryParse(value.Text, NumberStyles.Float, CultureInfo.InvariantCulture, out double seconds)
                && seconds >= 0 && seconds <= MaxDuration.TotalSeconds;
            result = fits ? TimeSpan.FromSeconds(seconds) : TimeSpan.Zero;
            return fits;
        }
        return IsString(value) && DurationForm().IsMatch(value.Text)
            && TimeSpan.TryParseExact(value.Text, "c", CultureInfo.InvariantCulture, out result) && result <= MaxDuration;
    }

    private static bool IsCertificate(string text)
    {
        try
        {
            using X509Certificate2 certificate = X509CertificateLoader.LoadCertificate(Convert.FromBase64String(text));
            return true;
        }
        catch (Exception e) when (e is FormatException or CryptographicException)
        {
            return false;
        }
    }

    [GeneratedRegex(@"\A[A-Za-z0-9][A-Za-z0-9._-]{0,63}\z")]
    private static partial Regex NameForm();

    [GeneratedRegex(@"\Acluster-[0-9a-f]{16}\z")]
    private static partial Regex IdForm();

    [GeneratedRegex(@"\A(/|\\\\|[A-Za-z]:[/\\])")]
    private static partial Regex AbsolutePathForm();

    [GeneratedRegex(@"\Ahttps://[^/?#@]+(/[^?#]*)?\z")]
    private static partial Regex HttpsForm();

    [GeneratedRegex(@"\A(https://[^/?#@]+|http://(localhost|127\.0\.0\.1|\[::1\])(:[0-9]{1,5})?)([/?][^#]*)?\z")]
    private static partial Regex WebForm();

    [GeneratedRegex(@"\A([A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:.]+\])\z")]
    private static partial Regex HostForm();

    // Letters and marks that need no quotes, so that nothing in a command of SMTP can be anything else.
    [GeneratedRegex(@"\A[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]+@[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?\z")]
    private static partial Regex MailForm();

    [GeneratedRegex(@"\A[0-9a-f]{64}\z")]
    private static partial Regex PinForm();

    [GeneratedRegex(@"\A[0-9a-f]{32}\z")]
    private static partial Regex CheckForm();

    [GeneratedRegex(@"\A([0-9a-f]{2})+\z")]
    private static partial Regex ObjectIdForm();

    [GeneratedRegex(@"\A(CKO_[A-Z0-9_]+|0x[0-9A-Fa-f]{1,16})\z")]
    private static partial Regex ClassForm();

    [GeneratedRegex(@"\A([01][0-9]|2[0-3]):[0-5][0-9]\z")]
    private static partial Regex TimeForm();

    [GeneratedRegex(@"\A([0-9]{1,5}\.)?([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]\z")]
    private static partial Regex DurationForm();

    [GeneratedRegex(@"\A-?[0-9]+\z")]
    private static partial Regex WholeForm();
}
