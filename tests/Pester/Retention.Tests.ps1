#Requires -Version 7.6

# What is kept and what goes, with real backups in the stores of a real cluster. The delays are of a second, so that time can pass.

BeforeAll {
    $root = (Get-Item -LiteralPath "$PSScriptRoot/../..").FullName
    Import-Module -Name "$root/out/HsmBackup", "$PSScriptRoot/Support/TestToken.psm1"
    $homeBefore = $env:HSMBACKUP_HOME
    $env:HSMBACKUP_TEST_PIN = '648219'
    # Not in TestDrive, which takes away after a Describe what was made in it: here that would be objects of the token.
    $tokenFolder = Join-Path ([IO.Path]::GetTempPath()) "hsmbackup-tests-$([IO.Path]::GetRandomFileName())"
    $token = Initialize-TestToken -Folder $tokenFolder -Label payments
    Add-TestSecretKey -Token $token -Label aes -Id '03'
    # Once: it copies the library, which must not change while it is loaded.
    $node = ConvertTo-TestNode -Token $token -Name zurich

    # A definition with two stores and this retention, in a home of its own, and so many backups that passed a test.
    function Initialize-Cluster([string] $Name, [hashtable] $Retention, [int] $Backups) {
        $env:HSMBACKUP_HOME = Join-Path $TestDrive $Name
        $cluster = New-HsmCluster $Name -Node $node -Destination $env:HSMBACKUP_HOME/clusters
        $folders = 'local', 'remote' | ForEach-Object { (New-Item -ItemType Directory -Path "$TestDrive/$Name/$_").FullName }
        $definition = Get-Content -LiteralPath $cluster.DefinitionPath -Raw | ConvertFrom-Json -AsHashtable
        $definition.stores = @(@{ name = 'local'; kind = 'directory'; location = $folders[0] }, @{ name = 'remote'; kind = 'directory'; location = $folders[1] })
        $definition.retention = $Retention
        $definition | ConvertTo-Json -Depth 9 | Set-Content -LiteralPath $cluster.DefinitionPath
        $made = foreach ($number in 1..$Backups) {
            New-HsmBackup -Cluster $Name -KeyInOutputOnly
            # Ids of one second differ by random digits only, and "newest" would be a matter of chance.
            Start-Sleep -Milliseconds 1050
        }
        $null = $made | Test-HsmBackup -Level Content
        @{ Name = $Name; Ids = @($made.BackupId); Local = $folders[0]; Remote = $folders[1] }
    }

    function Get-File($Cluster) {
        (Get-ChildItem -LiteralPath $Cluster.Local, $Cluster.Remote | ForEach-Object { "$($_.Directory.Name)/$($_.Name)" }) -join "`n"
    }

    function Get-AuditLine {
        $log = Join-Path $env:HSMBACKUP_HOME state/audit
        (Test-Path -LiteralPath $log) ? @(Get-ChildItem -LiteralPath $log -Filter *.jsonl | Get-Content).Count : 0
    }
}

AfterAll {
    $env:HSMBACKUP_HOME = $homeBefore
    $env:HSMBACKUP_TEST_PIN = $null
    Remove-Item -LiteralPath $tokenFolder -Recurse -Force -ErrorAction Ignore
}

Describe 'Remove-ExpiredHsmBackup' {
    BeforeAll {
        $c = Initialize-Cluster -Name expired -Backups 3 -Retention @{ online = @{ keepLast = 1 }; removalDelay = '00:00:02' }
    }

    It 'shows every copy with a reason, and writes nothing with -WhatIf' {
        $before = Get-File $c
        $entries = Get-AuditLine
        $plan = Remove-ExpiredHsmBackup -Cluster expired -WhatIf
        $plan | Should -BeOfType ([HsmBackup.Engine.Retention.CopyRetention])
        $plan.Count | Should -Be 6
        ($plan | Where-Object Decision -EQ MarkForRemoval).BackupId | Should -Be $c.Ids[0], $c.Ids[0], $c.Ids[1], $c.Ids[1]
        ($plan | Where-Object BackupId -EQ $c.Ids[2]).Reason | Should -Be KeepLast, KeepLast
        $plan.Outcome | Sort-Object -Unique | Should -Be Planned
        $plan.Explanation | Should -Match '\.$'
        Get-File $c | Should -Be $before
        Get-AuditLine | Should -Be $entries
        "$env:HSMBACKUP_HOME/state/clock.json" | Should -Not -Exist
    }

    It 'asks, and does nothing where nobody can be asked' {
        $before = Get-File $c
        # A host that cannot ask refuses the question, and tells it.
        $shell = [powershell]::Create().AddScript("Import-Module '$root/out/HsmBackup'; Remove-ExpiredHsmBackup -Cluster expired -ErrorAction Stop")
        $said = try { $shell.Invoke() } catch { $_ }
        "$said $($shell.Streams.Error)" | Should -Match 'Mark 4 copies for removal'
        $shell.Dispose()
        Get-File $c | Should -Be $before
    }

    It 'marks first, and removes when the delay is over' {
        $first = Remove-ExpiredHsmBackup -Cluster expired -Force
        ($first | Where-Object Outcome -EQ Marked).Count | Should -Be 4
        (Get-ChildItem -LiteralPath $c.Local -Filter *.removal.json).Count | Should -Be 2
        (Get-HsmBackup -Cluster expired).Count | Should -Be 3
        (Get-HsmBackup -Cluster expired).Where({ $_.BackupId -eq $c.Ids[0] }).Copies.Pending | Should -Be $true, $true
        Start-Sleep -Milliseconds 2100
        $second = Remove-ExpiredHsmBackup -Cluster expired -Confirm:$false
        ($second | Where-Object Outcome -EQ Removed).Count | Should -Be 4
        (Get-ChildItem -LiteralPath $c.Local, $c.Remote).Name | Should -Be "$($c.Ids[2]).hsmbackup", "$($c.Ids[2]).hsmbackup"
        (Remove-ExpiredHsmBackup -Cluster expired -Force).Outcome | Should -Be Kept, Kept
        Get-AuditLine | Should -BeGreaterThan 0
    }

    It 'works on the stores that are named, and knows of none by another name' {
        { Remove-ExpiredHsmBackup -Cluster expired -Store elsewhere -Force } | Should -Throw -ErrorId 'InvalidArgument*'
        (Remove-ExpiredHsmBackup -Cluster expired -Store r* -Force).Store | Should -Be remote
    }

    It 'goes no further than a test reaches' {
        $u = Initialize-Cluster -Name unproven -Backups 2 -Retention @{ online = @{ keepLast = 1 } }
        Remove-Item -LiteralPath $env:HSMBACKUP_HOME/state/tests -Recurse
        $kept = Remove-ExpiredHsmBackup -Cluster unproven -Force
        ($kept | Where-Object BackupId -EQ $u.Ids[0]).Reason | Should -Be NothingProven, NothingProven
    }
}

Describe 'Remove-HsmBackup' {
    BeforeAll {
        $c = Initialize-Cluster -Name removed -Backups 3 -Retention @{ online = @{ keepLast = 9 }; removalDelay = '00:00:02' }
    }

    It 'changes nothing with -WhatIf' {
        $before = Get-File $c
        $plan = Remove-HsmBackup -Cluster removed -BackupId $c.Ids[0] -WhatIf
        $plan.Decision | Should -Be MarkForRemoval, MarkForRemoval
        $plan.Reason | Should -Be Requested, Requested
        Get-File $c | Should -Be $before
    }

    It 'refuses the newest that is known to restore' {
        { Remove-HsmBackup -Cluster removed -BackupId $c.Ids[2] -Force -ErrorAction Stop } | Should -Throw -ErrorId 'BackupNeeded*'
        { Remove-HsmBackup -Cluster removed -BackupId 20200101T000000Z-removed-00000000 -Force -ErrorAction Stop } | Should -Throw -ErrorId 'BackupNotFound*'
    }

    It 'takes what Get-HsmBackup gives, in two steps' {
        $marked = Get-HsmBackup -Cluster removed | Where-Object BackupId -EQ $c.Ids[0] | Remove-HsmBackup -Cluster removed -Reason 'made by mistake' -Force
        $marked.Outcome | Should -Be Marked, Marked
        (Get-Content -LiteralPath "$($c.Local)/$($c.Ids[0]).removal.json" -Raw | ConvertFrom-Json).reason | Should -Be 'made by mistake'
        # The rules want it, and a person does not.
        (Remove-ExpiredHsmBackup -Cluster removed -Force | Where-Object BackupId -EQ $c.Ids[0]).Reason | Should -Be RemovalPending, RemovalPending
        Start-Sleep -Milliseconds 2100
        (Remove-HsmBackup -Cluster removed -BackupId $c.Ids[0] -Force).Outcome | Should -Be Removed, Removed
        (Get-HsmBackup -Cluster removed).BackupId | Should -Be $c.Ids[1, 2]
    }

    It 'is undone by Undo-HsmBackupRemoval' {
        $null = Remove-HsmBackup -Cluster removed -BackupId $c.Ids[1] -Store local -Force
        "$($c.Local)/$($c.Ids[1]).removal.json" | Should -Exist
        Undo-HsmBackupRemoval -Cluster removed -BackupId $c.Ids[1] -WhatIf
        "$($c.Local)/$($c.Ids[1]).removal.json" | Should -Exist
        $undone = Remove-ExpiredHsmBackup -Cluster removed -WhatIf | Where-Object Reason -EQ RemovalPending | Undo-HsmBackupRemoval -Cluster removed
        $undone.Store, "$($undone.Outcome)" | Should -Be 'local', 'Unmarked'
        "$($c.Local)/$($c.Ids[1]).removal.json" | Should -Not -Exist
        { Undo-HsmBackupRemoval -Cluster removed -BackupId $c.Ids[1] -ErrorAction Stop } | Should -Throw -ErrorId 'RemovalNotPending*'
    }
}

Describe 'Lock-HsmBackup and Unlock-HsmBackup' {
    BeforeAll {
        $c = Initialize-Cluster -Name locked -Backups 2 -Retention @{ online = @{ keepLast = 1 }; removalDelay = '00:00:01' }
    }

    It 'holds a backup against rules and people' {
        Lock-HsmBackup -Cluster locked -BackupId $c.Ids[0] -Reason audit -WhatIf
        Get-ChildItem -LiteralPath $c.Local -Filter *.hold.json | Should -BeNullOrEmpty
        $held = Get-HsmBackup -Cluster locked | Where-Object BackupId -EQ $c.Ids[0] | Lock-HsmBackup -Cluster locked -Reason 'audit 2026' -Until 2999-12-31
        $held.Held | Should -Be $true, $true
        $held[0].Reason, $held[0].Until.Year | Should -Be 'audit 2026', 2999
        (Remove-ExpiredHsmBackup -Cluster locked -Force | Where-Object BackupId -EQ $c.Ids[0]).Reason | Should -Be Held, Held
        { Remove-HsmBackup -Cluster locked -BackupId $c.Ids[0] -Force -ErrorAction Stop } | Should -Throw -ErrorId 'BackupHeld*'
    }

    It 'holds all copies by a hold beside one of them' {
        Remove-Item -LiteralPath "$($c.Local)/$($c.Ids[0]).hold.json"
        (Remove-ExpiredHsmBackup -Cluster locked -WhatIf | Where-Object BackupId -EQ $c.Ids[0]).Reason | Should -Be Held, Held
    }

    It 'takes no time that means another day elsewhere' {
        { Lock-HsmBackup -Cluster locked -BackupId $c.Ids[0] -Reason audit -Until 01.02.2999 } | Should -Throw
        { Lock-HsmBackup -Cluster locked -BackupId $c.Ids[0] -Reason audit -Until 2001-01-01 -ErrorAction Stop } | Should -Throw -ErrorId 'InvalidArgument*'
    }

    It 'lets go of it' {
        $free = Unlock-HsmBackup -Cluster locked -BackupId $c.Ids[0]
        $free.Held | Should -Be $false
        $free.Store | Should -Be remote
        (Remove-ExpiredHsmBackup -Cluster locked -Force | Where-Object BackupId -EQ $c.Ids[0]).Outcome | Should -Be Marked, Marked
        Unlock-HsmBackup -Cluster locked -BackupId $c.Ids[0] | Should -BeNullOrEmpty
    }
}

Describe 'Backups of a lone token' {
    BeforeAll {
        $env:HSMBACKUP_HOME = Join-Path $TestDrive lone
        $folder = Join-Path $TestDrive 'lone [1]'
        $splat = $token.Splat
        $made = foreach ($number in 1, 2) {
            New-HsmBackup @splat -Destination $folder -KeyInOutputOnly
            Start-Sleep -Milliseconds 1050
        }
    }

    It 'are locked, unlocked, removed and taken back in their folder' {
        $null = $made[1] | Test-HsmBackup -Level Content
        { $made[1] | Remove-HsmBackup -Force -ErrorAction Stop } | Should -Throw -ErrorId 'BackupNeeded*'
        (Get-HsmBackup -LiteralPath $folder | Select-Object -First 1 | Lock-HsmBackup -Reason test).Held | Should -BeTrue
        { Remove-HsmBackup -Path $made[0].Path -Force -ErrorAction Stop } | Should -Throw -ErrorId 'BackupHeld*'
        (Unlock-HsmBackup -Path $made[0].Path).Held | Should -BeFalse
        $marked = Remove-HsmBackup -Path $folder -BackupId $made[0].BackupId -Force
        $marked.Outcome | Should -Be Marked
        ($marked.Due - [DateTimeOffset]::UtcNow).TotalDays | Should -BeGreaterThan 6.9
        (Undo-HsmBackupRemoval -Path $made[0].Path).Outcome | Should -Be Unmarked
        (Get-ChildItem -LiteralPath $folder).Count | Should -Be 2
    }

    It 'need their names where the path is a folder' {
        { Remove-HsmBackup -Path $folder -Force -ErrorAction Stop } | Should -Throw -ErrorId 'InvalidArgument*'
        { Lock-HsmBackup -Path "$folder/none.hsmbackup" -Reason test -ErrorAction Stop } | Should -Throw -ErrorId 'BackupNotFound*'
    }
}
