#Requires -Version 7.6

# Every scenario on three SoftHSM nodes, end to end; and that the cluster itself is as it was.

BeforeAll {
    $root = (Get-Item -LiteralPath "$PSScriptRoot/../../..").FullName
    Import-Module -Name "$root/out/HsmBackup", "$PSScriptRoot/../Support/TestToken.psm1", "$PSScriptRoot/../Support/DrillCluster.psm1"
    $homeBefore, $pinBefore = $env:HSMBACKUP_HOME, $env:HSMBACKUP_TEST_PIN
    # Not in TestDrive, which takes away after a Describe what was made in it: here that would be drills.
    $state = Join-Path ([IO.Path]::GetTempPath()) "hsmbackup-tests-$([IO.Path]::GetRandomFileName())"
    $env:HSMBACKUP_HOME = $state
    $env:HSMBACKUP_TEST_PIN = '648219'
    $cluster = New-DrillTestCluster -Folder "$TestDrive/cluster"
    Add-TestObject -Token $cluster.Tokens[0]
    $first = Backup-DrillTestCluster -Cluster $cluster
    Add-TestSecretKey -Token $cluster.Tokens[0] -Label later -Id '07'
    Start-Sleep -Seconds 1.1
    $backup = Backup-DrillTestCluster -Cluster $cluster
    $drill = @{ Cluster = $cluster.Definition; KeyPath = $cluster.Keys; Share = $cluster.Shares[0, 2]; Operator = 'A. Muster'; Witness = 'B. Muster' }

    # Folders of throw-away tokens that nobody works in, or this process does: other processes run drills too.
    function Get-ScratchFolder {
        $place = (Test-Path -LiteralPath /dev/shm) ? '/dev/shm' : [IO.Path]::GetTempPath()
        $open = Get-ChildItem -Path "/proc/$PID/fd" -ErrorAction Ignore | ForEach-Object { "$($_.Target)" }
        Get-ChildItem -LiteralPath $place -Filter hsmbackup-* -Directory | Where-Object Name -CMatch '^hsmbackup-[0-9a-f]{16}$' | Where-Object {
            $lock = Join-Path $_.FullName lock
            if ($open -contains $lock) { return $true }
            try { [IO.FileStream]::new($lock, 'Open', 'Write', 'None').Dispose(); $true } catch [IO.IOException] { $false }
        } | ForEach-Object FullName
    }
    $scratchBefore = @(Get-ScratchFolder)

    function Get-NodeFile { Get-ChildItem -Path "$TestDrive/cluster/node-*/tokens" -File -Recurse | ForEach-Object { "$($_.FullName) $($_.LastWriteTimeUtc.Ticks)" } }
}

AfterAll {
    Remove-Item -LiteralPath $state -Recurse -Force
    $env:HSMBACKUP_HOME, $env:HSMBACKUP_TEST_PIN = $homeBefore, $pinBefore
}

Describe 'Invoke-HsmDrill' {
    It 'shows with -WhatIf what it would do, and does nothing' {
        Invoke-HsmDrill @drill -Scenario ClusterLoss -WhatIf | Should -BeNullOrEmpty
        "$state/state/drills" | Should -Not -Exist
    }

    It 'rehearses <Scenario>' -ForEach @(
        @{ Scenario = 'ClusterLoss'; Nodes = 'node-1', 'node-2', 'node-3' }
        @{ Scenario = 'NodeLoss'; Nodes = , 'node-3' }
        @{ Scenario = 'KeyLoss'; Nodes = , 'node-1' }
        @{ Scenario = 'BackupVerification'; Nodes = , 'node-1' }
        @{ Scenario = 'StoreLoss'; Nodes = , 'node-1' }
    ) {
        $before = Get-NodeFile
        $result = Invoke-HsmDrill @drill -Scenario $Scenario -WarningVariable warnings
        $result.Result | Should -Be Passed -Because $result.Problem
        $warnings | Should -BeNullOrEmpty
        $result.Scenario, $result.Integrity | Should -Be $Scenario, 'Signed'
        $result.KeysExpected | Should -BeGreaterThan 0
        $result.KeysRecovered, $result.KeysProven | Should -Be $result.KeysExpected, $result.KeysExpected
        $result.KeysUsed + $result.KeysSkipped | Should -Be $result.KeysExpected
        $result.Report.Keys.Node | Sort-Object -Unique | Should -Be $Nodes
        $result.Report.Keys.Uses.Outcome | Should -Not -Contain Failed
        $result.Steps.Outcome | Sort-Object -Unique | Should -Be Passed
        $result.Report.Operator, $result.Report.Witness | Should -Be 'A. Muster', 'B. Muster'
        $result.HtmlPath, $result.JsonPath | Should -Exist
        Get-NodeFile | Should -Be $before
    }

    It 'takes the recovery time and the recovery point, and compares them with the objectives' {
        $result = Get-HsmDrill -Cluster $cluster.Definition -Scenario ClusterLoss -Latest
        $result.RecoveryTime | Should -BeGreaterThan ([timespan]::Zero)
        $result.RecoveryTime.Ticks | Should -Be ($result.Steps | Where-Object IsRecovery | ForEach-Object { $_.Elapsed.Ticks } | Measure-Object -Sum).Sum
        $result.RecoveryTimeMet, $result.RecoveryPointMet | Should -Be $true, $true
        $result.Report.Backups[0].BackupId | Should -Be $backup.BackupId
        # The identity key, a key of RSA and of EC, two secret keys, and two certificates, on each of three nodes.
        $result.KeysExpected, $result.KeysUsed | Should -Be 21, 21
    }

    It 'warns of every objective that was missed' {
        $text = Get-Content -LiteralPath $cluster.Definition -Raw
        try {
            $edited = $text | ConvertFrom-Json -AsHashtable
            $edited.targets = @{ rto = 0.001; rpo = 0.001 }
            ConvertTo-Json -InputObject $edited -Depth 9 | Set-Content -LiteralPath $cluster.Definition
            $result = Invoke-HsmDrill @drill -Scenario KeyLoss -WarningVariable warned -WarningAction SilentlyContinue
            $result.RecoveryTimeMet, $result.RecoveryPointMet | Should -Be $false, $false
            $warned | Should -HaveCount 1
            "$warned" | Should -BeLike 'The drill did not meet the recovery time objective and the recovery point objective; *'
        }
        finally {
            Set-Content -LiteralPath $cluster.Definition -Value $text -NoNewline
        }
    }

    It 'deletes and brings back the keys that are named' {
        $result = Invoke-HsmDrill @drill -Scenario KeyLoss -Label later, e* -Seed 4
        $result.Result | Should -Be Passed -Because $result.Problem
        $result.Report.Keys.Label | Sort-Object | Should -Be ec, ec, later
    }

    It 'loses the store that is named' {
        $result = Invoke-HsmDrill @drill -Scenario StoreLoss -Store second
        $result.Report.Backups[0].Store | Should -Be first
    }

    It 'restores a sample that the seed chooses' {
        $chosen = 1, 2 | ForEach-Object { Invoke-HsmDrill @drill -Scenario BackupVerification -SampleSize 1 -Seed 11 }
        $chosen[0].Report.Backups.BackupId | Should -HaveCount 1
        $chosen[0].Report.Backups.BackupId | Should -BeIn $first.BackupId, $backup.BackupId
        $chosen[1].Report.Backups.Location | Should -Be $chosen[0].Report.Backups.Location
    }

    It 'is on record, with the digest of what was signed' {
        $entry = Get-HsmAuditLog | Where-Object Action -EQ 'Invoke-HsmDrill' | Where-Object Result -EQ Succeeded | Select-Object -Last 1
        $last = Get-HsmDrill -Cluster $cluster.Definition -Latest
        $entry.Details['drill'], $entry.Details['result'] | Should -Be $last.Id, 'Passed'
        $entry.Details['digests'] | Should -Be (Get-FileHash -LiteralPath "$($last.Folder)/SHA256SUMS").Hash.ToLowerInvariant()
    }

    It 'ends in a report when it is stopped, and leaves nothing' {
        $shell = [powershell]::Create().AddScript({
                param($Module, $Arguments)
                Import-Module -Name $Module
                Invoke-HsmDrill @Arguments -Scenario ClusterLoss
            }).AddArgument("$root/out/HsmBackup").AddArgument($drill)
        $running = $shell.BeginInvoke()
        while (-not $running.IsCompleted -and -not ($shell.Streams.Progress | Where-Object StatusDescription -Match '^(Find|Fetch|Secrets|Authenticate|Initialize)')) { Start-Sleep -Milliseconds 1 }
        $shell.Stop()
        $shell.Dispose()
        $stopped = Get-HsmDrill -Cluster $cluster.Definition -DrillResult Interrupted
        $stopped.Steps.Where({ $_.Name -eq 'CleanUp' }).Outcome | Should -Be Passed
        $stopped.Steps.Where({ $_.Name -eq 'Use' }).Outcome | Should -Be NotRun
        $stopped.Integrity, $stopped.RecoveryTime | Should -Be Signed, $null
    }

    It 'leaves nothing in memory or on disk' {
        Get-ChildItem -LiteralPath "$state/state/staging" -Directory | Should -BeNullOrEmpty
        Get-ScratchFolder | Where-Object { $_ -notin $scratchBefore } | Should -BeNullOrEmpty
    }
}

Describe 'Get-HsmDrill' {
    It 'lists the drills, the newest first, by scenario and by result' {
        $all = Get-HsmDrill -Cluster $cluster.Definition
        $all.Count | Should -BeGreaterOrEqual 9
        $all.Started | Should -Be ($all.Started | Sort-Object -Descending)
        (Get-HsmDrill $cluster.Definition -Scenario KeyLoss).Scenario | Sort-Object -Unique | Should -Be KeyLoss
        Get-HsmDrill $cluster.Definition -DrillResult Failed | Should -BeNullOrEmpty
        $all[0].Report.Former.Id | Should -Be @($all[($all.Count - 1)..1].Id)
    }

    It 'lists those of several folders the newest first, too' {
        $three = (Get-HsmDrill -Cluster $cluster.Definition)[0..2]
        foreach ($copy in @{ To = 'several-1'; Of = 0, 2 }, @{ To = 'several-2'; Of = , 1 }) {
            $null = New-Item -ItemType Directory -Path "$TestDrive/$($copy.To)"
            foreach ($number in $copy.Of) { Copy-Item -LiteralPath $three[$number].Folder -Destination "$TestDrive/$($copy.To)" -Recurse }
        }
        (Get-HsmDrill $cluster.Definition -Path $TestDrive/several-*).Id | Should -Be $three.Id
        (Get-HsmDrill $cluster.Definition -Path $TestDrive/several-* -Latest).Id | Should -Be $three[0].Id
    }

    It 'reads reports that were copied elsewhere, and believes no other cluster''s' {
        $copied = Invoke-HsmDrill @drill -Scenario NodeLoss -ReportPath $TestDrive/copies
        Get-ChildItem -LiteralPath "$TestDrive/copies/$($copied.Id)" | Should -HaveCount 6
        (Get-HsmDrill $cluster.Definition -Path $TestDrive/copies).Id | Should -Be $copied.Id
        (Get-HsmDrill $cluster.Definition -Path "$TestDrive/copies/$($copied.Id)").Integrity | Should -Be Signed
        # As Tab completes it.
        (Get-HsmDrill $cluster.Definition -Path "$TestDrive/copies/$($copied.Id)/").Integrity | Should -Be Signed
        $other = New-HsmCluster -Name other -Destination $TestDrive -Library $cluster.Tokens[0].Library -TokenLabel x
        Get-HsmDrill $other -Path $TestDrive/copies -ErrorAction SilentlyContinue -ErrorVariable refused | Should -BeNullOrEmpty
        $refused.FullyQualifiedErrorId | Should -BeLike 'DrillAltered,*'
    }

    It 'refuses a report of which one byte of <_> was changed' -ForEach 'report.json', 'report.html', 'report.md', 'report.junit.xml', 'SHA256SUMS', 'SHA256SUMS.p7s' {
        $folder = (Get-Item -Path $TestDrive/copies/*).FullName
        $content = [IO.File]::ReadAllBytes("$folder/$_")
        $changed = $content.Clone()
        $changed[[int]($changed.Length / 2)] = $changed[[int]($changed.Length / 2)] -bxor 1
        [IO.File]::WriteAllBytes("$folder/$_", $changed)
        Get-HsmDrill $cluster.Definition -Path $TestDrive/copies -ErrorAction SilentlyContinue -ErrorVariable refused | Should -BeNullOrEmpty
        $refused.FullyQualifiedErrorId | Should -BeLike 'DrillAltered,*'
        [IO.File]::WriteAllBytes("$folder/$_", $content)
        (Get-HsmDrill $cluster.Definition -Path $TestDrive/copies).Integrity | Should -Be Signed
    }

    It 'believes no report that is not signed where it could be' {
        $folder = (Get-Item -Path $TestDrive/copies/*).FullName
        Remove-Item -LiteralPath "$folder/SHA256SUMS.p7s"
        Get-HsmDrill $cluster.Definition -Path $TestDrive/copies -ErrorAction SilentlyContinue -ErrorVariable refused | Should -BeNullOrEmpty
        "$refused" | Should -BeLike '*not signed*'
        (Get-HsmDrill $cluster.Definition -Path $TestDrive/copies -AllowUnsigned).Integrity | Should -Be Unsigned
    }
}
