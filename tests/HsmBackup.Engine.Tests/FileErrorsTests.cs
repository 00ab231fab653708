using Xunit;

namespace HsmBackup.Engine.Tests;

public sealed class FileErrorsTests
{
    public static TheoryData<Exception, ErrorCode, string> Failures => new()
    {
        {
            new UnauthorizedAccessException("Access to the path '/tmp/internal.tmp' is denied."),
            ErrorCode.DestinationUnwritable, "access is denied"
        },
        { new DirectoryNotFoundException("x"), ErrorCode.DestinationUnwritable, "its folder does not exist" },
        { new PathTooLongException("x"), ErrorCode.DestinationUnwritable, "too long" },
        { new IOException("Read-only file system"), ErrorCode.DestinationUnwritable, "Read-only file system" },
        { new IOException("x", DiskFull), ErrorCode.DiskFull, "no space" },
        { new IOException("x", QuotaExceeded), ErrorCode.DiskFull, "no space" },
    };

    private static int DiskFull => OperatingSystem.IsWindows() ? unchecked((int)0x80070070) : 28;

    private static int QuotaExceeded => OperatingSystem.IsWindows() ? unchecked((int)0x8007050F)
        : OperatingSystem.IsMacOS() ? 69
        : 122;

    [Theory]
    [MemberData(nameof(Failures))]
    public void A_failure_of_the_file_system_gets_its_code_and_the_path_that_the_user_knows(
        Exception failure, ErrorCode code, string reason)
    {
        Assert.True(FileErrors.Covers(failure));
        HsmBackupException error = FileErrors.From(failure, "/media/usb/key.txt");
        Assert.Equal(code, error.Code);
        Assert.Equal("/media/usb/key.txt", error.Target);
        Assert.Same(failure, error.InnerException);
        Assert.Contains(reason, error.Message, StringComparison.Ordinal);
        Assert.Contains("/media/usb/key.txt", error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("internal.tmp", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Only_a_file_that_is_there_already_means_exists()
    {
        string path = Path.GetTempFileName();
        try
        {
            Exception error = Assert.ThrowsAny<Exception>(() => new FileStream(path, FileMode.CreateNew).Dispose());
            Assert.True(FileErrors.MeansExists(error));
            error = Assert.ThrowsAny<Exception>(() => new FileStream(path + "/below", FileMode.CreateNew).Dispose());
            Assert.False(FileErrors.MeansExists(error));
        }
        finally
        {
            File.Delete(path);
        }
    }

    [Fact]
    public void Other_failures_are_not_taken_for_the_file_system()
    {
        Assert.False(FileErrors.Covers(new InvalidOperationException()));
        Assert.False(FileErrors.Covers(new ArgumentException()));
    }
}
