using System.Text;
using System.Text.Json.Nodes;
using HsmBackup.Engine.Backup;
using HsmBackup.Engine.Clusters;
using HsmBackup.Engine.Clusters.Definitions;
using HsmBackup.Engine.Clusters.Keys;
using HsmBackup.Engine.Pkcs11;
using HsmBackup.Engine.Retention;
using HsmBackup.Engine.Stores;
using HsmBackup.Engine.Tests.Support;
using HsmBackup.Engine.Tokens;
using Xunit;

namespace HsmBackup.Engine.Tests.Clusters.Definitions;

public sealed class ClusterDefinitionTests
{
    [Fact]
    public void Everything_of_a_definition_is_read()
    {
        ClusterDefinition definition = TestDefinition.Read(TestDefinition.With(_ => { }));
        Assert.Equal(("cluster-0123456789abcdef", "payments", "Card payments, production"), (definition.Id, definition.Name, definition.Description));
        ClusterNode first = definition.Nodes[0], second = definition.Nodes[1];
        Assert.Equal(("zurich-1", "Zürich", TimeSpan.FromSeconds(5)), (first.Name, first.Zone, first.Timeout));
        Assert.Equal(("/opt/vendor/lib/libpkcs11-a.so", "payments", null), (first.Address.Library.Path, first.Address.TokenLabel, first.Address.TokenSerial));
        Assert.Equal("/etc/vendor/zurich-1.conf", first.Address.Library.Environment!["VENDOR_CONFIG"]);
        Assert.Equal((Quirks.None, Quirks.WrapRoundsLengths), (first.Address.Library.QuirksOn, first.Address.Library.QuirksOff));
        Assert.Equal(new FilePin("/etc/hsmbackup/pins/zurich-1"), first.Pin);
        Assert.Equal("b7a1c09d55e2f310", second.Address.TokenSerial);
        Assert.StartsWith("configDir=", second.Address.Library.Parameters, StringComparison.Ordinal);
        Assert.Equal(Quirks.IdentifierIsUnique | Quirks.UnwrapNeedsNssDb, second.Address.Library.QuirksOn);
        Assert.Equal(new SecretPin("Hsm", "bern-1"), second.Pin);
        Assert.Equal(TimeSpan.FromSeconds(30), second.Timeout);
        ClusterKeyInfo key = definition.ClusterKey!;
        Assert.Equal(("8b1d6b7c5e0f4a3929384756aabbccdd", 4711, 3, 5), (key.Check, key.ShareSetId, key.Threshold, key.Shares));
        Assert.Equal(4, key.WrapChecks.Count);
        Assert.Equal("fedcba9876543210fedcba9876543210", key.WrapChecks[WrapForm.CbcPad]);
        Assert.Equal(new DateTimeOffset(2026, 11, 22, 2, 30, 0, TimeSpan.Zero), key.Created);
        Assert.Equal([815], key.RetiredShareSets);
        Assert.NotNull(definition.IdentityCertificate);
        Assert.Equal(("attestation", "a0", "CKO_PRIVATE_KEY"), (definition.Acknowledged[0].Label, definition.Acknowledged[0].Id, definition.Acknowledged[0].Class));
        Assert.Equal(("A. Muster", "officer@example.com"), (definition.Contacts[0].Name, definition.Contacts[0].Email));
        Assert.Equal(TimeSpan.FromMinutes(30), definition.Escalation[1].After);
        Assert.Equal(["A. Muster", "Duty desk"], definition.Escalation[1].Contacts);
        Assert.Equal([StoreKind.Directory, StoreKind.Offline, StoreKind.WebDav, StoreKind.WebDav], definition.Stores.Select(s => s.Kind));
        Assert.Equal(("hsmbackup", new EnvironmentPin("HSM_DAV_PASSWORD"), StoreAuthentication.Basic),
            (definition.Stores[2].User, definition.Stores[2].Password, definition.Stores[2].Authentication));
        Assert.Equal((StoreAuthentication.Bearer, "/etc/hsmbackup/abroad-ca.pem"), (definition.Stores[3].Authentication, definition.Stores[3].CertificateAuthority));
        Assert.Equal([new TimeOnly(2, 30)], definition.Schedule!.Times);
        Assert.Equal([DayOfWeek.Monday, DayOfWeek.Thursday], definition.Schedule.Days);
        Assert.True(definition.Schedule.Utc);
        Assert.Equal("zurich-1", definition.Schedule.Node);
        Assert.Equal(["local", "remote"], definition.Schedule.Stores);
        Assert.Equal(["/etc/hsmbackup/officer.pem"], definition.Schedule.KeyRecipients);
        Assert.Equal(new ClusterRetention
        {
            Online = new RetentionRules { KeepLast = 5, KeepWithin = TimeSpan.FromDays(10), MaximumAge = TimeSpan.FromDays(60) },
            Offline = new RetentionRules { KeepDaily = 7, KeepWeekly = 5, KeepMonthly = 12, KeepYearly = 7 },
            MinimumCopies = 2,
            RemovalDelay = TimeSpan.FromDays(30),
        }, definition.Retention);
        Assert.Equal(TimeSpan.FromDays(90), definition.Drill!.Interval);
        Assert.Equal(("payments-drill", true, 5), (definition.Drill.Cluster, definition.Drill.SoftwareTargets, definition.Drill.SampleSize));
        Assert.Equal(["A. Muster"], definition.Drill.Participants);
        Assert.Equal(new RecoveryTargets { Rto = TimeSpan.FromHours(4), Rpo = TimeSpan.FromDays(4) }, definition.Targets);
        Assert.Equal(new ClusterPolicy
        {
            MaximumBackupAge = TimeSpan.FromDays(4),
            MaximumDrillAge = TimeSpan.FromDays(100),
            MaximumVerificationAge = TimeSpan.FromDays(90),
        }, definition.Policy);
        Assert.Equal("/var/lib/prometheus/node-exporter/hsmbackup-payments.prom", definition.Metrics!.Path);
        Assert.Equal(TimeSpan.FromDays(1), definition.Alerts!.Repeat);
        Assert.Equal(["duty: Webhook", "pager: Command", "mail: Mail", "watchdog: Heartbeat"], definition.Alerts.Channels.Select(c => $"{c.Name}: {c.Kind}"));
        Assert.Equal((new AlertAddress("https://alerts.example.com/hsm", null), new FilePin("/etc/hsmbackup/alerts.key"), new EnvironmentPin("HSM_ALERT_TOKEN")),
            (definition.Alerts.Channels[0].Url, definition.Alerts.Channels[0].Key, definition.Alerts.Channels[0].Token));
        Assert.Equal((AlertSeverity.Critical, TimeSpan.FromSeconds(10)), (definition.Alerts.Channels[1].MinimumSeverity, definition.Alerts.Channels[1].Timeout));
        Assert.Equal((465, MailSecurity.Tls, "hsmbackup@example.com"),
            (definition.Alerts.Channels[2].Port, definition.Alerts.Channels[2].Security, definition.Alerts.Channels[2].From));
        Assert.Equal(new AlertAddress(null, new FilePin("/etc/hsmbackup/watchdog.url")), definition.Alerts.Channels[3].Url);
    }

    [Theory]
    [InlineData("""{"name":"x","kind":"webhook"}""", "url is missing")]
    [InlineData("""{"name":"x","kind":"mail","server":"mail"}""", "from is missing")]
    [InlineData("""{"name":"x","kind":"command","program":"/bin/page","to":["a@b"]}""", "a channel of kind \"command\" takes none")]
    [InlineData("""{"name":"x","kind":"mail","server":"mail","from":"a@b","user":"u"}""", "one of user and password is missing")]
    [InlineData("""{"name":"x","kind":"mail","server":"mail","from":"a@b>\\r\\nDATA"}""", "an e-mail address")]
    [InlineData("""{"name":"x","kind":"command","program":"/bin/page","timeout":"30.00:00:00"}""", "up to an hour")]
    public void A_channel_has_what_its_kind_needs_and_nothing_else(string channel, string said) => Assert.Contains(said, Assert.Throws<HsmBackupException>(
        () => TestDefinition.Read(TestDefinition.With(full => full["alerts"]!["channels"] = new JsonArray(JsonNode.Parse(channel))))).Message, StringComparison.Ordinal);

    [Theory]
    [InlineData("http://example.com/s3cr3t")]
    [InlineData("https://user:s3cr3t@example.com/")]
    [InlineData("http://127.0.0.1.example.com/s3cr3t")]
    [InlineData("http://127.0.0.1:80@example.com/s3cr3t")]
    public void An_address_that_would_give_something_away_is_refused_and_not_repeated(string url)
    {
        string said = Assert.Throws<HsmBackupException>(() => TestDefinition.Read(TestDefinition.With(full => full["alerts"]!["channels"]![3]!["url"] = url))).Message;
        Assert.Contains("https://", said, StringComparison.Ordinal);
        Assert.DoesNotContain("s3cr3t", said, StringComparison.Ordinal);
    }

    [Fact]
    public void What_a_definition_leaves_out_of_retention_has_its_usual_value()
    {
        RetentionPolicy usual = TestDefinition.Read(TestDefinition.Smallest).RetentionPolicy;
        Assert.Equal(new RetentionPolicy
        {
            Online = new RetentionRules { KeepWithin = TimeSpan.FromDays(10) },
            Offline = new RetentionRules { KeepWithin = TimeSpan.FromDays(180) },
            MinimumCopies = 1,
            RemovalDelay = TimeSpan.FromDays(7),
            MaximumVerificationAge = TimeSpan.FromDays(90),
        }, usual);
        RetentionPolicy partly = TestDefinition.Read(TestDefinition.With(full => full["retention"] = JsonNode.Parse("""{"online":{},"minimumCopies":3}"""))).RetentionPolicy;
        Assert.Equal(usual with { Online = new RetentionRules(), MinimumCopies = 3 }, partly);
    }

    [Fact]
    public void What_is_written_says_the_same()
    {
        string full = TestDefinition.With(_ => { });
        JsonNode written = JsonNode.Parse(TestDefinition.Read(full).ToJson())!;
        // The same durations, as the program spells them.
        JsonNode expected = JsonNode.Parse(full)!;
        expected["nodes"]![0]!["timeout"] = "00:00:05";
        expected["escalation"]![0]!["after"] = "00:00:00";
        Assert.Equal(expected.ToJsonString(), written.ToJsonString());
    }

    [Fact]
    public void A_fraction_of_a_second_survives()
    {
        ClusterDefinition definition = TestDefinition.Read(TestDefinition.With(full => full["nodes"]![0]!["timeout"] = 0.25));
        Assert.Equal(TimeSpan.FromMilliseconds(250), definition.Check().Nodes[0].Timeout);
    }

    [Fact]
    public void A_new_definition_has_an_id_of_its_own()
    {
        ClusterDefinition Make() => ClusterDefinition.Create("payments", [Node("a")]);
        Assert.Matches("^cluster-[0-9a-f]{16}$", Make().Check().Id);
        Assert.NotEqual(Make().Id, Make().Id);
    }

    [Fact]
    public void A_definition_that_could_not_be_read_back_is_not_taken()
    {
        Refusal.Of(ErrorCode.DefinitionInvalid, () => ClusterDefinition.Create("pay ments", [Node("a")]).Check());
        Refusal.Of(ErrorCode.DefinitionInvalid, () => ClusterDefinition.Create("payments", []).Check());
        Refusal.Of(ErrorCode.DefinitionInvalid, () => ClusterDefinition.Create("payments", [Node("a"), Node("A")]).Check());
        Refusal.Of(ErrorCode.DefinitionInvalid, () => ClusterDefinition.Create("payments", [Node("a"), Node("b")]).Check());
    }

    [Fact]
    public void A_node_is_found_in_any_case()
    {
        ClusterDefinition definition = TestDefinition.Read(TestDefinition.Largest);
        Assert.Equal("bern-1", definition.Node("BERN-1").Name);
        HsmBackupException refusal = Refusal.Of(ErrorCode.NodeNotFound, () => definition.Node("genf"));
        Assert.Contains("zurich-1, bern-1", refusal.RecommendedAction, StringComparison.Ordinal);
    }

    [Fact]
    public void References_are_spelt_as_what_they_name() => Assert.Equal("zurich-1",
        TestDefinition.Read(TestDefinition.With(full => full["schedule"]!["node"] = "ZURICH-1")).Schedule!.Node);

    [Theory]
    [InlineData("{", 1, "$", "it is not valid JSON here")]
    [InlineData("", 1, "$", "it is not valid JSON here")]
    [InlineData("[]", 1, "$", "an object in braces")]
    [InlineData("{\n  \"formatVersion\": 2\n}", 2, "$.formatVersion", "1, the version that this program knows")]
    [InlineData("{\n  \"formatVersion\": 1,\n  \"id\": \"x\" // no\n}", 3, "$", "without comments")]
    [InlineData("{\n  \"formatVersion\": 1,\n}", 3, "$", "trailing commas")]
    [InlineData("{\n  \"formatVersion\": 1,\n  \"formatVersion\": 1\n}", 3, "$.formatVersion", "each member once")]
    [InlineData("{\n  \"a\": [ { \"b c\": 1, \"b c\": 2 } ] }", 2, "$.a[0]['b c']", "each member once")]
    [InlineData("{} {}", 1, "$", "strict JSON")]
    [InlineData("{ \"name\": \"\\ud800\" }", 1, "$.name", "strict JSON")]
    public void An_error_names_the_line_the_place_and_what_is_expected(string json, int line, string path, string expected)
    {
        HsmBackupException refusal = Refusal.Of(ErrorCode.DefinitionInvalid, () => TestDefinition.Read(json));
        Assert.StartsWith($"test, line {line}, {path}: ", refusal.Message, StringComparison.Ordinal);
        Assert.Contains(expected, refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void An_error_within_a_printed_file_names_its_line()
    {
        string[] lines = TestDefinition.Largest.Split('\n');
        int line = Array.FindIndex(lines, l => l.Contains("libpkcs11-b.so", StringComparison.Ordinal));
        lines[line] = "      \"library\": \"libpkcs11-b.so\",";
        HsmBackupException refusal = Refusal.Of(ErrorCode.DefinitionInvalid, () => TestDefinition.Read(string.Join('\n', lines)));
        Assert.Equal($"test, line {line + 1}, $.nodes[1].library: it is something else. Expected: the absolute path of the node's PKCS#11 library.", refusal.Message);
        lines[line] = "";
        refusal = Refusal.Of(ErrorCode.DefinitionInvalid, () => TestDefinition.Read(string.Join('\n', lines)));
        Assert.StartsWith($"test, line {line - 1}, $.nodes[1].library: it is missing.", refusal.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("1234")]
    [InlineData("s3cret-Pin")]
    [InlineData("env:")]
    [InlineData("file:relative/path")]
    [InlineData("Prompt")]
    [InlineData("secret:vault")]
    [InlineData("")]
    public void A_PIN_in_the_file_is_refused_and_not_repeated(string pin)
    {
        string json = TestDefinition.With(full => full["nodes"]![1]!["pin"] = pin);
        HsmBackupException refusal = Refusal.Of(ErrorCode.PinSourceRefused, () => TestDefinition.Read(json));
        Assert.Contains("$.nodes[1].pin", refusal.Message, StringComparison.Ordinal);
        Assert.Contains("env:NAME, file:PATH", refusal.Message, StringComparison.Ordinal);
        Assert.Contains("change it on the token", refusal.RecommendedAction, StringComparison.Ordinal);
        Assert.True(pin.Length < 4 || pin.Contains(':', StringComparison.Ordinal) || pin == "Prompt" || !refusal.ToString().Contains(pin, StringComparison.Ordinal));
    }

    [Fact]
    public void A_PIN_that_is_a_number_is_refused_too()
    {
        string json = TestDefinition.With(full => full["nodes"]![1]!["pin"] = 648219);
        Assert.DoesNotContain("648219", Refusal.Of(ErrorCode.PinSourceRefused, () => TestDefinition.Read(json)).ToString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("nodes", 1, "name", "ZURICH-1", "differ")]
    [InlineData("contacts", 1, "name", "a. muster", "differ")]
    [InlineData("stores", 1, "name", "LOCAL", "differ")]
    public void Names_are_unique(string list, int index, string member, string value, string expected)
    {
        string json = TestDefinition.With(full => full[list]![index]![member] = value);
        string said = Refusal.Of(ErrorCode.DefinitionInvalid, () => TestDefinition.Read(json)).Message;
        Assert.Contains($"$.{list}[{index}]: ", said, StringComparison.Ordinal);
        Assert.Contains(expected, said, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("{'kind':'webdav','location':'https://x','user':'u'}", "user and password, or neither")]
    [InlineData("{'kind':'webdav','location':'https://x','password':'env:X'}", "user and password, or neither")]
    [InlineData("{'kind':'webdav','location':'https://x','user':'u','password':'env:X','authentication':'bearer'}", "a bearer token has no user")]
    [InlineData("{'kind':'webdav','location':'https://x','authentication':'bearer'}", "there is no token")]
    [InlineData("{'kind':'webdav','location':'https://x','certificatePin':'AB'}", "64 lower-case hexadecimal digits")]
    [InlineData("{'kind':'webdav','location':'https://x','certificateAuthority':'ca.pem'}", "an absolute path")]
    [InlineData("{'kind':'webdav','location':'http://x'}", "https://")]
    [InlineData("{'kind':'webdav','location':'https://user:secret@x/'}", "without user")]
    [InlineData("{'kind':'directory','location':'/x','certificateAuthority':'/ca.pem'}", "webdav")]
    [InlineData("{'kind':'offline','location':'/x','authentication':'basic'}", "webdav")]
    public void A_store_has_what_its_kind_takes(string store, string expected)
    {
        string json = TestDefinition.With(full => full["stores"]![1] = JsonNode.Parse(store.Replace('\'', '"').Replace("{", "{\"name\":\"safe\",", StringComparison.Ordinal)));
        Assert.Contains(expected, Refusal.Of(ErrorCode.DefinitionInvalid, () => TestDefinition.Read(json)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_token_is_a_node_once()
    {
        string json = TestDefinition.With(full =>
        {
            JsonNode twin = full["nodes"]![0]!.DeepClone();
            twin["name"] = "twin";
            full["nodes"]!.AsArray().Add(twin);
        });
        Assert.Contains("the same token as node 'zurich-1'", Refusal.Of(ErrorCode.DefinitionInvalid, () => TestDefinition.Read(json)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void An_acknowledged_object_must_agree_in_all_that_is_given()
    {
        var subject = new ObjectSummary(0, "CKO_PRIVATE_KEY", "CKK_EC", "attestation", "a0", Verdict.NotExtractable, null);
        AcknowledgedObject named = TestDefinition.Read(TestDefinition.Largest).Acknowledged[0];
        Assert.True(named.Covers(subject));
        Assert.True((named with { Id = null, Class = null }).Covers(subject));
        Assert.False(named.Covers(subject with { Label = "Attestation" }));
        Assert.False(named.Covers(subject with { Id = "a1" }));
        Assert.False(named.Covers(subject with { Class = "CKO_SECRET_KEY" }));
        Assert.False((named with { Label = null, Id = null }).Covers(subject));
    }

    [Fact]
    public void A_file_of_another_kind_is_refused_quickly() => Refusal.Of(ErrorCode.DefinitionInvalid,
        () => ClusterDefinition.Parse(Encoding.UTF8.GetBytes(new string('[', 500_000)), "test"));

    private static ClusterNode Node(string name) => new() { Name = name, Address = new TokenAddress(new LibraryLocation("/lib/x.so"), "payments") };
}
