#Requires -Version 7.6

# A cluster of three SoftHSM nodes with a cluster key, an identity key and two stores, for drills.

Set-StrictMode -Version 3.0
$ErrorActionPreference = 'Stop'
Import-Module -Name "$PSScriptRoot/TestToken.psm1"

<#
.SYNOPSIS
    Makes the cluster below a folder. Gives its definition's path, the custodians' shares and the nodes' tokens.
#>
function New-DrillTestCluster {
    [CmdletBinding(SupportsShouldProcess)]
    param([string] $Folder, [hashtable] $Drill = @{ interval = '90.00:00:00'; softwareTargets = $true })

    $tokens = foreach ($number in 1..3) { Initialize-TestToken -Folder "$Folder/node-$number" -Label "payments-$number" }
    $nodes = foreach ($number in 1..3) { ConvertTo-TestNode -Token $tokens[$number - 1] -Name "node-$number" }
    $definition = "$Folder/payments.hsmcluster.json"
    if ($PSCmdlet.ShouldProcess($definition)) {
        $null = New-HsmCluster -Name payments -Destination $Folder -Node $nodes
        $ceremony = New-HsmClusterKey -Cluster $definition -Threshold 2 -ShareCount 3 -SharesInOutputOnly
        $edited = Get-Content -LiteralPath $definition -Raw | ConvertFrom-Json -AsHashtable
        $edited.stores = @(
            @{ name = 'first'; kind = 'directory'; location = "$Folder/first" }
            @{ name = 'second'; kind = 'directory'; location = "$Folder/second" })
        $edited.drill = $Drill
        $edited.targets = @{ rto = '04:00:00'; rpo = '4.00:00:00' }
        ConvertTo-Json -InputObject $edited -Depth 9 | Set-Content -LiteralPath $definition
        [pscustomobject]@{ Definition = $definition; Shares = $ceremony.Shares; Tokens = $tokens; Keys = "$Folder/keys" }
    }
}

<#
.SYNOPSIS
    Backs the cluster up to both stores; the key goes with the others.
#>
function Backup-DrillTestCluster($Cluster) {
    $script:number = $script:number + 1
    New-HsmBackup -Cluster $Cluster.Definition -KeyPath "$($Cluster.Keys)/$number.key"
}

$number = 0
Export-ModuleMember -Function New-DrillTestCluster, Backup-DrillTestCluster
