using System.Globalization;
using HsmBackup.Engine.Backup;
using HsmBackup.Engine.Clusters;
using HsmBackup.Engine.Drills;
using HsmBackup.Engine.Pkcs11;
using HsmBackup.Engine.Protection;
using HsmBackup.Engine.Tests.Support;
using HsmBackup.Engine.Tokens;
using Xunit;

namespace HsmBackup.Engine.Tests.Drills;

/// <summary>Drills on a drill cluster: two SoftHSM tokens that are blank, and are so again afterwards.</summary>
public sealed class DrillClusterTests : IDisposable
{
    private readonly DrilledCluster _cluster = new();
    private readonly SoftHsmToken[] _tokens = [new("drill-1"), new("drill-2")];
    private readonly Pin _soPin = Pin.FromChars("so-12345678");
    private ClusterDefinition _ground;

    public DrillClusterTests()
    {
        _ground = ClusterDefinition.Create("payments-drill",
            [.. _tokens.Select((t, i) => new ClusterNode { Name = $"drill-{i + 1}", Address = t.Address })]);
        _cluster.Fill();
        _cluster.BackUp();
    }

    private string Journal => Path.Combine(_cluster.State, "drills", _ground.Id, "targets.json");

    public void Dispose()
    {
        _soPin.Dispose();
        Array.ForEach(_tokens, t => t.Dispose());
        _cluster.Dispose();
    }

    [Fact]
    public void What_was_recovered_to_its_tokens_is_removed_again()
    {
        DrillReport report = Drill(DrillScenario.ClusterLoss);
        Assert.Equal((DrillResult.Passed, null), (report.Result, report.Problem));
        Assert.Equal((false, "payments-drill"), (report.Environment.SoftwareTargets, report.Environment.DrillCluster));
        Assert.Equal(["drill-1", "drill-2"], report.Environment.Targets.Select(t => t.TokenLabel));
        Assert.Contains(report.Deviations, d => d.Contains("2 of 3 nodes", StringComparison.Ordinal));
        Assert.Equal([0, 0], _tokens.Select(Count));
        Assert.False(File.Exists(Journal));

        Assert.Equal(DrillResult.Passed, Drill(DrillScenario.NodeLoss).Result);
        Assert.Equal(DrillResult.Passed, Drill(DrillScenario.BackupVerification).Result);
        Assert.Equal([0, 0], _tokens.Select(Count));
    }

    [Fact]
    public void Tokens_that_were_never_initialised_are_initialised_with_the_officers_PIN()
    {
        Array.ForEach(_tokens, t => t.MakeBlank());
        Assert.Equal(ErrorCode.DrillNotPossible, CodeOf(r => r with { SoPin = null }));
        DrillReport report = Drill(DrillScenario.ClusterLoss);
        Assert.Equal((DrillResult.Passed, null), (report.Result, report.Problem));
        Assert.StartsWith("2 tokens initialised", report.Steps.Single(s => s.Name == DrillStep.Initialize).Detail,
            StringComparison.Ordinal);
        Assert.Equal([0, 0], _tokens.Select(Count));
    }

    [Fact]
    public void A_token_that_holds_something_and_one_of_the_cluster_itself_are_refused_and_left_alone()
    {
        using (TokenConnection connection = Open(_tokens[1]))
        {
            new TokenContent(connection.Session).Aes("somebody's", 32);
        }
        Assert.Equal(ErrorCode.DrillNotPossible, CodeOf(r => r));
        Assert.Equal([0, 1], _tokens.Select(Count));

        ClusterNode own = _cluster.Definition.Nodes[1];
        _ground = _ground with { Nodes = [own] };
        Assert.Equal(ErrorCode.DrillNotPossible, CodeOf(r => r));

        // By another library: what the tokens say of themselves tells, before anything that a killed drill may have left is removed.
        string copy = Path.Combine(_cluster.Tokens.Folder, "another.so");
        File.Copy(own.Address.Library.Path, copy);
        _ground = _ground with { Nodes = [own with { Address = own.Address with { Library = own.Address.Library with { Path = copy } } }] };
        int before = Count(_cluster.Tokens.Tokens[1]);
        Leave(own.Name, null, [.. ((ulong[])[Cko.SecretKey, Cko.PrivateKey, Cko.PublicKey, Cko.Certificate, Cko.Data])
            .SelectMany(c => Names(_cluster.Tokens.Tokens[1], c))]);
        var refused = Assert.Throws<HsmBackupException>(() =>
            Drill(DrillScenario.KeyLoss, r => r with { OpenDrillPin = _ => _cluster.Tokens.Tokens[1].Pin.Clone() }));
        Assert.Equal(ErrorCode.DrillNotPossible, refused.Code);
        Assert.Contains("itself", refused.Message, StringComparison.Ordinal);
        Assert.Equal((true, before), (before > 0, Count(_cluster.Tokens.Tokens[1])));
    }

    [Fact]
    public void What_a_killed_drill_has_left_is_removed_by_the_next_and_nothing_else_is()
    {
        using (TokenConnection connection = Open(_tokens[0]))
        {
            var content = new TokenContent(connection.Session);
            content.Aes("left", 32);
            // Half made, as the killed process left it.
            connection.Session.TryCreateObject(new AttributeMap().Set(Cka.Class, Cko.Data).Set(Cka.Token, true), out _);
        }
        Assert.Equal(ErrorCode.DrillNotPossible, CodeOf(r => r));
        Leave(new AnnouncedObject(Cko.SecretKey, "left", ""), new AnnouncedObject(Cko.Data, "note", ""));
        Assert.Equal([2, 0], _tokens.Select(Count));
        // Its id is not what was announced; where one object is somebody else's, the others may be too.
        Assert.Equal(ErrorCode.DrillNotPossible, CodeOf(r => r));
        Assert.Equal([2, 0], _tokens.Select(Count));

        using (TokenConnection connection = Open(_tokens[0]))
        {
            ulong handle = Assert.Single(connection.Session.FindObjects(new AttributeMap().Set(Cka.Class, Cko.SecretKey)));
            string id = Convert.ToHexStringLower(connection.Session.GetAttributes(handle, Cka.Id).Bytes(Cka.Id)!);
            // Another token than the one that the drill wrote to: what has its names is not the drill's.
            Leave("drill-1", "0123456789abcdef", new AnnouncedObject(Cko.SecretKey, "left", id), new AnnouncedObject(Cko.Data, "note", ""));
        }
        Assert.Equal(ErrorCode.DrillNotPossible, CodeOf(r => r));
        Assert.Equal([2, 0], _tokens.Select(Count));
        DrillJournal journal = StateDocument.Read(Journal, DrillJournalJson.Default.DrillJournal)!;
        Leave("drill-9", null, [.. journal.Objects]);
        HsmBackupException refused = Refusal.Of(ErrorCode.DrillNotPossible, () => Drill(DrillScenario.ClusterLoss));
        Assert.Contains("'drill-9'", refused.Message, StringComparison.Ordinal);
        Assert.True(File.Exists(Journal));
        Leave("drill-1", null, [.. journal.Objects]);
        using var thai = new OtherCulture("th-TH");
        DrillReport report = Drill(DrillScenario.ClusterLoss);
        Assert.Equal(DrillResult.Passed, report.Result);
        Assert.Contains(report.Deviations, d => d.Contains("did not come to its end", StringComparison.Ordinal)
            && d.Contains(report.Started.ToString("'drill of 'yyyy-MM-dd", CultureInfo.InvariantCulture), StringComparison.Ordinal));
        Assert.Equal([0, 0], _tokens.Select(Count));
    }

    [Fact]
    public void The_cluster_itself_and_a_copy_of_its_definition_are_no_drill_cluster()
    {
        ClusterDefinition other = _ground;
        _ground = _cluster.Definition;
        Assert.Contains("itself", Refusal.Of(ErrorCode.DrillNotPossible, () => Drill(DrillScenario.KeyLoss)).Message,
            StringComparison.Ordinal);
        _ground = other with { Id = _cluster.Definition.Id };
        Assert.Contains("has the id", Refusal.Of(ErrorCode.DrillNotPossible, () => Drill(DrillScenario.KeyLoss)).Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public void PINs_that_were_given_are_gone_when_a_later_one_is_not()
    {
        using var third = new SoftHsmToken("drill-3");
        _ground = _ground with { Nodes = [.. _ground.Nodes, new ClusterNode { Name = "drill-3", Address = third.Address }] };
        StateFolder.Create(Path.GetDirectoryName(Journal)!);
        StateDocument.Write(Journal, new DrillJournal
        {
            Started = DateTimeOffset.UtcNow,
            ClusterId = _cluster.Definition.Id,
            Tokens = [new AnnouncedToken("drill-2", null, null), new AnnouncedToken("drill-3", null, null)],
            Objects = [],
        }, DrillJournalJson.Default.DrillJournal);
        List<Pin> given = [];
        Pin Give(ClusterNode node)
        {
            given.Add(node.Name != "drill-3" ? _tokens[0].Pin.Clone()
                : throw new HsmBackupException(ErrorCode.PinUnavailable, "The PIN is not to be had.", "Give it with -DrillPin."));
            return given[^1];
        }
        Refusal.Of(ErrorCode.PinUnavailable, () => Drill(DrillScenario.KeyLoss, r => r with { OpenDrillPin = Give }));
        Assert.Equal(2, given.Count);
        Assert.All(given, pin => Assert.Throws<ObjectDisposedException>(() => pin.Clone()));
    }

    [FaultyLibraryFact]
    public void A_target_that_fell_silent_is_let_go_of_when_its_library_comes_back()
    {
        var faulty = new FaultyLibrary(_tokens[0], _cluster.Tokens.Folder);
        _ground = _ground with { Nodes = [_ground.Nodes[0] with { Address = faulty.Address, Timeout = TimeSpan.FromSeconds(3) }] };
        faulty.Block("C_Sign");
        DrillReport report = Drill(DrillScenario.KeyLoss, r =>
            r with { Selection = new KeySelection { Labels = [NameFilter.Exactly("ec")] } });
        Assert.Equal((DrillResult.Failed, ErrorCode.NodesUnavailable), (report.Result, report.Error));
        Assert.Equal((DrillStep.CleanUp, CheckOutcome.Failed), (report.Steps[^1].Name, report.Steps[^1].Outcome));

        faulty.Heal();
        // The session that nobody waits for holds the token until its thread has let go of it.
        _ground = _ground with { Nodes = [_ground.Nodes[0] with { Timeout = TimeSpan.FromMinutes(1) }] };
        Assert.Equal(DrillResult.Passed, Drill(DrillScenario.KeyLoss).Result);
        Assert.Equal(0, Count(_tokens[0]));
    }

    [FaultyLibraryFact]
    public void A_key_that_does_not_sign_after_the_restore_makes_the_drill_fail()
    {
        var faulty = new FaultyLibrary(_tokens[0], _cluster.Tokens.Folder);
        faulty.RefuseFor("ec", "C_Sign", Ckr.FunctionFailed);
        _ground = _ground with { Nodes = [_ground.Nodes[0] with { Address = faulty.Address }] };
        DrillReport report = Drill(DrillScenario.KeyLoss, r =>
            r with { Selection = new KeySelection { Labels = [NameFilter.Exactly("ec")] } });
        faulty.Heal();
        Assert.Equal((DrillResult.Failed, ErrorCode.DrillFailed), (report.Result, report.Error));
        Assert.Equal((DrillStep.Use, CheckOutcome.Failed), report.Steps.Where(s => s.Outcome != CheckOutcome.Passed)
            .Select(s => (s.Name, s.Outcome)).Single());
        DrilledKey key = Assert.Single(report.Keys);
        Assert.Equal((true, CheckOutcome.Passed, CheckOutcome.Failed), (key.Recovered, key.Proof, key.Result));
        Assert.Contains("CKR_FUNCTION_FAILED", key.Reason, StringComparison.Ordinal);
        Assert.Equal(0, Count(_tokens[0]));
    }

    private DrillReport Drill(DrillScenario scenario, Func<DrillRequest, DrillRequest>? change = null) =>
        _cluster.Drill(scenario, r =>
        {
            r = r with { DrillCluster = _ground, SoPin = _soPin, OpenDrillPin = n => _tokens[n.Name == "drill-1" ? 0 : 1].Pin.Clone() };
            return change?.Invoke(r) ?? r;
        });

    private ErrorCode CodeOf(Func<DrillRequest, DrillRequest> change) =>
        Assert.Throws<HsmBackupException>(() => Drill(DrillScenario.ClusterLoss, change)).Code;

    private static TokenConnection Open(ITestToken token) =>
        TokenConnection.Open(token.Address, token.Pin, readWrite: true, CancellationToken.None);

    private static int Count(ITestToken token)
    {
        using TokenConnection connection = Open(token);
        return connection.Session.FindTokenObjects().Count;
    }

    private static IEnumerable<AnnouncedObject> Names(ITestToken token, ulong objectClass)
    {
        using TokenConnection connection = Open(token);
        return [.. connection.Session.FindObjects(new AttributeMap().Set(Cka.Token, true).Set(Cka.Class, objectClass))
            .Select(h => connection.Session.GetAttributes(h, Cka.Label, Cka.Id))
            .Select(a => new AnnouncedObject(objectClass, a.Text(Cka.Label) ?? "", Convert.ToHexStringLower(a.Bytes(Cka.Id) ?? [])))];
    }

    private void Leave(params AnnouncedObject[] objects) => Leave("drill-1", null, objects);

    private void Leave(string node, string? serial, params AnnouncedObject[] objects) => StateDocument.Write(Journal, new DrillJournal
    {
        Started = DateTimeOffset.UtcNow,
        ClusterId = _cluster.Definition.Id,
        Tokens = [new AnnouncedToken(node, null, serial)],
        Objects = objects,
    }, DrillJournalJson.Default.DrillJournal);
}
