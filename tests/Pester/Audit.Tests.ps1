#Requires -Version 7.6

# Every cmdlet is either on record or known to need none; what real runs leave in the log is looked at.

BeforeDiscovery {
    $root = (Get-Item -LiteralPath "$PSScriptRoot/../..").FullName
    $readOnly = @{
        'Export-HsmMetric'      = 'writes states and counts, and is run every few minutes'
        'Get-HsmAlert'          = 'reads the alerts that are kept, which hold no secrets'
        'Get-HsmAuditLog'       = 'reads the log itself'
        'Get-HsmBackup'         = 'reads public headers'
        'Get-HsmBackupRun'      = 'reads the records of runs, which hold no secrets'
        'Get-HsmBackupSchedule' = 'reads definitions and what is installed'
        'Get-HsmCluster'        = 'reads definitions, which hold no secrets'
        'Get-HsmClusterHealth'  = 'gives states and counts, and is asked every minute by whoever watches'
        'Get-HsmDrill'          = 'reads reports, which hold no secrets'
        'Test-HsmAuditLog'      = 'reads the log itself and public headers'
        'Test-HsmRunbook'       = 'compares a file with a definition, neither of which holds a secret'
    }
    $audited = 'Compare-HsmBackup', 'Copy-HsmBackup', 'Export-HsmRunbook', 'Invoke-HsmBackupSchedule', 'Invoke-HsmDrill', 'Lock-HsmBackup', 'New-HsmBackup', 'New-HsmCluster', 'New-HsmClusterKey',
    'Receive-HsmBackupKey', 'Register-HsmBackupSchedule', 'Remove-ExpiredHsmBackup', 'Remove-HsmBackup', 'Repair-HsmCluster', 'Restore-HsmCluster',
    'Restore-HsmClusterKey', 'Restore-HsmKey', 'Send-HsmAlert', 'Sync-HsmCluster', 'Test-HsmBackup', 'Test-HsmClusterKeyShare', 'Undo-HsmBackupRemoval', 'Unlock-HsmBackup',
    'Unregister-HsmBackupSchedule'
    $cmdlets = foreach ($name in (Import-PowerShellDataFile -LiteralPath $root/module/HsmBackup.psd1).CmdletsToExport) {
        @{ Name = $name; Audited = $name -in $audited; Reason = $readOnly[$name] }
    }
}

BeforeAll {
    $root = (Get-Item -LiteralPath "$PSScriptRoot/../..").FullName
    Import-Module -Name "$root/out/HsmBackup", "$PSScriptRoot/Support/TestToken.psm1"
    $homeBefore = $env:HSMBACKUP_HOME
    # Not in TestDrive, which takes away after a Describe what was made in it: here that would be entries.
    $folder = Join-Path ([IO.Path]::GetTempPath()) "hsmbackup-tests-$([IO.Path]::GetRandomFileName())"
    $env:HSMBACKUP_HOME = "$folder/home"
    $log = "$folder/home/state/audit"

    $pin = ConvertTo-TestSecret -Text 648219
    $wrong = ConvertTo-TestSecret -Text 111111
    $soPin = ConvertTo-TestSecret -Text 90817263
    $tokens = foreach ($name in 'zurich', 'bern') { Initialize-TestToken -Folder "$folder/$name" -Label "payments-$name" }
    $nodes = foreach ($token in $tokens) {
        Copy-Item -LiteralPath $token.Library -Destination $token.Folder
        @{ Name = Split-Path -Leaf $token.Folder; Library = "$($token.Folder)/libsofthsm2.so"; TokenLabel = $token.Label; LibraryEnvironment = @{ SOFTHSM2_CONF = $token.Configuration } }
    }
    $definition = "$folder/payments.hsmcluster.json"
    $cluster = @{ Cluster = $definition; Pin = $pin }
    $keyPath = "$folder/keys/payments.key"

    function Get-LogText { (Get-ChildItem -Path $log -Filter *.jsonl -ErrorAction Ignore | Get-Content -Raw) -join '' }

    # What a run adds to the log, as "action result".
    function Get-Added([scriptblock] $Run) {
        $before = @(Get-HsmAuditLog).Count
        $null = & $Run
        @(Get-HsmAuditLog | Select-Object -Skip $before | ForEach-Object { "$($_.Action) $($_.Result)" })
    }
}

AfterAll {
    Remove-Item -LiteralPath $folder -Recurse -Force
    $env:HSMBACKUP_HOME = $homeBefore
}

Describe 'Whether <Name> is on record' -ForEach $cmdlets {
    It 'is decided, with a reason' {
        $Audited -xor [bool]$Reason | Should -BeTrue -Because 'a cmdlet that changes or reveals something calls Audited; another one stands above with the reason'
    }

    It 'is so in its source' {
        $commands = "$root/src/HsmBackup.PowerShell/Commands"
        $class = $source = (Get-Content -Path "$commands/$($Name -replace '-')Command*.cs" -Raw) -join ''
        # A family of commands may have it in common.
        while ($class -match 'class \w+Command : (\w+Command)\b') {
            $class = Get-Content -LiteralPath "$commands/$($Matches[1]).cs" -Raw
            $source += $class
        }
        $source -match '(?<!void )\bAudited\(' | Should -Be $Audited
    }
}

Describe 'What real runs leave in the log' {
    It 'is nothing with -WhatIf, not even a folder' {
        New-HsmCluster -Name payments -Destination $folder -Node $nodes -WhatIf
        $splat = $tokens[0].Splat
        New-HsmBackup @splat -Destination $folder/backups -KeyInOutputOnly -WhatIf
        Test-Path -LiteralPath $folder/home | Should -BeFalse
    }

    It 'is a beginning and an end for each command' {
        Get-Added { New-HsmCluster -Name payments -Destination $folder -Node $nodes } | Should -Be 'New-HsmCluster Started', 'New-HsmCluster Succeeded'
        Get-Added { $script:ceremony = New-HsmClusterKey @cluster -Threshold 2 -ShareCount 3 -SharesInOutputOnly } |
            Should -Be 'New-HsmClusterKey Started', 'New-HsmClusterKey Succeeded'
        Get-Added { Test-HsmClusterKeyShare -Cluster $definition -Share $ceremony.Shares[0] } |
            Should -Be 'Test-HsmClusterKeyShare Started', 'Test-HsmClusterKeyShare Succeeded'
        Add-TestSecretKey -Token $tokens[0] -Label aes -Id '03'
        Get-Added { Sync-HsmCluster @cluster -Confirm:$false } | Should -Be 'Sync-HsmCluster Started', 'Sync-HsmCluster Succeeded'
        Get-Added { $script:backup = New-HsmBackup @cluster -Destination $folder/backups -KeyPath $keyPath } |
            Should -Be 'New-HsmBackup Started', 'Checkpoint Succeeded', 'New-HsmBackup Succeeded'
        Get-Added { Test-HsmBackup -Path $backup.Path } | Should -Be 'Test-HsmBackup Started', 'Test-HsmBackup Succeeded'
        Get-Added { Test-HsmBackup -Path $backup.Path -KeyPath $keyPath -Level Live @cluster } | Should -Be 'Test-HsmBackup Started', 'Test-HsmBackup Succeeded'
        Get-Added { Compare-HsmBackup -ReferencePath $backup.Path -ReferenceKeyPath $keyPath @cluster } |
            Should -Be 'Compare-HsmBackup Started', 'Compare-HsmBackup Succeeded'
        Get-Added { Restore-HsmKey -Path $backup.Path -KeyPath $keyPath -Label aes @cluster -Confirm:$false } |
            Should -Be 'Restore-HsmKey Started', 'Restore-HsmKey Succeeded'
        Get-Added { Restore-HsmCluster -Path $backup.Path -KeyPath $keyPath @cluster -Confirm:$false } |
            Should -Be 'Restore-HsmCluster Started', 'Restore-HsmCluster Succeeded'
        Get-Added { Restore-HsmClusterKey @cluster -Share $ceremony.Shares[0, 2] } |
            Should -Be 'Restore-HsmClusterKey Started', 'Restore-HsmClusterKey Succeeded'
        Get-ChildItem -LiteralPath "$folder/bern/tokens" -Force | Remove-Item -Recurse -Force
        Get-Added { Repair-HsmCluster @cluster -Node bern -SoPin $soPin -Share $ceremony.Shares[0, 1] -Confirm:$false } |
            Should -Be 'Repair-HsmCluster Started', 'Repair-HsmCluster Succeeded'
    }

    It 'says who, what, and how it ended' {
        $entries = Get-HsmAuditLog -Action New-HsmBackup
        $id = (Get-HsmCluster -Path $definition).Id
        $entries.ClusterId | Should -Be $id, $id
        $entries.ClusterName | Should -Be 'payments', 'payments'
        $entries.User | Should -Be @([Environment]::UserName, [Environment]::UserName)
        $entries[0].Target | Should -Be "node 'zurich' of cluster 'payments'"
        $entries[1].Details['started'] | Should -Be $entries[0].Sequence
        $entries[1].BackupId | Should -Be $backup.BackupId
        $entries[1].Details['digest'] | Should -Be $backup.Digest
        (Get-HsmAuditLog -Action Test-HsmClusterKeyShare -Last 1).Details['share'] | Should -Be '1'
        (Get-HsmAuditLog -Action Test-HsmBackup -Last 1).Details['level'] | Should -Be 'Live'
        foreach ($action in 'Test-HsmBackup', 'Compare-HsmBackup', 'Restore-HsmKey', 'Restore-HsmCluster') {
            (Get-HsmAuditLog -Action $action -Last 1).BackupId | Should -Be $backup.BackupId -Because $action
        }
    }

    It 'names the error of what failed' {
        # A token of its own: what knows that a wrong PIN was entered is left alone from then on.
        $lone = Initialize-TestToken -Folder "$folder/lone" -Label lone
        Copy-Item -LiteralPath $lone.Library -Destination $lone.Folder
        $splat = $lone.Splat + @{ Destination = "$folder/lone/backups"; KeyInOutputOnly = $true }
        $splat.Library = "$folder/lone/libsofthsm2.so"
        $splat.Pin = $wrong
        Get-Added { { New-HsmBackup @splat } | Should -Throw -ErrorId PinIncorrect* } | Should -Be 'New-HsmBackup Started', 'New-HsmBackup Failed'
        (Get-HsmAuditLog -Last 1).Details['error'] | Should -Be 'PinIncorrect'
        Set-Content -LiteralPath $folder/none.hsmbackup -Value 'no backup'
        Get-Added { Test-HsmBackup -Path $folder/none.hsmbackup -Quiet } | Should -Be 'Test-HsmBackup Started', 'Test-HsmBackup Failed'
        (Get-HsmAuditLog -Last 1).Details['error'] | Should -Be 'NotABackup'
        Get-Added { Test-HsmBackup -Path $folder/none.hsmbackup -ErrorAction SilentlyContinue } | Should -Be 'Test-HsmBackup Started', 'Test-HsmBackup Failed'
    }

    It 'is an end that says Stopped where the pipeline was stopped' {
        Get-Added { Test-HsmBackup -Path $backup.Path, $backup.Path | Select-Object -First 1 } | Should -Be 'Test-HsmBackup Started', 'Test-HsmBackup Stopped'
    }

    It 'is not changed by any command with -WhatIf' {
        $runs = @(
            { New-HsmCluster -Name other -Destination $folder -Node $nodes -WhatIf }
            { New-HsmClusterKey @cluster -Threshold 2 -ShareCount 3 -SharesInOutputOnly -Force -WhatIf }
            { New-HsmBackup @cluster -Destination $folder/backups -KeyInOutputOnly -WhatIf }
            { Sync-HsmCluster @cluster -WhatIf }
            { Restore-HsmKey -Path $backup.Path -KeyPath $keyPath -Label aes @cluster -WhatIf }
            { Restore-HsmCluster -Path $backup.Path -KeyPath $keyPath @cluster -WhatIf }
            { Restore-HsmClusterKey @cluster -Share $ceremony.Shares[0, 2] -WhatIf }
        )
        foreach ($run in $runs) { Get-Added $run | Should -BeNullOrEmpty -Because $run }
    }

    It 'is written by commands that know no -WhatIf, whatever the preference of the session' {
        $WhatIfPreference = $true
        Get-Added { Test-HsmBackup -Path $backup.Path } | Should -Be 'Test-HsmBackup Started', 'Test-HsmBackup Succeeded'
    }

    It 'holds no PIN, no key and no share' {
        $text = (Get-LogText) -replace '"time":"[^"]*"' -replace '[0-9a-f]{32,}'
        $text.Length | Should -BeGreaterThan 5000
        $text | Should -Not -Match '648219|90817263|111111|hsmkey1'
        $text | Should -Not -Match ([regex]::Escape((Get-Content -LiteralPath $keyPath | Select-String -Pattern 'hsmkey1\w+').Matches[0].Value.Substring(7)))
        foreach ($share in $ceremony.Shares) {
            $words = (ConvertFrom-TestSecret -Secret $share) -split '\s+'
            $text | Should -Not -Match "$($words[2])\W+$($words[3])\W+$($words[4])"
        }
    }

    It 'is a log that passes, signed by the cluster and remembered by the backup' {
        $result = Test-HsmAuditLog -Cluster $definition -BackupPath $folder/backups
        $result.Passed | Should -BeTrue -Because $result.Summary
        $result.VerifiedCheckpoints, $result.Checkpoints | Should -Be 1, 1
        $result.Findings | Should -BeNullOrEmpty
        (Get-HsmBackup -Path $backup.Path).Audit.Log | Should -Be $result.Log
    }

    It 'goes to the state folder that the command names' {
        Get-Added { Restore-HsmCluster -Path $backup.Path -KeyPath $keyPath @cluster -Confirm:$false -StatePath $folder/elsewhere } | Should -BeNullOrEmpty
        (Get-HsmAuditLog -StatePath $folder/elsewhere).Result | Should -Be 'Started', 'Succeeded'
    }
}

Describe 'A log that cannot be written' {
    It 'keeps a command from beginning' {
        $before = $env:HSMBACKUP_HOME
        try {
            $env:HSMBACKUP_HOME = "$folder/blocked"
            $null = New-Item -ItemType Directory -Path $env:HSMBACKUP_HOME/state
            Set-Content -LiteralPath $env:HSMBACKUP_HOME/state/audit -Value 'a file in its place'
            { New-HsmCluster -Name refused -Destination $folder -Node $nodes } | Should -Throw -ErrorId 'AuditUnwritable*'
            Test-Path -LiteralPath $folder/refused.hsmcluster.json | Should -BeFalse
            { New-HsmBackup @cluster -Destination $folder/refused -KeyInOutputOnly } | Should -Throw -ErrorId 'AuditUnwritable*'
            Test-Path -LiteralPath $folder/refused | Should -BeFalse
        }
        finally {
            $env:HSMBACKUP_HOME = $before
        }
    }
}
