using HsmBackup.Engine.Clusters;
using HsmBackup.Engine.Tests.Protection;
using HsmBackup.Engine.Tests.Support;
using Xunit;

namespace HsmBackup.Engine.Tests.Clusters.Definitions;

public sealed class DefinitionFileTests : IDisposable
{
    private readonly TestFolder _folder = new();
    private readonly ClusterDefinition _definition = TestDefinition.Read(TestDefinition.Largest);

    private string FilePath => _folder.File("payments.hsmcluster.json");

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void A_definition_comes_back_as_it_was_written()
    {
        ClusterDefinition saved = _definition.Save(FilePath);
        Assert.Equal(FilePath, saved.DefinitionPath);
        ClusterDefinition loaded = ClusterDefinition.Load(FilePath);
        Assert.Equal(FilePath, loaded.DefinitionPath);
        Assert.Equal(_definition.ToJson(), loaded.ToJson());
        Assert.Equal([FilePath], Directory.GetFiles(_folder.Root));
        string text = File.ReadAllText(FilePath);
        Assert.EndsWith("}\n", text, StringComparison.Ordinal);
        Assert.Contains("Zürich", text, StringComparison.Ordinal);
        if (!OperatingSystem.IsWindows())
        {
            Assert.False(File.GetUnixFileMode(FilePath).HasFlag(UnixFileMode.OtherWrite));
        }
    }

    [Fact]
    public void What_was_read_can_be_changed_and_written_again_and_again()
    {
        _definition.Save(FilePath);
        ClusterDefinition changed = (ClusterDefinition.Load(FilePath) with { Description = "changed" }).Save(FilePath);
        (changed with { Description = "changed again" }).Save(FilePath);
        Assert.Equal("changed again", ClusterDefinition.Load(FilePath).Description);
    }

    [Fact]
    public void Another_file_is_not_overwritten()
    {
        File.WriteAllText(FilePath, "mine");
        Refusal.Of(ErrorCode.DefinitionExists, () => _definition.Save(FilePath));
        Assert.Equal("mine", File.ReadAllText(FilePath));
        Assert.Equal([FilePath], Directory.GetFiles(_folder.Root));
        _definition.Save(FilePath, overwrite: true);
        Assert.Equal("payments", ClusterDefinition.Load(FilePath).Name);
    }

    [Fact]
    public void A_file_that_somebody_changed_meanwhile_is_not_overwritten()
    {
        _definition.Save(FilePath);
        ClusterDefinition mine = ClusterDefinition.Load(FilePath);
        (ClusterDefinition.Load(FilePath) with { Description = "theirs" }).Save(FilePath);
        Refusal.Of(ErrorCode.DefinitionChanged, () => (mine with { Description = "mine" }).Save(FilePath));
        Assert.Equal("theirs", ClusterDefinition.Load(FilePath).Description);
        File.Delete(FilePath);
        Refusal.Of(ErrorCode.DefinitionChanged, () => (mine with { Description = "mine" }).Save(FilePath));
        Assert.Empty(Directory.GetFiles(_folder.Root));
    }

    [Fact]
    public void Of_many_who_change_it_at_a_time_each_is_heard_or_told()
    {
        _definition.Save(FilePath);
        int done = 0;
        Parallel.For(0, 40, new ParallelOptions { MaxDegreeOfParallelism = 4 }, _ =>
        {
            try
            {
                ClusterDefinition mine = ClusterDefinition.Load(FilePath);
                int count = mine.Description == _definition.Description ? 0 : int.Parse(mine.Description!, System.Globalization.CultureInfo.InvariantCulture);
                (mine with { Description = $"{count + 1}" }).Save(FilePath);
                Interlocked.Increment(ref done);
            }
            catch (HsmBackupException e) when (e.Code is ErrorCode.DefinitionChanged or ErrorCode.Busy)
            {
            }
        });
        Assert.Equal($"{done}", ClusterDefinition.Load(FilePath).Description);
    }

    [Fact]
    public void Nothing_is_written_that_could_not_be_read_back()
    {
        Refusal.Of(ErrorCode.DefinitionInvalid, () => (_definition with { Name = "a/b" }).Save(FilePath));
        Assert.Empty(Directory.GetFiles(_folder.Root));
    }

    [Fact]
    public void A_folder_that_is_not_there_is_named()
    {
        string path = _folder.File("none/payments.hsmcluster.json");
        HsmBackupException refusal = Refusal.Of(ErrorCode.DestinationUnwritable, () => _definition.Save(path));
        Assert.Contains(path, refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_file_that_is_not_there_or_too_large_is_named()
    {
        Refusal.Of(ErrorCode.DefinitionNotFound, () => ClusterDefinition.Load(FilePath));
        Refusal.Of(ErrorCode.DefinitionNotFound, () => ClusterDefinition.Load(_folder.Root));
        File.WriteAllText(FilePath, TestDefinition.Smallest + new string(' ', 1024 * 1024));
        Assert.Contains("larger", Refusal.Of(ErrorCode.DefinitionInvalid, () => ClusterDefinition.Load(FilePath)).Message, StringComparison.Ordinal);
    }
}
