using System.Collections.Concurrent;
using HsmBackup.Engine.Auditing;
using Xunit;

namespace HsmBackup.Engine.Tests.Auditing;

/// <summary>Whatever somebody does to a log who can write it and has no key of a cluster, is noticed.</summary>
public sealed class AuditMutationTests : IDisposable
{
    private const int Mutations = 10_000;
    private const int Seed = 20261122;

    private readonly AuditSample _sample = new(maxFileLength: 5000);
    private readonly AuditSample _other = new(maxFileLength: 5000);
    private readonly AuditSample _attacker = new();
    private readonly List<List<byte[]>> _files;
    private readonly List<byte[]> _foreign;
    private readonly List<AuditEntry> _entries;
    private readonly AuditFacts _facts;

    public AuditMutationTests()
    {
        Fill(_sample);
        Fill(_other);
        _files = [.. _sample.Files.Select(LinesOf)];
        _foreign = [.. _other.Files.SelectMany(LinesOf)];
        _entries = _sample.Entries();
        // What the latest backup's header says of the log.
        _facts = _sample.Pinned with { Heads = [AuditSample.Fact(_entries[^1].Head)] };
    }

    private delegate void Mutation(Random random, List<(string Name, List<byte[]> Lines)> files);

    private Mutation[] All =>
    [
        FlipBit, SwapLines, DeleteLine, RepeatLine, CutAtLineEnd, CutAnywhere, ChangeAndChainAnew, ChangeAndSignOtherwise, Splice, InsertForeign,
        ReplaceWhole, RenameFile, DeleteFile, SwapFiles, AddFile, AddGarbage,
    ];

    public void Dispose()
    {
        _sample.Dispose();
        _other.Dispose();
        _attacker.Dispose();
    }

    [Fact]
    public void Each_of_10000_random_mutations_is_detected()
    {
        Assert.True(_files.Count >= 4);
        Assert.True(AuditVerification.Run(_sample.Files, _facts).Passed);
        ConcurrentBag<string> undetected = [];
        var counts = new int[All.Length];
        Parallel.For(0, Mutations, number =>
        {
            var random = new Random(Seed + number);
            int kind = number % All.Length;
            List<(string Name, List<byte[]> Lines)> files = Copy();
            do
            {
                All[kind](random, files);
            }
            while (IsUnchanged(files));
            Interlocked.Increment(ref counts[kind]);
            if (Verify(files).Passed)
            {
                undetected.Add($"{All[kind].Method.Name} with seed {Seed + number}");
            }
        });
        Assert.Empty(undetected);
        Assert.Equal(Mutations, counts.Sum());
        Assert.All(counts, c => Assert.True(c >= Mutations / All.Length));
    }

    [Fact]
    public void Up_to_the_last_checkpoint_the_checkpoints_alone_suffice()
    {
        int signed = _entries.FindLastIndex(e => e.Action == AuditEntry.Checkpoint);
        for (int changed = 0; changed < signed; changed++)
        {
            List<AuditEntry> entries = [.. _entries];
            entries[changed] = entries[changed] with { Target = "something else" };
            AuditFile forged = new("audit-000001.jsonl", AuditSample.Chained(entries, null).SelectMany(l => l).ToArray());
            Assert.False(AuditVerification.Run([forged], _sample.Pinned).Passed);
        }
    }

    private static void Fill(AuditSample sample)
    {
        for (int i = 1; i <= 36; i++)
        {
            sample.Add($"token {i}");
            if (i % 14 == 0)
            {
                sample.Sign();
            }
        }
    }

    private static List<byte[]> LinesOf(AuditFile file) => [.. file.Lines().Select(l => (byte[])[.. l.Span, (byte)'\n'])];

    private List<(string Name, List<byte[]> Lines)> Copy() => [.. _files.Select((f, i) => (AuditFiles.NameOf(i + 1), f.Select(l => (byte[])[.. l]).ToList()))];

    private bool IsUnchanged(List<(string Name, List<byte[]> Lines)> files) => files.Count == _files.Count
        && files.Select((f, i) => f.Name == AuditFiles.NameOf(i + 1) && f.Lines.SelectMany(l => l).SequenceEqual(_files[i].SelectMany(l => l))).All(same => same);

    private AuditTestResult Verify(List<(string Name, List<byte[]> Lines)> files) => AuditVerification.Run(
        files.OrderBy(f => f.Name, StringComparer.Ordinal).Select(f => new AuditFile(f.Name, f.Lines.SelectMany(l => l).ToArray())), _facts);

    private static List<byte[]> AnyFile(Random random, List<(string Name, List<byte[]> Lines)> files) => files[random.Next(files.Count)].Lines;

    private static void FlipBit(Random random, List<(string Name, List<byte[]> Lines)> files)
    {
        List<byte[]> lines = AnyFile(random, files);
        byte[] line = lines[random.Next(lines.Count)];
        line[random.Next(line.Length)] ^= (byte)(1 << random.Next(8));
    }

    private static void SwapLines(Random random, List<(string Name, List<byte[]> Lines)> files)
    {
        (List<byte[]> one, List<byte[]> two) = (AnyFile(random, files), AnyFile(random, files));
        (int i, int j) = (random.Next(one.Count), random.Next(two.Count));
        (one[i], two[j]) = (two[j], one[i]);
    }

    private static void DeleteLine(Random random, List<(string Name, List<byte[]> Lines)> files)
    {
        List<byte[]> lines = AnyFile(random, files);
        lines.RemoveAt(random.Next(lines.Count));
    }

    private static void RepeatLine(Random random, List<(string Name, List<byte[]> Lines)> files)
    {
        (List<byte[]> from, List<byte[]> to) = (AnyFile(random, files), AnyFile(random, files));
        to.Insert(random.Next(to.Count + 1), from[random.Next(from.Count)]);
    }

    private static void CutAtLineEnd(Random random, List<(string Name, List<byte[]> Lines)> files)
    {
        int file = random.Next(files.Count);
        int keep = random.Next(files[file].Lines.Count);
        files[file].Lines.RemoveRange(keep, files[file].Lines.Count - keep);
        files.RemoveRange(file + 1, files.Count - file - 1);
    }

    private static void CutAnywhere(Random random, List<(string Name, List<byte[]> Lines)> files)
    {
        CutAtLineEnd(random, files);
        if (files[^1].Lines is { Count: > 0 } lines)
        {
            lines[^1] = lines[^1][..random.Next(lines[^1].Length)];
        }
    }

    // An attacker without the key: he keeps the checkpoints behind the change as they are, or leaves them out.
    private void ChangeAndChainAnew(Random random, List<(string Name, List<byte[]> Lines)> files)
    {
        int changed = random.Next(_entries.Count);
        AuditEntry entry = _entries[changed];
        List<AuditEntry> tail = [random.Next(2) == 0 ? entry with { Target = "something else" } : entry with { Time = entry.Time.AddTicks(1) }];
        bool keeps = random.Next(2) == 0;
        tail.AddRange(_entries.Skip(changed + 1).Where(e => keeps || e.Action != AuditEntry.Checkpoint));
        Rewrite(files, changed, tail);
    }

    // The same, and he signs with a key of his own.
    private void ChangeAndSignOtherwise(Random random, List<(string Name, List<byte[]> Lines)> files)
    {
        int changed = random.Next(_entries.Count);
        AuditEntry? previous = changed == 0 ? null : _entries[changed - 1];
        List<AuditEntry> tail = [];
        foreach (AuditEntry old in _entries.Skip(changed))
        {
            AuditEntry entry = old.Sequence == changed + 1 ? old with { Target = "something else" } : old;
            if (entry.Action == AuditEntry.Checkpoint && previous is not null)
            {
                AuditRecord forged = AuditCheckpoint.Sign(previous.Head, random.Next(2) == 0 ? _attacker.Certificate : _sample.Certificate, _attacker.Signer);
                entry = entry with { Details = forged.Details };
            }
            previous = AuditLine.Write(entry with { Previous = previous?.Hash ?? AuditEntry.NoHash }).Entry;
            tail.Add(previous);
        }
        Rewrite(files, changed, tail);
    }

    private void Splice(Random random, List<(string Name, List<byte[]> Lines)> files)
    {
        List<byte[]> lines = AnyFile(random, files);
        lines[random.Next(lines.Count)] = _foreign[random.Next(_foreign.Count)];
    }

    private void InsertForeign(Random random, List<(string Name, List<byte[]> Lines)> files)
    {
        List<byte[]> lines = AnyFile(random, files);
        int count = random.Next(1, 5);
        lines.InsertRange(random.Next(lines.Count + 1), _foreign.Skip(random.Next(_foreign.Count - count)).Take(count));
    }

    private void ReplaceWhole(Random random, List<(string Name, List<byte[]> Lines)> files)
    {
        files.Clear();
        files.AddRange(_other.Files.Take(random.Next(1, 5)).Select(f => (f.Name, LinesOf(f))));
    }

    private static void RenameFile(Random random, List<(string Name, List<byte[]> Lines)> files)
    {
        int file = random.Next(files.Count);
        string name = random.Next(3) switch
        {
            0 => AuditFiles.NameOf(files.Count + random.Next(1, 10)),
            1 => $"audit-{random.Next(1000)}.jsonl",
            _ => "old.jsonl",
        };
        files[file] = (name, files[file].Lines);
    }

    private static void DeleteFile(Random random, List<(string Name, List<byte[]> Lines)> files) => files.RemoveAt(random.Next(files.Count));

    private static void SwapFiles(Random random, List<(string Name, List<byte[]> Lines)> files)
    {
        (int i, int j) = (random.Next(files.Count), random.Next(files.Count));
        (files[i], files[j]) = ((files[i].Name, files[j].Lines), (files[j].Name, files[i].Lines));
    }

    private void AddFile(Random random, List<(string Name, List<byte[]> Lines)> files) => files.Add(
        (AuditFiles.NameOf(files.Count + 1), random.Next(2) == 0 ? [.. AnyFile(random, files)] : [_foreign[random.Next(_foreign.Count)]]));

    private static void AddGarbage(Random random, List<(string Name, List<byte[]> Lines)> files)
    {
        List<byte[]> lines = AnyFile(random, files);
        byte[] garbage = new byte[random.Next(1, 400)];
        random.NextBytes(garbage);
        lines.Insert(random.Next(lines.Count + 1), random.Next(3) switch { 0 => "\n"u8.ToArray(), 1 => "{}\n"u8.ToArray(), _ => garbage });
    }

    private void Rewrite(List<(string Name, List<byte[]> Lines)> files, int changed, List<AuditEntry> tail)
    {
        AuditEntry? previous = changed == 0 ? null : _entries[changed - 1];
        List<byte[]> lines = [.. files.SelectMany(f => f.Lines).Take(changed), .. AuditSample.Chained(tail, previous)];
        // In files as they were; the last one takes what is left.
        int taken = 0;
        for (int i = 0; i < files.Count; i++)
        {
            int count = i == files.Count - 1 ? lines.Count - taken : Math.Min(files[i].Lines.Count, lines.Count - taken);
            files[i] = (files[i].Name, lines.GetRange(taken, count));
            taken += count;
        }
    }
}
