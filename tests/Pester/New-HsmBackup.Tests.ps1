#Requires -Version 7.6

BeforeAll {
    $root = (Get-Item -LiteralPath "$PSScriptRoot/../..").FullName
    Import-Module -Name "$root/out/HsmBackup", "$PSScriptRoot/Support/TestToken.psm1"
    $command = 'HsmBackup.PowerShell.Commands.NewHsmBackupCommand'

    $token = Initialize-TestToken -Folder "$TestDrive/token"
    Add-TestObject -Token $token
    $splat = $token.Splat

    # A fresh folder for the files of one test.
    function Enter-Folder {
        $folder = Join-Path $TestDrive ([IO.Path]::GetRandomFileName())
        $null = New-Item -ItemType Directory -Path $folder
        $folder
    }

    # Everything that a command has left in a folder.
    function Get-Leftover([string] $Folder) {
        Get-ChildItem -LiteralPath $Folder -Recurse -Force | ForEach-Object FullName
    }
}

Describe 'New-HsmBackup' {
    Context 'its output' {
        BeforeAll {
            $folder = Enter-Folder
            $backup = New-HsmBackup @splat -Destination $folder/backups -KeyPath $folder/keys/payments.key
            $text = ConvertFrom-TestSecret -Secret $backup.OneTimeKey
        }

        It 'says what was backed up' {
            $backup | Should -BeOfType ([HsmBackup.PowerShell.Output.CreatedBackup])
            $backup.BackupId | Should -MatchExactly '^\d{8}T\d{6}Z-payments-[0-9a-f]{8}$'
            $backup.Path | Should -Exist
            $backup.Created | Should -BeOfType ([DateTimeOffset])
            $backup.Created.Offset | Should -Be ([TimeSpan]::Zero)
            $backup.Mode | Should -Be 'OneTimeKey'
            $backup.TokenLabel, $backup.ClusterName | Should -Be 'payments', 'payments'
            $backup.Objects, $backup.Captured | Should -Be 8, 8
            $backup.Complete | Should -BeTrue
            $backup.State | Should -Be 'Complete'
            $backup.Verdicts | Should -HaveCount 8
            $backup.Verdicts.Captured | Should -Be 8
            $backup.Digest | Should -MatchExactly '^[0-9a-f]{64}$'
        }

        It 'has the key as a read-only SecureString' {
            $backup.OneTimeKey | Should -BeOfType ([securestring])
            $backup.OneTimeKey.IsReadOnly() | Should -BeTrue
            $text | Should -MatchExactly '^hsmkey1[02-9ac-hj-np-z]{58}$'
        }

        It 'shows the key in no view of it' {
            $views = @(
                $backup | Out-String
                $backup | Format-List | Out-String
                $backup | Format-List -Property * -Force | Out-String
                $backup | Format-Table -Property * | Out-String -Width 10000
                $backup | Format-Custom | Out-String
                $backup | ConvertTo-Json -Depth 6
                $backup | ConvertTo-Csv | Out-String
                "$backup"
            )
            $views | Should -HaveCount 8
            foreach ($view in $views) {
                $view.Contains($text.Substring(10, 20)) -or $view.Contains('hsmkey1') | Should -BeFalse
            }
        }
    }

    Context 'the key file' {
        It 'has the key, for its owner alone' -Skip:$IsWindows {
            $folder = Enter-Folder
            $backup = New-HsmBackup @splat -Destination $folder/backups -KeyPath $folder/payments.key
            $backup.KeyPath | Should -Be $folder/payments.key
            (Get-Item -LiteralPath $folder/payments.key).UnixMode | Should -BeExactly '-rw-------'
            $lines = Get-Content -LiteralPath $folder/payments.key
            $lines[0] | Should -Be "# HsmBackup one-time key of backup $($backup.BackupId)"
            $lines[1] | Should -Be (ConvertFrom-TestSecret -Secret $backup.OneTimeKey)
            (Test-HsmBackup -Path $backup.Path -KeyPath $folder/payments.key -Level Content).Passed | Should -BeTrue
        }

        It 'is never written over, and nothing else is written then' {
            $folder = Enter-Folder
            Set-Content -LiteralPath $folder/payments.key -Value 'another key'
            { New-HsmBackup @splat -Destination $folder/backups -KeyPath $folder/payments.key } |
                Should -Throw -ErrorId "KeyFileExists,$command"
            Get-Content -LiteralPath $folder/payments.key | Should -Be 'another key'
            Get-Leftover -Folder $folder | Should -Be (Join-Path $folder payments.key)
        }

        It 'is refused in the folder of the backup, by whatever name' {
            $folder = Enter-Folder
            { New-HsmBackup @splat -Destination $folder/backups -KeyPath $folder/backups/payments.key } |
                Should -Throw -ErrorId "KeyFileBesideBackup,$command"
            { New-HsmBackup @splat -Destination $folder/backups -KeyPath $folder/backups/keys/payments.key } |
                Should -Throw -ErrorId "KeyFileBesideBackup,$command"
            { New-HsmBackup @splat -Destination $folder/backups -KeyPath $folder/other/../backups/payments.key } |
                Should -Throw -ErrorId "KeyFileBesideBackup,$command"
            Get-Leftover -Folder $folder | Should -BeNullOrEmpty
        }

        It 'opens with openssl where it is sealed for certificates' {
            $folder = Enter-Folder
            $keyPath = Join-Path $folder sealed.cms
            $pem = [Security.Cryptography.PemEncoding]::WriteString('CERTIFICATE', [IO.File]::ReadAllBytes("$($token.Folder)/ec.crt"))
            Set-Content -LiteralPath "$folder/ec [1].pem" -Value $pem
            $backup = New-HsmBackup @splat -Destination $folder/backups -KeyPath $keyPath -KeyRecipient @(
                [Security.Cryptography.X509Certificates.X509CertificateLoader]::LoadCertificateFromFile("$($token.Folder)/rsa.crt")
                "$folder/ec [1].pem"
            )
            $backup.OneTimeKey | Should -BeNullOrEmpty
            $backup.KeyPath | Should -Be $keyPath
            foreach ($recipient in 'rsa', 'ec') {
                $opened = "$folder/$recipient.key"
                $null = Invoke-TestProgram -Token $token -Program openssl -ArgumentList @(
                    'cms', '-decrypt', '-inform', 'DER', '-in', $keyPath, '-out', $opened, '-keyform', 'DER'
                    '-recip', "$($token.Folder)/$recipient.crt", '-inkey', "$($token.Folder)/$recipient.key")
                (Test-HsmBackup -Path $backup.Path -KeyPath $opened -Level Content).Passed | Should -BeTrue
            }
        }

        It 'has to be named for the recipients of a key' {
            { New-HsmBackup @splat -Destination $TestDrive/never -KeyRecipient "$($token.Folder)/rsa.crt" } |
                Should -Throw -ErrorId "KeyDestinationRequired,$command"
        }

        It 'is not sealed for what is no certificate' {
            { New-HsmBackup @splat -Destination $TestDrive/never -KeyPath $TestDrive/never.key -KeyRecipient "$($token.Folder)/rsa.key" } |
                Should -Throw -ErrorId "ParameterArgumentTransformationError,$command"
            { New-HsmBackup @splat -Destination $TestDrive/never -KeyPath $TestDrive/never.key -KeyRecipient "$($token.Folder)/none" } |
                Should -Throw -ErrorId "ParameterArgumentTransformationError,$command"
            "$TestDrive/never" | Should -Not -Exist
        }
    }

    Context 'in a session that nobody attends' {
        It 'refuses before it does anything' {
            { New-HsmBackup -Library /nowhere/at/all.so -TokenLabel payments -Destination $TestDrive/never } |
                Should -Throw -ErrorId "KeyDestinationRequired,$command"
            "$TestDrive/never" | Should -Not -Exist
        }

        It 'hands the key over in the output object alone' {
            $folder = Enter-Folder
            $backup = New-HsmBackup @splat -Destination $folder -KeyInOutputOnly
            $backup.KeyPath | Should -BeNullOrEmpty
            ($backup | Test-HsmBackup -Level Content).Passed | Should -BeTrue
            Get-Leftover -Folder $folder | Should -Be $backup.Path
        }

        It 'takes one way of handing over only' {
            { New-HsmBackup @splat -Destination $TestDrive/never -KeyInOutputOnly -KeyPath $TestDrive/never.key } |
                Should -Throw -ErrorId "InvalidArgument,$command"
        }

        It 'asks for no PIN' {
            $noPin = $splat.Clone()
            $noPin.Remove('Pin')
            { New-HsmBackup @noPin -Destination $TestDrive/never -KeyInOutputOnly } | Should -Throw -ErrorId "PinRequired,$command"
            "$TestDrive/never" | Should -Not -Exist
        }
    }

    Context 'a token with a key that may not leave it' {
        BeforeAll {
            $fixed = Initialize-TestToken -Folder "$TestDrive/fixed" -Label fixed
            Add-TestSecretKey -Token $fixed -Label aes -Id '03'
            Add-TestFixedKey -Token $fixed
            $fixedSplat = $fixed.Splat
        }

        It 'is not backed up in part without being told' {
            $folder = Enter-Folder
            $failure = { New-HsmBackup @fixedSplat -Destination $folder/backups -KeyPath $folder/k/key } |
                Should -Throw -ErrorId "BackupIncomplete,$command" -PassThru
            $failure.Exception.Message | Should -BeLike '*CKO_PRIVATE_KEY CKK_EC ''fixed'' (id 0f): NotExtractable*'
            $failure.CategoryInfo.Category | Should -Be 'InvalidResult'
            $failure.TargetObject.NotExtractable | Should -Be 1
            $failure.TargetObject | Where-Object Verdict -NE Captured | ForEach-Object Label | Should -Be 'fixed'
            $failure.ErrorDetails.RecommendedAction | Should -BeLike '*-AllowPartial*'
            Get-Leftover -Folder $folder | Should -BeNullOrEmpty
        }

        It 'says Partial wherever it appears' {
            $folder = Enter-Folder
            $backup = New-HsmBackup @fixedSplat -Destination $folder -KeyInOutputOnly -AllowPartial -WarningVariable warnings -WarningAction Ignore
            $warnings | Should -BeLike '*is Partial: 1 of 3 objects*'
            $backup.Complete | Should -BeFalse
            $backup.State, $backup.Captured, $backup.Objects | Should -Be 'Partial', 2, 3
            "$backup" | Should -BeLike '*(Partial)'
            $result = $backup | Test-HsmBackup -Level Content
            $result.Passed, $result.Complete | Should -Be $true, $false
            $result.Summary | Should -BeLike '*Partial*'
            foreach ($thing in $backup, (Get-HsmBackup -Path $folder), $result) {
                $thing | Format-Table | Out-String -Width 200 | Should -BeLike '*Partial*'
                $thing | Format-List | Out-String | Should -BeLike '*Partial*'
            }
        }
    }

    Context 'what can go wrong' {
        It '<Id>' -ForEach @(
            @{ Id = 'LibraryNotFound'; Change = @{ Library = '/nowhere/libsofthsm2.so' }; Category = 'ObjectNotFound' }
            @{ Id = 'LibraryLoadFailed'; Change = @{ Library = $PSCommandPath }; Category = 'OpenError' }
            @{ Id = 'TokenNotFound'; Change = @{ TokenLabel = 'no such token' }; Category = 'ObjectNotFound' }
            @{ Id = 'InvalidArgument'; Change = @{ TokenLabel = '' }; Category = 'InvalidArgument' }
            @{ Id = 'InvalidArgument'; Change = @{ Destination = 'Env:/backups' }; Category = 'InvalidArgument' }
        ) {
            $folder = Enter-Folder
            $arguments = $splat + @{ Destination = "$folder/backups"; KeyPath = "$folder/keys/payments.key" }
            foreach ($name in $Change.Keys) {
                if ($Change[$name]) { $arguments[$name] = $Change[$name] } else { $arguments.Remove($name) }
            }
            $failure = { New-HsmBackup @arguments } | Should -Throw -ErrorId "$Id,$command" -PassThru
            $failure.CategoryInfo.Category | Should -Be $Category
            $failure.ErrorDetails.RecommendedAction | Should -Not -BeNullOrEmpty
            Get-Leftover -Folder $folder | Should -BeNullOrEmpty
        }

        It 'TokenAmbiguous, where a label is not unique; the serial number is' {
            $twin = Initialize-TestToken -Folder "$TestDrive/twins" -Label twin
            $null = Initialize-TestToken -Folder "$TestDrive/twins" -Label twin
            $twinSplat = $twin.Splat
            { New-HsmBackup @twinSplat -Destination $TestDrive/never -KeyInOutputOnly } | Should -Throw -ErrorId "TokenAmbiguous,$command"
            $serial = Invoke-TestProgram -Token $twin -Program softhsm2-util -ArgumentList '--show-slots' |
                Select-String -Pattern 'Serial number:\s+(\w+)' | ForEach-Object { $_.Matches[0].Groups[1].Value }
            $folder = Enter-Folder
            foreach ($one in $serial) {
                # Empty, but found.
                New-HsmBackup @twinSplat -TokenSerial $one -Destination $folder -KeyInOutputOnly -AllowPartial -WarningAction Ignore
            }
            Get-HsmBackup -Path $folder | Should -HaveCount 2
        }

        It 'TokenNotInitialized, where there is no user PIN yet' {
            $blank = Initialize-TestToken -Folder "$TestDrive/blank" -Label other
            $null = Invoke-TestProgram -Token $blank -Program pkcs11-tool -ArgumentList @(
                '--module', $blank.Library, '--init-token', '--slot-index', '1', '--label', 'new', '--so-pin', '12345678')
            $blankSplat = $blank.Splat + @{}
            $blankSplat.TokenLabel = 'new'
            { New-HsmBackup @blankSplat -Destination $TestDrive/never -KeyInOutputOnly } | Should -Throw -ErrorId "TokenNotInitialized,$command"
        }

        It 'DestinationUnwritable' {
            $folder = Enter-Folder
            Set-Content -LiteralPath $folder/file -Value ''
            { New-HsmBackup @splat -Destination $folder/file/backups -KeyPath $folder/keys/payments.key } |
                Should -Throw -ErrorId "DestinationUnwritable,$command"
            { New-HsmBackup @splat -Destination $folder/backups -KeyPath $folder/file/payments.key } |
                Should -Throw -ErrorId "DestinationUnwritable,$command"
            Get-Leftover -Folder $folder | Should -Be (Join-Path $folder file)
        }

        It 'DiskFull' {
            $folder = Enter-Folder
            mount -t tmpfs -o size=8k none $folder 2>&1 | Out-Null
            if ($LASTEXITCODE -ne 0) {
                Set-ItResult -Skipped -Because 'this user may not mount a file system'
                return
            }
            try {
                { New-HsmBackup @splat -Destination $folder/backups -KeyInOutputOnly } | Should -Throw -ErrorId "DiskFull,$command"
                Get-Leftover -Folder $folder | Should -BeNullOrEmpty
            }
            finally {
                umount $folder
            }
        }

        It 'PinIncorrect, and the PIN is sent once' {
            $folder = Enter-Folder
            $spied = $splat.Clone()
            $spied.Library = (Get-Item -Path /usr/lib/*/pkcs11-spy.so).FullName
            $spied.Pin = ConvertTo-TestSecret -Text 'wrong-pin'
            $spied.LibraryEnvironment = $splat.LibraryEnvironment + @{ PKCS11SPY = $token.Library; PKCS11SPY_OUTPUT = "$folder/calls" }
            $failure = { New-HsmBackup @spied -Destination $folder/backups -KeyPath $folder/keys/payments.key } |
                Should -Throw -ErrorId "PinIncorrect,$command" -PassThru
            $failure.CategoryInfo.Category | Should -Be 'AuthenticationError'
            $failure | Format-List -Property * -Force | Out-String -Width 1000 | Should -Not -BeLike '*wrong-pin*'
            Select-String -LiteralPath $folder/calls -Pattern 'C_Login$' | Should -HaveCount 1
            Get-Leftover -Folder $folder | Should -Be (Join-Path $folder calls)
        }

        It 'a PIN as plain text, which is not repeated' {
            $plain = 'pl41n-t3xt'
            $arguments = $splat + @{ Destination = "$TestDrive/never"; KeyInOutputOnly = $true }
            $arguments.Pin = $plain
            $failure = { New-HsmBackup @arguments } | Should -Throw -ErrorId "ParameterArgumentTransformationError,$command" -PassThru
            $failure.Exception.Message | Should -BeLike '*SecureString*'
            $failure, ($failure | Format-List -Property * -Force), $failure.Exception.ToString() | Out-String -Width 1000 |
                Should -Not -BeLike "*$plain*"
        }
    }

    Context 'paths' {
        It 'may have blanks and brackets in them' {
            $folder = Enter-Folder
            $backup = New-HsmBackup @splat -Destination "$folder/my [1] backups" -KeyPath "$folder/my [1] key"
            Get-ChildItem -LiteralPath "$folder/my [1] backups" | ForEach-Object FullName | Should -Be $backup.Path
            "$folder/my ``[1``] key" | Should -Exist
        }

        It 'start at the current location of the session' {
            $folder = Enter-Folder
            Push-Location -LiteralPath $folder
            try {
                $backup = New-HsmBackup @splat -Destination backups -KeyPath ./keys/payments.key
            }
            finally {
                Pop-Location
            }
            $backup.Path | Should -BeLike "$folder/backups/*"
            "$folder/keys/payments.key" | Should -Exist
        }

        It 'may use a drive of the session' {
            $folder = Enter-Folder
            $null = New-PSDrive -Name Vault -PSProvider FileSystem -Root $folder
            $backup = New-HsmBackup @splat -Destination Vault:/backups -KeyInOutputOnly
            $backup.Path | Should -BeLike "$folder/backups/*"
        }
    }

    It 'does nothing with -WhatIf' {
        $folder = Enter-Folder
        New-HsmBackup @splat -Destination $folder/backups -KeyPath $folder/keys/payments.key -WhatIf | Should -BeNullOrEmpty
        Get-Leftover -Folder $folder | Should -BeNullOrEmpty
    }

    It 'tells with -Verbose what the token was seen to do, and no secret' {
        $folder = Enter-Folder
        $all = New-HsmBackup @splat -Destination $folder -KeyInOutputOnly -Verbose *>&1 | Out-String
        $all | Should -BeLike '*CKM_AES_KEY_WRAP*'
        $all | Should -BeLike '*Backed up 8 of 8 objects*'
        $all | Should -Not -BeLike '*hsmkey1*'
    }
}
