using System.Text;
using HsmBackup.Engine.Clusters;
using HsmBackup.Engine.Clusters.Definitions;
using HsmBackup.Engine.Reporting;
using HsmBackup.Engine.Tests.Protection;
using HsmBackup.Engine.Tests.Support;
using Xunit;

namespace HsmBackup.Engine.Tests.Reporting;

/// <summary>What is known of a runbook that was exported: whether it is what it was, and fits the configuration as it is now.</summary>
public sealed class RunbookRecordsTests : IDisposable
{
    private readonly TestFolder _folder = new();

    public static TheoryData<string> Parts =>
    [
        "nodes", "clusterKey", "contacts", "escalation", "stores", "schedule", "retention", "drill", "targets", "policy", "acknowledged",
        "identityCertificate", "name", "description", "definition",
    ];

    [Theory]
    [MemberData(nameof(Parts))]
    public void A_change_of_any_part_makes_it_outdated(string part)
    {
        RunbookSource source = SampleRunbooks.Source();
        string path = Export(source)[0].Path;
        ClusterDefinition changed = Change(source.Cluster, part);
        RunbookState state = RunbookTest.Of(path, changed, _folder.Root);
        Assert.Equal((RunbookStatus.Outdated, part), (state.Status, Assert.Single(state.OutdatedParts)));
        RunbookState remembered = RunbookRecords.StateOf(_folder.Root, changed);
        Assert.Equal((RunbookStatus.Outdated, part), (remembered.Status, Assert.Single(remembered.OutdatedParts)));
        Assert.Equal(RunbookStatus.Current, RunbookTest.Of(path, source.Cluster, _folder.Root).Status);
    }

    [Theory]
    [InlineData(RunbookFormat.Html)]
    [InlineData(RunbookFormat.Markdown)]
    public void One_changed_byte_anywhere_is_noticed(RunbookFormat format)
    {
        RunbookSource source = SampleRunbooks.Source();
        string path = Export(source).Single(e => e.Format == format).Path;
        byte[] content = File.ReadAllBytes(path);
        int seal = Encoding.UTF8.GetString(content).IndexOf("<!-- hsmbackup-runbook", StringComparison.Ordinal);
        foreach (int at in (int[])[0, content.Length / 4, content.Length / 2, seal - 1, content.Length - 200, content.Length - 40,
            content.Length - 2, content.Length - 1])
        {
            byte[] changed = [.. content];
            changed[at] ^= 1;
            File.WriteAllBytes(path, changed);
            // Where the seal itself cannot be read any more, it is no runbook; never a good one. Nothing that is remembered is needed
            // for that.
            RunbookStatus? status = null;
            Exception? refused = Record.Exception(() => status = RunbookTest.Of(path, source.Cluster, _folder.Folder("nothing")).Status);
            Assert.True(refused is HsmBackupException { Code: ErrorCode.InvalidArgument } || status == RunbookStatus.Altered,
                $"byte {at}: {status}");
            Assert.Equal(RunbookStatus.Altered, RunbookRecords.StateOf(_folder.Root, source.Cluster).Status);
        }
    }

    [Fact]
    public void A_runbook_of_which_no_file_is_left_is_missing()
    {
        RunbookSource source = SampleRunbooks.Source();
        IReadOnlyList<ExportedRunbook> files = Export(source);
        File.Delete(files[0].Path);
        Assert.Equal(RunbookStatus.Current, RunbookRecords.StateOf(_folder.Root, source.Cluster).Status);
        File.Delete(files[1].Path);
        RunbookState state = RunbookRecords.StateOf(_folder.Root, source.Cluster);
        Assert.Equal((RunbookStatus.Missing, files[1].Path, false), (state.Status, state.Path, state.IsReliable));
    }

    [Fact]
    public void A_form_that_was_left_as_it_was_makes_it_outdated()
    {
        RunbookSource before = SampleRunbooks.Source();
        string old = Export(before with { Cluster = before.Cluster with { Contacts = [] } })
            .Single(e => e.Format == RunbookFormat.Markdown).Path;
        _ = Runbook.Export(before with { Made = before.Made.AddDays(1) }, _folder.File("runbooks-out"), [RunbookFormat.Html],
            overwrite: false, _folder.Root);
        RunbookState state = RunbookRecords.StateOf(_folder.Root, before.Cluster);
        Assert.Equal((RunbookStatus.Outdated, old, "contacts"), (state.Status, state.Path, Assert.Single(state.OutdatedParts)));
    }

    [Fact]
    public void A_copy_that_was_put_away_is_held_against_what_is_remembered_of_its_export()
    {
        RunbookSource source = SampleRunbooks.Source();
        string copy = _folder.File("copy.md");
        File.Copy(Export(source).Single(e => e.Format == RunbookFormat.Markdown).Path, copy);
        RunbookState known = RunbookTest.Of(copy, source.Cluster, _folder.Root);
        Assert.Equal((RunbookStatus.Current, true), (known.Status, known.Remembered));
        RunbookState elsewhere = RunbookTest.Of(copy, source.Cluster, _folder.Folder("nothing"));
        Assert.Equal((RunbookStatus.Current, false), (elsewhere.Status, elsewhere.Remembered));
        // Somebody changes a number and makes a new digest, as this program would.
        string body = File.ReadAllText(copy);
        string changed = body[..body.IndexOf("<!-- hsmbackup-runbook", StringComparison.Ordinal)]
            .Replace("+41", "+49", StringComparison.Ordinal);
        File.WriteAllBytes(copy, RunbookSeal.Of(source).AppendTo(Encoding.UTF8.GetBytes(changed)));
        Assert.Equal(RunbookStatus.Altered, RunbookTest.Of(copy, source.Cluster, _folder.Root).Status);
    }

    [Fact]
    public void Health_hears_of_a_runbook_that_was_never_made_or_cannot_be_read()
    {
        ClusterDefinition cluster = SampleRunbooks.Cluster();
        Assert.Equal(RunbookStatus.Missing, RunbookRecords.StateOf(_folder.Root, cluster).Status);
        _ = Export(SampleRunbooks.Source());
        string remembered = Path.Combine(_folder.Root, "runbooks", cluster.Id + ".json");
        File.WriteAllText(remembered, "{ half");
        HsmBackupException damaged = Refusal.Of(ErrorCode.DestinationUnwritable, () => RunbookRecords.StateOf(_folder.Root, cluster));
        Assert.Contains(remembered, damaged.RecommendedAction, StringComparison.Ordinal);
        _ = Export(SampleRunbooks.Source());
        Assert.Equal(RunbookStatus.Current, RunbookRecords.StateOf(_folder.Root, cluster).Status);
    }

    [Fact]
    public void What_somebody_has_edited_stays_unless_it_is_forced()
    {
        RunbookSource source = SampleRunbooks.Source();
        string path = Export(source)[0].Path;
        _ = Export(source);
        File.AppendAllText(path, "a note by hand");
        _ = Refusal.Of(ErrorCode.InvalidArgument, () => Export(source));
        Assert.EndsWith("a note by hand", File.ReadAllText(path), StringComparison.Ordinal);
        _ = Export(source, overwrite: true);
        Assert.Equal(RunbookStatus.Current, RunbookTest.Of(path, source.Cluster, _folder.Root).Status);
    }

    [Fact]
    public void Where_one_form_may_not_be_replaced_the_others_stay_what_they_were()
    {
        RunbookSource source = SampleRunbooks.Source();
        IReadOnlyList<ExportedRunbook> files = Export(source);
        byte[] before = File.ReadAllBytes(files[0].Path);
        File.AppendAllText(files[1].Path, "a note by hand");
        Assert.Equal([RunbookFormat.Html, RunbookFormat.Markdown], files.Select(f => f.Format));
        HsmBackupException refused = Refusal.Of(ErrorCode.InvalidArgument, () => Export(source with { Made = source.Made.AddDays(1) }));
        Assert.Equal(files[1].Path, refused.Target);
        Assert.Equal(before, File.ReadAllBytes(files[0].Path));
        Assert.Equal(RunbookStatus.Current, RunbookTest.Of(files[0].Path, source.Cluster, _folder.Root).Status);
    }

    [Fact]
    public void A_form_that_was_written_before_the_next_could_not_be_is_on_record()
    {
        RunbookSource source = SampleRunbooks.Source();
        IReadOnlyList<ExportedRunbook> files = Export(source);
        // Nobody can write a file where a folder is.
        Directory.CreateDirectory(files[1].Path + ".new");
        _ = Refusal.Of(ErrorCode.DestinationUnwritable, () => Export(source with { Made = source.Made.AddDays(1) }));
        RunbookState written = RunbookTest.Of(files[0].Path, source.Cluster, _folder.Root);
        Assert.Equal((RunbookStatus.Current, source.Made.AddDays(1), true), (written.Status, written.Made, written.Remembered));
        Assert.Equal(RunbookStatus.Current, RunbookRecords.StateOf(_folder.Root, source.Cluster).Status);
    }

    public void Dispose() => _folder.Dispose();

    private static ClusterDefinition Change(ClusterDefinition cluster, string part) => part switch
    {
        "description" => cluster with { Description = "Something else" },
        "definition" => cluster with { DefinitionPath = "/srv/moved/payments.hsmcluster.json" },
        "name" => cluster with { Name = "payments2" },
        "nodes" => cluster with { Nodes = [.. cluster.Nodes.Skip(1)], Schedule = cluster.Schedule },
        "clusterKey" => cluster with { ClusterKey = cluster.ClusterKey! with { ShareSetId = 1 } },
        "identityCertificate" => cluster with
        {
            IdentityCertificate = Clusters.Definitions.TestDefinition.Full()["identityCertificate"]!.GetValue<string>(),
        },
        "acknowledged" => cluster with { Acknowledged = [] },
        "contacts" => cluster with { Contacts = [.. cluster.Contacts.Reverse()] },
        "escalation" => cluster with { Escalation = [.. cluster.Escalation.SkipLast(1)] },
        "stores" => cluster with { Stores = [.. cluster.Stores.SkipLast(1)] },
        "schedule" => cluster with { Schedule = cluster.Schedule! with { Utc = false } },
        "retention" => cluster with { Retention = new ClusterRetention { MinimumCopies = 2 } },
        "drill" => cluster with { Drill = cluster.Drill! with { SampleSize = 9 } },
        "targets" => cluster with { Targets = new RecoveryTargets { Rto = TimeSpan.FromHours(2) } },
        "policy" => cluster with { Policy = null },
        _ => throw new ArgumentOutOfRangeException(nameof(part), part, "No such part."),
    };

    private IReadOnlyList<ExportedRunbook> Export(RunbookSource source, bool overwrite = false) =>
        Runbook.Export(source, _folder.File("runbooks-out"), Enum.GetValues<RunbookFormat>(), overwrite, _folder.Root);
}
