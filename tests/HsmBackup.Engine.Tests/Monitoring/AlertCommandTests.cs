using System.Text.Json.Nodes;
using HsmBackup.Engine.Tests.Protection;
using Xunit;

namespace HsmBackup.Engine.Tests.Monitoring;

public sealed class AlertCommandTests
{
    [Fact]
    public void A_program_gets_the_JSON_its_arguments_and_no_secret_of_the_cluster()
    {
        using var folder = new TestFolder();
        using var trial = new AlertTrial(new
        {
            name = "pager",
            kind = "command",
            program = "/bin/sh",
            arguments = new[] { "-c", "cat > \"$1.json\"; env > \"$1.env\"", "sh", folder.File("got") },
        });
        Environment.SetEnvironmentVariable("HSM_DAV_PASSWORD", "s3cr3t-of-a-store");
        try
        {
            trial.Raise();
            Assert.Empty(trial.Deliver());
        }
        finally
        {
            Environment.SetEnvironmentVariable("HSM_DAV_PASSWORD", null);
        }
        Assert.Equal("RoomTooWarm", (string)JsonNode.Parse(File.ReadAllText(folder.File("got.json")))!["data"]!["name"]!);
        string environment = File.ReadAllText(folder.File("got.env"));
        Assert.Contains("PATH=", environment, StringComparison.Ordinal);
        Assert.DoesNotContain("s3cr3t", environment, StringComparison.Ordinal);
    }

    [Fact]
    public void One_that_fails_says_why_and_holds_up_no_other_channel()
    {
        using var folder = new TestFolder();
        using var trial = new AlertTrial(
            new
            {
                name = "bad",
                kind = "command",
                program = "/bin/sh",
                arguments = new[] { "-c", "echo no line to the pager >&2; exit 3" }
            },
            new { name = "none", kind = "command", program = folder.File("none") },
            new { name = "deaf", kind = "command", program = "/bin/true" });
        trial.Raise();
        Assert.Equal(["bad", "none"], trial.Deliver().Select(f => f.Channel));
        Assert.Equal("'/bin/sh' ended with 3: no line to the pager", trial.Kept[0].Notices[0].Deliveries[0].Error);
        Assert.NotNull(trial.Kept[0].Notices[0].Deliveries[2].Delivered);
    }

    [Fact]
    public void One_that_leaves_a_child_behind_has_taken_the_notice_all_the_same()
    {
        using var folder = new TestFolder();
        using var trial = new AlertTrial(new
        {
            name = "daemon",
            kind = "command",
            program = "/bin/sh",
            arguments = new[] { "-c", "sleep 8 & exit 0" },
            timeout = 4
        });
        trial.Raise();
        Assert.Empty(trial.Deliver());
        Assert.NotNull(trial.Kept[0].Notices[0].Deliveries[0].Delivered);
    }

    [Fact]
    public void One_that_does_not_end_is_ended_with_all_that_it_started()
    {
        using var folder = new TestFolder();
        using var trial = new AlertTrial(new
        {
            name = "slow",
            kind = "command",
            program = "/bin/sh",
            arguments = new[] { "-c", "sleep 60 & echo $! > \"$1\"; wait", "sh", folder.File("child") },
            timeout = 0.3,
        });
        trial.Raise();
        Assert.Contains("was killed", Assert.Single(trial.Deliver()).Reason, StringComparison.Ordinal);
        string child = File.ReadAllText(folder.File("child")).Trim();
        Assert.True(SpinWait.SpinUntil(() => !Directory.Exists($"/proc/{child}") || File.ReadAllText($"/proc/{child}/stat")
            .Contains(") Z ", StringComparison.Ordinal), TimeSpan.FromSeconds(10)));
    }
}
