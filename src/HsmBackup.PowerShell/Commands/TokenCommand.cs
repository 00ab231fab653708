using System.Collections;
using System.Management.Automation;
using System.Security;
using HsmBackup.Engine;
using HsmBackup.Engine.Catalogue;
using HsmBackup.Engine.Clusters;
using HsmBackup.Engine.Pkcs11;
using HsmBackup.Engine.Tokens;
using HsmBackup.PowerShell.Binding;
using TokenPin = HsmBackup.Engine.Protection.Pin;

namespace HsmBackup.PowerShell.Commands;

/// <summary>A cmdlet that can open a token, and the parameters that say which.</summary>
public abstract class TokenCommand : HsmCommand
{
    private protected const string LibraryHelp = "Path of the PKCS#11 library of the token.";
    private protected const string TokenLabelHelp = "Label of the token.";
    private protected const string TokenSerialHelp = "Serial number of the token, where its label is not unique.";
    private protected const string PinHelp = "User PIN of the token. It is sent once.";
    private protected const string LibraryEnvironmentHelp = "Environment variables for the library, such as SOFTHSM2_CONF.";
    private protected const string LibraryParametersHelp = "Initialisation string for NSS softoken; other libraries take none.";
    private protected const string EnableQuirkHelp = "Quirks that the token is taken to have, whatever was seen of it.";
    private protected const string DisableQuirkHelp = "Quirks that the token is taken not to have, whatever was seen of it.";

    private protected const string ClusterHelp = "Name or path of a cluster definition, or the definition itself; instead of -Library.";
    private protected const string NodeHelp = "Name of the node of the cluster.";

    private static readonly string[] OfLoneTokens =
        [nameof(Library), nameof(TokenLabel), nameof(TokenSerial), nameof(LibraryEnvironment), nameof(LibraryParameters)];

    /// <summary>The cluster.</summary>
    [Parameter(ValueFromPipelineByPropertyName = true, HelpMessage = ClusterHelp)]
    [Cluster]
    [ArgumentCompleter(typeof(ClusterNameCompleter))]
    public virtual ClusterReference? Cluster { get; set; }

    /// <summary>The node of the cluster.</summary>
    [Parameter(HelpMessage = NodeHelp)]
    [Node]
    [ArgumentCompleter(typeof(NodeNameCompleter))]
    public virtual NodeReference? Node { get; set; }

    /// <summary>Path of the PKCS#11 library of the token.</summary>
    [Parameter(HelpMessage = LibraryHelp)]
    [ValidateNotNullOrEmpty]
    [ArgumentCompleter(typeof(LibraryCompleter))]
    public virtual string? Library { get; set; }

    /// <summary>Label of the token.</summary>
    [Parameter(HelpMessage = TokenLabelHelp)]
    [ValidateNotNullOrEmpty]
    [ArgumentCompleter(typeof(TokenLabelCompleter))]
    public virtual string? TokenLabel { get; set; }

    /// <summary>Serial number of the token.</summary>
    [Parameter(HelpMessage = TokenSerialHelp)]
    [ValidateNotNullOrEmpty]
    public virtual string? TokenSerial { get; set; }

    /// <summary>User PIN of the token.</summary>
    [Parameter(HelpMessage = PinHelp)]
    [Secret]
    public virtual SecureString? Pin { get; set; }

    /// <summary>Environment variables for the library.</summary>
    [Parameter(HelpMessage = LibraryEnvironmentHelp)]
    public virtual Hashtable? LibraryEnvironment { get; set; }

    /// <summary>Initialisation string for NSS softoken.</summary>
    [Parameter(HelpMessage = LibraryParametersHelp)]
    [ValidateNotNullOrEmpty]
    public virtual string? LibraryParameters { get; set; }

    /// <summary>Quirks that the token is taken to have.</summary>
    [Parameter(HelpMessage = EnableQuirkHelp)]
    public virtual Quirks EnableQuirk { get; set; }

    /// <summary>Quirks that the token is taken not to have.</summary>
    [Parameter(HelpMessage = DisableQuirkHelp)]
    public virtual Quirks DisableQuirk { get; set; }

    /// <summary>The token that the parameters name, of a cluster the first node where none is named; null where there is none.</summary>
    /// <exception cref="HsmBackupException">Of the definition; NodeNotFound; InvalidArgument: the parameters do not fit together.</exception>
    private protected TokenTarget? FindTarget() => FindTargets() is [TokenTarget first, ..] ? first : null;

    /// <summary>As <see cref="FindTarget"/>, for a command that is of no use without a token.</summary>
    private protected TokenTarget RequireTarget() => FindTarget() ?? throw NoToken();

    /// <summary>The tokens that the parameters name, of a cluster all nodes where none is named.</summary>
    /// <exception cref="HsmBackupException">As for <see cref="FindTarget"/>.</exception>
    private protected IReadOnlyList<TokenTarget> RequireTargets() => FindTargets() is { Count: > 0 } targets ? targets : throw NoToken();

    private IReadOnlyList<TokenTarget> FindTargets()
    {
        CheckQuirks();
        if (Cluster is null)
        {
            return Node is null ? FindLoneToken() is { } lone ? [lone] : [] : throw Errors.InvalidArgument(
                "-Node names a node, but -Cluster does not say of which cluster.", "Give -Cluster as well.", Node.Name);
        }
        if (OfLoneTokens.FirstOrDefault(MyInvocation.BoundParameters.ContainsKey) is { } stranger)
        {
            throw Errors.InvalidArgument($"-Cluster and -{stranger} exclude each other: the definition of the cluster says where its tokens are.",
                "Give -Cluster, with -Node to choose a node, or -Library for a lone token.", Cluster.ToString());
        }
        ClusterDefinition definition = Cluster.Find(Paths);
        IReadOnlyList<ClusterNode> nodes = Node is null ? definition.Nodes : [definition.Node(Node.Name)];
        return [.. nodes.Select(node => new TokenTarget(Address(node), definition, node))];
    }

    private TokenTarget? FindLoneToken()
    {
        if (Library is null)
        {
            return null;
        }
        if (TokenLabel is null && TokenSerial is null)
        {
            throw Errors.InvalidArgument("The library is given, but not which of its tokens.",
                "Name the token by -TokenLabel or -TokenSerial.", Library);
        }
        return new TokenTarget(new TokenAddress(
            Location(Library, LibraryEnvironment) with { Parameters = LibraryParameters }, TokenLabel, TokenSerial));
    }

    // What the command line says of quirks goes before what the definition says.
    private TokenAddress Address(ClusterNode node)
    {
        LibraryLocation library = node.Address.Library;
        return node.Address with
        {
            Library = library with
            {
                QuirksOn = (library.QuirksOn | EnableQuirk) & ~DisableQuirk,
                QuirksOff = (library.QuirksOff | DisableQuirk) & ~EnableQuirk,
            },
        };
    }

    private static HsmBackupException NoToken() => Errors.InvalidArgument("It is not said which token is meant.",
        "Name a cluster by -Cluster, or a lone token by -Library and -TokenLabel.");

    /// <summary>Whether the parameters name a token at all.</summary>
    private protected virtual bool NamesLibrary => Library is not null || Cluster is not null;

    /// <summary>A library with its environment, and the quirks that its tokens are taken to have or not to have.</summary>
    private protected LibraryLocation Location(string library, Hashtable? environment) => new(Paths.Literal(library))
    {
        Environment = LibraryVariables.From(environment),
        QuirksOn = EnableQuirk,
        QuirksOff = DisableQuirk,
    };

    /// <summary>
    /// The PIN that was given, else the one of the node's source; where there is none and somebody attends the session, it is asked for.
    /// </summary>
    /// <returns>Null where there is no PIN, which the engine refuses if the token needs one.</returns>
    /// <exception cref="HsmBackupException">PinUnavailable, PinSourceRefused.</exception>
    private protected TokenPin? OpenPin(TokenTarget? target)
    {
        if (Pin is not null)
        {
            return TokenPin.FromSecureString(Pin);
        }
        if (target?.Node?.Pin is { } source)
        {
            return source.Open(Pins.Asker, target.ToString());
        }
        if (target is null || !Attendance.IsAttended(Host) || !NeedsLogin(target.Address))
        {
            return null;
        }
        using SecureString? typed = Pins.Ask($"PIN of {target}");
        return typed is null ? null : TokenPin.FromSecureString(typed);
    }

    /// <summary>The one backup that is named: by a path, where a pattern must match one file only, or by its address in a store of the cluster.</summary>
    /// <exception cref="HsmBackupException">BackupNotFound; InvalidArgument: it matches several, or is in no store; and what a store can fail with.</exception>
    private protected LocalBackup OpenBackup(string? path, string? literalPath)
    {
        string named = literalPath ?? path!;
        return StoreSet.IsAddress(named) ? Fetch(named) : LocalBackup.Of(literalPath is null ? OneMatch(path!) : Paths.Literal(literalPath));
    }

    /// <summary>A backup by its address.</summary>
    private protected LocalBackup Fetch(string address)
    {
        ClusterDefinition cluster = Cluster?.Find(Paths) ?? throw Errors.InvalidArgument(
            $"'{address}' is an address, and it is not said which cluster has a store there.", "Give -Cluster as well.", address);
        return StoreSet.Fetch(address, cluster, Pins.Asker, StopToken);
    }

    private void CheckQuirks()
    {
        if ((EnableQuirk & DisableQuirk) is not Quirks.None and Quirks both)
        {
            throw Errors.InvalidArgument($"-EnableQuirk and -DisableQuirk both name {both}.", "Name each quirk once.");
        }
        if ((EnableQuirk | DisableQuirk) != Quirks.None && !NamesLibrary)
        {
            throw Errors.InvalidArgument("-EnableQuirk or -DisableQuirk is given, but no token that they could be about.",
                "Name the token by -Cluster, or by -Library and -TokenLabel, or leave the quirks out.");
        }
    }

    // Looked at before the question is asked, so that nobody types a PIN for a token that is not there.
    private static bool NeedsLogin(TokenAddress token)
    {
        using var library = Pkcs11Library.Open(token.Library);
        return library.FindToken(token.TokenLabel, token.TokenSerial).NeedsLogin;
    }
}
