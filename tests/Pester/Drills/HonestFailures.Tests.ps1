#Requires -Version 7.6

# Drills that must not pass: each says at which step it failed and why, leaves a signed report, and makes pwsh -Command end with 1.

BeforeDiscovery {
    $noShim = -not ((Get-Command -Name gcc -ErrorAction Ignore) -and (Test-Path -LiteralPath /usr/include/p11-kit-1))
}

BeforeAll {
    $root = (Get-Item -LiteralPath "$PSScriptRoot/../../..").FullName
    Import-Module -Name "$root/out/HsmBackup", "$PSScriptRoot/../Support/TestToken.psm1", "$PSScriptRoot/../Support/DrillCluster.psm1"
    $homeBefore, $pinBefore = $env:HSMBACKUP_HOME, $env:HSMBACKUP_TEST_PIN
    $env:HSMBACKUP_HOME = "$TestDrive/home"
    $env:HSMBACKUP_TEST_PIN = '648219'
    $cluster = New-DrillTestCluster -Folder "$TestDrive/cluster"
    Add-TestObject -Token $cluster.Tokens[0]
    $drill = @{ Cluster = $cluster.Definition; KeyPath = $cluster.Keys; Share = $cluster.Shares[0, 2] }

    # Runs a drill that fails, and looks at what it tells.
    function Assert-Failed([hashtable] $Drill, [string] $Step, [string] $ErrorId) {
        $result = Invoke-HsmDrill @Drill -ErrorVariable failed -ErrorAction SilentlyContinue -WarningAction Ignore
        $result.Result, $result.ErrorCode | Should -Be Failed, $ErrorId
        $result.Steps.Where({ $_.Outcome -ne 'Passed' })[0].Name | Should -Be $Step
        $result.Steps[-1].Name, $result.Steps[-1].Outcome | Should -Be CleanUp, Passed
        $result.RecoveryTime | Should -BeNullOrEmpty
        $result.Report.FollowUps | Should -Not -BeNullOrEmpty
        $failed.FullyQualifiedErrorId | Should -Be 'DrillFailed,HsmBackup.PowerShell.Commands.InvokeHsmDrillCommand'
        $failed.ErrorDetails.RecommendedAction | Should -BeLike "*$($result.HtmlPath)*"
        (Get-HsmDrill -Cluster $cluster.Definition -Latest).Id | Should -Be $result.Id
        $result
    }
}

AfterAll {
    $env:HSMBACKUP_HOME, $env:HSMBACKUP_TEST_PIN = $homeBefore, $pinBefore
}

Describe 'A drill fails honestly' {
    It 'where there is no backup' {
        $null = Assert-Failed -Drill ($drill + @{ Scenario = 'ClusterLoss' }) -Step Find -ErrorId BackupNotFound
        $null = Assert-Failed -Drill ($drill + @{ Scenario = 'BackupVerification' }) -Step Find -ErrorId BackupNotFound
    }

    It 'where the one-time key is another''s, or is not there' {
        $script:backup = Backup-DrillTestCluster -Cluster $cluster
        $token = $cluster.Tokens[1].Splat
        $null = New-HsmBackup @token -Destination $TestDrive/others -KeyPath $TestDrive/other.key -AllowPartial
        $wrong = $drill + @{ Scenario = 'ClusterLoss' }
        $wrong.KeyPath = "$TestDrive/other.key"
        $null = Assert-Failed -Drill $wrong -Step Secrets -ErrorId KeyMismatch
        $wrong.KeyPath = (New-Item -ItemType Directory -Path $TestDrive/empty).FullName
        $null = Assert-Failed -Drill $wrong -Step Secrets -ErrorId KeyRequired
    }

    It 'where a share is missing' {
        $few = $drill + @{ Scenario = 'NodeLoss' }
        $few.Share = $cluster.Shares[0]
        $null = Assert-Failed -Drill $few -Step Secrets -ErrorId SharesMissing
    }

    It 'where a key does not sign after the restore' -Skip:$noShim {
        $token = Initialize-TestToken -Folder "$TestDrive/ill" -Label ill
        $shim = "$TestDrive/ill/shim.so"
        $null = Invoke-TestProgram -Token $token -Program gcc -ArgumentList @(
            '-O1', '-shared', '-fPIC', '-fvisibility=hidden', '-I', '/usr/include/p11-kit-1', '-o', $shim
            "$root/tests/HsmBackup.Engine.Tests/Support/faultshim.c", '-ldl')
        Copy-Item -LiteralPath $token.Library -Destination $TestDrive/ill/real.so
        Set-Content -LiteralPath "$shim.real" -Value $TestDrive/ill/real.so -NoNewline
        # Signatures of the key with that label are as long as they should be, and wrong.
        Set-Content -LiteralPath "$shim.faults" -Value 'C_Sign garbage 0 ec'
        $ill = @{ Library = $shim; TokenLabel = 'ill'; LibraryEnvironment = @{ SOFTHSM2_CONF = $token.Configuration } }
        $null = New-HsmCluster -Name ill -Destination $TestDrive/cluster @ill -PinSource env:HSMBACKUP_TEST_PIN
        $edited = Get-Content -LiteralPath $cluster.Definition -Raw | ConvertFrom-Json -AsHashtable
        $edited.drill.cluster = 'ill'
        ConvertTo-Json -InputObject $edited -Depth 9 | Set-Content -LiteralPath $cluster.Definition
        try {
            $result = Assert-Failed -Drill ($drill + @{ Scenario = 'KeyLoss'; Label = 'ec', 'rsa' }) -Step Use -ErrorId DrillFailed
        }
        finally {
            $edited.drill.Remove('cluster')
            ConvertTo-Json -InputObject $edited -Depth 9 | Set-Content -LiteralPath $cluster.Definition
        }
        # In whatever order the token lists them.
        $keys = $result.Report.Keys | Where-Object Class -EQ CKO_PRIVATE_KEY | Sort-Object -Property Label
        $keys.Label | Should -Be ec, rsa
        $keys.Proof | Should -Be Passed, Passed
        $keys.Result | Should -Be Failed, Passed
        $keys[0].Reason | Should -BeLike '*ECDSA signature is wrong*'
        $result.Report.Environment.DrillCluster | Should -Be ill
        Get-TestObject -Token $token | Should -BeNullOrEmpty
    }

    It 'where the store that is left is down' {
        Rename-Item -LiteralPath $TestDrive/cluster/second -NewName away
        $null = Assert-Failed -Drill ($drill + @{ Scenario = 'StoreLoss' }) -Step Find -ErrorId BackupNotFound
        $result = Invoke-HsmDrill @drill -Scenario ClusterLoss -WarningAction Ignore
        $result.Result | Should -Be Passed -Because 'the other store has it'
        $result = Invoke-HsmDrill @drill -Scenario BackupVerification -ErrorAction SilentlyContinue -WarningAction Ignore
        $result.Result, $result.ErrorCode | Should -Be Failed, StoreUnmounted -Because 'a store that is always there is gone'
        $result.Report.Backups.Result | Should -Be Passed
        Rename-Item -LiteralPath $TestDrive/cluster/away -NewName second
    }

    It 'where the backup is damaged, in all copies' {
        foreach ($store in 'first', 'second') {
            $file = "$TestDrive/cluster/$store/$($backup.BackupId).hsmbackup"
            $content = [IO.File]::ReadAllBytes($file)
            $content[-200] = $content[-200] -bxor 1
            [IO.File]::WriteAllBytes($file, $content)
        }
        $null = Assert-Failed -Drill ($drill + @{ Scenario = 'ClusterLoss' }) -Step Find -ErrorId BackupNotFound
        $result = Assert-Failed -Drill ($drill + @{ Scenario = 'BackupVerification' }) -Step Authenticate -ErrorId IntegrityFailed
        $result.Report.Backups.Result | Should -Be Failed
        $result.KeysExpected | Should -Be 0
    }

    It 'and pwsh ends with 1, whose log has the error last' {
        $program, $rest = Get-PowerShellCommand
        $command = "Import-Module '$root/out/HsmBackup'; " +
        "Invoke-HsmDrill -Cluster '$($cluster.Definition)' -Scenario ClusterLoss -KeyPath '$($cluster.Keys)'"
        $said = & $program @rest -NoProfile -NonInteractive -Command $command 2>&1 | Out-String
        $LASTEXITCODE | Should -Be 1
        $said | Should -BeLike '*did not pass*'
    }
}

Describe 'A drill does not begin' {
    It 'where there is nowhere to recover to' {
        $edited = Get-Content -LiteralPath $cluster.Definition -Raw | ConvertFrom-Json -AsHashtable
        $edited.drill.softwareTargets = $false
        ConvertTo-Json -InputObject $edited -Depth 9 | Set-Content -LiteralPath $cluster.Definition
        $before = @(Get-HsmDrill $cluster.Definition).Count
        { Invoke-HsmDrill @drill -Scenario ClusterLoss } | Should -Throw -ErrorId 'DrillNotPossible,*'
        @(Get-HsmDrill $cluster.Definition).Count | Should -Be $before
    }

    It 'on the cluster itself, or with a copy of its definition' {
        $own = Get-Content -LiteralPath $cluster.Definition -Raw | ConvertFrom-Json -AsHashtable
        $own.drill.cluster = $cluster.Definition
        ConvertTo-Json -InputObject $own -Depth 9 | Set-Content -LiteralPath $cluster.Definition
        { Invoke-HsmDrill @drill -Scenario KeyLoss } | Should -Throw '*itself*' -ErrorId 'DrillNotPossible,*'
    }

    It 'on a token of the cluster itself' {
        $own = ConvertFrom-Json -InputObject (Get-Content -LiteralPath $cluster.Definition -Raw) -AsHashtable
        $node = @{ Library = $own.nodes[1].library; TokenLabel = 'payments-2'; LibraryEnvironment = $own.nodes[1].environment }
        $null = New-HsmCluster -Name own -Destination $TestDrive/cluster @node -PinSource env:HSMBACKUP_TEST_PIN
        $own.drill.cluster = 'own'
        ConvertTo-Json -InputObject $own -Depth 9 | Set-Content -LiteralPath $cluster.Definition
        { Invoke-HsmDrill @drill -Scenario KeyLoss } | Should -Throw '*itself*' -ErrorId 'DrillNotPossible,*'
    }
}
