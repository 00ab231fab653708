using HsmBackup.Engine.Format;
using HsmBackup.Engine.Stores;
using HsmBackup.Engine.Tests.Support;
using Xunit;

namespace HsmBackup.Engine.Tests.Stores;

/// <summary>A folder of this machine.</summary>
public sealed class DirectoryStoreTests : FolderStoreTests
{
    protected override IBackupStore Open() => new DirectoryStore(Medium);

    [Fact]
    public void It_is_what_it_is_called_and_online()
    {
        using var named = new DirectoryStore(Medium, "safe");

        Assert.Equal((StoreKind.Directory, RetentionClass.Online, "safe", Medium), (named.Kind, named.RetentionClass, named.Name, named.Location));
        Assert.Equal(Medium, Store.Name);
    }

    [Fact]
    public void The_folder_is_made_with_the_first_file_and_not_before()
    {
        _ = Store.List(CancellationToken.None);
        Store.Remove("a.hsmbackup", CancellationToken.None);
        Assert.False(Directory.Exists(Medium));

        Add("a.hsmbackup", [1]);

        Assert.Equal(["a.hsmbackup"], Everything());
    }

    [Fact]
    public void A_file_in_the_place_of_the_folder_is_an_error_and_not_an_empty_store()
    {
        File.WriteAllText(Medium, "");

        Refusal.Of(ErrorCode.StoreUnavailable, () => Store.List(CancellationToken.None));
        Refusal.Of(ErrorCode.StoreUnavailable, () => Add("a.hsmbackup", [1]));
    }
}
