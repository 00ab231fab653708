using HsmBackup.Engine.Backup;
using HsmBackup.Engine.Pkcs11;
using HsmBackup.Engine.Protection;
using HsmBackup.Engine.Tests.Support;
using HsmBackup.Engine.Tokens;
using Xunit;

namespace HsmBackup.Engine.Tests.Backup;

public sealed class KeyRestoreOperationTests : IDisposable
{
    private readonly BackupFixture _fixture = new();

    public void Dispose() => _fixture.Dispose();

    [Fact]
    public void Ten_of_a_thousand_keys_come_back_and_the_others_stay_as_they_were_attribute_for_attribute()
    {
        _fixture.Fill(c =>
        {
            for (int i = 0; i < 1000; i++)
            {
                c.Aes($"key-{i:D3}", 16 + (8 * (i % 3)), t => t.Set(Cka.Sensitive, i % 2 == 0));
            }
        });
        BackupResult backup = _fixture.BackUp();
        string[] lost = [.. Enumerable.Range(0, 10).Select(i => $"key-{700 + i:D3}")];
        using var kekBytes = SecretBuffer.Random(32);
        Destroy(lost);
        List<string> before = Lines(kekBytes);
        Assert.Equal(990, before.Count);

        KeyRestoreResult result = _fixture.RestoreKeys(backup, Labelled("key-70?"));

        Assert.True(result.Exact);
        Assert.Equal((10, 0, 10), (result.Added, result.Kept, result.Proven));
        Assert.Null(result.SafetyBackupPath);
        Assert.Equal(before, Lines(kekBytes, lost));
        using RestoreOperation whole = _fixture.Prepare(backup);
        Assert.True(whole.Plan.ChangesNothing, string.Join("; ", whole.Plan.Items.Where(i => i.Action != PlanAction.Keep)));
    }

    [Fact]
    public void What_belongs_to_a_private_key_comes_along_and_can_be_left_out()
    {
        using var chain = new TestChain();
        _fixture.Fill(c =>
        {
            c.Ec("web", TokenContent.P256);
            c.Ec("other", TokenContent.P256);
            c.Certificate(chain.Leaf, "web certificate", change: t => t.Set(Cka.Id, [0xA0, 0, 1]));
            c.Certificate(chain.Issuer, "issuer");
            c.Certificate(chain.Root, "root");
            c.Certificate("stranger");
        });
        BackupResult backup = _fixture.BackUp();
        _fixture.Token.Replace();
        var selection = new KeySelection { Labels = [NameFilter.Exactly("web")], Classes = [NameFilter.Exactly("CKO_PRIVATE_KEY")] };

        KeyRestoreResult alone = _fixture.RestoreKeys(backup, selection with { WithCompanions = false });
        Assert.Equal(["CKO_PRIVATE_KEY web"], Held());
        Assert.Single(alone.Objects);

        KeyRestoreResult result = _fixture.RestoreKeys(backup, selection);

        Assert.True(result.Exact);
        Assert.Equal((4, 1), (result.Added, result.Kept));
        Assert.Equal(["CKO_CERTIFICATE issuer", "CKO_CERTIFICATE root", "CKO_CERTIFICATE web certificate", "CKO_PRIVATE_KEY web", "CKO_PUBLIC_KEY web"], Held());
    }

    [Fact]
    public void A_plan_touches_nothing_and_leaves_no_trace()
    {
        _fixture.Fill(c => c.Aes("key", 32));
        BackupResult backup = _fixture.BackUp();
        _fixture.Token.Replace();

        using (KeyRestoreOperation operation = _fixture.PrepareKeys(backup, Labelled("key")))
        {
            Assert.Equal((1, 0, 1, 0), (operation.Plan.Add, operation.Plan.Conflicts, operation.Plan.Chosen, operation.Plan.Companions));
        }

        Assert.Empty(Held());
        Assert.False(Directory.Exists(_fixture.State));
    }

    [Fact]
    public void What_is_there_already_is_kept_and_a_second_run_changes_nothing()
    {
        _fixture.Fill();
        BackupResult backup = _fixture.BackUp();
        int half = backup.Objects / 2;
        Destroy([.. backup.Verdicts.Take(half).Select(v => v.Label)]);

        KeyRestoreResult first = _fixture.RestoreKeys(backup, Labelled("*"));
        Assert.True(first.Exact, string.Join("\n", first.Objects));
        Assert.True(first.Added >= half);
        Assert.Equal(backup.Objects, first.Added + first.Kept);
        List<string> before = Witness.OfToken(_fixture.Token);

        KeyRestoreResult second = _fixture.RestoreKeys(backup, Labelled("*"));

        Assert.Equal((0, backup.Objects, backup.Objects), (second.Added, second.Kept, second.Proven));
        Assert.True(second.Exact);
        Assert.Equal(before, Witness.OfToken(_fixture.Token));
    }

    [Fact]
    public void Another_key_in_its_place_is_a_conflict_and_goes_only_on_request_with_a_safety_backup()
    {
        BackupResult backup = WithAnotherKeyInPlace();
        List<string> before = Witness.OfToken(_fixture.Token);

        HsmBackupException refusal = Refusal.Of(ErrorCode.RestoreConflict, () => _fixture.RestoreKeys(backup, Labelled("key")));

        Assert.Contains("another key", refusal.Message, StringComparison.Ordinal);
        Assert.Equal(1, Assert.IsType<KeyRestorePlan>(refusal.Result).Conflicts);
        Assert.Equal(before, Witness.OfToken(_fixture.Token));

        KeyRestoreResult result = _fixture.RestoreKeys(backup, Labelled("key"), r => r with { Replace = true });

        Assert.True(result.Exact);
        Assert.Equal((0, 1, 0), (result.Added, result.Replaced, result.Removed));
        Assert.Equal(["CKO_DATA bystander", "CKO_SECRET_KEY key"], Held());
        Assert.Equal(before, Witness.OfBackup(result.SafetyBackupPath!, backup.Key!));
    }

    [Fact]
    public void The_same_key_with_other_attributes_is_a_conflict_that_names_them()
    {
        _fixture.Fill(c => c.Aes("key", 32));
        BackupResult backup = _fixture.BackUp();
        using (TokenConnection connection = _fixture.Open())
        {
            ulong handle = connection.Session.FindTokenObjects().Single();
            Assert.Equal(Ckr.Ok, connection.Session.TrySetAttributes(handle, new AttributeMap().Set(Cka.Encrypt, false)));
        }

        HsmBackupException refusal = Refusal.Of(ErrorCode.RestoreConflict, () => _fixture.RestoreKeys(backup, Labelled("key")));
        Assert.Contains("the same key with other attributes: CKA_ENCRYPT: expected true", refusal.Message, StringComparison.Ordinal);

        KeyRestoreResult result = _fixture.RestoreKeys(backup, Labelled("key"), r => r with { Replace = true });
        Assert.True(result.Exact);
        Assert.Equal(["CKO_SECRET_KEY key"], Held());
    }

    [Fact]
    public void A_label_that_another_key_has_meanwhile_is_a_conflict_that_can_be_accepted()
    {
        _fixture.Fill(c => c.Aes("key", 32));
        BackupResult backup = _fixture.BackUp();
        Destroy("key");
        _fixture.Fill(c => c.Aes("key", 32, t => t.Set(Cka.Id, [9])));

        Refusal.Of(ErrorCode.RestoreConflict, () => _fixture.RestoreKeys(backup, Labelled("key")));
        KeyRestoreResult beside = _fixture.RestoreKeys(backup, Labelled("key"), r => r with { AllowDuplicateLabel = true });

        Assert.Equal(1, beside.Added);
        Assert.Equal(2, Held().Length);

        KeyRestoreResult alone = _fixture.RestoreKeys(backup, Labelled("key"), r => r with { Replace = true });
        Assert.Equal((1, 1), (alone.Kept, alone.Removed));
        Assert.Single(Held());
    }

    [Fact]
    public void What_the_backup_had_side_by_side_is_in_nobodys_place()
    {
        _fixture.Fill(c =>
        {
            c.Aes("versions", 32, t => t.Set(Cka.Id, [1]));
            c.Aes("versions", 32, t => t.Set(Cka.Id, [2]));
            c.Aes("versions", 32, t => t.Set(Cka.Id, [3]));
        });
        BackupResult backup = _fixture.BackUp();
        using (TokenConnection connection = _fixture.Open())
        {
            Pkcs11Session session = connection.Session;
            ulong first = session.FindObjects(new AttributeMap().Set(Cka.Id, [1])).Single();
            Assert.Equal(Ckr.Ok, session.TryDestroyObject(first));
            // Changed since, and the same object all the same.
            ulong second = session.FindObjects(new AttributeMap().Set(Cka.Id, [2])).Single();
            Assert.Equal(Ckr.Ok, session.TrySetAttributes(second, new AttributeMap().Set(Cka.Encrypt, false)));
        }

        KeyRestoreResult result = _fixture.RestoreKeys(backup, new KeySelection { Ids = [NameFilter.Exactly("01")] }, r => r with { Replace = true });

        Assert.True(result.Exact);
        Assert.Equal((1, 0, 0), (result.Added, result.Replaced, result.Removed));
        Assert.Equal(3, Held().Length);
    }

    [Fact]
    public void A_certificate_that_comes_along_and_is_there_under_another_name_is_kept()
    {
        using var chain = new TestChain();
        _fixture.Fill(c =>
        {
            c.Certificate(chain.Leaf, "leaf");
            c.Certificate(chain.Issuer, "issuer");
        });
        BackupResult backup = _fixture.BackUp();
        _fixture.Token.Replace();
        _fixture.Fill(c => c.Certificate(chain.Issuer, "issuer of everything", change: t => t.Set(Cka.Id, [9])));

        KeyRestoreResult result = _fixture.RestoreKeys(backup, Labelled("leaf"));

        Assert.Equal((1, 1, 2), (result.Added, result.Kept, result.Proven));
        Assert.Equal(["CKO_CERTIFICATE issuer of everything", "CKO_CERTIFICATE leaf"], Held());
        Assert.Contains(result.Objects, o => o.Differences.Any(d => d.StartsWith("CKA_LABEL", StringComparison.Ordinal)));
        // Asked for by name it is another matter.
        Refusal.Of(ErrorCode.RestoreConflict, () => _fixture.RestoreKeys(backup, Labelled("issuer")));
    }

    [Fact]
    public void Objects_without_a_name_are_recognised_too()
    {
        static void Nameless(AttributeMap t) => t.Set(Cka.Label, "");
        _fixture.Fill(c =>
        {
            c.Data("one", isPrivate: true, [1], Nameless);
            c.Data("two", isPrivate: true, [2], Nameless);
            c.Aes("key", 32, t => Nameless(t.Set(Cka.Id, ""u8)));
        });
        BackupResult backup = _fixture.BackUp();
        using (TokenConnection connection = _fixture.Open())
        {
            Assert.Equal(Ckr.Ok, connection.Session.TryDestroyObject(connection.Session.FindTokenObjects()[0]));
        }
        var everything = new KeySelection { Classes = [new NameFilter("*", _ => true)] };

        KeyRestoreResult result = _fixture.RestoreKeys(backup, everything);

        Assert.True(result.Exact);
        Assert.Equal((1, 2), (result.Added, result.Kept));
        Assert.Equal(3, _fixture.RestoreKeys(backup, everything).Kept);
    }

    [Fact]
    public void A_key_that_the_backup_lacks_is_named_before_anything_is_touched()
    {
        _fixture.Fill(c =>
        {
            c.Aes("key", 32);
            c.Aes("bound", 32, t => t.Set(Cka.Extractable, false));
        });
        BackupResult backup = _fixture.BackUp(allowPartial: true);
        _fixture.Token.Replace();

        HsmBackupException refusal = Refusal.Of(ErrorCode.BackupIncomplete, () => _fixture.RestoreKeys(backup, Labelled("*")));
        Assert.Contains("'bound'", refusal.Message, StringComparison.Ordinal);
        Assert.Empty(Held());

        // The backup is Partial, and what was chosen of it is whole.
        Assert.True(_fixture.RestoreKeys(backup, Labelled("key")).Exact);
        KeyRestoreResult result = _fixture.RestoreKeys(backup, Labelled("*"), r => r with { AllowPartial = true });
        Assert.False(result.Exact);
        Assert.Equal((1, 1), (result.Kept, result.Unrestorable));
    }

    [Fact]
    public void A_key_that_no_backup_can_hold_is_not_replaced_without_a_word_of_its_own()
    {
        _fixture.Fill(c => c.Aes("key", 32));
        BackupResult backup = _fixture.BackUp();
        Destroy("key");
        _fixture.Fill(c => c.Aes("key", 32, t => t.Set(Cka.Extractable, false)));

        Refusal.Of(ErrorCode.WouldDestroyUnrecoverable, () => _fixture.RestoreKeys(backup, Labelled("key"), r => r with { Replace = true }));
        Assert.True(_fixture.RestoreKeys(backup, Labelled("key"), r => r with { Replace = true, RemoveUnrecoverable = true }).Exact);
    }

    [Fact]
    public void Selecting_nothing_is_an_error_that_lists_what_comes_close()
    {
        _fixture.Fill(c =>
        {
            c.Aes("payments-2026", 32);
            c.Aes("payroll", 32);
            c.Aes("something else entirely", 32);
        });
        BackupResult backup = _fixture.BackUp();

        HsmBackupException typed = Refusal.Of(ErrorCode.NothingSelected, () => _fixture.PrepareKeys(backup, Labelled("paymets-2026")));
        Assert.Contains("payments-2026", typed.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("entirely", typed.Message, StringComparison.Ordinal);
        Assert.Equal(3, Assert.IsAssignableFrom<IReadOnlyList<ObjectSummary>>(typed.Result).Count);

        HsmBackupException wrongClass = Refusal.Of(ErrorCode.NothingSelected, () => _fixture.PrepareKeys(backup,
            Labelled("payroll") with { Classes = [NameFilter.Exactly("CKO_PRIVATE_KEY")] }));
        Assert.Contains("Close to it: CKO_SECRET_KEY CKK_AES 'payroll'", wrongClass.Message, StringComparison.Ordinal);

        Refusal.Of(ErrorCode.NothingSelected, () => _fixture.PrepareKeys(backup, new KeySelection()));
    }

    [Fact]
    public void Selecting_nothing_costs_no_login()
    {
        _fixture.Fill(c => c.Aes("key", 32));
        BackupResult backup = _fixture.BackUp();
        using Pin wrong = Pin.FromChars("000000");

        Refusal.Of(ErrorCode.NothingSelected, () => _fixture.PrepareKeys(backup, Labelled("none"), r => r with { Pin = wrong }));
        Refusal.Of(ErrorCode.PinIncorrect, () => _fixture.PrepareKeys(backup, Labelled("key"), r => r with { Pin = wrong }));
    }

    [Fact]
    public void One_of_two_objects_of_a_name_can_be_picked_by_its_place_in_the_backup()
    {
        _fixture.Fill(c =>
        {
            c.Aes("twin", 16, t => t.Set(Cka.Id, [1]));
            c.Aes("twin", 32, t => t.Set(Cka.Id, [1]));
        });
        BackupResult backup = _fixture.BackUp();
        _fixture.Token.Replace();

        KeyRestoreResult result = _fixture.RestoreKeys(backup, new KeySelection { Objects = [backup.Verdicts[1]] });

        Assert.Equal(1, Assert.Single(result.Objects).Object.Index);
        Assert.Single(Held());
        // The other one of the pair is no rival: the backup had both.
        Assert.True(_fixture.RestoreKeys(backup, new KeySelection { Objects = [backup.Verdicts[0]] }).Exact);
        Assert.Equal(2, Held().Length);
    }

    [Fact]
    public void Another_token_is_refused_and_taken_on_request()
    {
        using var other = new BackupFixture("somewhere else");
        _fixture.Fill(c => c.Aes("key", 32));
        BackupResult backup = _fixture.BackUp();

        Refusal.Of(ErrorCode.TokenMismatch, () => other.RestoreKeys(backup, Labelled("key")));
        Assert.True(other.RestoreKeys(backup, Labelled("key"), r => r with { AllowOtherToken = true }).Exact);
    }

    [Fact]
    public void A_token_whose_objects_of_that_name_changed_after_the_plan_is_not_touched_and_others_may_change()
    {
        _fixture.Fill(c => c.Aes("key", 32));
        BackupResult backup = _fixture.BackUp();
        _fixture.Token.Replace();
        using (KeyRestoreOperation late = _fixture.PrepareKeys(backup, Labelled("key")))
        {
            new TokenContent(late.Connection.Session).Aes("key", 32);
            Refusal.Of(ErrorCode.Busy, () => late.Execute(null, CancellationToken.None));
        }
        Destroy("key");
        using KeyRestoreOperation plan = _fixture.PrepareKeys(backup, Labelled("key"));
        new TokenContent(plan.Connection.Session).Aes("somebody else's", 32, t => t.Set(Cka.Id, [9]));
        Assert.True(plan.Execute(null, CancellationToken.None).Exact);
    }

    private BackupResult WithAnotherKeyInPlace()
    {
        _fixture.Fill(c => c.Aes("key", 32, t => t.Set(Cka.Id, [7])));
        BackupResult backup = _fixture.BackUp();
        Destroy("key");
        _fixture.Fill(c =>
        {
            c.Aes("key", 32, t => t.Set(Cka.Id, [7]));
            c.Data("bystander", isPrivate: true);
        });
        return backup;
    }

    private static KeySelection Labelled(string pattern) => new()
    {
        Labels = [new NameFilter(pattern, name => System.IO.Enumeration.FileSystemName.MatchesSimpleExpression(pattern, name))],
    };

    private void Destroy(params string[] labels)
    {
        using TokenConnection connection = _fixture.Open();
        foreach (ulong handle in labels.Distinct().SelectMany(l => connection.Session.FindObjects(new AttributeMap().Set(Cka.Token, true).Set(Cka.Label, l))))
        {
            Assert.Equal(Ckr.Ok, connection.Session.TryDestroyObject(handle));
        }
    }

    private string[] Held()
    {
        using TokenConnection connection = _fixture.Open();
        return [.. connection.Session.FindTokenObjects().Select(h => connection.Session.ReadAttributes(h, [Cka.Class, Cka.Label]).Attributes)
            .Select(a => $"{Names.OfClass(a.Number(Cka.Class)!.Value)} {a.Text(Cka.Label)}").Order(StringComparer.Ordinal)];
    }

    private List<string> Lines(SecretBuffer kekBytes, params string[] except)
    {
        using TokenConnection connection = _fixture.Open();
        using KeyEncryptionKey kek = KeyEncryptionKey.Import(connection, kekBytes, new byte[16]);
        return Untouched.Lines(connection, kek, except);
    }
}
