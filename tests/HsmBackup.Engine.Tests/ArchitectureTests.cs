using System.Reflection;
using System.Text.RegularExpressions;
using Xunit;

namespace HsmBackup.Engine.Tests;

/// <summary>
/// Dependencies point one way, as the folders say. Read from the sources, because constants leave no trace in the compiled code; the
/// compiler sees to it that a using line is there for a reason (IDE0005).
/// </summary>
public sealed partial class ArchitectureTests
{
    // What each folder may use beside itself and the few types at the root.
    private static readonly Dictionary<string, string[]> Allowed = new(StringComparer.Ordinal)
    {
        [""] = [],
        ["Protection"] = [],
        ["Pkcs11"] = ["Protection"],
        ["Format"] = ["Protection"],
        ["Tokens"] = ["Pkcs11", "Protection"],
        ["Stores"] = ["Format", "Protection"],
        ["Auditing"] = ["Format", "Protection"],
        ["Catalogue"] = ["Stores", "Format", "Protection"],
        ["Backup"] = ["Auditing", "Catalogue", "Stores", "Tokens", "Pkcs11", "Format", "Protection"],
        ["Retention"] = ["Auditing", "Catalogue", "Stores", "Format", "Protection"],
        ["Clusters"] = ["Retention", "Backup", "Auditing", "Catalogue", "Stores", "Tokens", "Pkcs11", "Format", "Protection"],
        ["Handover"] = ["Clusters", "Backup", "Auditing", "Tokens", "Pkcs11", "Format", "Protection"],
        ["Scheduling"] = ["Handover", "Clusters", "Retention", "Backup", "Auditing", "Catalogue", "Stores", "Tokens", "Pkcs11", "Format", "Protection"],
        ["Drills"] = ["Clusters", "Backup", "Auditing", "Catalogue", "Stores", "Tokens", "Pkcs11", "Format", "Protection"],
        ["Reporting"] = ["Drills", "Scheduling", "Handover", "Clusters", "Retention", "Backup", "Auditing", "Catalogue", "Stores", "Tokens", "Format", "Protection"],
        ["Monitoring"] = ["Reporting", "Drills", "Scheduling", "Handover", "Clusters", "Retention", "Backup", "Auditing", "Catalogue", "Stores", "Tokens", "Format", "Protection"],
    };

    private static readonly string Source = Path.Combine(FindRoot(), "src", "HsmBackup.Engine");

    public static TheoryData<string> Folders => [.. Allowed.Keys];

    [Theory]
    [MemberData(nameof(Folders))]
    public void Dependencies_point_one_way(string folder)
    {
        foreach (string file in FilesOf(folder))
        {
            foreach (string used in FoldersUsedBy(File.ReadAllLines(file)).Where(u => u != folder))
            {
                Assert.True(Allowed[folder].Contains(used), $"{Path.GetRelativePath(Source, file)} uses {used}, which {(folder.Length == 0 ? "the root" : folder)} must not");
            }
        }
    }

    [Fact]
    public void Every_folder_of_the_engine_has_its_rule() => Assert.Equal(
        Allowed.Keys.Where(k => k.Length > 0).Order(StringComparer.Ordinal),
        Directory.GetDirectories(Source).Select(d => Path.GetFileName(d)!).Where(d => d is not ("bin" or "obj")).Order(StringComparer.Ordinal));

    [Fact]
    public void A_namespace_is_the_folder_that_its_file_is_in()
    {
        foreach (string folder in Allowed.Keys)
        {
            string expected = folder.Length == 0 ? "namespace HsmBackup.Engine;" : $"namespace HsmBackup.Engine.{folder}";
            Assert.All(FilesOf(folder), f => Assert.Contains(expected, File.ReadAllText(f), StringComparison.Ordinal));
        }
    }

    [Theory]
    [InlineData("using HsmBackup.Engine.Pkcs11;")]
    [InlineData("using static HsmBackup.Engine.Pkcs11.Ckr;")]
    [InlineData("using Codes = HsmBackup.Engine.Pkcs11.Ckr;")]
    [InlineData("        return rv == HsmBackup.Engine.Pkcs11.Ckr.Ok;")]
    [InlineData("        return rv == Pkcs11.Ckr.Ok;")]
    [InlineData("        Engine.Pkcs11.Native.CK_ATTRIBUTE attribute;")]
    public void However_it_is_written_a_use_is_found(string line) => Assert.Equal(["Pkcs11"], FoldersUsedBy([line]));

    [Theory]
    [InlineData("/// <summary>See <see cref=\"Pkcs11.Ckr\"/>.</summary>")]
    [InlineData("        var x = record.Format; // Pkcs11.Ckr")]
    [InlineData("        Check(backup.Protection, \"Pkcs11.Ckr\");")]
    public void What_is_no_use_is_not_taken_for_one(string line) => Assert.Empty(FoldersUsedBy([line]));

    [Fact]
    public void The_engine_knows_nothing_of_PowerShell_and_needs_no_package()
    {
        string platform = Path.GetDirectoryName(typeof(object).Assembly.Location)!;
        foreach (AssemblyName reference in typeof(HsmBackupException).Assembly.GetReferencedAssemblies())
        {
            // Pkcs is part of PowerShell 7 itself; the rest is the platform.
            Assert.True(reference.Name == "System.Security.Cryptography.Pkcs" || File.Exists(Path.Combine(platform, reference.Name + ".dll")), reference.Name);
        }
    }

    private static string[] FilesOf(string folder) => folder.Length == 0
        ? Directory.GetFiles(Source, "*.cs")
        : Directory.GetFiles(Path.Combine(Source, folder), "*.cs", SearchOption.AllDirectories);

    private static SortedSet<string> FoldersUsedBy(IEnumerable<string> lines)
    {
        var used = new SortedSet<string>(StringComparer.Ordinal);
        foreach (string line in lines)
        {
            string code = Text().Replace(Comment().Replace(line, ""), "\"\"");
            foreach (Match match in Use().Matches(code).Where(_ => !code.StartsWith("namespace ", StringComparison.Ordinal)))
            {
                used.Add(match.Groups["folder"].Value);
            }
        }
        return used;
    }

    private static string FindRoot()
    {
        string? folder = AppContext.BaseDirectory;
        while (folder is not null && !File.Exists(Path.Combine(folder, "HsmBackup.sln")))
        {
            folder = Path.GetDirectoryName(folder);
        }
        return folder ?? throw new InvalidOperationException("The tests do not run from within the sources.");
    }

    // After "HsmBackup.Engine." or "Engine.", or as the first part of a qualified name; not as a member of something.
    [GeneratedRegex(@"(?:(?:\bHsmBackup\.)?\bEngine\.|(?<![\w.]))(?<folder>Protection|Pkcs11|Format|Tokens|Stores|Auditing|Catalogue|Backup|Retention|Clusters|Handover|Scheduling|Drills|Reporting|Monitoring)(?:;|\.[A-Z])")]
    private static partial Regex Use();

    [GeneratedRegex(@"//.*$")]
    private static partial Regex Comment();

    [GeneratedRegex("\"[^\"]*\"")]
    private static partial Regex Text();
}
