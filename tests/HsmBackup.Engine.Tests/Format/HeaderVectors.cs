using System.Text;
using HsmBackup.Engine.Format;
using HsmBackup.Engine.Protection;

namespace HsmBackup.Engine.Tests.Format;

/// <summary>Backups whose magic or header line is wrong and whose every other part is right.</summary>
internal static class HeaderVectors
{
    public const string Good =
        """{"formatVersion":1,"backupId":"20261121T225300Z-payments-0a1b2c3d","cluster":{"id":"6f1c2f0a-payments","name":"Payments"},"created":"2026-11-21T22:53:00Z","mode":"OneTimeKey","keyCheck":"@check","objects":2,"verdicts":{"Captured":2,"NotExtractable":0,"NotWrappable":0,"Inexact":0,"Unreadable":0},"complete":true,"retentionClass":"online"}""";

    private static readonly string Log = new('a', 32);
    private static readonly string Head = new('c', 64);

    public static byte[] HeaderLine(string json) =>
        [.. Encoding.UTF8.GetBytes(json.Replace("@check", Check(), StringComparison.Ordinal)), (byte)'\n'];

    /// <summary>A good backup whose header remembers an audit log.</summary>
    public static byte[] WithAudit() => WithHeader(HeaderLine(AuditedHeader(Log, "7", Head)));

    public static IEnumerable<MustFail> All()
    {
        yield return MustFail.ByHeader("empty", ErrorCode.NotABackup, "nothing at all", []);
        yield return Magic("magic-other", ErrorCode.NotABackup, "another magic line", "hsm-backup 1\n");
        yield return Magic("magic-crlf", ErrorCode.NotABackup, "the magic line ends as in DOS", "hsm-backup/1\r\n");
        yield return Magic("magic-text", ErrorCode.NotABackup, "the version is not a number", "hsm-backup/v1\n");
        yield return Magic("magic-version-2", ErrorCode.UnsupportedVersion, "the magic line names version 2", "hsm-backup/2\n");
        yield return Magic("magic-version-10", ErrorCode.UnsupportedVersion, "the magic line names version 10", "hsm-backup/10\n");
        yield return Header("header-version-2", "the header names version 2", ("\"formatVersion\":1", "\"formatVersion\":2"))
            with
        { Keyless = ErrorCode.UnsupportedVersion, WithKey = ErrorCode.UnsupportedVersion };
        yield return Header("header-no-version", "formatVersion is missing", ("\"formatVersion\":1,", ""));
        yield return Header("header-duplicate", "objects stands there twice", ("\"objects\":2", "\"objects\":2,\"objects\":2"));
        yield return Header("header-duplicate-escaped", "objects stands there twice, once as an escape",
            ("\"objects\":2", "\"objects\":2,\"\\u006fbjects\":2"));
        yield return Header("header-duplicate-inner", "a verdict stands there twice",
            ("\"Inexact\":0", "\"Inexact\":0,\"Inexact\":0"));
        yield return Header("header-unknown", "a member that version 1 does not have", ("\"objects\"", "\"colour\":\"red\",\"objects\""));
        yield return Header("header-unknown-verdict", "a verdict that version 1 does not have",
            ("\"Inexact\":0", "\"Inexact\":0,\"Forgotten\":0"));
        yield return Header("header-missing", "retentionClass is missing", (",\"retentionClass\":\"online\"", ""));
        yield return Header("header-null", "an optional member is null instead of absent", ("\"objects\"", "\"clusterKeyCheck\":null,\"objects\""));
        yield return Header("header-type", "objects is a string", ("\"objects\":2", "\"objects\":\"2\""));
        yield return Header("header-fraction", "objects is a fraction", ("\"objects\":2", "\"objects\":2.0"));
        yield return Header("header-negative", "a verdict count is negative",
            ("\"Captured\":2,\"NotExtractable\":0", "\"Captured\":3,\"NotExtractable\":-1"));
        yield return Header("header-sum", "objects is not the sum of the verdicts", ("\"objects\":2", "\"objects\":3"));
        yield return Header("header-complete-lie", "complete although an object was not captured",
            ("\"Captured\":2,\"NotExtractable\":0", "\"Captured\":1,\"NotExtractable\":1"));
        yield return Header("header-created", "created is not the time in the id", ("22:53:00Z", "22:53:01Z"));
        yield return Header("header-id", "the backup id is a path", ("20261121T225300Z-payments", "20261121T225300Z-../../etc"));
        yield return Header("header-id-time", "the backup id has no possible time", ("20261121T225300Z", "20261321T225300Z"));
        yield return Header("header-mode", "a mode that version 1 does not have", ("OneTimeKey", "Passphrase"));
        yield return Header("header-cluster-bound", "bound to a cluster without the check value of its key", ("OneTimeKey", "ClusterBound"));
        yield return Header("header-retention", "a retention class that version 1 does not have", ("online", "Online"));
        yield return Header("header-check-case", "keyCheck in upper case", ("@check", Check().ToUpperInvariant()));
        yield return Header("header-check-short", "keyCheck has 30 digits", ("@check", Check()[2..]));
        yield return Header("header-control", "a terminal's escape character in the name", ("Payments", "Pay\\u001b[2Jments"));
        yield return Header("header-bidi", "a mark that turns the direction of the text", ("Payments", "Pay\\u202ements"));
        yield return Header("header-surrogate", "half of a surrogate pair in the name", ("Payments", "Pay\\ud800ments"));
        yield return Header("header-previous", "the previous backup's digest is too short",
            (",\"retentionClass\"", ",\"previous\":{\"backupId\":\"20261120T225300Z-payments-99887766\",\"digest\":\"55\"},\"retentionClass\""));
        yield return Audit("header-audit-log", "the audit log's id has 30 digits", Log[2..], "7", Head);
        yield return Audit("header-audit-none", "an audit log without entries", Log, "0", Head);
        yield return Audit("header-audit-text", "the number of audit entries is text", Log, "\"7\"", Head);
        yield return Audit("header-audit-head", "the audit log's hash in upper case", Log, "7", Head.ToUpperInvariant());
        yield return Audit("header-audit-more", "an unknown member beside the audit log's", Log, "7,\"file\":1", Head);
        yield return Header("header-audit-short", "the audit log's hash is missing",
            (",\"retentionClass\"", $",\"audit\":{{\"log\":\"{Log}\",\"entries\":7}},\"retentionClass\""));
        yield return Header("header-array", "the header is an array", (Good, "[" + Good + "]"));
        yield return Header("header-two", "the header line has two objects", (Good, Good + "{}"));
        yield return Header("header-comment", "a comment in the header", ("\"objects\"", "/* */\"objects\""));
        yield return Header("header-bom", "a byte order mark before the header", (Good, "\uFEFF" + Good));
        yield return Header("header-crlf", "the header's members are spread over two lines", (",\"mode\"", ",\n\"mode\""));
        yield return Header("header-too-long", "one byte over 64 KiB, all of it blanks", (Good, Good + Blanks(1)));
        yield return MustFail.ByHeader("header-not-utf8", ErrorCode.HeaderInvalid, "a byte in the name that is not UTF-8",
            WithHeader([.. HeaderLine(Good).Select(b => b == (byte)'y' ? (byte)0xFF : b)]));
        yield return MustFail.ByHeader("header-unending", ErrorCode.HeaderInvalid, "the file ends within the header",
            [.. "hsm-backup/1\n"u8, .. HeaderLine(Good).AsSpan(..^1)]);
        yield return MustFail.ByHeader("header-none", ErrorCode.HeaderInvalid, "the magic line and nothing else", "hsm-backup/1\n"u8.ToArray());
    }

    /// <summary>As many blanks as make the good header line longer than 64 KiB, newline included, by some bytes.</summary>
    public static string Blanks(int excess) => new(' ', BackupFormat.MaxHeaderLength - HeaderLine(Good).Length + excess);

    public static byte[] WithHeader(byte[] headerLine)
    {
        Forge forge = ContentVectors.TwoObjects("header");
        forge.Header = headerLine;
        return forge.Build();
    }

    private static MustFail Audit(string name, string why, string log, string entries, string head) =>
        Header(name, why, (Good, AuditedHeader(log, entries, head)));

    private static string AuditedHeader(string log, string entries, string head) => Good.Replace(",\"retentionClass\"",
        $",\"audit\":{{\"log\":\"{log}\",\"entries\":{entries},\"head\":\"{head}\"}},\"retentionClass\"", StringComparison.Ordinal);

    private static MustFail Header(string name, string why, params (string From, string To)[] edits)
    {
        string json = Good;
        foreach ((string from, string to) in edits) json = json.Replace(from, to, StringComparison.Ordinal);
        return MustFail.ByHeader(name, ErrorCode.HeaderInvalid, why, WithHeader(HeaderLine(json)));
    }

    private static MustFail Magic(string name, ErrorCode code, string why, string magic)
    {
        Forge forge = ContentVectors.TwoObjects("magic");
        forge.Magic = Encoding.ASCII.GetBytes(magic);
        return MustFail.ByHeader(name, code, why, forge.Build());
    }

    private static string Check()
    {
        using BackupKeys keys = Sample.Keys();
        return keys.Check;
    }
}
