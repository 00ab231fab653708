#Requires -Version 7.6

BeforeAll {
    $root = (Get-Item -LiteralPath "$PSScriptRoot/../..").FullName
    Import-Module -Name "$root/out/HsmBackup", "$PSScriptRoot/Support/TestToken.psm1"
    $command = 'HsmBackup.PowerShell.Commands.CompareHsmBackupCommand'

    $token = Initialize-TestToken -Folder "$TestDrive/token"
    $splat = $token.Splat
    Add-TestSecretKey -Token $token -Label kept -Id '01'
    Add-TestSecretKey -Token $token -Label changed -Id '02'
    Add-TestSecretKey -Token $token -Label removed -Id '03'
    $old = New-HsmBackup @splat -Destination "$TestDrive/[old] backups" -KeyPath $TestDrive/keys/old.key
    $same = New-HsmBackup @splat -Destination $TestDrive/backups -KeyPath $TestDrive/keys/same.key

    $null = Invoke-Pkcs11Tool -Token $token --delete-object --type secrkey --id 02
    $null = Invoke-Pkcs11Tool -Token $token --delete-object --type secrkey --id 03
    Add-TestSecretKey -Token $token -Label changed -Id '02'
    Add-TestSecretKey -Token $token -Label added -Id '04'
    $new = New-HsmBackup @splat -Destination $TestDrive/backups -KeyPath $TestDrive/keys/new.key

    function Get-Side($Difference) {
        $Difference | ForEach-Object { "$($_.Object.Label) $($_.Side)" } | Sort-Object
    }
}

Describe 'Compare-HsmBackup' {
    It 'shows what differs between two backups, keys included' {
        $found = Compare-HsmBackup $old.Path $new.Path -ReferenceKeyPath $TestDrive/keys/old.key -DifferenceKeyPath $TestDrive/keys/new.key
        $found | Should -BeOfType ([HsmBackup.Engine.Backup.ObjectDifference])
        Get-Side -Difference $found | Should -Be 'added OnlyInDifference', 'changed Different', 'removed OnlyInReference'
        ($found | Where-Object Side -EQ Different).Details | Should -Be 'the key is another one'
        $found | Out-String -Width 200 | Should -BeLike '*Different*changed*the key is another one*'
    }

    It 'shows what differs between a backup and the token' {
        $found = Compare-HsmBackup -ReferencePath $old.Path -ReferenceKey $old.OneTimeKey @splat
        Get-Side -Difference $found | Should -Be 'added OnlyInDifference', 'changed Different', 'removed OnlyInReference'
    }

    It 'takes the reference and its key from the pipeline' {
        $new | Compare-HsmBackup @splat | Should -BeNullOrEmpty
        Get-Side -Difference ($old | Compare-HsmBackup -DifferencePath $same.Path -DifferenceKey $same.OneTimeKey -IncludeEqual) |
            Should -Be 'changed Equal', 'kept Equal', 'removed Equal'
    }

    It 'lists what is equal on demand' {
        Get-Side -Difference ($old | Compare-HsmBackup @splat -IncludeEqual) |
            Should -Be 'added OnlyInDifference', 'changed Different', 'kept Equal', 'removed OnlyInReference'
    }

    It 'gives true or false with -Quiet' {
        $new | Compare-HsmBackup @splat -Quiet | Should -BeTrue
        $old | Compare-HsmBackup @splat -Quiet | Should -BeFalse
    }

    It 'refuses <Id>' -ForEach @(
        @{ Id = 'KeyRequired'; Change = { param($a) $a.Remove('ReferenceKeyPath') } }
        @{ Id = 'KeyRequired'; Change = { param($a) $a.Remove('DifferenceKeyPath') } }
        @{ Id = 'KeyMismatch'; Change = { param($a) $a.DifferenceKeyPath = $a.ReferenceKeyPath } }
        @{ Id = 'BackupNotFound'; Change = { param($a) $a.DifferencePath = "$TestDrive/none" } }
        @{ Id = 'KeyFileNotFound'; Change = { param($a) $a.ReferenceKeyPath = "$TestDrive/none" } }
    ) {
        $arguments = @{
            ReferencePath     = $old.Path
            ReferenceKeyPath  = "$TestDrive/keys/old.key"
            DifferencePath    = $new.Path
            DifferenceKeyPath = "$TestDrive/keys/new.key"
        }
        & $Change $arguments
        { Compare-HsmBackup @arguments } | Should -Throw -ErrorId "$Id,$command"
    }

    It 'compares with a backup or with a token, not with both' {
        { Compare-HsmBackup -ReferencePath $old.Path -DifferencePath $new.Path @splat } |
            Should -Throw -ErrorId "AmbiguousParameterSet,$command"
    }
}
