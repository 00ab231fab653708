#Requires -Version 7.6

# -Cluster and -Node on every cmdlet that opens a token, with two real nodes.

BeforeDiscovery {
    $cmdlets = 'New-HsmBackup', 'Test-HsmBackup', 'Compare-HsmBackup', 'Restore-HsmCluster'
}

BeforeAll {
    $root = (Get-Item -LiteralPath "$PSScriptRoot/../..").FullName
    Import-Module -Name "$root/out/HsmBackup", "$PSScriptRoot/Support/TestToken.psm1"
    $homeBefore = $env:HSMBACKUP_HOME
    $env:HSMBACKUP_HOME = Join-Path $TestDrive home
    $env:HSMBACKUP_TEST_PIN = '648219'

    # Not in TestDrive, which takes away after a Describe what was made in it: here that would be objects of the tokens.
    $folder = Join-Path ([IO.Path]::GetTempPath()) "hsmbackup-tests-$([IO.Path]::GetRandomFileName())"

    $tokens = @{}
    $nodes = foreach ($name in 'zurich', 'bern') {
        $tokens[$name] = Initialize-TestToken -Folder "$folder/$name" -Label "$name-token"
        ConvertTo-TestNode -Token $tokens[$name] -Name $name
    }
    $cluster = New-HsmCluster payments -Node $nodes -Destination $env:HSMBACKUP_HOME/clusters
    Add-TestObject -Token $tokens.zurich
    $backup = New-HsmBackup -Cluster payments -Destination $TestDrive/backups -KeyPath $TestDrive/keys/payments.key
    $restore = @{ Path = $backup.Path; KeyPath = "$TestDrive/keys/payments.key"; StatePath = "$TestDrive/state"; Confirm = $false }
    # What each cmdlet needs beside the token.
    $rest = @{
        'New-HsmBackup'      = @{ Destination = "$TestDrive/backups"; KeyInOutputOnly = $true }
        'Test-HsmBackup'     = @{ Path = $backup.Path; Key = $backup.OneTimeKey; Level = 'Live' }
        'Compare-HsmBackup'  = @{ ReferencePath = $backup.Path; ReferenceKey = $backup.OneTimeKey }
        'Restore-HsmCluster' = $restore
    }

    # The definition with another source for the PIN of a node.
    function Write-PinSource([string] $Node, [string] $Source) {
        $definition = Get-Content -LiteralPath $cluster.DefinitionPath -Raw | ConvertFrom-Json -AsHashtable
        ($definition.nodes | Where-Object name -EQ $Node).pin = $Source
        $path = Join-Path $TestDrive "$([IO.Path]::GetRandomFileName()).hsmcluster.json"
        ConvertTo-Json -InputObject $definition -Depth 9 | Set-Content -LiteralPath $path
        $path
    }
}

AfterAll {
    Remove-Item -LiteralPath $folder -Recurse -Force
    $env:HSMBACKUP_HOME = $homeBefore
    $env:HSMBACKUP_TEST_PIN = $null
}

Describe 'A cluster' {
    It 'is backed up by its first node, with its PIN' {
        $backup.ClusterName, $backup.ClusterId, $backup.Node, $backup.TokenLabel | Should -Be 'payments', $cluster.Id, 'zurich', 'zurich-token'
        $info = Get-HsmBackup -Path $backup.Path
        $info.ClusterId, $info.ClusterName | Should -Be $cluster.Id, 'payments'
    }

    It 'is restored to all its nodes, one after the other' {
        $results = Restore-HsmCluster @restore -Cluster payments
        $results.Node | Should -Be 'zurich', 'bern'
        $results.Exact | Should -Be $true, $true
        $results.Kept | Should -Be 8, 0
        $results.Added | Should -Be 0, 8
        Get-TestObject -Token $tokens.bern | Sort-Object | Should -Be (Get-TestObject -Token $tokens.zurich | Sort-Object)
    }

    It 'a PIN that a node refused is not sent again for the next backup' {
        $env:HSMBACKUP_TEST_PIN = '000000'
        try {
            $null = $backup, $backup | Restore-HsmCluster -Cluster payments -StatePath $TestDrive/state -WhatIf -ErrorAction SilentlyContinue -ErrorVariable refused
        }
        finally {
            $env:HSMBACKUP_TEST_PIN = '648219'
        }
        $refused.FullyQualifiedErrorId -replace ',.*' | Should -Be 'PinIncorrect', 'PinIncorrect', 'PinRequired', 'PinRequired'
    }

    It 'is named by name, by path, or by what Get-HsmCluster gives: <_>' -ForEach $cmdlets {
        $arguments = $rest[$_]
        { & $_ @arguments -Cluster PAYMENTS -Node bern -ErrorAction Stop } | Should -Not -Throw
        { & $_ @arguments -Cluster $cluster.DefinitionPath -Node BERN -ErrorAction Stop } | Should -Not -Throw
        { & $_ @arguments -Cluster $cluster -Node $cluster.Nodes[1] -ErrorAction Stop } | Should -Not -Throw
        { Get-HsmCluster payments | & $_ @arguments -Node bern -ErrorAction Stop } | Should -Not -Throw
    }

    It 'holds the same in every node' {
        foreach ($node in $cluster.Nodes) {
            ($backup | Test-HsmBackup -Level Live -Cluster payments -Node $node).Passed | Should -BeTrue
            $backup | Compare-HsmBackup -Cluster payments -Node $node -Quiet | Should -BeTrue
        }
        $second = New-HsmBackup -Cluster payments -Node bern -Destination $TestDrive/backups -KeyInOutputOnly
        $second.Node | Should -Be 'bern'
        (Get-HsmBackup -Path $second.Path).PreviousBackupId | Should -BeLike '*-payments-*'
    }

    It 'goes on with the other nodes where one fails' {
        $path = Write-PinSource -Node zurich -Source 'env:HSMBACKUP_NOT_SET'
        $results = Restore-HsmCluster @restore -Cluster $path -ErrorAction SilentlyContinue -ErrorVariable failed
        $results.Node | Should -Be 'bern'
        $failed[0].FullyQualifiedErrorId | Should -Be 'PinUnavailable,HsmBackup.PowerShell.Commands.RestoreHsmClusterCommand'
        "$($failed[0])" | Should -BeLike "*node 'zurich' of cluster 'payments'*"
        # Also where its PIN is wrong: the next node has its own.
        $env:HSMBACKUP_NOT_SET = '000000'
        try {
            (Restore-HsmCluster @restore -Cluster $path -ErrorAction SilentlyContinue -ErrorVariable failed).Node | Should -Be 'bern'
            $failed[0].FullyQualifiedErrorId | Should -BeLike 'PinIncorrect,*'
        }
        finally {
            $env:HSMBACKUP_NOT_SET = $null
        }
    }

    It 'is left alone where the one PIN for all its nodes is wrong' {
        $wrong = ConvertTo-TestSecret -Text 000000
        { Restore-HsmCluster @restore -Cluster payments -Pin $wrong -ErrorAction SilentlyContinue } | Should -Throw -ErrorId 'PinIncorrect,*'
    }

    It 'shows the plan of every node with -WhatIf' {
        $plans = Restore-HsmCluster @restore -Cluster payments -WhatIf
        $plans.Node | Should -Be 'zurich', 'bern'
        $plans.ChangesNothing | Should -Be $true, $true
    }

    It 'is not mixed with a lone token: <_>' -ForEach $cmdlets {
        $arguments, $splat = $rest[$_], $tokens.zurich.Splat
        { & $_ @arguments @splat -Cluster payments -ErrorAction Stop } | Should -Throw '*-Cluster and -Library exclude each other*' -ErrorId 'InvalidArgument,*'
    }

    It 'has to be named, or a lone token: <_>' -ForEach @('New-HsmBackup', 'Restore-HsmCluster') {
        $arguments = $rest[$_]
        { & $_ @arguments } | Should -Throw '*which token*' -ErrorId 'InvalidArgument,*'
        { & $_ @arguments -Node bern } | Should -Throw '*-Cluster*' -ErrorId 'InvalidArgument,*'
    }

    It 'says <Id> where <Why>' -ForEach @(
        @{ Id = 'DefinitionNotFound'; Why = 'there is none'; Arguments = @{ Cluster = 'nowhere' } }
        @{ Id = 'DefinitionNotFound'; Why = 'there is no file'; Arguments = @{ Cluster = './nowhere.hsmcluster.json' } }
        @{ Id = 'NodeNotFound'; Why = 'there is no such node'; Arguments = @{ Cluster = 'payments'; Node = 'genf' } }
    ) {
        { New-HsmBackup @Arguments -Destination $TestDrive/backups -KeyInOutputOnly } | Should -Throw -ErrorId "$Id,*"
    }

    It 'refuses a backup of another cluster' {
        $other = New-HsmCluster other -Node $nodes -Destination $TestDrive/other
        { Restore-HsmCluster @restore -Cluster $other -Node bern } | Should -Throw -ErrorId 'TokenMismatch,*'
    }

    It 'is completed, with its nodes: <_>' -ForEach $cmdlets {
        function Complete([string] $Line) { (TabExpansion2 -inputScript $Line -cursorColumn $Line.Length).CompletionMatches | ForEach-Object CompletionText }
        Complete "$_ -Cluster pay" | Should -Be 'payments'
        Complete "$_ -Cluster payments -Node " | Should -Be 'zurich', 'bern'
        { Complete "$_ -Cluster nowhere -Node xyzzy" } | Should -Not -Throw
    }
}

Describe 'The PIN of a node' {
    It 'comes from a file that is private' {
        $file = Join-Path $TestDrive pin
        Set-Content -LiteralPath $file -Value 648219
        chmod 600 $file
        $path = Write-PinSource -Node zurich -Source "file:$file"
        (New-HsmBackup -Cluster $path -Destination $TestDrive/backups -KeyInOutputOnly).Complete | Should -BeTrue
        chmod 640 $file
        { New-HsmBackup -Cluster $path -Destination $TestDrive/backups -KeyInOutputOnly } | Should -Throw '*mode 0640*' -ErrorId 'PinSourceRefused,*'
    }

    It 'is the one that is given, where one is' {
        $path = Write-PinSource -Node zurich -Source 'env:HSMBACKUP_NOT_SET'
        (New-HsmBackup -Cluster $path -Pin $tokens.zurich.Splat.Pin -Destination $TestDrive/backups -KeyInOutputOnly).Complete | Should -BeTrue
    }

    It 'is asked for, and where nobody attends the session that is an error' {
        $path = Write-PinSource -Node zurich -Source prompt
        { New-HsmBackup -Cluster $path -Destination $TestDrive/backups -KeyInOutputOnly } | Should -Throw '*nobody attends*' -ErrorId 'PinUnavailable,*'
    }

    Context 'in a vault' {
        BeforeAll {
            $vault = Write-PinSource -Node zurich -Source 'secret:Hsm/zurich'
            $modules = $env:PSModulePath
        }

        AfterEach {
            $env:PSModulePath = $modules
            Remove-Module -Name Microsoft.PowerShell.SecretManagement -ErrorAction Ignore
        }

        It 'needs the module for vaults' -Skip:($null -ne (Get-Module -ListAvailable -Name Microsoft.PowerShell.SecretManagement)) {
            { New-HsmBackup -Cluster $vault -Destination $TestDrive/backups -KeyInOutputOnly } |
                Should -Throw '*Microsoft.PowerShell.SecretManagement is not installed*' -ErrorId 'PinUnavailable,*'
        }

        It 'comes from Get-Secret' {
            # Stands in for the module of that name, of which only this command is used.
            $module = Join-Path $TestDrive modules/Microsoft.PowerShell.SecretManagement
            $null = New-Item -ItemType Directory -Path $module
            Set-Content -LiteralPath $module/Microsoft.PowerShell.SecretManagement.psm1 -Value @'
function Get-Secret {
    [CmdletBinding()] param([string] $Name, [string] $Vault)
    if ("$Vault/$Name" -ne 'Hsm/zurich') { throw "no secret $Vault/$Name" }
    $secret = [securestring]::new()
    foreach ($character in '648219'.ToCharArray()) { $secret.AppendChar($character) }
    $secret
}
'@
            $env:PSModulePath = "$TestDrive/modules$([IO.Path]::PathSeparator)$modules"
            (New-HsmBackup -Cluster $vault -Destination $TestDrive/backups -KeyInOutputOnly).Complete | Should -BeTrue
            $other = Write-PinSource -Node zurich -Source 'secret:Hsm/other'
            { New-HsmBackup -Cluster $other -Destination $TestDrive/backups -KeyInOutputOnly } |
                Should -Throw '*no secret Hsm/other*' -ErrorId 'PinUnavailable,*'
        }
    }
}

Describe 'An acknowledged object' {
    It 'permits a backup that says Partial' {
        Add-TestFixedKey -Token $tokens.bern
        { New-HsmBackup -Cluster payments -Node bern -Destination $TestDrive/backups -KeyInOutputOnly } | Should -Throw -ErrorId 'BackupIncomplete,*'
        $definition = Get-Content -LiteralPath $cluster.DefinitionPath -Raw | ConvertFrom-Json -AsHashtable
        $definition.acknowledged = @(@{ label = 'fixed'; class = 'CKO_PRIVATE_KEY'; reason = 'It was made not to leave the token.' })
        ConvertTo-Json -InputObject $definition -Depth 9 | Set-Content -LiteralPath $TestDrive/acknowledged.hsmcluster.json
        $partial = New-HsmBackup -Cluster $TestDrive/acknowledged.hsmcluster.json -Node bern -Destination $TestDrive/backups -KeyInOutputOnly -WarningVariable said -WarningAction SilentlyContinue
        $partial.State | Should -Be 'Partial'
        $partial.Acknowledged.Label | Should -Be 'fixed'
        "$said" | Should -BeLike '*Partial: 1 of 10 objects*1 of them is acknowledged by the definition*'
        (Get-HsmBackup -Path $partial.Path).State | Should -Be 'Partial'
    }
}
