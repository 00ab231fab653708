#Requires -Version 7.6

BeforeAll {
    $root = (Get-Item -LiteralPath "$PSScriptRoot/../..").FullName
    Import-Module -Name "$root/out/HsmBackup", "$PSScriptRoot/Support/TestToken.psm1"
    $command = 'HsmBackup.PowerShell.Commands.GetHsmBackupCommand'

    $folder = Join-Path $TestDrive 'my [1] backups'
    $made = foreach ($label in 'payments', 'identity') {
        $token = Initialize-TestToken -Folder "$TestDrive/$label" -Label $label
        Add-TestSecretKey -Token $token -Label aes -Id '03'
        $splat = $token.Splat
        foreach ($number in 1, 2) {
            New-HsmBackup @splat -Destination $folder -KeyInOutputOnly
            # Ids of one second differ by random digits only, and "newest" would be a matter of chance.
            Start-Sleep -Milliseconds 1050
        }
    }
    $other = Join-Path $TestDrive other
    $null = New-Item -ItemType Directory -Path $other
    Copy-Item -LiteralPath $made[0].Path -Destination $other
}

Describe 'Get-HsmBackup' {
    It 'lists the backups of a folder, oldest first' {
        $found = Get-HsmBackup -LiteralPath $folder
        $found | Should -BeOfType ([HsmBackup.Engine.Catalogue.BackupInfo])
        $found.BackupId | Should -Be $made.BackupId
        $found.Path | Should -Be $made.Path
        $found[0].ClusterName, $found[0].State, $found[0].Objects, $found[0].Captured, $found[0].Mode |
            Should -Be 'payments', 'Complete', 1, 1, 'OneTimeKey'
        $found[1].PreviousBackupId | Should -Be $made[0].BackupId
    }

    It 'lists the current location where no path is given' {
        Push-Location -LiteralPath $folder
        try {
            (Get-HsmBackup).BackupId | Should -Be $made.BackupId
            (Get-HsmBackup -ClusterName payments).BackupId | Should -Be $made[0, 1].BackupId
        }
        finally {
            Pop-Location
        }
    }

    It 'takes a folder with brackets in its name as itself' {
        (Get-HsmBackup -Path $folder).BackupId | Should -Be $made.BackupId
    }

    It 'takes wildcards in paths, and passes over files that are no backups' {
        Set-Content -LiteralPath $other/readme.txt -Value ''
        (Get-HsmBackup -Path "$TestDrive/o*").BackupId | Should -Be $made[0].BackupId
        (Get-HsmBackup -Path "$other/*").BackupId | Should -Be $made[0].BackupId
        Get-HsmBackup -Path "$other/none*" | Should -BeNullOrEmpty
    }

    It 'takes files, from Get-ChildItem too' {
        (Get-HsmBackup -Path $made[2].Path).BackupId | Should -Be $made[2].BackupId
        (Get-ChildItem -LiteralPath $folder | Get-HsmBackup).BackupId | Should -Be $made.BackupId
        ($made[1].Path | Get-HsmBackup).BackupId | Should -Be $made[1].BackupId
    }

    It 'finds backups by id and by cluster, in any case of letters' {
        (Get-HsmBackup -LiteralPath $folder -BackupId $made[3].BackupId).BackupId | Should -Be $made[3].BackupId
        (Get-HsmBackup -LiteralPath $folder -BackupId *-IDENTITY-*).BackupId | Should -Be $made[2, 3].BackupId
        (Get-HsmBackup -LiteralPath $folder -ClusterName PAY*, none).BackupId | Should -Be $made[0, 1].BackupId
    }

    It 'finds the newest of each cluster' {
        (Get-HsmBackup -LiteralPath $folder -Latest).BackupId | Sort-Object | Should -Be ($made[1, 3].BackupId | Sort-Object)
        (Get-HsmBackup -LiteralPath $folder -ClusterName payments -Latest).BackupId | Should -Be $made[1].BackupId
    }

    It 'never lists what an interrupted backup has left' {
        foreach ($name in ".$($made[0].BackupId).hsmbackup.partial", ".$($made[0].BackupId).spool") {
            Copy-Item -LiteralPath $made[0].Path -Destination (Join-Path $other $name)
        }
        (Get-HsmBackup -Path $other).BackupId | Should -Be $made[0].BackupId
        Get-HsmBackup -Path "$other/.*" | Should -BeNullOrEmpty
    }

    It 'reports a file that only has the name of a backup, and lists the others' {
        Set-Content -LiteralPath $other/broken.hsmbackup -Value 'nothing'
        (Get-HsmBackup -Path $other -ErrorVariable failures -ErrorAction SilentlyContinue).BackupId | Should -Be $made[0].BackupId
        $failures | Should -HaveCount 1
        $failures[0].FullyQualifiedErrorId | Should -Be "NotABackup,$command"
        Remove-Item -LiteralPath $other/broken.hsmbackup
    }

    It 'reports a path where there is nothing' {
        Get-HsmBackup -Path $TestDrive/nothing -ErrorVariable failures -ErrorAction SilentlyContinue | Should -BeNullOrEmpty
        $failures[0].FullyQualifiedErrorId | Should -Be "BackupNotFound,$command"
        Get-HsmBackup -LiteralPath $TestDrive/nothing -ErrorVariable failures -ErrorAction SilentlyContinue | Should -BeNullOrEmpty
        $failures[0].FullyQualifiedErrorId | Should -Be "BackupNotFound,$command"
    }

    It 'writes times the same in every culture' {
        $found = Get-HsmBackup -Path $made[0].Path
        $found | Out-String -Width 200 | Should -BeLike "*$($found.Created.ToString('u', [cultureinfo]::InvariantCulture))*"
    }
}
