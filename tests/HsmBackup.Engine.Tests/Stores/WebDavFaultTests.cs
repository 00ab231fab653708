using System.Security.Cryptography;
using HsmBackup.Engine.Stores;
using HsmBackup.Engine.Tests.Support;
using Xunit;

namespace HsmBackup.Engine.Tests.Stores;


/// <summary>A server that fails, lies or falls silent: nothing partial is ever a backup, what is safe is repeated, and errors say what to do.</summary>
public sealed class WebDavFaultTests : WebDavTrial
{
    [Fact]
    public void Without_faults_a_file_takes_one_request_for_each_step()
    {
        Add();

        Assert.Equal(["PROPFIND", "PROPFIND", "PUT", "GET", "MOVE", "PROPFIND"], Server.Requests.Select(r => r.Method));
        DavRequest put = Server.Requests.Single(r => r.Method == "PUT");
        Assert.True(put.IsTemporary);
        Assert.Equal("*", put.Headers["If-None-Match"]);
        Assert.Equal("F", Server.Requests.Single(r => r.Method == "MOVE").Headers["Overwrite"]);
        Assert.Equal(1, Server.Connections);
        Assert.Empty(Delays);
    }

    [Fact]
    public void A_connection_that_is_cut_in_mid_PUT_is_tried_again_under_another_name()
    {
        Server.Fault = r => r.Method == "PUT" && Server.Count("PUT") < 3 ? new DavFault { CutUploadAt = 300_000 } : null;

        Add();

        AssertOnly(Content);
        Assert.Equal(3, Server.Requests.Where(r => r.Method == "PUT").Select(r => r.Path).Distinct().Count());
        Assert.Equal(2, Delays.Count);
    }

    [Fact]
    public void A_connection_that_is_always_cut_in_mid_PUT_leaves_nothing()
    {
        Server.Fault = r => r.Method == "PUT" ? new DavFault { CutUploadAt = 300_000 } : null;

        Refused(ErrorCode.StoreUnavailable, Add);

        Assert.Empty(Server.Files);
        Assert.Equal(5, Server.Count("PUT"));
        // Each wait is about twice the one before.
        Assert.Equal(4, Delays.Count);
        Assert.All(Delays.Select((d, i) => d / Math.Pow(2, i)), d => Assert.InRange(d, TimeSpan.FromSeconds(0.5), TimeSpan.FromSeconds(1)));
    }

    [Fact]
    public void A_connection_that_is_cut_in_mid_GET_is_taken_up_where_it_broke()
    {
        Plant(Content);
        Server.Fault = r => r.Method == "GET" && Server.Count("GET") < 3 ? new DavFault { CutAnswerAt = 300_000 } : null;

        Assert.Equal(Content, Read());

        Assert.Equal(["all", "bytes=300000-", "bytes=600000-"], Ranges());
    }

    [Fact]
    public void A_connection_that_is_always_cut_in_mid_GET_fails_in_the_end()
    {
        Plant(Content);
        Server.Fault = r => r.Method == "GET" ? new DavFault { CutAnswerAt = 0 } : null;

        Refused(ErrorCode.StoreUnavailable, () => Read());

        Assert.Equal(5, Server.Count("GET"));
    }

    [Fact]
    public void Two_versions_are_never_mixed()
    {
        byte[] other = RandomNumberGenerator.GetBytes(900_000);
        Plant(Content);
        Server.Fault = r => r.Method != "GET" ? null
            : Server.Count("GET") == 1 ? new DavFault { CutAnswerAt = 300_000 }
            : new DavFault { Before = () => Plant(other) };

        Assert.Equal(other, Read());

        Assert.Equal(["all", "bytes=300000-"], Ranges());
    }

    [Theory]
    [InlineData("ETag: \"another\"\r\n")]
    [InlineData("ETag: W/\"weak\"\r\n")]
    public void A_part_with_another_entity_tag_is_not_taken(string tag)
    {
        Plant(Content);
        Server.Fault = r => r.Method != "GET" ? null
            : Server.Count("GET") == 1 ? new DavFault { CutAnswerAt = 300_000 }
            : Server.Count("GET") == 2 ? new DavFault { Status = 206, Headers = $"{tag}Content-Range: bytes 300000-300003/1000000\r\n", Body = "evil" }
            : null;

        Assert.Equal(Content, Read());

        Assert.Equal(["all", "bytes=300000-", "all"], Ranges());
    }

    [Fact]
    public void A_server_that_knows_no_ranges_sends_all_again()
    {
        Plant(Content);
        Server.Fault = r => r.Method != "GET" ? null : new DavFault { IgnoreRange = true, CutAnswerAt = Server.Count("GET") == 1 ? 300_000 : null };

        Assert.Equal(Content, Read());
        Assert.Equal(Content[..1000], Store.ReadStart(Name, 1000, CancellationToken.None));
    }

    [Fact]
    public void What_cannot_be_taken_back_is_no_place_for_a_second_version()
    {
        Plant(Content);
        Server.Fault = r => r.Method == "GET" ? new DavFault { IgnoreRange = true, CutAnswerAt = 300_000 } : null;
        using var destination = new ForwardOnly();

        Refused(ErrorCode.StoreUnavailable, () => Store.Read(Name, destination, CancellationToken.None));
    }

    [Fact]
    public void A_move_whose_answer_was_lost_is_found_to_have_been_done()
    {
        Server.Fault = r => r.Method == "MOVE" ? new DavFault { CutAfter = true } : null;

        Add();

        AssertOnly(Content);
    }

    [Fact]
    public void A_move_that_was_lost_before_it_was_done_is_repeated()
    {
        Server.Fault = r => r.Method == "MOVE" && Server.Count("MOVE") < 3 ? new DavFault { Status = 500 } : null;

        Add();

        AssertOnly(Content);
        Assert.Equal(3, Server.Count("MOVE"));
    }

    [Fact]
    public void A_move_whose_answer_was_lost_because_somebody_else_came_first_is_not_taken_for_done()
    {
        byte[] other = RandomNumberGenerator.GetBytes(Content.Length);
        Server.Fault = r => r.Method == "MOVE" && Server.Count("MOVE") == 1 ? new DavFault { Before = () => Plant(other), CutAfter = true } : null;

        Refused(ErrorCode.CopyExists, Add);

        AssertOnly(other);
    }

    [Fact]
    public void A_server_that_dies_over_the_move_leaves_a_doubt_and_one_that_takes_nothing_none()
    {
        Server.Fault = r => r.Method == "MOVE" ? new DavFault { CutAfter = true } : Server.Count("MOVE") > 0 ? new DavFault { Status = 503 } : null;
        Assert.IsType<AdditionInDoubt>(Assert.Throws<HsmBackupException>(Add).Result);
        AssertOnly(Content);

        Server.Fault = r => new DavFault { Status = 503 };
        Assert.Null(Assert.Throws<HsmBackupException>(Add).Result);
    }

    [Fact]
    public void A_document_whose_move_lost_its_answer_is_in_its_place()
    {
        Plant([1, 2, 3]);
        Server.Fault = r => r.Method == "MOVE" && Server.Count("MOVE") == 1 ? new DavFault { CutAfter = true } : null;

        ((IBackupStore)Store).Replace(Name, Content, CancellationToken.None);

        AssertOnly(Content);
    }

    [Theory]
    [InlineData("PUT")]
    [InlineData("GET")]
    [InlineData("MOVE")]
    [InlineData("PROPFIND")]
    public void Errors_of_the_server_that_pass_are_outlasted(string method)
    {
        int[] statuses = [500, 502, 503, 429];
        Server.Fault = r => r.Method == method && Server.Count(method) <= statuses.Length ? new DavFault { Status = statuses[Server.Count(method) - 1] } : null;

        Add();

        AssertOnly(Content);
        Assert.Equal(4, Delays.Count);
    }

    [Theory]
    [InlineData("PUT")]
    [InlineData("GET")]
    [InlineData("MOVE")]
    [InlineData("PROPFIND")]
    public void Errors_of_the_server_that_stay_are_an_error_and_leave_nothing(string method)
    {
        Server.Fault = r => r.Method == method ? new DavFault { Status = 500 } : null;

        HsmBackupException refusal = Refused(ErrorCode.StoreUnavailable, Add);

        Assert.Contains("500", refusal.Message, StringComparison.Ordinal);
        Assert.Empty(Server.Files);
        Assert.Equal(5, Server.Count(method));
    }

    [Theory]
    [InlineData(400, ErrorCode.StoreUnavailable)]
    [InlineData(401, ErrorCode.StoreRefused)]
    [InlineData(403, ErrorCode.StoreRefused)]
    [InlineData(405, ErrorCode.StoreUnavailable)]
    [InlineData(409, ErrorCode.StoreUnavailable)]
    [InlineData(413, ErrorCode.DiskFull)]
    [InlineData(423, ErrorCode.StoreUnavailable)]
    [InlineData(507, ErrorCode.DiskFull)]
    public void What_the_server_will_not_have_is_not_sent_twice(int status, ErrorCode code)
    {
        Server.Fault = r => r.Method == "PUT" ? new DavFault { Status = status } : null;

        Refused(code, Add);

        Assert.Equal(1, Server.Count("PUT"));
        Assert.Empty(Server.Files);
        Assert.Empty(Delays);
    }

    [Fact]
    public void A_server_that_asks_for_time_gets_it()
    {
        Server.Fault = r => r.Method == "PUT" && Server.Count("PUT") == 1 ? new DavFault { Status = 503, Headers = "Retry-After: 17\r\n" }
            : r.Method == "MOVE" && Server.Count("MOVE") == 1 ? new DavFault { Status = 429, Headers = $"Retry-After: {DateTimeOffset.UtcNow.AddSeconds(40):r}\r\n" }
            : null;

        Add();

        Assert.Equal(TimeSpan.FromSeconds(17), Delays[0]);
        Assert.InRange(Delays[1], TimeSpan.FromSeconds(30), TimeSpan.FromSeconds(41));
    }

    [Fact]
    public void A_server_that_asks_for_too_much_time_is_not_waited_for()
    {
        Server.Fault = r => new DavFault { Status = 503, Headers = "Retry-After: 3600\r\n" };

        Assert.Contains("3600", Refused(ErrorCode.StoreUnavailable, Add).Message, StringComparison.Ordinal);

        Assert.Empty(Delays);
    }

    [Theory]
    [InlineData("PUT")]
    [InlineData("GET")]
    public void What_does_not_read_back_as_it_was_written_is_never_listed(string method)
    {
        Server.Fault = r => r.Method == method ? new DavFault { Corrupt = true } : null;

        Refused(ErrorCode.IntegrityFailed, Add);

        Assert.Empty(Server.Files);
        Assert.Equal(0, Server.Count("MOVE"));
    }

    [Fact]
    public void A_file_that_shrinks_when_it_gets_its_name_is_removed()
    {
        Server.Fault = r => r.Method == "PROPFIND" && Server.Count("MOVE") == 1 && !r.IsTemporary && r.Name == Name
            ? new DavFault { Before = () => Plant(Content[..1000]) } : null;

        Refused(ErrorCode.IntegrityFailed, Add);

        Assert.Empty(Server.Files);
    }

    [Theory]
    [InlineData("PUT")]
    [InlineData("GET")]
    [InlineData("PROPFIND")]
    public void A_server_that_falls_silent_is_not_waited_for(string method)
    {
        // A request that may have to connect first has the time for that as well.
        using WebDavStore hasty = Open(s => s with
        {
            Patience = s.Patience with { Connect = TimeSpan.FromSeconds(2), Silence = TimeSpan.FromMilliseconds(200), Attempts = 2 },
        });
        Server.Fault = r => r.Method == method ? new DavFault { Silent = true } : null;
        using var content = new MemoryStream(Content);

        HsmBackupException refusal = Refused(ErrorCode.StoreUnavailable, () => hasty.Add(Name, content, CancellationToken.None));

        Assert.Contains("silent", refusal.Message, StringComparison.Ordinal);
        Assert.DoesNotContain(Name, Server.Files.Keys);
    }

    [Fact]
    public void A_slow_server_that_makes_progress_is_waited_for()
    {
        Plant(Content);
        using WebDavStore hasty = Open(s => s with { Patience = s.Patience with { Silence = TimeSpan.FromMilliseconds(900) } });
        // Five pauses, each shorter than the patience and all of them longer.
        Server.Fault = r => new DavFault { Before = () => Thread.Sleep(300) };
        using var content = new MemoryStream(Content);

        hasty.Add("b.hsmbackup", content, CancellationToken.None);

        Assert.Empty(Delays);
    }

    [Fact]
    public void Whoever_gives_up_is_not_held_by_a_silent_server()
    {
        using var source = new CancellationTokenSource();
        Server.Fault = r => new DavFault { Before = source.Cancel, Silent = true };

        Refused(ErrorCode.Cancelled, () => Store.List(source.Token));
    }

    [Fact]
    public void A_server_that_is_not_there_is_named()
    {
        Server.Dispose();

        HsmBackupException refusal = Refused(ErrorCode.StoreUnavailable, Add);

        Assert.Contains(Store.Location, refusal.Message, StringComparison.Ordinal);
        Assert.Equal(4, Delays.Count);
    }

    private sealed class ForwardOnly : MemoryStream
    {
        public override bool CanSeek => false;
    }
}
