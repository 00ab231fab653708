#Requires -Version 7.6

# Three real nodes and two stores; what is written is judged by Prometheus' own promtool.

BeforeAll {
    $root = (Get-Item -LiteralPath "$PSScriptRoot/../..").FullName
    Import-Module -Name "$root/out/HsmBackup", "$PSScriptRoot/Support/TestToken.psm1"
    $homeBefore = $env:HSMBACKUP_HOME
    $env:HSMBACKUP_TEST_PIN = '648219'

    # Not in TestDrive, which takes away after a Describe what was made in it: here that would be objects of the tokens.
    $folder = Join-Path ([IO.Path]::GetTempPath()) "hsmbackup-tests-$([IO.Path]::GetRandomFileName())"
    $env:HSMBACKUP_HOME = "$folder/home"
    $tokens = @{}
    $nodes = foreach ($name in 'zurich', 'bern', 'basel') {
        $tokens[$name] = Initialize-TestToken -Folder "$folder/$name" -Label "$name-token"
        ConvertTo-TestNode -Token $tokens[$name] -Name $name
    }
    $made = New-HsmCluster payments -Node $nodes -Destination $folder
    $path = $made.DefinitionPath
    $definition = Get-Content -LiteralPath $path -Raw | ConvertFrom-Json -AsHashtable
    $definition.stores = @(
        @{ name = 'local'; kind = 'directory'; location = "$folder/local" }
        @{ name = 'away'; kind = 'offline'; location = "$folder/away" }
    )
    $definition.policy = @{ maximumBackupAge = '1.00:00:00' }
    $definition.metrics = @{ path = "$folder/payments.prom" }
    Set-Content -LiteralPath $path -Value ($definition | ConvertTo-Json -Depth 9)
    $null = New-Item -ItemType Directory -Path $folder/local
    Add-TestSecretKey -Token $tokens.zurich -Label aes -Id '03'
    $backup = New-HsmBackup -Cluster $path -Store local -KeyInOutputOnly

    # The series of a file, by what stands before the value.
    function Get-Series([string] $File = "$folder/payments.prom") {
        $series = @{}
        foreach ($line in Get-Content -LiteralPath $File) {
            if ($line -match '^(hsmbackup_\w+)\{cluster="payments",?(.*)\} (\S+)$') { $series["$($Matches[1]) $($Matches[2])".Trim()] = [double]$Matches[3] }
        }
        $series
    }
}

AfterAll {
    Remove-Item -LiteralPath $folder -Recurse -Force
    $env:HSMBACKUP_HOME = $homeBefore
    $env:HSMBACKUP_TEST_PIN = $null
}

Describe 'Export-HsmMetric' {
    It 'writes what promtool takes without a word, and all may read' {
        Export-HsmMetric -Cluster $path -WarningVariable warnings | Should -BeNullOrEmpty
        $warnings | Should -BeNullOrEmpty
        $said = Get-Content -LiteralPath $folder/payments.prom -Raw | promtool check metrics 2>&1
        $said | Should -BeNullOrEmpty
        $LASTEXITCODE | Should -Be 0
        (Get-Item -LiteralPath $folder/payments.prom).UnixMode | Should -BeExactly '-rw-r--r--'
        Get-ChildItem -LiteralPath $folder -Filter *.tmp | Should -BeNullOrEmpty
    }

    It 'says how the nodes, the stores and the backups are' {
        $series = Get-Series
        ($series.Keys -replace ' .*' | Sort-Object -Unique).Count | Should -BeGreaterOrEqual 25
        $series['hsmbackup_backups'] | Should -Be 1
        $series['hsmbackup_restorable_backups'] | Should -Be 1
        $series['hsmbackup_backup_timestamp_seconds'] | Should -Be $backup.Created.ToUnixTimeSeconds()
        $series['hsmbackup_store_up store="local",kind="directory"'] | Should -Be 1
        $series.ContainsKey('hsmbackup_store_up store="away",kind="offline"') | Should -BeFalse
        $series['hsmbackup_node_up node="bern"'] | Should -Be 1
        $series['hsmbackup_node_drift_objects node="bern",kind="missing"'] | Should -Be 0
        $series['hsmbackup_node_drift_objects node="zurich",kind="extra"'] | Should -Be 1
        $series['hsmbackup_cluster_state state="out_of_sync"'] | Should -Be 1
        $series['hsmbackup_policy_maximum_backup_age_seconds'] | Should -Be 86400
        $series['hsmbackup_audit_valid'] | Should -Be 1
    }

    It 'leaves the nodes alone where that is asked' {
        $env:HSMBACKUP_TEST_PIN = $null
        try {
            $file = Export-HsmMetric -Cluster $path -Path $folder/alone.prom -SkipHealth -PassThru
        }
        finally {
            $env:HSMBACKUP_TEST_PIN = '648219'
        }
        $file.FullName | Should -Be "$folder/alone.prom"
        $series = Get-Series -File $file
        $series.Keys | Where-Object { $_ -like 'hsmbackup_node*' } | Should -BeNullOrEmpty
        $series.ContainsKey('hsmbackup_look_success part="nodes"') | Should -BeFalse
        $series['hsmbackup_look_success part="backups"'] | Should -Be 1
    }

    It 'says what it could not look at, and writes the rest' {
        Move-Item -LiteralPath $folder/local -Destination $folder/elsewhere
        try {
            Export-HsmMetric -Cluster $path -SkipHealth -WarningVariable warnings 3>$null
        }
        finally {
            Move-Item -LiteralPath $folder/elsewhere -Destination $folder/local
        }
        $warnings | Should -BeLike "*backups*'local'*"
        $series = Get-Series
        $series['hsmbackup_look_success part="backups"'] | Should -Be 0
        $series['hsmbackup_store_up store="local",kind="directory"'] | Should -Be 0
        $series.ContainsKey('hsmbackup_backups') | Should -BeFalse
    }

    It 'writes nothing with -WhatIf' {
        Export-HsmMetric -Cluster $path -Path $folder/none.prom -WhatIf
        "$folder/none.prom" | Should -Not -Exist
    }

    It 'refuses a name that the collector would pass over' {
        { Export-HsmMetric -Cluster $path -Path $folder/payments.txt } | Should -Throw -ErrorId 'InvalidArgument,*'
    }
}
