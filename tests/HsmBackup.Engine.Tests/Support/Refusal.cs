using System.Text;
using HsmBackup.Engine.Pkcs11;
using HsmBackup.Engine.Protection;
using Xunit;

namespace HsmBackup.Engine.Tests.Support;

/// <summary>What every refusal must be: of a stable code, with a next step, and without a secret.</summary>
internal static class Refusal
{
    /// <summary>Runs something that must be refused.</summary>
    public static HsmBackupException Of(ErrorCode code, Action action, Pin? pin = null)
    {
        Exception? thrown = Record.Exception(action);
        // An answer of the token that nobody had to expect is shown as a TokenError too.
        HsmBackupException refusal = thrown switch
        {
            HsmBackupException own => own,
            Pkcs11Exception native => new HsmBackupException(ErrorCode.TokenError, native.Message, "Look the code up in the documentation of the HSM.", native),
            null => throw new InvalidOperationException($"Nothing was refused; {code} was expected."),
            _ => throw new InvalidOperationException($"{code} was expected, not {thrown}", thrown),
        };
        Assert.True(refusal.Code == code, $"{code} was expected, not {refusal.Code}: {refusal}");
        Assert.NotEmpty(refusal.Message);
        Assert.EndsWith(".", refusal.RecommendedAction, StringComparison.Ordinal);
        if (pin is not null)
        {
            Assert.DoesNotContain(Encoding.UTF8.GetString(pin.Bytes), refusal.ToString(), StringComparison.Ordinal);
        }
        return refusal;
    }

    /// <summary>Every file and folder below some folders, with length and time; equal lists mean that nothing was left or changed.</summary>
    public static string[] Everything(params string[] folders) =>
    [
        .. folders.Where(Directory.Exists)
            .SelectMany(f => new DirectoryInfo(f).EnumerateFileSystemInfos("*", new EnumerationOptions { AttributesToSkip = 0, RecurseSubdirectories = true }))
            .Select(i => i is FileInfo file ? $"{file.FullName} {file.Length} {file.LastWriteTimeUtc:O}" : i.FullName)
            .Order(StringComparer.Ordinal),
    ];
}
