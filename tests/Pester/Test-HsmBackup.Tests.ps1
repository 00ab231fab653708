#Requires -Version 7.6

BeforeAll {
    $root = (Get-Item -LiteralPath "$PSScriptRoot/../..").FullName
    Import-Module -Name "$root/out/HsmBackup", "$PSScriptRoot/Support/TestToken.psm1"
    $command = 'HsmBackup.PowerShell.Commands.TestHsmBackupCommand'

    $token = Initialize-TestToken -Folder "$TestDrive/token"
    Add-TestObject -Token $token
    $splat = $token.Splat
    $folder = Join-Path $TestDrive 'backups [1]'
    $keyPath = Join-Path $TestDrive keys/payments.key
    $backup = New-HsmBackup @splat -Destination $folder -KeyPath $keyPath
    $other = New-HsmBackup @splat -Destination $TestDrive/others -KeyInOutputOnly

    # A copy of the backup with one bit of a byte turned over.
    function Copy-Damaged([int] $Offset) {
        $bytes = [IO.File]::ReadAllBytes($backup.Path)
        $bytes[$Offset] = $bytes[$Offset] -bxor 1
        $file = Join-Path $TestDrive "$([IO.Path]::GetRandomFileName()).hsmbackup"
        [IO.File]::WriteAllBytes($file, $bytes)
        $file
    }
}

Describe 'Test-HsmBackup' {
    It 'passes a good backup at level <Level>' -ForEach @(
        @{ Level = 'Header'; Needs = @() }
        @{ Level = 'Integrity'; Needs = @() }
        @{ Level = 'Content'; Needs = @('Key') }
        @{ Level = 'Live'; Needs = @('Key', 'Token') }
        @{ Level = 'Restore'; Needs = @('Key') }
    ) {
        $arguments = @{}
        if ('Key' -in $Needs) { $arguments.KeyPath = $keyPath }
        if ('Token' -in $Needs) { $arguments += $splat }
        $result = Test-HsmBackup -Path $backup.Path -Level $Level @arguments
        $result | Should -BeOfType ([HsmBackup.Engine.Backup.TestResult])
        $result.Passed | Should -BeTrue
        $result.Level | Should -Be $Level
        $result.BackupId | Should -Be $backup.BackupId
        $result.Complete | Should -BeTrue
        $result.Error | Should -BeNullOrEmpty
        $result.Checks.Count | Should -BeGreaterThan 0
        $result.Checks | ForEach-Object { $_.PSObject.Properties.Name } | Select-Object -Unique |
            Should -Be 'Name', 'Outcome', 'Expected', 'Actual', 'Detail'
        $result.Checks.Outcome | Select-Object -Unique | Should -Be 'Passed'
    }

    It 'tests at level Integrity where none is given' {
        (Test-HsmBackup -Path $backup.Path).Level | Should -Be 'Integrity'
    }

    It 'tests a trial restore on a blank token of one''s own' {
        $scratch = Initialize-TestToken -Folder "$TestDrive/scratch" -Label blank
        # A library loaded twice is one library with one configuration; a copy of it is another.
        $library = "$TestDrive/scratch/libsofthsm2.so"
        Copy-Item -LiteralPath $token.Library -Destination $library
        $arguments = @{
            ScratchLibrary            = $library
            ScratchTokenLabel         = 'blank'
            ScratchPin                = $scratch.Splat.Pin
            ScratchLibraryEnvironment = $scratch.Splat.LibraryEnvironment
        }
        $result = $backup | Test-HsmBackup -Level Restore @arguments
        $result.Passed | Should -BeTrue
        Get-TestObject -Token $scratch | Should -BeNullOrEmpty -Because 'what was restored for the test is removed again'
    }

    Context 'where it takes the key from' {
        It 'the pipeline object' {
            ($backup | Test-HsmBackup -Level Content).Passed | Should -BeTrue
        }

        It 'a SecureString' {
            (Test-HsmBackup -Path $backup.Path -Level Content -Key $backup.OneTimeKey).Passed | Should -BeTrue
        }

        It 'a key file, before the pipeline object' {
            $result = $other | Test-HsmBackup -Level Content -KeyPath $keyPath -ErrorVariable failures -ErrorAction SilentlyContinue
            $result.Passed | Should -BeFalse
            $failures[0].FullyQualifiedErrorId | Should -Be "KeyMismatch,$command"
        }

        It 'not plain text, which is not repeated' {
            $plain = ConvertFrom-TestSecret -Secret $backup.OneTimeKey
            $failure = { Test-HsmBackup -Path $backup.Path -Level Content -Key $plain } |
                Should -Throw -ErrorId "ParameterArgumentTransformationError,$command" -PassThru
            $failure, ($failure | Format-List -Property * -Force) | Out-String -Width 1000 | Should -Not -BeLike "*$plain*"
        }

        It 'nowhere: that is an error' {
            Test-HsmBackup -Path $backup.Path -Level Content -ErrorVariable failures -ErrorAction SilentlyContinue | Should -BeNullOrEmpty
            $failures[0].FullyQualifiedErrorId | Should -Be "KeyRequired,$command"
        }

        It '<Id>' -ForEach @(
            @{ Id = 'KeyFileNotFound'; Text = $null }
            @{ Id = 'KeyTextInvalid'; Text = 'hsmkey1qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqq' }
        ) {
            $file = Join-Path $TestDrive "$Id.key"
            if ($Text) { Set-Content -LiteralPath $file -Value $Text }
            Test-HsmBackup -Path $backup.Path -Level Content -KeyPath $file -ErrorVariable failures -ErrorAction SilentlyContinue |
                Should -BeNullOrEmpty
            $failures[0].FullyQualifiedErrorId | Should -Be "$Id,$command"
        }
    }

    Context 'a test that fails' {
        It 'is a result and a non-terminating error: <Id>' -ForEach @(
            @{ Id = 'NotABackup'; Level = 'Header'; Offset = 0 }
            @{ Id = 'IntegrityFailed'; Level = 'Integrity'; Offset = -1 }
            @{ Id = 'IntegrityFailed'; Level = 'Content'; Offset = -200 }
        ) {
            $file = Copy-Damaged -Offset $Offset
            $result = Test-HsmBackup -Path $file -Level $Level -KeyPath $keyPath -ErrorVariable failures -ErrorAction SilentlyContinue
            $result.Passed | Should -BeFalse
            $result.Error | Should -Be $Id
            $result.Checks.Outcome | Should -Contain 'Failed'
            $failures | Should -HaveCount 1
            $failures[0].FullyQualifiedErrorId | Should -Be "$Id,$command"
            $failures[0].TargetObject | Should -Be $file
        }

        It 'is found at level Content where somebody has made the checksum right again' {
            $file = Copy-Damaged -Offset -400
            $bytes = [IO.File]::ReadAllBytes($file)
            $digest = [Security.Cryptography.SHA256]::HashData([byte[]]$bytes[0..($bytes.Length - 33)])
            $digest.CopyTo($bytes, $bytes.Length - 32)
            [IO.File]::WriteAllBytes($file, $bytes)
            Test-HsmBackup -Path $file -Level Content -KeyPath $keyPath -Quiet | Should -BeFalse
            $failure = { Test-HsmBackup -Path $file -Level Content -KeyPath $keyPath -ErrorAction Stop } | Should -Throw -PassThru
            $failure.FullyQualifiedErrorId | Should -BeIn "AuthenticationFailed,$command", "IntegrityFailed,$command"
        }

        It 'does not keep the others from being tested' {
            $results = $backup.Path, (Copy-Damaged -Offset -1), $other.Path | Test-HsmBackup -ErrorAction SilentlyContinue
            $results.Passed | Should -Be $true, $false, $true
        }

        It 'tells the wrong key from a damaged file' {
            $result = Test-HsmBackup -Path $backup.Path -Level Content -Key $other.OneTimeKey -ErrorVariable failures -ErrorAction SilentlyContinue
            $result.Error | Should -Be 'KeyMismatch'
            $failures[0].CategoryInfo.Category | Should -Be 'AuthenticationError'
            $failures[0].ErrorDetails.RecommendedAction | Should -Not -BeLike '*new one*'
        }
    }

    Context 'a test that cannot be run' {
        It 'at level Live without a token' {
            $backup | Test-HsmBackup -Level Live -ErrorVariable failures -ErrorAction SilentlyContinue | Should -BeNullOrEmpty
            $failures[0].FullyQualifiedErrorId | Should -Be "TestNotPossible,$command"
        }

        It 'with a wrong PIN, which is sent once however many backups there are' {
            $arguments = $splat.Clone()
            $arguments.Pin = ConvertTo-TestSecret -Text 'wrong-pin'
            { $backup, $backup, $backup | Test-HsmBackup -Level Live @arguments -ErrorAction SilentlyContinue } |
                Should -Throw -ErrorId "PinIncorrect,$command"
        }
    }

    Context 'with -Quiet' {
        It 'gives true or false, and no error for a failed test' {
            $answers = $backup.Path, (Copy-Damaged -Offset -1) | Test-HsmBackup -Quiet -ErrorVariable failures
            $answers | Should -BeOfType ([bool])
            $answers | Should -Be $true, $false
            $failures | Should -BeNullOrEmpty
        }

        It 'gives false and an error where the test could not be run' {
            Test-HsmBackup -Path $backup.Path -Level Content -Quiet -ErrorVariable failures -ErrorAction SilentlyContinue | Should -BeFalse
            $failures | Should -HaveCount 1
            Test-HsmBackup -Path "$TestDrive/none*" -Quiet -ErrorVariable failures -ErrorAction SilentlyContinue | Should -BeFalse
            $failures | Should -HaveCount 1
        }
    }

    Context 'paths' {
        It 'with wildcards mean all that match' {
            (Test-HsmBackup -Path "$TestDrive/*others*/*.hsmbackup").BackupId | Should -Be $other.BackupId
        }

        It 'with brackets mean themselves' {
            (Test-HsmBackup -Path $backup.Path).Passed | Should -BeTrue
            (Test-HsmBackup -LiteralPath $backup.Path).Passed | Should -BeTrue
            (Get-Item -LiteralPath $backup.Path | Test-HsmBackup).Passed | Should -BeTrue
            (Get-HsmBackup -LiteralPath $folder | Test-HsmBackup).Passed | Should -BeTrue
        }

        It 'that match nothing are an error' {
            Test-HsmBackup -Path "$TestDrive/none*.hsmbackup" -ErrorVariable failures -ErrorAction SilentlyContinue | Should -BeNullOrEmpty
            $failures[0].FullyQualifiedErrorId | Should -Be "BackupNotFound,$command"
        }

        It 'that do not exist are tests that fail' {
            $result = Test-HsmBackup -Path $TestDrive/none.hsmbackup -ErrorVariable failures -ErrorAction SilentlyContinue
            $result.Passed, $result.Error | Should -Be $false, 'BackupNotFound'
            $failures[0].FullyQualifiedErrorId | Should -Be "BackupNotFound,$command"
        }
    }

    # The last one: it changes the token.
    It 'finds at level Live that a key of the token is another one now' {
        $null = Invoke-Pkcs11Tool -Token $token --delete-object --type secrkey --id 03
        Add-TestSecretKey -Token $token -Label aes -Id '03'
        $result = $backup | Test-HsmBackup -Level Live @splat -ErrorVariable failures -ErrorAction SilentlyContinue
        $result.Passed | Should -BeFalse
        $failures[0].FullyQualifiedErrorId | Should -Be "TestFailed,$command"
        $result.Checks | Where-Object Outcome -EQ Failed | ForEach-Object Name | Should -BeLike '*''aes''*'
    }
}
