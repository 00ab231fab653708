using HsmBackup.Engine.Format;
using HsmBackup.Engine.Protection;
using HsmBackup.Engine.Tests.Protection;
using Xunit;

namespace HsmBackup.Engine.Tests.Format;

public sealed class MustFailTests
{
    // Set to the Vectors folder of the sources to write the files anew after a deliberate change.
    private const string WriteVariable = "HSMBACKUP_WRITE_VECTORS";

    public static TheoryData<string> Names => [.. MustFail.All.Select(vector => vector.Name)];

    [Theory]
    [MemberData(nameof(Names))]
    public void It_is_refused_as_the_index_says(string name)
    {
        MustFail vector = MustFail.All.Single(v => v.Name == name);
        string path = Vectors.PathOf(vector.FileName);
        if (vector.Keyless is { } code) Assert.Equal(code, Sample.CodeOf(() => BackupFile.CheckIntegrity(path)));
        else BackupFile.CheckIntegrity(path);
        Assert.Equal(vector.WithKey, Sample.CodeOf(() =>
        {
            using OneTimeKey key = TestKey.Counting;
            using BackupContent content = BackupContent.Open(path, key);
        }));
    }

    [Fact]
    public void The_committed_files_are_the_ones_that_the_forge_makes()
    {
        if (Environment.GetEnvironmentVariable(WriteVariable) is { Length: > 0 } folder) Write(folder);
        else
        {
            foreach (MustFail vector in MustFail.All) Assert.Equal(vector.Bytes, Vectors.Read(vector.FileName));
            Assert.Equal(ContentVectors.TwoObjects("golden").Build(), Vectors.Read("golden-forged.hsmbackup"));
            Assert.Equal(ContentVectors.ManySegments("golden").Build(), Vectors.Read("golden-segments.hsmbackup"));
            Assert.Equal(HeaderVectors.WithAudit(), Vectors.Read("golden-audit.hsmbackup"));
        }
    }

    [Fact]
    public void No_file_stands_there_that_no_test_looks_at()
    {
        string[] known = [.. MustFail.All.Select(v => Path.GetFullPath(Vectors.PathOf(v.FileName)))];
        Assert.Equal(known.Order(StringComparer.Ordinal),
            Directory.GetFiles(Vectors.PathOf("must-fail")).Select(Path.GetFullPath).Order(StringComparer.Ordinal));
    }

    [Fact]
    public void The_index_lists_every_file()
    {
        Assert.Contains(Vectors.IndexOfMustFail(), File.ReadAllText(Vectors.PathOf("README.md")), StringComparison.Ordinal);
    }

    [Fact]
    public void The_forge_itself_makes_good_backups()
    {
        Assert.Equal(2, Sample.ReadAll(ContentVectors.TwoObjects("golden").Build()).Count);
        Assert.Equal(2, Sample.ReadAll(ContentVectors.ManySegments("golden").Build()).Count);
    }

    private static void Write(string folder)
    {
        Directory.CreateDirectory(Path.Combine(folder, "must-fail"));
        foreach (MustFail vector in MustFail.All) File.WriteAllBytes(Path.Combine(folder, vector.FileName), vector.Bytes);
        File.WriteAllBytes(Path.Combine(folder, "golden-forged.hsmbackup"), ContentVectors.TwoObjects("golden").Build());
        File.WriteAllBytes(Path.Combine(folder, "golden-segments.hsmbackup"), ContentVectors.ManySegments("golden").Build());
        File.WriteAllBytes(Path.Combine(folder, "golden-audit.hsmbackup"), HeaderVectors.WithAudit());
        string golden = Path.Combine(folder, "golden.hsmbackup");
        if (!File.Exists(golden)) File.WriteAllBytes(golden, GoldenFile.Make());
        string forms = Path.Combine(folder, "golden-forms.hsmbackup");
        if (!File.Exists(forms)) File.WriteAllBytes(forms, GoldenFile.MakeForms());
        string index = Path.Combine(folder, "README.md");
        string text = File.Exists(index) ? File.ReadAllText(index) : "";
        int table = text.IndexOf(Vectors.TableStart, StringComparison.Ordinal);
        File.WriteAllText(index, (table < 0 ? text : text[..table]) + Vectors.IndexOfMustFail());
    }
}
