using HsmBackup.Engine.Clusters;
using HsmBackup.Engine.Clusters.Definitions;
using HsmBackup.Engine.Tests.Protection;
using HsmBackup.Engine.Tests.Support;
using Xunit;

namespace HsmBackup.Engine.Tests.Clusters.Definitions;

// The environment belongs to the whole process.
[Collection(nameof(EnvironmentOfTheProcess))]
public sealed class DefinitionSearchTests : IDisposable
{
    private readonly TestFolder _folder = new();
    private readonly Dictionary<string, string?> _before = [];
    private readonly string _current;
    private readonly string _home;
    private readonly string _user;

    public DefinitionSearchTests()
    {
        _current = _folder.Folder("current");
        _home = _folder.Folder("home/clusters");
        _user = _folder.Folder("xdg/hsmbackup/clusters");
        Set("HSMBACKUP_HOME", _folder.File("home"));
        Set("XDG_CONFIG_HOME", _folder.File("xdg"));
    }

    public void Dispose()
    {
        foreach ((string name, string? value) in _before)
        {
            Environment.SetEnvironmentVariable(name, value);
        }
        _folder.Dispose();
    }

    [Fact]
    public void Folders_are_searched_in_their_order()
    {
        IReadOnlyList<string> folders = DefinitionSearch.Folders(_current);
        Assert.Equal(_current, folders[0]);
        Assert.Equal(_home, folders[1]);
        if (!OperatingSystem.IsWindows())
        {
            Assert.Equal([_user, "/etc/hsmbackup/clusters"], folders.Skip(2));
        }
    }

    [Fact]
    public void The_first_folder_that_has_a_name_counts()
    {
        string far = Write(_user, "payments");
        Assert.Equal(far, ClusterDefinition.Find("payments", _current).DefinitionPath);
        string near = Write(_home, "payments");
        Assert.Equal(near, ClusterDefinition.Find("PAYMENTS", _current).DefinitionPath);
        string nearest = Write(_current, "payments");
        Assert.Equal(nearest, ClusterDefinition.Find("payments", _current).DefinitionPath);
        Assert.Equal(near, ClusterDefinition.Find("payments", null).DefinitionPath);
    }

    [Fact]
    public void A_path_is_taken_as_it_is()
    {
        string path = Write(_folder.Root, "elsewhere");
        Assert.Equal(path, ClusterDefinition.Find(path, _current).DefinitionPath);
        Assert.Equal(path, ClusterDefinition.Find("../elsewhere.hsmcluster.json", _current).DefinitionPath);
        string other = _folder.File("another name.json");
        File.Move(path, other);
        Assert.Equal("elsewhere", ClusterDefinition.Find(other, _current).Name);
        Refusal.Of(ErrorCode.DefinitionNotFound, () => ClusterDefinition.Find("elsewhere.hsmcluster.json", _current));
    }

    [Fact]
    public void A_name_that_is_nowhere_is_told_with_the_folders()
    {
        HsmBackupException refusal = Refusal.Of(ErrorCode.DefinitionNotFound, () => ClusterDefinition.Find("nowhere", _current));
        Assert.Contains(_home, refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Two_clusters_of_one_name_are_not_taken_for_each_other()
    {
        Write(_current, "payments");
        Write(_user, "payments", "cluster-ffffffffffffffff");
        HsmBackupException refusal = Refusal.Of(ErrorCode.DefinitionAmbiguous, () => ClusterDefinition.Find("payments", _current));
        Assert.Contains(_current, refusal.Message, StringComparison.Ordinal);
        Assert.Contains(_user, refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_file_that_is_named_after_another_cluster_is_refused()
    {
        File.Move(Write(_current, "payments"), Path.Combine(_current, "other.hsmcluster.json"));
        Assert.Contains("defines 'payments'", Refusal.Of(ErrorCode.DefinitionInvalid, () => ClusterDefinition.Find("other", _current)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Names_that_differ_in_case_alone_are_told_apart()
    {
        if (File.Exists(Path.Combine(_current, "..", "CURRENT", "x")) || OperatingSystem.IsWindows() || OperatingSystem.IsMacOS())
        {
            return;
        }
        Write(_current, "payments");
        Write(_current, "Payments");
        Assert.Equal("Payments", ClusterDefinition.Find("Payments", _current).Name);
        Refusal.Of(ErrorCode.DefinitionAmbiguous, () => ClusterDefinition.Find("PAYMENTS", _current));
    }

    [Fact]
    public void A_file_in_the_current_folder_that_everybody_may_write_is_used_by_its_path_only()
    {
        if (OperatingSystem.IsWindows())
        {
            return;
        }
        string path = Write(_current, "payments");
        File.SetUnixFileMode(path, File.GetUnixFileMode(path) | UnixFileMode.OtherWrite);
        Refusal.Of(ErrorCode.DefinitionUntrusted, () => ClusterDefinition.Find("payments", _current));
        Assert.Equal("payments", ClusterDefinition.Find(path, _current).Name);
    }

    [Fact]
    public void All_files_are_listed_by_name_each_name_once()
    {
        string b = Write(_user, "b");
        string a = Write(_home, "a");
        Write(_user, "a");
        File.WriteAllText(Path.Combine(_home, "notes.json"), "");
        Assert.Equal([a, b], DefinitionSearch.Files(_current));
    }

    private void Set(string name, string value)
    {
        _before[name] = Environment.GetEnvironmentVariable(name);
        Environment.SetEnvironmentVariable(name, value);
    }

    private static string Write(string folder, string name, string id = "cluster-0123456789abcdef") =>
        (TestDefinition.Read(TestDefinition.Smallest) with { Name = name, Id = id })
            .Save(Path.Combine(folder, name + ClusterDefinition.FileExtension)).DefinitionPath!;
}

/// <summary>Tests that change the environment of the process run one after the other.</summary>
[CollectionDefinition(nameof(EnvironmentOfTheProcess))]
public sealed class EnvironmentOfTheProcess;
