#Requires -Version 7.6

# The whole story of a cluster that is lost: three HSMs, their key in the hands of five people, one signed backup. Then all
# three are gone, and three of the people, the backup and its one-time key bring everything back on every node.

BeforeAll {
    $root = (Get-Item -LiteralPath "$PSScriptRoot/../../..").FullName
    Import-Module -Name "$root/out/HsmBackup", "$PSScriptRoot/../Support/TestToken.psm1"

    $nodes = foreach ($number in 1..3) {
        # A library loaded twice in one process is one instance, so each node has a copy of its own.
        $node = Initialize-TestToken -Folder "$TestDrive/node-$number" -Label "payments-$number"
        Copy-Item -LiteralPath $node.Library -Destination $node.Folder
        $node | Add-Member -NotePropertyMembers @{ Name = "node-$number"; Copy = "$($node.Folder)/libsofthsm2.so" } -PassThru
    }
    $pin = $nodes[0].Splat.Pin
    $definition = "$TestDrive/payments.hsmcluster.json"
    $null = New-HsmCluster -Name payments -Destination $TestDrive -Node ($nodes | ForEach-Object {
            @{ Name = $_.Name; Library = $_.Copy; TokenLabel = $_.Label; LibraryEnvironment = @{ SOFTHSM2_CONF = $_.Configuration } } })
    $cluster = @{ Cluster = $definition; Pin = $pin }
}

Describe 'A cluster is lost, and comes back' {
    It 'gets its key by ceremony: five shares, of which three give it back' {
        $script:ceremony = New-HsmClusterKey @cluster -Threshold 3 -ShareCount 5 -SharesInOutputOnly
        $ceremony.Shares | Should -HaveCount 5
        $ceremony.Nodes.State | Should -Be Added, Added, Added
        $ceremony.Identity | Should -Not -BeNullOrEmpty
        $read = Get-Content -LiteralPath $definition -Raw | ConvertFrom-Json
        $read.clusterKey.check | Should -BeExactly $ceremony.Check
        foreach ($share in $ceremony.Shares) {
            $words = -split (ConvertFrom-TestSecret -Secret $share)
            $words | Should -HaveCount 33
            (Get-Content -LiteralPath $definition -Raw) | Should -Not -BeLike "*$($words[5..7] -join ' ')*"
        }
    }

    It 'is filled, and backed up by one bound and signed backup' {
        Add-TestObject -Token $nodes[0]
        $script:keys = "$TestDrive/keys/payments.key"
        $script:backup = New-HsmBackup @cluster -Node node-1 -Destination $TestDrive/backups -KeyPath $keys
        $backup.Mode | Should -Be ClusterBound
        $backup.Complete | Should -BeTrue
        $backup.Signer | Should -BeLike '*CN=payments*'
    }

    It 'has the backup on all nodes' {
        $restored = Restore-HsmCluster -Path $backup.Path -KeyPath $keys @cluster -Confirm:$false
        $restored | Should -HaveCount 3
        $restored.Exact | Should -Be $true, $true, $true
        $script:before = $nodes | ForEach-Object { , @(Get-TestObject -Token $_ | Sort-Object) }
    }

    It 'knows where the backup comes from, without any key or PIN' {
        $origin = Test-HsmBackup -Path $backup.Path -Level Integrity -Cluster $definition
        $origin.Passed | Should -BeTrue
        $origin.Checks | Where-Object Name -EQ Origin | ForEach-Object Outcome | Should -Be Passed
    }

    It 'loses all three tokens' {
        foreach ($node in $nodes) {
            Clear-TestToken -Token $node
            Get-TestObject -Token $node | Should -BeNullOrEmpty
        }
    }

    It 'gives nothing to who has the backup and its one-time key alone' {
        $failed = $null
        $restored = Restore-HsmCluster -Path $backup.Path -KeyPath $keys @cluster -Confirm:$false -ErrorVariable failed -ErrorAction SilentlyContinue
        $restored | Should -BeNullOrEmpty
        @($failed | Where-Object FullyQualifiedErrorId -Like 'ClusterKeyMissing*') | Should -HaveCount 3
        foreach ($node in $nodes) { Get-TestObject -Token $node | Should -BeNullOrEmpty }
    }

    It 'does not come back with two shares' {
        { Restore-HsmClusterKey @cluster -Share $ceremony.Shares[0, 4] } | Should -Throw -ErrorId 'SharesMissing*'
        foreach ($node in $nodes) { Get-TestObject -Token $node | Should -BeNullOrEmpty }
    }

    It 'names a share that is of another cluster' {
        $other = "$TestDrive/other.hsmcluster.json"
        $stranger = Initialize-TestToken -Folder "$TestDrive/stranger" -Label stranger
        Copy-Item -LiteralPath $stranger.Library -Destination $stranger.Folder
        $null = New-HsmCluster -Name other -Destination $TestDrive -Library "$($stranger.Folder)/libsofthsm2.so" -TokenLabel stranger -LibraryEnvironment @{ SOFTHSM2_CONF = $stranger.Configuration }
        $foreign = (New-HsmClusterKey -Cluster $other -Pin $pin -Threshold 2 -ShareCount 2 -NoIdentity -SharesInOutputOnly).Shares[0]
        $set = ( -split (ConvertFrom-TestSecret -Secret $foreign))[0, 1] -join ' '

        $refusal = { Restore-HsmClusterKey @cluster -Share ($ceremony.Shares[0, 1] + $foreign) } | Should -Throw -ErrorId 'ShareRefused*' -PassThru
        $refusal.Exception.Message | Should -BeLike "*'$set'*is of another set*"
        $tested = Test-HsmClusterKeyShare -Share $foreign -Cluster $definition -ErrorAction SilentlyContinue
        $tested.State, $tested.Valid, $tested.SetName | Should -Be OtherSet, $false, $set
    }

    It 'has its key back on every node from three shares' {
        $joined = Restore-HsmClusterKey @cluster -Share $ceremony.Shares[4, 1, 2]
        $joined.State | Should -Be Added, Added, Added
        (Restore-HsmClusterKey @cluster -Share $ceremony.Shares[0, 1, 2]).State | Should -Be AlreadyThere, AlreadyThere, AlreadyThere
    }

    It 'has everything back on every node, each key proven by wrapping it again' {
        $restored = Restore-HsmCluster -Path $backup.Path -KeyPath $keys @cluster -Confirm:$false
        $restored | Should -HaveCount 3
        foreach ($result in $restored) {
            $result.Exact | Should -BeTrue
            $result.Proven | Should -Be $backup.Objects
        }
        foreach ($node in $nodes) {
            $live = Test-HsmBackup -Path $backup.Path -KeyPath $keys -Level Live @cluster -Node $node.Name
            $live.Passed | Should -BeTrue
        }
    }

    It 'does its work on every node, as independent programs see it' {
        for ($i = 0; $i -lt 3; $i++) {
            Get-TestObject -Token $nodes[$i] | Sort-Object | Should -Be $before[$i]
            Get-TestUse -Token $nodes[$i] -Original $nodes[0] | Should -Be 'Verified OK', 'Verified OK', 'pay 100 to Alice'
        }
    }

    It 'still signs its backups as the same cluster' {
        $next = New-HsmBackup @cluster -Node node-3 -Destination $TestDrive/backups -KeyPath $TestDrive/keys/next.key
        (Test-HsmBackup -Path $next.Path -Cluster $definition).Passed | Should -BeTrue
    }
}
