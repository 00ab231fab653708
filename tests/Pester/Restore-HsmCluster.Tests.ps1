#Requires -Version 7.6

BeforeAll {
    $root = (Get-Item -LiteralPath "$PSScriptRoot/../..").FullName
    Import-Module -Name "$root/out/HsmBackup", "$PSScriptRoot/Support/TestToken.psm1"
    $command = 'HsmBackup.PowerShell.Commands.RestoreHsmClusterCommand'

    # Not in TestDrive, which takes away after a Context what was made in it: here that would be the token.
    $tokenFolder = Join-Path ([IO.Path]::GetTempPath()) "hsmbackup-tests-$([IO.Path]::GetRandomFileName())"
    $token = Initialize-TestToken -Folder $tokenFolder
    Add-TestObject -Token $token
    $splat = $token.Splat
    $keyPath = Join-Path $TestDrive keys/payments.key
    $backup = New-HsmBackup @splat -Destination "$TestDrive/my [1] backups" -KeyPath $keyPath
    $full = Get-TestObject -Token $token | Sort-Object

    # The journal and the safety backups of these tests.
    $live = $splat
    $splat = $live.Clone()
    $splat.StatePath = Join-Path $TestDrive state
    $homeBefore = $env:HSMBACKUP_HOME
    $env:HSMBACKUP_HOME = Join-Path $TestDrive home

    # SoftHSM writes token.object anew at each login.
    function Get-TokenDigest {
        Get-ChildItem -LiteralPath $tokenFolder/tokens -Recurse -File -Force |
            Where-Object Name -NE token.object | Get-FileHash | ForEach-Object { "$($_.Path) $($_.Hash)" }
    }
}

AfterAll {
    Remove-Item -LiteralPath $tokenFolder -Recurse -Force
    $env:HSMBACKUP_HOME = $homeBefore
}

Describe 'Restore-HsmCluster' {
    Context 'to a blank token that takes the place of a lost one' {
        BeforeAll {
            Clear-TestToken -Token $token
            $before = Get-TokenDigest
            $plan = Restore-HsmCluster -Path $backup.Path -KeyPath $keyPath @splat -WhatIf
            $after = Get-TokenDigest
            $stateAfterPlan = Test-Path -LiteralPath $splat.StatePath
            $result = Restore-HsmCluster -Path $backup.Path -KeyPath $keyPath @splat -Confirm:$false
        }

        It 'shows the plan with -WhatIf, and touches nothing' {
            $plan | Should -BeOfType ([HsmBackup.Engine.Backup.RestorePlan])
            $plan.Add, $plan.Keep, $plan.Replace, $plan.Remove | Should -Be 8, 0, 0, 0
            $plan.Items | Should -HaveCount 8
            $plan | Out-String | Should -BeLike "*restore backup $($backup.BackupId) to token 'payments'*add 8, *Add *'rsa'*"
            $after | Should -Be $before
            $stateAfterPlan | Should -BeFalse
        }

        It 'brings back every object, and proves it' {
            $result | Should -BeOfType ([HsmBackup.Engine.Backup.RestoreResult])
            $result.Added, $result.Kept, $result.Replaced, $result.Removed, $result.Proven | Should -Be 8, 0, 0, 0, 8
            $result.Exact | Should -BeTrue
            $result.SafetyBackupPath | Should -BeNullOrEmpty
            Get-TestObject -Token $token | Sort-Object | Should -Be $full
        }

        It 'makes the token pass the test at level Live' {
            ($backup | Test-HsmBackup -Level Live @live).Passed | Should -BeTrue
        }

        It 'brings back keys that another program signs with: <Name>' -ForEach @(
            @{ Name = 'ec'; Id = '01'; Mechanism = 'ECDSA'; Signs = 'digest'; Format = @('--signature-format', 'openssl') }
            @{ Name = 'rsa'; Id = '02'; Mechanism = 'SHA256-RSA-PKCS'; Signs = 'message'; Format = @() }
        ) {
            $signature = "$TestDrive/$Name.signature"
            Set-Content -LiteralPath $TestDrive/message -Value 'pay a hundred'
            $null = Invoke-TestProgram -Token $token -Program openssl -ArgumentList @(
                'dgst', '-sha256', '-binary', '-out', "$TestDrive/digest", "$TestDrive/message")
            $null = Invoke-Pkcs11Tool -Token $token -ArgumentList (
                @('--sign', '--mechanism', $Mechanism, '--id', $Id, '--input-file', "$TestDrive/$Signs", '--output-file', $signature) + $Format)
            Invoke-TestProgram -Token $token -Program openssl -ArgumentList @(
                'dgst', '-sha256', '-keyform', 'DER', '-verify', "$tokenFolder/$Name.pub", '-signature', $signature, "$TestDrive/message"
            ) | Should -Be 'Verified OK'
        }

        It 'brings back an RSA key that another program decrypts with' {
            $message, $sealed, $opened = "$TestDrive/message", "$TestDrive/sealed", "$TestDrive/opened"
            Set-Content -LiteralPath $message -Value 'pay a hundred'
            $null = Invoke-TestProgram -Token $token -Program openssl -ArgumentList @(
                'pkeyutl', '-encrypt', '-pubin', '-keyform', 'DER', '-inkey', "$tokenFolder/rsa.pub", '-in', $message, '-out', $sealed)
            $null = Invoke-Pkcs11Tool -Token $token --decrypt --mechanism RSA-PKCS --id 02 --input-file $sealed --output-file $opened
            Get-Content -LiteralPath $opened | Should -Be 'pay a hundred'
        }

        It 'brings back an AES key that another program decrypts with' {
            $message, $sealed, $opened = "$TestDrive/message16", "$TestDrive/sealed16", "$TestDrive/opened16"
            [IO.File]::WriteAllText($message, 'sixteen bytes...')
            $key = [Convert]::ToHexString([IO.File]::ReadAllBytes("$tokenFolder/aes.bin"))
            $null = Invoke-TestProgram -Token $token -Program openssl -ArgumentList @(
                'enc', '-aes-256-cbc', '-nopad', '-K', $key, '-iv', ('00' * 16), '-in', $message, '-out', $sealed)
            $null = Invoke-Pkcs11Tool -Token $token -ArgumentList @(
                '--decrypt', '--mechanism', 'AES-CBC', '--iv', ('00' * 16), '--id', '03', '--input-file', $sealed, '--output-file', $opened)
            Get-Content -LiteralPath $opened -Raw | Should -Be 'sixteen bytes...'
        }

        It 'brings back public keys, certificates and data byte for byte: <Name>' -ForEach @(
            @{ Name = 'ec.crt'; Select = '--type', 'cert', '--id', '01' }
            @{ Name = 'rsa.crt'; Select = '--type', 'cert', '--id', '02' }
            @{ Name = 'ec.pub'; Select = '--type', 'pubkey', '--id', '01' }
            @{ Name = 'rsa.pub'; Select = '--type', 'pubkey', '--id', '02' }
            @{ Name = 'data'; Select = '--type', 'data', '--label', 'note' }
        ) {
            $read = "$TestDrive/read.$Name"
            $null = Invoke-Pkcs11Tool -Token $token -ArgumentList (@('--read-object', '--output-file', $read) + $Select)
            (Get-FileHash -LiteralPath $read).Hash | Should -Be (Get-FileHash -LiteralPath "$tokenFolder/$Name").Hash
        }

        It 'changes nothing when it is run again' {
            $plan = $backup | Restore-HsmCluster @splat -WhatIf
            $plan.ChangesNothing | Should -BeTrue
            $plan | Out-String | Should -BeLike '*changes nothing*'
            $before = Get-TokenDigest
            ($backup | Restore-HsmCluster @splat -Confirm:$false).Kept | Should -Be 8
            Get-TokenDigest | Should -Be $before
        }
    }

    Context 'to a token that has changed' {
        BeforeAll {
            $null = Invoke-Pkcs11Tool -Token $token --delete-object --type cert --id 01
            $null = Invoke-Pkcs11Tool -Token $token --delete-object --type secrkey --id 03
            Add-TestSecretKey -Token $token -Label aes -Id '03'
            Add-TestSecretKey -Token $token -Label newcomer -Id '09'
            $plan = $backup | Restore-HsmCluster @splat -WhatIf
            $result = $backup | Restore-HsmCluster @splat -Confirm:$false -Verbose 4>&1
        }

        It 'plans to add, replace, remove and keep' {
            $plan.Add, $plan.Replace, $plan.Remove, $plan.Keep | Should -Be 1, 1, 1, 6
            $plan.NeedsSafetyBackup | Should -BeTrue
        }

        It 'ends with what the backup holds' {
            $result[-1].Exact | Should -BeTrue
            Get-TestObject -Token $token | Sort-Object | Should -Be $full
        }

        It 'keeps what was there in a safety backup, which the same key opens' {
            $safety = $result[-1].SafetyBackupPath
            $safety | Should -BeLike "$($splat.StatePath)/*"
            "$result" | Should -BeLike "*$safety*"
            (Test-HsmBackup -Path $safety -KeyPath $keyPath -Level Content).Passed | Should -BeTrue
            $lost = Compare-HsmBackup -ReferencePath $backup.Path -ReferenceKeyPath $keyPath -DifferencePath $safety -DifferenceKeyPath $keyPath |
                Where-Object Side -EQ OnlyInDifference
            $lost.Object.Label | Should -Be 'newcomer'
        }
    }

    Context 'what it refuses, before it touches anything' {
        BeforeAll {
            $before = Get-TokenDigest
        }

        AfterEach {
            Get-TokenDigest | Should -Be $before
        }

        It 'a backup without its key' {
            { Restore-HsmCluster -Path $backup.Path @splat -Confirm:$false } | Should -Throw -ErrorId "KeyRequired,$command"
        }

        It 'another key' {
            $otherKey = (New-HsmBackup @live -Destination $TestDrive/others -KeyInOutputOnly).OneTimeKey
            { Restore-HsmCluster -Path $backup.Path -Key $otherKey @splat -Confirm:$false } | Should -Throw -ErrorId "KeyMismatch,$command"
        }

        It 'a damaged backup' {
            $bytes = [IO.File]::ReadAllBytes($backup.Path)
            $bytes[$bytes.Length / 2] = $bytes[$bytes.Length / 2] -bxor 1
            [IO.File]::WriteAllBytes("$TestDrive/damaged.hsmbackup", $bytes)
            { Restore-HsmCluster -Path $TestDrive/damaged.hsmbackup -KeyPath $keyPath @splat -Confirm:$false } |
                Should -Throw -ErrorId "IntegrityFailed,$command"
        }

        It 'another token' {
            $other = Initialize-TestToken -Folder "$TestDrive/other" -Label other
            $otherSplat = $other.Splat
            { Restore-HsmCluster -Path $backup.Path -KeyPath $keyPath @otherSplat -StatePath $splat.StatePath -Confirm:$false } |
                Should -Throw -ErrorId "TokenMismatch,$command"
            (Restore-HsmCluster -Path $backup.Path -KeyPath $keyPath @otherSplat -StatePath $splat.StatePath -Confirm:$false -AllowOtherToken).Added |
                Should -Be 8
        }

        It 'no backup, and more than one' {
            { Restore-HsmCluster -Path $TestDrive/none -KeyPath $keyPath @splat -Confirm:$false } | Should -Throw -ErrorId "BackupNotFound,$command"
            { Restore-HsmCluster -Path "$TestDrive/*" -KeyPath $keyPath @splat -Confirm:$false } | Should -Throw -ErrorId "InvalidArgument,$command"
        }

        It 'to go on without being confirmed' {
            # Nobody attends this session, so the question cannot be asked.
            { Restore-HsmCluster -Path $backup.Path -KeyPath $keyPath @splat } | Should -Throw
        }
    }

    Context 'to a blank token that nobody has initialised' {
        BeforeAll {
            $blank = Initialize-TestToken -Folder "$TestDrive/blank"
            Get-ChildItem -LiteralPath "$TestDrive/blank/tokens" -Force | Remove-Item -Recurse -Force
            $blankSplat = $blank.Splat
            $blankSplat.StatePath = $splat.StatePath
            $new = @{ Path = $backup.Path; KeyPath = $keyPath; InitializeToken = $true }
        }

        It 'says with -WhatIf that it would be initialised, and initialises nothing' {
            $plan = Restore-HsmCluster @new @blankSplat -WhatIf
            $plan.TokenLabel, $plan.Add, $plan.Node | Should -Be 'payments', 8, $null
            Get-ChildItem -LiteralPath "$TestDrive/blank/tokens" -Force | Should -BeNullOrEmpty
        }

        It 'initialises it with the PINs that it is given, and restores' {
            { Restore-HsmCluster @new @blankSplat -Confirm:$false } | Should -Throw -ErrorId "PinRequired,$command"
            $soPin = ConvertTo-TestSecret -Text 90817263
            $result = Restore-HsmCluster @new @blankSplat -SoPin $soPin -Confirm:$false -ClientConfigurationPath "$TestDrive/clients"
            $result.Added, $result.Exact | Should -Be 8, $true
            Get-TestObject -Token $blank | Sort-Object | Should -Be $full
            Get-ChildItem -LiteralPath "$TestDrive/clients" | Should -HaveCount 3
            # It is not blank any more, and is left as it is.
            (Restore-HsmCluster @new @blankSplat -Confirm:$false).Kept | Should -Be 8
        }

        It 'takes no PIN as plain text' {
            { Restore-HsmCluster @new @blankSplat -SoPin '90817263' -Confirm:$false } | Should -Throw -ErrorId 'ParameterArgumentTransformationError,*'
        }
    }

    Context 'of keys that may not leave a token' {
        BeforeAll {
            $fixed = Initialize-TestToken -Folder "$TestDrive/fixed" -Label fixed
            Add-TestSecretKey -Token $fixed -Label aes -Id '03'
            $fixedSplat = $fixed.Splat
            $whole = New-HsmBackup @fixedSplat -Destination $TestDrive/backups -KeyInOutputOnly
            Add-TestFixedKey -Token $fixed
            $partial = New-HsmBackup @fixedSplat -Destination $TestDrive/backups -KeyInOutputOnly -AllowPartial -WarningAction Ignore
            $fixedSplat.StatePath = $splat.StatePath
        }

        It 'does not destroy one that no backup could bring back' {
            $failure = { $whole | Restore-HsmCluster @fixedSplat -Confirm:$false } |
                Should -Throw -ErrorId "WouldDestroyUnrecoverable,$command" -PassThru
            $failure.Exception.Message | Should -BeLike "*'fixed'*"
            ($whole | Restore-HsmCluster @fixedSplat -Confirm:$false -RemoveUnrecoverable).Removed | Should -Be 2
        }

        It 'restores a Partial backup only if told, and says what is missing' {
            { $partial | Restore-HsmCluster @fixedSplat -Confirm:$false } | Should -Throw -ErrorId "BackupIncomplete,$command"
            $plan = $partial | Restore-HsmCluster @fixedSplat -WhatIf -AllowPartial
            $plan | Out-String | Should -BeLike '*Partial*'
            $result = $partial | Restore-HsmCluster @fixedSplat -Confirm:$false -AllowPartial -WarningVariable warnings -WarningAction Ignore
            $result.Unrestorable | Should -Be 1
            $result | Out-String -Width 300 | Should -BeLike '*Partial*'
            $warnings | Should -BeLike '*''fixed''*Partial*'
        }
    }
}
