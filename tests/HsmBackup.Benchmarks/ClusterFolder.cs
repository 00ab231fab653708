using HsmBackup.Engine.Clusters;
using HsmBackup.Engine.Clusters.Keys;
using HsmBackup.Engine.Pkcs11;
using HsmBackup.Engine.Protection;
using HsmBackup.Engine.Tokens;

namespace HsmBackup.Benchmarks;

/// <summary>
/// The folders of three nodes that hold the same objects, but for the drift of one, with a cluster key on each. Each node has a copy of
/// the library, because a library loaded twice in one process is one instance with one configuration.
/// </summary>
internal sealed class ClusterFolder
{
    private const string DefinitionName = "bench" + ClusterDefinition.FileExtension;

    private ClusterFolder(string folder, string library)
    {
        Tokens = [.. Enumerable.Range(1, 3).Select(i => new TokenFolder(folder, $"node-{i}", CopyLibrary(folder, library, i)))];
    }

    /// <summary>The tokens, named as their nodes are. The second has drifted.</summary>
    public IReadOnlyList<TokenFolder> Tokens { get; }

    /// <summary>The cluster.</summary>
    public ClusterDefinition Definition { get; private set; } = null!;

    private IReadOnlyList<ClusterNode> Nodes => [.. Tokens.Select(t => new ClusterNode { Name = t.Label, Address = t.Address })];

    /// <summary>Takes the cluster that is kept from an earlier run, or makes and keeps one.</summary>
    public static ClusterFolder Open(BenchmarkOptions options, string folder)
    {
        string kept = Path.Combine(options.Work, $"cluster-{ClusterContent.Objects}");
        string work = Path.Combine(folder, "cluster");
        if (!Directory.Exists(kept))
        {
            Console.WriteLine($"Making the cluster to look at; it is kept in {kept}");
            new ClusterFolder(work, options.Library).Fill(Path.Combine(work, DefinitionName));
            Directory.CreateDirectory(kept + ".new");
            TokenFolder.Copy(work, kept + ".new");
            Directory.Move(kept + ".new", kept);
        }
        else
        {
            TokenFolder.Copy(kept, work);
        }
        var cluster = new ClusterFolder(work, options.Library);
        // The tokens may have been made in another folder than they are in now.
        cluster.Definition = ClusterDefinition.Load(Path.Combine(work, DefinitionName)) with { Nodes = cluster.Nodes };
        return cluster;
    }

    private static string CopyLibrary(string folder, string library, int node)
    {
        string copy = Path.Combine(folder, $"library-{node}{Path.GetExtension(library)}");
        Directory.CreateDirectory(folder);
        if (!File.Exists(copy))
        {
            File.Copy(library, copy);
        }
        return copy;
    }

    private void Fill(string definition)
    {
        using Pin pin = TokenFolder.NewPin();
        foreach (TokenFolder token in Tokens)
        {
            token.MakeBlank();
        }
        CeremonyResult ceremony = ClusterKeyCeremony.Run(new CeremonyRequest
        {
            ClusterName = "bench",
            Nodes = [.. Tokens.Select(t => new NodeAccess(t.Label, t.Address, pin))],
            Threshold = 2,
            ShareCount = 3,
        }, _ => { }, _ => { }, null, CancellationToken.None);
        List<AttributeMap> content = ClusterContent.Make();
        for (int i = 0; i < Tokens.Count; i++)
        {
            using var connection = TokenConnection.Open(Tokens[i].Address, pin, readWrite: true, CancellationToken.None);
            foreach (AttributeMap template in i == 1 ? ClusterContent.Drift(content) : content)
            {
                ulong rv = connection.Session.TryCreateObject(template, out _);
                if (rv != Ckr.Ok)
                {
                    throw new InvalidOperationException($"{template.Text(Cka.Label)}: {Names.OfReturnValue(rv)}");
                }
            }
        }
        (ClusterDefinition.Create("bench", Nodes) with
        {
            ClusterKey = new ClusterKeyInfo
            {
                Check = ceremony.Key.Check,
                WrapChecks = ceremony.Key.WrapChecks,
                ShareSetId = ceremony.ShareSetId,
                Threshold = ceremony.Threshold,
                Shares = ceremony.ShareCount,
                Created = ceremony.Created,
            },
        }).Save(definition);
    }
}
