using System.Management.Automation;
using HsmBackup.Engine;
using HsmBackup.Engine.Clusters;
using HsmBackup.Engine.Clusters.Definitions;
using HsmBackup.Engine.Reporting;
using HsmBackup.PowerShell.Binding;

namespace HsmBackup.PowerShell.Commands;

/// <summary>Test-HsmRunbook: whether a runbook still is what the configuration of its cluster says.</summary>
[Cmdlet(VerbsDiagnostic.Test, "HsmRunbook", DefaultParameterSetName = OfCluster)]
[OutputType(typeof(RunbookState), typeof(bool))]
public sealed class TestHsmRunbookCommand : HsmCommand
{
    private const string OfCluster = "Cluster";
    private const string OfFile = "File";
    private const string ClusterHelp = "Name or path of the cluster's definition, or the definition itself.";

    /// <summary>The cluster.</summary>
    [Parameter(Mandatory = true, Position = 0, ValueFromPipeline = true, ParameterSetName = OfCluster, HelpMessage = ClusterHelp)]
    [Parameter(ParameterSetName = OfFile, HelpMessage = ClusterHelp)]
    [Cluster]
    [ValidateNotNull]
    [ArgumentCompleter(typeof(ClusterNameCompleter))]
    public ClusterReference? Cluster { get; set; }

    /// <summary>Runbooks.</summary>
    [Parameter(Mandatory = true, ValueFromPipelineByPropertyName = true, ParameterSetName = OfFile,
        HelpMessage = "Runbooks to test; wildcards are permitted.")]
    [ValidateNotNullOrEmpty]
    public string[] Path { get; set; } = [];

    /// <summary>The state folder.</summary>
    [Parameter(HelpMessage = "State folder, in which exports are remembered; by default state in HSMBACKUP_HOME, or the user's own.")]
    [ValidateNotNullOrEmpty]
    public string? StatePath { get; set; }

    /// <summary>Only true or false.</summary>
    [Parameter(HelpMessage = "Give true where the runbook is Current, else false, and no error for one that is not.")]
    public SwitchParameter Quiet { get; set; }

    private protected override string? NamedState => StatePath;

    private protected override void ProcessInput()
    {
        string? state = Paths.LiteralOrNull(StatePath);
        if (ParameterSetName == OfCluster)
        {
            Tell(RunbookRecords.StateOf(state, Cluster!.Find(Paths)));
            return;
        }
        foreach (string pattern in Path)
        {
            IReadOnlyList<string> files = Paths.Matches(pattern);
            if (files.Count == 0)
            {
                WriteError(Errors.From(Errors.InvalidArgument($"There is no runbook at '{pattern}'.",
                    "Name a file that Export-HsmRunbook has written.", pattern)));
            }
            foreach (string file in files)
            {
                _ = TryItem(file, () => TellOfFile(file, state));
            }
        }
    }

    // A runbook knows the name of its cluster; a definition of that name which is of another cluster is refused.
    private ClusterDefinition ClusterOf(string file)
    {
        if (Cluster is not null)
        {
            return Cluster.Find(Paths);
        }
        // The name stands in a file that may come from anybody, and must not choose which file is loaded as a definition.
        string name = RunbookTest.ClusterOf(file).Name;
        return DefinitionSearch.IsPath(name)
            ? throw Errors.InvalidArgument($"'{file}' says that its cluster is '{name}', which is a path and not the name of a cluster.",
                "Name the cluster with -Cluster.", file)
            : ClusterDefinition.Find(name, Paths.Current);
    }

    private void TellOfFile(string file, string? state)
    {
        RunbookState found = RunbookTest.Of(file, ClusterOf(file), state);
        if (found is { Remembered: false, Status: not RunbookStatus.Altered })
        {
            WriteWarning($"'{file}' was not exported on this machine, as far as it remembers: that nobody has changed it is known from its own digest alone.");
        }
        Tell(found);
    }

    private void Tell(RunbookState state)
    {
        if (Quiet)
        {
            WriteObject(state.Status == RunbookStatus.Current);
            return;
        }
        WriteObject(state);
        if (state.Status != RunbookStatus.Current)
        {
            WriteError(Errors.From(new HsmBackupException(ErrorCode.RunbookOutdated,
                $"The runbook of cluster '{state.Cluster}' is {state.Status}: {state.Problem}.",
                "Export it again with Export-HsmRunbook, and put the new one where the old one was: on paper too.")
            { Target = state.Path ?? state.Cluster }));
        }
    }
}
