#Requires -Version 7.6

# Three real nodes, each with a library of its own.

BeforeAll {
    $root = (Get-Item -LiteralPath "$PSScriptRoot/../..").FullName
    Import-Module -Name "$root/out/HsmBackup", "$PSScriptRoot/Support/TestToken.psm1"
    $homeBefore = $env:HSMBACKUP_HOME
    $env:HSMBACKUP_HOME = Join-Path $TestDrive home
    $env:HSMBACKUP_TEST_PIN = '648219'

    # Not in TestDrive, which takes away after a Describe what was made in it: here that would be objects of the tokens.
    $folder = Join-Path ([IO.Path]::GetTempPath()) "hsmbackup-tests-$([IO.Path]::GetRandomFileName())"

    $tokens = @{}
    $nodes = foreach ($name in 'zurich', 'bern', 'basel') {
        $tokens[$name] = Initialize-TestToken -Folder "$folder/$name" -Label "$name-token"
        ConvertTo-TestNode -Token $tokens[$name] -Name $name
    }
    $cluster = New-HsmCluster payments -Node $nodes -Destination $env:HSMBACKUP_HOME/clusters
    Add-TestObject -Token $tokens.zurich
    $backup = New-HsmBackup -Cluster payments -Destination $TestDrive/backups -KeyInOutputOnly
    $null = $backup | Restore-HsmCluster -Cluster payments -StatePath $TestDrive/state -Confirm:$false
}

AfterAll {
    Remove-Item -LiteralPath $folder -Recurse -Force
    $env:HSMBACKUP_HOME = $homeBefore
    $env:HSMBACKUP_TEST_PIN = $null
}

Describe 'Get-HsmClusterHealth' {
    It 'gives one object for each node, and the verdict on the cluster' {
        $health = Get-HsmClusterHealth -Cluster payments -BackupPath $TestDrive/backups
        $health.Node | Should -Be 'zurich', 'bern', 'basel'
        $health.State | Should -Be 'Online', 'Online', 'Online'
        $health.Objects | Should -Be 8, 8, 8
        $health[0].ClusterState | Should -Be 'Online'
        $health[0].LastBackup | Should -Be $backup.Created
        Get-HsmClusterHealth -Cluster $cluster -Quiet | Should -BeTrue
    }

    It 'tells what a node lacks' {
        $null = Invoke-Pkcs11Tool -Token $tokens.bern --delete-object --type secrkey --label aes
        $health = Get-HsmClusterHealth -Cluster payments
        $health.State | Should -Be 'Online', 'OutOfSync', 'Online'
        $health.Missing | Should -Be 0, 1, 0
        "$($health[1].Drift)" | Should -BeLike "Missing: CKO_SECRET_KEY CKK_AES 'aes'*"
        Get-HsmClusterHealth -Cluster payments -Quiet | Should -BeFalse
        ($health | Format-Table | Out-String) | Should -BeLike '*OutOfSync*'
    }

    It 'logs in nowhere where that is asked' {
        $env:HSMBACKUP_TEST_PIN = $null
        try {
            $health = Get-HsmClusterHealth -Cluster payments -NoLogin
        }
        finally {
            $env:HSMBACKUP_TEST_PIN = '648219'
        }
        $health.LoggedIn | Should -Be $false, $false, $false
        $health.State | Should -Not -Contain 'PinProblem'
    }

    It 'reports a PIN that cannot be had, and the other nodes all the same' {
        $definition = Get-Content -LiteralPath $cluster.DefinitionPath -Raw | ConvertFrom-Json -AsHashtable
        $definition.nodes[1].pin = 'env:HSMBACKUP_NO_SUCH_PIN'
        $path = Join-Path $TestDrive 'payments.hsmcluster.json'
        ConvertTo-Json -InputObject $definition -Depth 9 | Set-Content -LiteralPath $path
        $health = Get-HsmClusterHealth -Cluster $path
        $health[1].State | Should -Be 'PinProblem'
        $health[1].Reason | Should -BeLike '*HSMBACKUP_NO_SUCH_PIN*'
        $health[0].Objects, $health[2].Objects | Should -Be 8, 8
    }

    It 'reports a node whose storage is gone' {
        Rename-Item -LiteralPath "$folder/basel" -NewName away
        try {
            $health = Get-HsmClusterHealth -Cluster payments
        }
        finally {
            Rename-Item -LiteralPath "$folder/away" -NewName basel
        }
        $health[2].State, $health[2].Error | Should -Be 'Unreachable', 'LibraryNotFound'
        $health[0].ClusterState | Should -BeIn 'Degraded', 'OutOfSync'
        (Get-HsmClusterHealth -Cluster payments)[2].State | Should -Be 'Online'
    }

    It 'looks at one node, and at a lone token' {
        (Get-HsmClusterHealth -Cluster payments -Node basel).Node | Should -Be 'basel'
        $lone = Get-HsmClusterHealth -Library "$folder/basel/libsofthsm2.so" -TokenLabel basel-token -Pin (ConvertTo-TestSecret -Text 648219) `
            -LibraryEnvironment @{ SOFTHSM2_CONF = $tokens.basel.Configuration }
        $lone.State, $lone.Objects, $lone.Cluster | Should -Be 'Online', 8, 'basel-token'
    }

    It 'compares keys only where there is a cluster key' {
        { Get-HsmClusterHealth -Cluster payments -Deep } | Should -Throw -ErrorId 'ClusterKeyMissing,*'
        { Get-HsmClusterHealth -Cluster payments -Deep -NoLogin } | Should -Throw -ErrorId 'InvalidArgument,*'
    }
}
