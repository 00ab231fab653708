#Requires -Version 7.6

# Backups of a cluster in several stores: made, listed as one, copied to where they lack.

BeforeAll {
    $root = (Get-Item -LiteralPath "$PSScriptRoot/../..").FullName
    Import-Module -Name "$root/out/HsmBackup", "$PSScriptRoot/Support/TestToken.psm1"
    $newCommand = 'HsmBackup.PowerShell.Commands.NewHsmBackupCommand'
    $copyCommand = 'HsmBackup.PowerShell.Commands.CopyHsmBackupCommand'
    $homeBefore = $env:HSMBACKUP_HOME
    $env:HSMBACKUP_HOME = Join-Path $TestDrive home
    $env:HSMBACKUP_TEST_PIN = '648219'

    $folder = Join-Path ([IO.Path]::GetTempPath()) "hsmbackup-tests-$([IO.Path]::GetRandomFileName())"
    $token = Initialize-TestToken -Folder "$folder/token" -Label payments
    Add-TestSecretKey -Token $token -Label aes -Id '03'
    $node = ConvertTo-TestNode -Token $token -Name zurich
    $cluster = New-HsmCluster payments -Node $node -Destination $env:HSMBACKUP_HOME/clusters

    # The stores of the definition: two folders, and a medium whose folder is there while it is mounted.
    $near, $far, $vault = 'near', 'far', 'vault' | ForEach-Object { Join-Path $folder "stores/$_" }
    $definition = Get-Content -LiteralPath $cluster.DefinitionPath -Raw | ConvertFrom-Json -AsHashtable
    $definition.stores = @(
        @{ name = 'near'; kind = 'directory'; location = $near }
        @{ name = 'far'; kind = 'directory'; location = $far }
        @{ name = 'vault'; kind = 'offline'; location = $vault }
    )
    ConvertTo-Json -InputObject $definition -Depth 9 | Set-Content -LiteralPath $cluster.DefinitionPath

    $first = New-HsmBackup -Cluster payments -KeyInOutputOnly -ErrorAction SilentlyContinue -ErrorVariable firstErrors
}

AfterAll {
    Remove-Item -LiteralPath $folder -Recurse -Force
    $env:HSMBACKUP_HOME = $homeBefore
    $env:HSMBACKUP_TEST_PIN = $null
}

Describe 'A backup in several stores' {
    It 'has a copy in each store that is there, and an error for the one that is not' {
        $first.Copies.Store | Should -Be 'near', 'far', 'vault'
        $first.Copies.Outcome | Should -Be 'Written', 'Written', 'Failed'
        $first.Path | Should -Be (Join-Path $near "$($first.BackupId).hsmbackup")
        $firstErrors | Should -HaveCount 1
        $firstErrors[0].FullyQualifiedErrorId | Should -Be "CopyFailed,$newCommand"
        $firstErrors[0].ErrorDetails.RecommendedAction | Should -BeLike '*Copy-HsmBackup*'
        (Get-FileHash -LiteralPath $near/$($first.BackupId).hsmbackup).Hash | Should -Be (Get-FileHash -LiteralPath $far/$($first.BackupId).hsmbackup).Hash
    }

    It 'fails where fewer copies came to be than were demanded, and the copies and the key stand' {
        { New-HsmBackup -Cluster payments -Store vault, near -MinimumCopies 2 -KeyPath $TestDrive/keys/few.key -ErrorAction SilentlyContinue } |
            Should -Throw -ErrorId "CopiesMissing,$newCommand"
        $made = Get-HsmBackup -Cluster payments -WarningAction Ignore | Where-Object BackupId -NE $first.BackupId
        $made.Copies.Store | Should -Be 'near'
        "$TestDrive/keys/few.key" | Should -FileContentMatch $made.BackupId
        $made | Test-HsmBackup -Level Content -KeyPath $TestDrive/keys/few.key -Quiet | Should -BeTrue
    }

    It 'leaves no backup whose only key an error has taken from the script' {
        $before = (Get-HsmBackup -Cluster payments -WarningAction Ignore).BackupId
        $made = $null
        { $made = New-HsmBackup -Cluster payments -Store vault, near -MinimumCopies 2 -KeyInOutputOnly -ErrorAction SilentlyContinue } |
            Should -Throw -ErrorId "CopiesMissing,$newCommand"
        { $made = New-HsmBackup -Cluster payments -Store vault, near -KeyInOutputOnly -ErrorAction Stop } | Should -Throw -ErrorId "CopyFailed,$newCommand"
        $made | Should -BeNullOrEmpty
        (Get-HsmBackup -Cluster payments -WarningAction Ignore).BackupId | Should -Be $before
    }

    It 'tells of copies that are missing when nobody downstream wants more, and remembers what was proven' {
        $null = New-HsmBackup -Cluster payments -Store near, vault -MinimumCopies 2 -KeyPath $TestDrive/first.key -ErrorAction SilentlyContinue -ErrorVariable told |
            Select-Object -First 1 -OutVariable taken
        $told.FullyQualifiedErrorId | Should -Be "CopyFailed,$newCommand", "CopiesMissing,$newCommand"
        $taken.Path | Should -Exist
        $found = Get-HsmBackup -Cluster payments -WarningAction Ignore | Where-Object BackupId -EQ $taken.BackupId
        $found.Proof.Digest | Should -Be $taken.Digest
    }

    It 'leaves no backup behind whose only key was given to a script that failed' {
        $before = Get-ChildItem -LiteralPath $near, $far -Name
        { New-HsmBackup -Cluster payments -Store near, far -KeyInOutputOnly -WarningAction SilentlyContinue | ForEach-Object { throw 'no' } } | Should -Throw 'no'
        Get-ChildItem -LiteralPath $near, $far -Name | Should -Be $before
        { New-HsmBackup -Cluster payments -Destination $TestDrive/alone -KeyInOutputOnly -WarningAction SilentlyContinue | ForEach-Object { throw 'no' } } | Should -Throw 'no'
        Get-ChildItem -LiteralPath $TestDrive/alone | Should -BeNullOrEmpty
    }

    It 'keeps the backup whose key was taken, and says so where it may not have been' {
        $taken = New-HsmBackup -Cluster payments -Store near -KeyInOutputOnly -WarningAction SilentlyContinue -WarningVariable said | Select-Object -First 1
        ($taken | Test-HsmBackup -Level Content).Passed | Should -BeTrue
        "$said" | Should -BeLike '*only key*'
        { New-HsmBackup -Cluster payments -Store near -KeyPath $TestDrive/kept.key | ForEach-Object { $script:kept = $_; throw 'no' } } | Should -Throw 'no'
        (Test-HsmBackup -Path $kept.Path -KeyPath $TestDrive/kept.key -Level Content).Passed | Should -BeTrue
    }

    It 'loses no key to a pipeline that is stopped while progress is shown' {
        $shell = [powershell]::Create().AddScript("Import-Module '$root/out/HsmBackup'").AddStatement()
        $null = $shell.AddScript('New-HsmBackup -Cluster payments -Store near -KeyInOutputOnly')
        # Of no runspace, so that it runs in that of the command.
        $shell.Streams.Progress.add_DataAdding([scriptblock]::Create('$global:shown++; throw [Management.Automation.PipelineStoppedException]::new()'))
        $made = $shell.AddStatement().AddScript('$global:shown').Invoke()
        $made[1] | Should -BeGreaterThan 1
        $made = $made[0]
        ($made | Test-HsmBackup -Level Content).Passed | Should -BeTrue
    }

    It 'keeps the key out of every store, and not only out of those that the backup goes to' -ForEach 'far', 'vault' {
        $place = Get-Variable -Name $_ -ValueOnly
        $null = New-Item -ItemType Directory -Path $place/sub -Force
        { New-HsmBackup -Cluster payments -Store near -KeyPath $place/sub/key.txt } | Should -Throw -ErrorId "KeyFileBesideBackup,$newCommand"
        { New-HsmBackup -Cluster payments -Destination $TestDrive/lone -KeyPath $place/sub/key.txt } | Should -Throw -ErrorId "KeyFileBesideBackup,$newCommand"
        Remove-Item -LiteralPath $place/sub
        if ($_ -eq 'vault') { Remove-Item -LiteralPath $place }
        "$TestDrive/lone" | Should -Not -Exist
    }

    It 'refuses a store that there is not, and more copies than stores' {
        { New-HsmBackup -Cluster payments -Store moon -KeyInOutputOnly } | Should -Throw -ErrorId "InvalidArgument,$newCommand"
        { New-HsmBackup -Cluster payments -MinimumCopies 4 -KeyInOutputOnly } | Should -Throw -ErrorId "InvalidArgument,$newCommand"
        { New-HsmBackup -Cluster payments -Destination $TestDrive/x -Store near -KeyInOutputOnly } | Should -Throw -ErrorId "InvalidArgument,$newCommand"
    }

    It 'is listed once with its copies, and a medium that is away is a warning' {
        $found = Get-HsmBackup -Cluster payments -BackupId $first.BackupId -WarningVariable warnings -WarningAction SilentlyContinue
        $found | Should -HaveCount 1
        $found.Copies.Store | Should -Be 'near', 'far'
        $found.Copies.State | Should -Be 'Present', 'Present'
        $found.Restorable | Should -BeTrue
        $found.Proof.Level | Should -Be 'Content'
        $warnings | Should -BeLike '*vault*'
        $found | Format-Table | Out-String -Width 200 | Should -BeLike '*near, far*'
        (Get-HsmBackup -Cluster payments -Store far -WarningAction Ignore).Copies.Store | Should -Be 'far'
    }

    It 'is tested where it lies, and the test is remembered' {
        $result = Get-HsmBackup -Cluster payments -BackupId $first.BackupId -WarningAction Ignore | Test-HsmBackup -Level Restore -Key $first.OneTimeKey
        $result.Passed | Should -BeTrue
        $found = Get-HsmBackup -Cluster payments -BackupId $first.BackupId -WarningAction Ignore
        $found.LastTest.Level, $found.LastTest.Passed | Should -Be 'Restore', $true
        $found.LastTest.By | Should -Be "$([Environment]::UserName)@$([Environment]::MachineName)"
    }
}

Describe 'Copy-HsmBackup' {
    It 'plans with -WhatIf and writes nothing' {
        $null = New-Item -ItemType Directory -Path $vault
        Copy-HsmBackup -Cluster payments -WhatIf | Should -BeNullOrEmpty
        Get-ChildItem -LiteralPath $vault -Force | Should -BeNullOrEmpty
    }

    It 'gives each store what it lacks, once' {
        $copied = Copy-HsmBackup -Cluster payments
        $copied | Should -BeOfType ([HsmBackup.Engine.Backup.CopiedBackup])
        (Get-ChildItem -LiteralPath $vault).Name | Should -Be (Get-ChildItem -LiteralPath $near).Name
        (Get-HsmBackup -Cluster payments -BackupId $first.BackupId).Copies.Store | Should -Be 'near', 'far', 'vault'
        Copy-HsmBackup -Cluster payments | Should -BeNullOrEmpty
    }

    It 'puts a good copy in the place of a damaged one only when it is told to' {
        $damaged = Join-Path $vault "$($first.BackupId).hsmbackup"
        $bytes = [IO.File]::ReadAllBytes($damaged)
        $bytes[-100] = $bytes[-100] -bxor 1
        [IO.File]::WriteAllBytes($damaged, $bytes)
        Test-HsmBackup -Path $damaged -Quiet | Should -BeFalse
        (Get-HsmBackup -Cluster payments -BackupId $first.BackupId).Copies.State | Should -Be 'Present', 'Present', 'Damaged'
        Copy-HsmBackup -Cluster payments -BackupId $first.BackupId | Should -BeNullOrEmpty
        (Copy-HsmBackup -Cluster payments -BackupId $first.BackupId -Force).Copies.Outcome | Should -Be 'Written'
        (Get-HsmBackup -Cluster payments -BackupId $first.BackupId).Copies.State | Should -Be 'Present', 'Present', 'Present'
    }

    It 'takes ids from the pipeline, and names those that there are not' {
        $target = Join-Path $vault "$($first.BackupId).hsmbackup"
        Remove-Item -LiteralPath $target
        ($first | Copy-HsmBackup -Cluster payments -Store vault).BackupId | Should -Be $first.BackupId
        Copy-HsmBackup -Cluster payments -BackupId 20200101T000000Z-payments-00000000 -ErrorVariable problem -ErrorAction SilentlyContinue | Should -BeNullOrEmpty
        $problem[0].FullyQualifiedErrorId | Should -Be "BackupNotFound,$copyCommand"
    }

    It 'copies files to a folder, but not to where their key is' {
        $source = Join-Path $near "$($first.BackupId).hsmbackup"
        (Copy-HsmBackup -Path $source -Destination $TestDrive/folder).Copies.Outcome | Should -Be 'Written'
        Test-HsmBackup -Path "$TestDrive/folder/$($first.BackupId).hsmbackup" -Quiet | Should -BeTrue
        $null = New-Item -ItemType Directory -Path $TestDrive/withkey
        Set-Content -LiteralPath $TestDrive/withkey/key.txt -Value "# HsmBackup one-time key of backup $($first.BackupId)"
        Copy-HsmBackup -Path $source -Destination $TestDrive/withkey -ErrorVariable problem -ErrorAction SilentlyContinue | ForEach-Object { $_.Copies.Outcome } | Should -Be 'Failed'
        $problem[0].FullyQualifiedErrorId | Should -Be "CopyFailed,$copyCommand"
        $problem[0].Exception.Message | Should -BeLike '*key.txt*'
    }

    It 'is on record' {
        $entries = Get-HsmAuditLog -Action Copy-HsmBackup
        $entries.Count | Should -BeGreaterThan 3
        $entries[-1].Result | Should -Be 'Failed'
    }
}

Describe 'Restore-HsmCluster' {
    It 'finds the latest backup in whichever store has it' {
        # Ids of one second differ by random digits only, and "newest" would be a matter of chance.
        Start-Sleep -Milliseconds 1050
        # Of the newest there is one copy only, in the second store.
        $newest = New-HsmBackup -Cluster payments -Store far -KeyInOutputOnly
        (Restore-HsmCluster -Cluster payments -Key $newest.OneTimeKey -Confirm:$false).BackupId | Should -Be $newest.BackupId
    }
}
