using System.Globalization;
using System.Text;
using HsmBackup.Engine;
using HsmBackup.Engine.Backup;
using HsmBackup.Engine.Clusters;
using HsmBackup.Engine.Clusters.Definitions;
using HsmBackup.Engine.Clusters.Keys;
using HsmBackup.Engine.Drills;
using HsmBackup.Engine.Format;
using HsmBackup.Engine.Pkcs11;
using HsmBackup.Engine.Protection;
using HsmBackup.Engine.Protection.Shares;
using HsmBackup.Engine.Stores;
using HsmBackup.Engine.Tokens;

namespace HsmBackup.Benchmarks;

/// <summary>A cluster of one node with 1,000 keys, a backup of it that is bound to its cluster key, and what a drill of its loss needs.</summary>
internal sealed class DrilledFolder : IDisposable
{
    /// <summary>How many private and secret keys the node holds.</summary>
    public const int Keys = 1000;

    private const int Aes = 400;
    private const int Macs = 200;
    private const int EcPairs = 300;
    private const int RsaPairs = Keys - Aes - Macs - EcPairs;
    private static readonly byte[] P256 = [0x06, 0x08, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x03, 0x01, 0x07];

    private static readonly ulong[] PrivateFlags = [Cka.Decrypt, Cka.Sign, Cka.Unwrap, Cka.Derive];
    private static readonly ulong[] SecretFlags = [Cka.Encrypt, Cka.Decrypt, Cka.Sign, Cka.Verify, Cka.Wrap, Cka.Unwrap, Cka.Derive];

    private readonly List<Share> _shares = [];
    private readonly OneTimeKey _key;
    private readonly string _timed;
    private readonly string _folder;

    /// <param name="library">SoftHSM.</param>
    /// <param name="timed">The library of the tokens that the drill makes.</param>
    /// <param name="folder">Where all of it is.</param>
    public DrilledFolder(string library, string timed, string folder)
    {
        _timed = timed;
        _folder = folder;
        var token = new TokenFolder(folder, "payments", library);
        token.MakeBlank();
        Definition = Define(token);
        using (Pin pin = TokenFolder.NewPin())
        using (var connection = TokenConnection.Open(token.Address, pin, readWrite: true, CancellationToken.None))
        {
            Fill(connection.Session);
        }
        _key = BackUp(token);
    }

    /// <summary>The cluster.</summary>
    public ClusterDefinition Definition { get; }

    /// <summary>Rehearses its loss.</summary>
    public DrillReport Drill(IProgress<OperationProgress> progress) => DrillOperation.Run(new DrillRequest
    {
        Cluster = Definition,
        Scenario = DrillScenario.ClusterLoss,
        OpenStore = store => BackupStores.Open(store, PinAsker.Nobody),
        OpenKey = _ => _key.Clone(),
        OpenShares = OpenShares,
        SoftwareLibrary = _timed,
        StateFolder = Path.Combine(_folder, "state"),
    }, progress, CancellationToken.None);

    public void Dispose()
    {
        _key.Dispose();
        _shares.ForEach(s => s.Dispose());
    }

    private ClusterDefinition Define(TokenFolder token)
    {
        using Pin pin = TokenFolder.NewPin();
        CeremonyResult ceremony = ClusterKeyCeremony.Run(new CeremonyRequest
        {
            ClusterName = "payments",
            Nodes = [new NodeAccess(token.Label, token.Address, pin)],
            Threshold = 2,
            ShareCount = 3,
            MakeIdentity = true,
        }, Keep, _ => { }, null, CancellationToken.None);
        return ClusterDefinition.Create("payments", [new ClusterNode { Name = token.Label, Address = token.Address }]) with
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
            IdentityCertificate = Convert.ToBase64String(ceremony.IdentityCertificate!.Value.Span),
            Stores = [new ClusterStore { Name = "store", Kind = StoreKind.Directory, Location = Path.Combine(_folder, "store") }],
            Drill = new ClusterDrill { Interval = TimeSpan.FromDays(90), SoftwareTargets = true },
        };
    }

    private void Keep(ShareSet shares)
    {
        Span<char> text = stackalloc char[Share.MaxTextLength];
        foreach (Share share in shares.Shares)
        {
            _shares.Add(Share.Parse(text[..share.CopyText(text)]));
        }
    }

    private ShareCombiner OpenShares(ClusterKeyInfo key)
    {
        var combiner = new ShareCombiner(key.ShareSetId);
        foreach (Share share in _shares.Take(key.Threshold))
        {
            combiner.Add(share).ThrowIfRefused();
        }
        return combiner;
    }

    private OneTimeKey BackUp(TokenFolder token)
    {
        using Pin pin = TokenFolder.NewPin();
        BackupResult backup = BackupOperation.Run(new BackupRequest
        {
            Token = token.Address,
            Pin = pin,
            Stores = [BackupStores.Open(Definition.Stores[0], PinAsker.Nobody)],
            MinimumCopies = 1,
            Mode = BackupMode.ClusterBound,
            Cluster = Definition.ForBackup(Definition.Nodes[0]),
        }, null, CancellationToken.None);
        return backup.Key!;
    }

    private static void Fill(Pkcs11Session session)
    {
        for (int i = 0; i < Aes; i++)
        {
            Check(session.TryGenerateKey(new Mechanism(Ckm.AesKeyGen), Key($"aes-{Number(i)}", SecretFlags, Cka.Encrypt, Cka.Decrypt).Set(Cka.ValueLen, 32), out _));
        }
        for (int i = 0; i < Macs; i++)
        {
            Check(session.TryGenerateKey(new Mechanism(Ckm.GenericSecretKeyGen), Key($"mac-{Number(i)}", SecretFlags, Cka.Sign, Cka.Verify).Set(Cka.ValueLen, 32),
                out _));
        }
        for (int i = 0; i < EcPairs; i++)
        {
            Pair(session, Ckm.EcKeyPairGen, $"ec-{Number(i)}", p => p.Set(Cka.EcParams, P256), Cka.Sign, i % 3 == 0 ? Cka.Derive : Cka.Sign);
        }
        for (int i = 0; i < RsaPairs; i++)
        {
            Pair(session, Ckm.RsaPkcsKeyPairGen, $"rsa-{Number(i)}", p => p.Set(Cka.ModulusBits, 2048).Set(Cka.PublicExponent, [1, 0, 1]),
                Cka.Sign, i % 2 == 0 ? Cka.Decrypt : Cka.Sign);
        }
    }

    private static void Pair(Pkcs11Session session, ulong mechanism, string label, Action<AttributeMap> parameters, params ulong[] uses)
    {
        AttributeMap publicTemplate = new AttributeMap().Set(Cka.Token, true).Set(Cka.Private, false).Set(Cka.Verify, true)
            .Set(Cka.Label, label).Set(Cka.Id, Encoding.ASCII.GetBytes(label));
        parameters(publicTemplate);
        Check(session.TryGenerateKeyPair(new Mechanism(mechanism), publicTemplate, Key(label, PrivateFlags, uses), out _, out _));
    }

    /// <summary>SoftHSM sets flags of use that it was not told of.</summary>
    private static AttributeMap Key(string label, ReadOnlySpan<ulong> flags, params ulong[] uses)
    {
        AttributeMap template = new AttributeMap().Set(Cka.Token, true).Set(Cka.Private, true).Set(Cka.Sensitive, true).Set(Cka.Extractable, true)
            .Set(Cka.Label, label).Set(Cka.Id, Encoding.ASCII.GetBytes(label));
        foreach (ulong flag in flags)
        {
            template.Set(flag, uses.Contains(flag));
        }
        return template;
    }

    private static string Number(int number) => number.ToString("D4", CultureInfo.InvariantCulture);

    private static void Check(ulong rv)
    {
        if (rv != Ckr.Ok)
        {
            throw new InvalidOperationException(Names.OfReturnValue(rv));
        }
    }
}
