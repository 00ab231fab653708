#Requires -Version 7.6

# The worst day: all three HSMs are destroyed, and the machine with the definition of the cluster is gone as well. What is left is
# a folder of backups, the one-time key of the latest, and the custodians. One command brings everything back.

BeforeAll {
    $root = (Get-Item -LiteralPath "$PSScriptRoot/../../..").FullName
    Import-Module -Name "$root/out/HsmBackup", "$PSScriptRoot/../Support/TestToken.psm1"
    $homeBefore = $env:HSMBACKUP_HOME
    $env:HSMBACKUP_HOME = Join-Path $TestDrive home

    $nodes = foreach ($number in 1..3) {
        # A library loaded twice in one process is one instance, so each node has a copy of its own.
        $node = Initialize-TestToken -Folder "$TestDrive/node-$number" -Label "payments-$number"
        Copy-Item -LiteralPath $node.Library -Destination $node.Folder
        $node | Add-Member -NotePropertyMembers @{ Name = "node-$number"; Copy = "$($node.Folder)/libsofthsm2.so" } -PassThru
    }
    $pin = $nodes[0].Splat.Pin
    $soPin = ConvertTo-TestSecret -Text 90817263
    $definition = "$TestDrive/payments.hsmcluster.json"
    $cluster = New-HsmCluster -Name payments -Destination $TestDrive -Node ($nodes | ForEach-Object {
            @{ Name = $_.Name; Library = $_.Copy; TokenLabel = $_.Label; LibraryEnvironment = @{ SOFTHSM2_CONF = $_.Configuration } } })
    $recovery = @{
        BackupPath = "$TestDrive/backups"; KeyPath = "$TestDrive/keys/latest.key"; DefinitionPath = $definition; InitializeToken = $true
        SoPin = $soPin; Pin = $pin; ClientConfigurationPath = "$TestDrive/clients"
    }

    function Invoke-TokenLoss($Node) {
        Get-ChildItem -LiteralPath "$($Node.Folder)/tokens" -Force | Remove-Item -Recurse -Force
    }

    function Assert-NothingDone {
        foreach ($node in $nodes) { Get-ChildItem -LiteralPath "$($node.Folder)/tokens" -Force | Should -BeNullOrEmpty }
        $definition | Should -Not -Exist
        "$TestDrive/clients" | Should -Not -Exist
    }
}

AfterAll {
    $env:HSMBACKUP_HOME = $homeBefore
}

Describe 'Everything is lost, and comes back' {
    It 'has a cluster key with custodians, and two backups' {
        $script:ceremony = New-HsmClusterKey -Cluster $definition -Pin $pin -Threshold 3 -ShareCount 5 -SharesInOutputOnly
        Add-TestSecretKey -Token $nodes[0] -Label before -Id '08'
        $script:older = New-HsmBackup -Cluster $definition -Pin $pin -Destination $TestDrive/backups -KeyPath $TestDrive/keys/older.key
        Start-Sleep -Seconds 1.1
        Add-TestObject -Token $nodes[0]
        $script:latest = New-HsmBackup -Cluster $definition -Pin $pin -Destination $TestDrive/backups -KeyPath $TestDrive/keys/latest.key
        $latest.Mode, $latest.Complete | Should -Be ClusterBound, $true
        $script:before = Get-TestObject -Token $nodes[0] | Sort-Object
    }

    It 'has its key in the hands of other custodians since, which the backup does not know' {
        $script:ceremony = New-HsmClusterKey -Cluster $definition -Resplit -Share $ceremony.Shares[0, 1, 2] -Threshold 3 -ShareCount 5 -SharesInOutputOnly
        $script:setId = (Get-HsmCluster $definition).ClusterKey.ShareSetId
    }

    It 'has a newer file that is damaged' {
        Start-Sleep -Seconds 1.1
        $script:damaged = (New-HsmBackup -Cluster $definition -Pin $pin -Destination $TestDrive/backups -KeyInOutputOnly).Path
        $content = [IO.File]::ReadAllBytes($damaged)
        [IO.File]::WriteAllBytes($damaged, $content[0..($content.Length - 10)])
    }

    It 'loses all tokens and the definition' {
        foreach ($node in $nodes) { Invoke-TokenLoss $node }
        Remove-Item -LiteralPath $definition
        Assert-NothingDone
    }

    It 'shows with -WhatIf what would be done to each node, and does nothing' {
        $plans = Restore-HsmCluster @recovery -Share $ceremony.Shares[0, 2, 4] -WhatIf -WarningVariable warnings -WarningAction Ignore
        $plans.Node | Should -Be node-1, node-2, node-3
        $plans | ForEach-Object Add | Should -Be $latest.Objects, $latest.Objects, $latest.Objects
        $plans[0].BackupId | Should -Be $latest.BackupId
        "$warnings" | Should -BeLike "*$damaged*passed over*"
        Assert-NothingDone
    }

    It 'says to whom an older key belongs, and restores no older backup for it' {
        $other = $recovery + @{}
        $other.KeyPath = "$TestDrive/keys/older.key"
        $refusal = { Restore-HsmCluster @other -Share $ceremony.Shares[0, 2, 4] -Confirm:$false -WarningAction Ignore } |
            Should -Throw -ErrorId 'KeyMismatch,*' -PassThru
        $refusal.Exception.Message | Should -BeLike "*$($older.BackupId)*$($latest.BackupId)*"
        Assert-NothingDone
    }

    It 'does not come back with two shares, or without the PIN of a security officer' {
        { Restore-HsmCluster @recovery -Share $ceremony.Shares[0, 4] -Confirm:$false -WarningAction Ignore } | Should -Throw -ErrorId 'SharesMissing,*'
        { Restore-HsmCluster @recovery -Confirm:$false -WarningAction Ignore } | Should -Throw -ErrorId 'SharesMissing,*'
        $without = $recovery + @{}
        $without.Remove('SoPin')
        { Restore-HsmCluster @without -Share $ceremony.Shares[0, 2, 4] -Confirm:$false -WarningAction Ignore } | Should -Throw -ErrorId 'PinRequired,*'
        Assert-NothingDone
    }

    It 'comes back with one command' {
        $restored = Restore-HsmCluster @recovery -Share $ceremony.Shares[4, 1, 2] -Confirm:$false -WarningAction Ignore
        $restored.Node | Should -Be node-1, node-2, node-3
        $restored.BackupId | Should -Be $latest.BackupId, $latest.BackupId, $latest.BackupId
        $restored.Exact | Should -Be $true, $true, $true
        $restored.Proven | Should -Be $latest.Objects, $latest.Objects, $latest.Objects
    }

    It 'has its definition back' {
        $now = Get-HsmCluster $definition
        $now.Id | Should -Be $cluster.Id
        $now.Nodes.Name | Should -Be node-1, node-2, node-3
        $now.ClusterKey.Check | Should -Be $ceremony.Check
        $now.ClusterKey.ShareSetId | Should -Be $setId
    }

    It 'is whole, as an independent program sees it: <_>' -ForEach 0, 1, 2 {
        Get-TestObject -Token $nodes[$_] | Sort-Object | Should -Be $before
        (Test-HsmBackup -Path $latest.Path -KeyPath $recovery.KeyPath -Level Live -Cluster $definition -Node "node-$($_ + 1)" -Pin $pin).Passed | Should -BeTrue
    }

    It 'is a cluster as before: healthy, with its key and its signature' {
        (Get-HsmClusterHealth -Cluster $definition -Pin $pin -Deep).State | Should -Be Online, Online, Online
        (Restore-HsmClusterKey -Cluster $definition -Pin $pin -Share $ceremony.Shares[0, 1, 2]).State | Should -Be AlreadyThere, AlreadyThere, AlreadyThere
        $next = New-HsmBackup -Cluster $definition -Pin $pin -Node node-2 -Destination $TestDrive/others -KeyInOutputOnly
        (Test-HsmBackup -Path $next.Path -Cluster $definition).Passed | Should -BeTrue
    }

    It 'tells other programs where its tokens are' {
        Get-ChildItem -LiteralPath $TestDrive/clients | Should -HaveCount 9
        $signed = sh -c '. "$1"; printf pay >"$2/m"; pkcs11-tool --module "$PKCS11_MODULE_PATH" --token-label payments-2 --login --pin "$3" --sign --mechanism SHA256-RSA-PKCS --id 02 -i "$2/m" -o "$2/s" 2>&1; openssl dgst -sha256 -verify "$4" -keyform DER -signature "$2/s" "$2/m"' `
            sh "$TestDrive/clients/payments-node-2.env" $TestDrive (ConvertFrom-TestSecret -Secret $pin) "$($nodes[0].Folder)/rsa.pub"
        $signed[-1] | Should -Be 'Verified OK'
    }

    It 'changes nothing when the command is run again' {
        $again = Restore-HsmCluster @recovery -Confirm:$false -WarningAction Ignore
        $again.Kept | Should -Be $latest.Objects, $latest.Objects, $latest.Objects
        # The definition may come down the pipeline; it is no path of a backup.
        $again = Get-HsmCluster $definition | Restore-HsmCluster -BackupPath $TestDrive/backups -KeyPath $recovery.KeyPath -Pin $pin -Confirm:$false -WarningAction Ignore
        $again.Kept | Should -Be $latest.Objects, $latest.Objects, $latest.Objects
    }

    It 'finishes the other nodes where the middle one is dead, and tells the truth' {
        Invoke-TokenLoss $nodes[1]
        $null = Invoke-Pkcs11Tool -Token $nodes[0] --delete-object --type secrkey --id 08
        $restored = Restore-HsmCluster -Cluster $definition -BackupPath $TestDrive/backups -KeyPath $recovery.KeyPath -Pin $pin -Confirm:$false -WarningAction Ignore -ErrorVariable failed -ErrorAction SilentlyContinue
        $succeeded = $?
        $succeeded | Should -BeFalse
        $restored.Node | Should -Be node-1, node-3
        $restored.Added | Should -Be 1, 0
        $failed.FullyQualifiedErrorId | Should -BeLike 'TokenNotFound,*'
        $failed.TargetObject | Should -Be 'payments-2'
        Get-TestObject -Token $nodes[0] | Sort-Object | Should -Be $before
    }

    It 'gets the dead node back, and brings its serial number up to date' {
        $edited = Get-Content -LiteralPath $definition -Raw | ConvertFrom-Json -AsHashtable
        $edited.nodes[1].tokenSerial = '0123456789abcdef'
        ConvertTo-Json -InputObject $edited -Depth 9 | Set-Content -LiteralPath $definition
        $restored = Restore-HsmCluster -Cluster $definition -Node node-2 -BackupPath $TestDrive/backups -KeyPath $recovery.KeyPath -Pin $pin -SoPin $soPin -InitializeToken -Share $ceremony.Shares[0, 1, 2] -Confirm:$false -WarningAction Ignore
        $restored.Node, $restored.Exact | Should -Be node-2, $true
        $serial = (Get-HsmCluster $definition).Nodes[1].Address.TokenSerial
        $serial | Should -Match '^[0-9a-f]{16}$'
        $serial | Should -Not -Be '0123456789abcdef'
        (Get-HsmClusterHealth -Cluster $definition -Pin $pin).State | Should -Be Online, Online, Online
    }
}

Describe 'Restore-HsmCluster refuses' {
    It 'parameters that do not fit together: <Why>' -ForEach @(
        @{ Why = 'a definition that is lost, and one that is not'; Arguments = @{ DefinitionPath = './x.hsmcluster.json'; Cluster = 'payments' } }
        @{ Why = 'a definition by a name that no definition has'; Arguments = @{ DefinitionPath = './x.json' } }
        @{ Why = 'shares for nothing'; Arguments = @{ Cluster = 'payments'; SharePath = './share' } }
        @{ Why = 'a lone token without a backup'; Arguments = @{ Library = '/usr/lib/softhsm/libsofthsm2.so'; TokenLabel = 'x' } }
        @{ Why = 'a backup that is named, and to be found'; Arguments = @{ Path = 'x'; BackupPath = 'y'; Cluster = 'payments' } }
    ) {
        { Restore-HsmCluster @Arguments -Confirm:$false } | Should -Throw -ErrorId 'InvalidArgument,*'
    }

    It 'to look for backups where it does not know any folder' {
        { Restore-HsmCluster -Cluster $definition -Pin $pin -Confirm:$false } | Should -Throw '*where the backups are*' -ErrorId 'InvalidArgument,*'
    }
}
