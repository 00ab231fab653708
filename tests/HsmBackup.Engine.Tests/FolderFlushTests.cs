using Xunit;

namespace HsmBackup.Engine.Tests;

public sealed class FolderFlushTests
{
    [Fact]
    public void A_folder_is_flushed_where_the_system_can() =>
        Assert.Equal(!OperatingSystem.IsWindows(), FolderFlush.TryFlush(Path.GetTempPath()));

    [Fact]
    public void A_folder_that_is_not_there_is_no_error() =>
        Assert.False(FolderFlush.TryFlush(Path.Combine(Path.GetTempPath(), Guid.NewGuid().ToString())));
}
