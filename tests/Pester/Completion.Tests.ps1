#Requires -Version 7.6

BeforeAll {
    $root = (Get-Item -LiteralPath "$PSScriptRoot/../..").FullName
    Import-Module -Name "$root/out/HsmBackup", "$PSScriptRoot/Support/TestToken.psm1"

    $token = Initialize-TestToken -Folder "$TestDrive/token" -Label "O'Hara's keys"
    Add-TestSecretKey -Token $token -Label aes -Id '03'
    $splat = $token.Splat
    $backup = New-HsmBackup @splat -Destination "$TestDrive/my [1] backups" -KeyInOutputOnly

    function Complete([string] $Line) {
        (TabExpansion2 -inputScript $Line -cursorColumn $Line.Length).CompletionMatches | ForEach-Object CompletionText
    }

    $environment = $env:SOFTHSM2_CONF
    $env:SOFTHSM2_CONF = $token.Configuration
}

AfterAll {
    $env:SOFTHSM2_CONF = $environment
}

Describe 'Tab' {
    It 'completes -Library with the libraries on this system: <_>' -ForEach @(
        'New-HsmBackup', 'Test-HsmBackup', 'Restore-HsmCluster', 'Restore-HsmKey', 'Compare-HsmBackup'
    ) {
        $found = Complete "$_ -Library "
        $found | Should -Contain '/usr/lib/softhsm/libsofthsm2.so'
        foreach ($file in $found) { $file.Trim("'") | Should -Exist }
    }

    It 'finds a library by a part of its name' {
        Complete 'New-HsmBackup -Library softhsm' | Should -Be '/usr/lib/softhsm/libsofthsm2.so'
    }

    It 'finds each library once, whatever links lead to it' {
        $targets = Complete 'New-HsmBackup -Library ' | ForEach-Object { [IO.File]::ResolveLinkTarget($_, $true) ?? $_ } | ForEach-Object { "$_" }
        $targets | Should -HaveCount ($targets | Select-Object -Unique).Count
    }

    It 'works within quotes' {
        Complete "New-HsmBackup -Library '/usr/lib/softhsm/lib" | Should -Be "'/usr/lib/softhsm/libsofthsm2.so'"
        Complete 'New-HsmBackup -Library "/usr/lib/softhsm/lib' | Should -Be '"/usr/lib/softhsm/libsofthsm2.so"'
    }

    It 'completes -TokenLabel without login, with quotes where they are needed' {
        $line = "New-HsmBackup -Library $($token.Library) -TokenLabel "
        Complete $line | Should -Be "'O''Hara''s keys'"
        Complete "$line'O" | Should -Be "'O''Hara''s keys'"
        Complete "$line`"o" | Should -Be "`"O'Hara's keys`""
    }

    It 'says nothing and asks nothing where the library cannot be used: <_>' -ForEach @('/nowhere.so', $PSCommandPath, '"') {
        { Complete "New-HsmBackup -Library $_ -TokenLabel xyzzy" } | Should -Not -Throw
        Complete "New-HsmBackup -Library $_ -TokenLabel xyzzy" | Should -BeNullOrEmpty
    }

    It 'completes -BackupId with the backups of the folder' {
        Complete "Get-HsmBackup -Path '$TestDrive/my [1] backups' -BackupId " | Should -Be $backup.BackupId
        Complete "Get-HsmBackup -LiteralPath '$TestDrive/my [1] backups' -BackupId 2" | Should -Be $backup.BackupId
        Push-Location -LiteralPath "$TestDrive/my [1] backups"
        try {
            Complete 'Get-HsmBackup -BackupId ' | Should -Be $backup.BackupId
        }
        finally {
            Pop-Location
        }
    }

    It 'completes the level of a test' {
        Complete 'Test-HsmBackup -Level ' | Should -Be 'Content', 'Header', 'Integrity', 'Live', 'Restore'
    }
}
