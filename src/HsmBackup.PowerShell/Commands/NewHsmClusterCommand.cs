using System.Collections;
using System.Management.Automation;
using HsmBackup.Engine.Clusters;
using HsmBackup.PowerShell.Binding;

namespace HsmBackup.PowerShell.Commands;

/// <summary>New-HsmCluster: writes the definition of a cluster. No token is touched.</summary>
[Cmdlet(VerbsCommon.New, "HsmCluster",
    SupportsShouldProcess = true, ConfirmImpact = ConfirmImpact.Medium, DefaultParameterSetName = NodeSet)]
[OutputType(typeof(ClusterDefinition))]
public sealed class NewHsmClusterCommand : HsmCommand
{
    private const string NodeSet = "Node";
    private const string TokenSet = "Token";

    /// <summary>The name of the cluster.</summary>
    [Parameter(Mandatory = true, Position = 0, HelpMessage = "Name of the cluster, which its file is named after.")]
    [ValidateNotNullOrEmpty]
    public string? Name { get; set; }

    /// <summary>The nodes.</summary>
    [Parameter(Mandatory = true, ParameterSetName = NodeSet,
        HelpMessage = "The nodes: hashtables or objects with Name, Library, TokenLabel and what else a node has.")]
    [Node(Describes = true, TakesSeveral = true)]
    [ValidateNotNullOrEmpty]
    public NodeReference[]? Node { get; set; }

    /// <summary>The library of the only node.</summary>
    [Parameter(Mandatory = true, ParameterSetName = TokenSet, HelpMessage = "Path of the PKCS#11 library of the only node.")]
    [ValidateNotNullOrEmpty]
    [ArgumentCompleter(typeof(LibraryCompleter))]
    public string? Library { get; set; }

    /// <summary>The label of the only node's token.</summary>
    [Parameter(ParameterSetName = TokenSet, HelpMessage = "Label of the token.")]
    [ValidateNotNullOrEmpty]
    [ArgumentCompleter(typeof(TokenLabelCompleter))]
    public string? TokenLabel { get; set; }

    /// <summary>The serial number of the only node's token.</summary>
    [Parameter(ParameterSetName = TokenSet, HelpMessage = "Serial number of the token, where its label is not unique.")]
    [ValidateNotNullOrEmpty]
    public string? TokenSerial { get; set; }

    /// <summary>Environment variables for the library.</summary>
    [Parameter(ParameterSetName = TokenSet, HelpMessage = "Environment variables for the library, such as SOFTHSM2_CONF.")]
    public Hashtable? LibraryEnvironment { get; set; }

    /// <summary>Initialisation string for NSS softoken.</summary>
    [Parameter(ParameterSetName = TokenSet, HelpMessage = "Initialisation string for NSS softoken; other libraries take none.")]
    [ValidateNotNullOrEmpty]
    public string? LibraryParameters { get; set; }

    /// <summary>Where the PIN of the only node comes from.</summary>
    [Parameter(ParameterSetName = TokenSet, HelpMessage = "Where the PIN comes from: env:NAME, file:PATH, secret:VAULT/NAME or prompt.")]
    [ValidateNotNullOrEmpty]
    public string? PinSource { get; set; }

    /// <summary>For people.</summary>
    [Parameter(HelpMessage = "What the cluster is for.")]
    [ValidateNotNullOrEmpty]
    public string? Description { get; set; }

    /// <summary>The folder of the definition.</summary>
    [Parameter(Position = 1, HelpMessage = "Folder for the definition, which is created where it does not exist; by default the current location.")]
    [ValidateNotNullOrEmpty]
    public string? Destination { get; set; }

    /// <summary>A definition that is there is replaced.</summary>
    [Parameter(HelpMessage = "Replace a definition of that name. The new one has another id: it does not know the backups of the old one.")]
    public SwitchParameter Force { get; set; }

    private protected override void ProcessInput()
    {
        ClusterDefinition definition = NodeDescription.Define(Name!, Description, Nodes(), Paths);
        string folder = Paths.LiteralOrNull(Destination) ?? Paths.Current;
        string path = Path.Combine(folder, Name + ClusterDefinition.FileExtension);
        if (ShouldProcess(path, $"Write the definition of cluster '{Name}'"))
        {
            Audited(path, definition, _ =>
            {
                Directory.CreateDirectory(folder);
                WriteObject(definition.Save(path, Force));
            });
        }
    }

    // The only node of a lone token bears the name of its cluster.
    private IEnumerable<IDictionary> Nodes() => Node?.Select(node => node.Description!) ??
    [
        new Hashtable
        {
            ["name"] = Name,
            ["library"] = Library,
            ["tokenLabel"] = TokenLabel,
            ["tokenSerial"] = TokenSerial,
            ["environment"] = LibraryEnvironment,
            ["parameters"] = LibraryParameters,
            ["pin"] = PinSource,
        },
    ];
}
