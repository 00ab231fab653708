#Requires -Version 7.6

<#
.SYNOPSIS
    The quarterly drill: all five scenarios, one after the other, and evidence of each for the auditor.
.DESCRIPTION
    With a cluster of your own: run it where the custodians are, or name their files of shares. What an operator and a witness are told goes
    into signed reports; copies of them go to -ReportPath. The script ends with 1 if anything did not pass.

    Without -Cluster it makes one to show how it goes: three SoftHSM nodes in a temporary folder, with a cluster key and a backup in two
    stores. It removes everything in the end, the reports too.
.EXAMPLE
    ./examples/02-quarterly-drill.ps1
.EXAMPLE
    ./examples/02-quarterly-drill.ps1 -Cluster payments -KeyPath /mnt/keys -ReportPath /srv/evidence -Operator 'A. Muster' -Witness 'B. Muster'
#>
[CmdletBinding()]
param(
    [Parameter(HelpMessage = 'Name or path of the definition of the cluster.')]
    [string] $Cluster,

    [Parameter(HelpMessage = 'The folder of the one-time keys.')]
    [string[]] $KeyPath,

    [Parameter(HelpMessage = 'Files of custodians'' shares; they are asked for where it is left out.')]
    [string[]] $SharePath,

    [Parameter(HelpMessage = 'Who runs the drill.')]
    [string] $Operator = [Environment]::UserName,

    [Parameter(HelpMessage = 'Who watches.')]
    [string] $Witness,

    [Parameter(HelpMessage = 'Where copies of the reports go.')]
    [string] $ReportPath,

    [Parameter(HelpMessage = 'The module; ./build.sh puts it there.')]
    [string] $Module = "$PSScriptRoot/../out/HsmBackup",

    [Parameter(HelpMessage = 'The PKCS#11 library of SoftHSM, for the cluster that is made to show how it goes.')]
    [string] $Library = '/usr/lib/softhsm/libsofthsm2.so'
)

Set-StrictMode -Version 3.0
$ErrorActionPreference = 'Stop'
$PSNativeCommandUseErrorActionPreference = $true
Import-Module -Name $Module

# A cluster to show it with: three nodes of one token each, some keys, custodians, and a backup in two stores.
function Initialize-ShownCluster([string] $Folder, [string] $Library) {
    $env:HSMBACKUP_HOME, $env:SHOWN_PIN = "$Folder/home", '1234'
    $nodes = foreach ($number in 1..3) {
        $place = (New-Item -ItemType Directory -Path "$Folder/node-$number/token").Parent.FullName
        # A library that is loaded twice in one process is one library, with one configuration: each node has a copy.
        Copy-Item -LiteralPath $Library -Destination "$place/pkcs11.so"
        "directories.tokendir = $place/token" | Set-Content -LiteralPath "$place/softhsm2.conf"
        $env:SOFTHSM2_CONF = "$place/softhsm2.conf"
        $null = softhsm2-util --init-token --free --label "payments-$number" --so-pin 12345678 --pin 1234
        if ($number -eq 1) {
            $tool = '--module', $Library, '--token-label', 'payments-1', '--login', '--pin', '1234'
            $null = pkcs11-tool @tool --keypairgen --key-type rsa:2048 --id 01 --label invoices --usage-sign --sensitive --extractable 2>&1
            $null = pkcs11-tool @tool --keypairgen --key-type EC:prime256v1 --id 02 --label tokens --usage-sign --sensitive --extractable 2>&1
            $null = pkcs11-tool @tool --keygen --key-type AES:32 --id 03 --label cards --sensitive --extractable 2>&1
        }
        @{ Name = "node-$number"; Library = "$place/pkcs11.so"; TokenLabel = "payments-$number"; LibraryEnvironment = @{ SOFTHSM2_CONF = "$place/softhsm2.conf" }; Pin = 'env:SHOWN_PIN' }
    }
    $definition = "$Folder/payments.hsmcluster.json"
    $null = New-HsmCluster -Name payments -Destination $Folder -Node $nodes
    $null = New-HsmClusterKey -Cluster $definition -Threshold 2 -ShareCount 3 -ShareFolder "$Folder/shares"
    $members = Get-Content -LiteralPath $definition -Raw | ConvertFrom-Json -AsHashtable
    $members.stores = foreach ($name in 'here', 'there') { @{ name = $name; kind = 'directory'; location = "$Folder/$name" } }
    $members.drill = @{ interval = '90.00:00:00'; softwareTargets = $true }
    $members.targets = @{ rto = '00:30:00'; rpo = '1.00:00:00' }
    $members | ConvertTo-Json -Depth 9 | Set-Content -LiteralPath $definition
    $null = New-HsmBackup -Cluster $definition -KeyPath "$Folder/keys/payments.key"
    $definition
}

$before = $env:HSMBACKUP_HOME, $env:SOFTHSM2_CONF, $env:SHOWN_PIN
$folder = $Cluster ? $null : (New-Item -ItemType Directory -Path (Join-Path ([IO.Path]::GetTempPath()) "quarterly-drill-$(New-Guid)")).FullName
try {
    if ($folder) {
        'A cluster to show it with: three nodes, a cluster key in the hands of three custodians, a backup in two stores.'
        $Cluster = Initialize-ShownCluster -Folder $folder -Library $Library
        $KeyPath, $SharePath, $ReportPath = "$folder/keys", @(Get-ChildItem -LiteralPath $folder/shares -File | Select-Object -First 2).FullName, "$folder/evidence"
    }
    $drill = @{ Cluster = $Cluster; Operator = $Operator; Notes = 'Quarterly drill' }
    if ($KeyPath) { $drill.KeyPath = $KeyPath }
    if ($SharePath) { $drill.SharePath = $SharePath }
    if ($Witness) { $drill.Witness = $Witness }
    if ($ReportPath) { $drill.ReportPath = $ReportPath }

    # One that does not pass does not keep the others from being run; its report says why. One that does not even begin has no report.
    $scenarios = 'ClusterLoss', 'NodeLoss', 'KeyLoss', 'BackupVerification', 'StoreLoss'
    $results = @(foreach ($scenario in $scenarios) {
            try { Invoke-HsmDrill @drill -Scenario $scenario -ErrorAction Continue }
            catch { Write-Warning -Message "The drill $scenario did not take place: $_" }
        })
    $results | Format-Table -Property Scenario, Result, RecoveryTime, KeysExpected, KeysProven, KeysUsed
    $results | Where-Object Result -NE Passed | Format-List -Property Scenario, Problem, HtmlPath
    foreach ($result in $results) { "$($result.Scenario): $($result.HtmlPath) ($($result.Integrity))" }

    # What the auditor has is checked once more, as the auditor would.
    if ($ReportPath -and $results) {
        "$(@(Get-HsmDrill -Cluster $Cluster -Path $ReportPath).Count) reports in '$ReportPath' are whole."
    }
    $failed = $scenarios.Count - @($results | Where-Object Result -EQ Passed).Count
    if ($failed -gt 0) {
        throw "$failed of $($scenarios.Count) scenarios did not pass."
    }
    'The quarter passed.'
}
finally {
    $env:HSMBACKUP_HOME, $env:SOFTHSM2_CONF, $env:SHOWN_PIN = $before
    if ($folder) { Remove-Item -LiteralPath $folder -Recurse -Force }
}
