#Requires -Version 7.6

<#
.SYNOPSIS
    The night of a cluster: back up, look at every copy, bring stores up to date, write metrics, tell who must know.
.DESCRIPTION
    For a scheduler, as the account that owns the schedule; nobody is asked anything. Invoke-HsmBackupSchedule alone makes the backup, applies
    retention, sends alerts, writes metrics and sends the heartbeat. This adds what takes longer: the newest backup is read whole in every
    store, and what a store has missed is brought to it. Each thing is tried whatever became of the one before, and what fails is an alert.

    The definition must have a schedule, a path for metrics, channels for alerts (docs/schedules.md, docs/metrics.md, docs/alerts.md), and a
    source for each PIN. In crontab:

    30 2 * * * pwsh -NoProfile -NonInteractive -File /opt/hsmbackup/examples/03-nightly.ps1 -Cluster payments

    It ends with exit code 1 where anything failed.
.EXAMPLE
    ./examples/03-nightly.ps1 -Cluster payments
#>
[CmdletBinding()]
param(
    [Parameter(Mandatory, HelpMessage = 'Name or path of the cluster''s definition.')]
    [string] $Cluster,

    [Parameter(HelpMessage = 'The module; ./build.sh puts it there.')]
    [string] $Module = "$PSScriptRoot/../out/HsmBackup"
)

Set-StrictMode -Version 3.0
$ErrorActionPreference = 'Stop'
Import-Module -Name $Module
$failed = [Collections.Generic.List[string]]::new()

# One piece of the night, tried to its end: what fails in it is an alert of its own, which is over when all of it goes well again.
function Invoke-Step([string] $Name, [scriptblock] $Work) {
    $ErrorActionPreference = 'Continue'
    $problems = [Collections.Generic.List[string]]::new()
    try {
        & $Work 2>&1 | ForEach-Object { if ($_ -is [Management.Automation.ErrorRecord]) { $problems.Add("$_") } else { $_ } }
    }
    catch { $problems.Add("$_") }
    if ($problems.Count -gt 0) {
        $failed.Add($Name)
        $problems.ForEach({ Write-Warning -Message "${Name}: $_" })
        # An alert is a sentence or two.
        $text = $problems -join ' '
        $null = Send-HsmAlert -Cluster $Cluster -Name $Name -Severity Critical -Message $text.Substring(0, [Math]::Min($text.Length, 2000))
    }
    elseif (Get-HsmAlert -Cluster $Cluster -Name $Name | Where-Object -Property State -EQ -Value Open) {
        $null = Send-HsmAlert -Cluster $Cluster -Name $Name -Resolved
    }
}

# What goes wrong in the run is told by the run.
$run = $null
try { $run = Invoke-HsmBackupSchedule -Cluster $Cluster }
catch {
    $failed.Add('Run')
    Write-Warning -Message "Run: $_"
    $run = $_.Exception.PSObject.Properties['Result']?.Value
}
$run

Invoke-Step -Name NightlyCopy -Work {
    Copy-HsmBackup -Cluster $Cluster
}

Invoke-Step -Name NightlyTest -Work {
    $newest = Get-HsmBackup -Cluster $Cluster -Latest
    if (-not $newest) { throw 'There is no backup.' }
    # Each copy is read whole, and no key is needed: what is damaged on its way or in its place shows.
    $newest.Copies.Location | Test-HsmBackup -Cluster $Cluster -Level Integrity
}

# Once more, with what the steps above have found. A PIN that the run was refused with is not tried again: tokens lock after a few.
$look = @{ Cluster = $Cluster; NoLogin = [bool]${run}?.PinRefused }
foreach ($tell in { Export-HsmMetric @look }, { Send-HsmAlert @look }) {
    try { & $tell }
    catch {
        $failed.Add('Alerts')
        Write-Warning -Message "Alerts: $_"
    }
}

if ($failed.Count -gt 0) {
    Write-Error -Message "The night of cluster '$Cluster' was not as it should be: $($failed -join ', ')." -ErrorAction Continue
    exit 1
}
