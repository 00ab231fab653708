#Requires -Version 7.6

BeforeAll {
    $root = (Get-Item -LiteralPath "$PSScriptRoot/../..").FullName
    Import-Module -Name "$root/out/HsmBackup", "$PSScriptRoot/Support/TestToken.psm1"
    $command = 'HsmBackup.PowerShell.Commands.RestoreHsmKeyCommand'

    # Not in TestDrive, which takes away after a Context what was made in it: here that would be the token.
    $tokenFolder = Join-Path ([IO.Path]::GetTempPath()) "hsmbackup-tests-$([IO.Path]::GetRandomFileName())"
    $token = Initialize-TestToken -Folder $tokenFolder
    Add-TestObject -Token $token
    Add-TestSecretKey -Token $token -Label 'key [1]' -Id '0a'
    $live = $token.Splat
    $keyPath = Join-Path $TestDrive keys/payments.key
    $backup = New-HsmBackup @live -Destination "$TestDrive/my [1] backups" -KeyPath $keyPath
    $full = Get-TestObject -Token $token | Sort-Object
    $splat = $live.Clone()
    $splat.StatePath = Join-Path $TestDrive state
    $from = @{ Path = $backup.Path; KeyPath = $keyPath }

    # SoftHSM writes token.object anew at each login.
    function Get-TokenDigest {
        Get-ChildItem -LiteralPath $tokenFolder/tokens -Recurse -File -Force |
            Where-Object Name -NE token.object | Get-FileHash | ForEach-Object { "$($_.Path) $($_.Hash)" }
    }

    function Clear-TestPair([string] $Id) {
        foreach ($type in 'privkey', 'pubkey', 'cert') { $null = Invoke-Pkcs11Tool -Token $token --delete-object --type $type --id $Id }
    }
}

AfterAll {
    Remove-Item -LiteralPath $tokenFolder -Recurse -Force
}

Describe 'Restore-HsmKey' {
    Context 'to help choosing' {
        BeforeAll { $before = Get-TokenDigest }
        AfterAll { Get-TokenDigest | Should -Be $before }

        It 'lists the objects of the backup with -WhatIf, without a PIN' {
            $noPin = $splat.Clone()
            $noPin.Remove('Pin')
            $list = Restore-HsmKey @from @noPin -WhatIf
            $list | Should -HaveCount 9
            $list[0] | Should -BeOfType ([HsmBackup.Engine.Backup.ObjectSummary])
            $list.Label | Sort-Object -Unique | Should -Be 'aes', 'ec', 'key [1]', 'note', 'rsa'
        }

        It 'lists them where nothing fits, beside the error' {
            $list = Restore-HsmKey @from @splat -Label none* -WhatIf -ErrorAction SilentlyContinue -ErrorVariable problem
            $list | Should -HaveCount 9
            $problem[0].FullyQualifiedErrorId | Should -Be "NothingSelected,$command"
        }

        It 'names what comes close where nothing fits' {
            $failure = { Restore-HsmKey @from @splat -Label rsaa -Confirm:$false } | Should -Throw -ErrorId "NothingSelected,$command" -PassThru
            $failure.Exception.Message | Should -BeLike "*'rsaa'*Close to it:*'rsa'*"
            $failure.Exception.Message | Should -Not -BeLike '*note*'
            $failure.CategoryInfo.Category | Should -Be ObjectNotFound
            $failure.TargetObject | Should -HaveCount 9
            $failure.ErrorDetails.RecommendedAction | Should -BeLike '*-WhatIf*'
        }

        It 'wants to be told what to restore' {
            { Restore-HsmKey @from @splat -Confirm:$false } | Should -Throw -ErrorId "NothingSelected,$command"
        }

        It 'refuses what is no id: <_>' -ForEach '1', 'xy', ' ' {
            { Restore-HsmKey @from @splat -Id $_ -Confirm:$false } | Should -Throw -ErrorId "InvalidArgument,$command"
        }

        It 'completes -ObjectClass' {
            $line = 'Restore-HsmKey -ObjectClass P'
            (TabExpansion2 -inputScript $line -cursorColumn $line.Length).CompletionMatches.CompletionText | Should -Be 'PrivateKey', 'PublicKey'
        }
    }

    Context 'of a lost key pair' {
        BeforeAll {
            Clear-TestPair -Id 01
            $before = Get-TokenDigest
            $plan = Restore-HsmKey @from @splat -Label ec -ObjectClass CKO_PRIVATE_KEY -WhatIf
            $afterPlan = Get-TokenDigest
            $stateAfterPlan = Test-Path -LiteralPath $splat.StatePath
            $result = Restore-HsmKey @from @splat -Label EC -ObjectClass privatekey -Confirm:$false
        }

        It 'shows the plan with -WhatIf, and touches nothing' {
            $plan | Should -BeOfType ([HsmBackup.Engine.Backup.KeyRestorePlan])
            $plan.Chosen, $plan.Companions, $plan.Add, $plan.Conflicts | Should -Be 1, 2, 3, 0
            $plan | Out-String -Width 200 | Should -BeLike "*1 chosen and 2 related objects of backup $($backup.BackupId) to token 'payments'*Add *'ec'*belongs to*"
            $afterPlan | Should -Be $before
            $stateAfterPlan | Should -BeFalse
        }

        It 'brings it back with its public key and certificate, proven, and says so of each' {
            $result | Should -BeOfType ([HsmBackup.Engine.Backup.KeyRestoreResult])
            $result.Exact, $result.Added, $result.Proven | Should -Be $true, 3, 3
            $result.SafetyBackupPath | Should -BeNullOrEmpty
            $result.Objects.Proof | Should -Be 'Passed', 'Passed', 'Passed'
            $result.Objects.Object.Class | Sort-Object | Should -Be 'CKO_CERTIFICATE', 'CKO_PRIVATE_KEY', 'CKO_PUBLIC_KEY'
            Get-TestObject -Token $token | Sort-Object | Should -Be $full
            $result | Out-String -Width 200 | Should -BeLike '*3 added, 0 replaced, 0 removed, 0 kept*'
        }

        It 'leaves every other object in the bytes of its file' {
            $beforeLines = $before | Where-Object { $_ -like '*.object *' }
            $beforeLines | Should -Not -BeNullOrEmpty
            $beforeLines | Where-Object { $_ -notin (Get-TokenDigest) } | Should -BeNullOrEmpty
        }

        It 'brings back a key that another program signs with' {
            Set-Content -LiteralPath $TestDrive/message -Value 'pay a hundred'
            $null = Invoke-TestProgram -Token $token -Program openssl -ArgumentList @(
                'dgst', '-sha256', '-binary', '-out', "$TestDrive/digest", "$TestDrive/message")
            $null = Invoke-Pkcs11Tool -Token $token -ArgumentList @('--sign', '--mechanism', 'ECDSA', '--id', '01',
                '--input-file', "$TestDrive/digest", '--output-file', "$TestDrive/signature", '--signature-format', 'openssl')
            Invoke-TestProgram -Token $token -Program openssl -ArgumentList @(
                'dgst', '-sha256', '-keyform', 'DER', '-verify', "$tokenFolder/ec.pub", '-signature', "$TestDrive/signature", "$TestDrive/message"
            ) | Should -Be 'Verified OK'
        }

        It 'keeps what is there when it is run again' {
            $before = Get-TokenDigest
            $again = Restore-HsmKey @from @splat -Id 0x01 -Confirm:$false
            $again.Kept, $again.Added, $again.Proven | Should -Be 3, 0, 3
            Get-TokenDigest | Should -Be $before
        }

        It 'leaves out with -NoCompanion what belongs to it' {
            Clear-TestPair -Id 01
            $alone = Restore-HsmKey @from @splat -Id 01 -ObjectClass PrivateKey -NoCompanion -Confirm:$false
            $alone.Objects | Should -HaveCount 1
            (Restore-HsmKey @from @splat -Id 01 -Confirm:$false).Added | Should -Be 2
        }
    }

    Context 'of objects down the pipeline' {
        It 'takes what Compare-HsmBackup found missing' {
            $null = Invoke-Pkcs11Tool -Token $token --delete-object --type secrkey --id 0a
            $null = Invoke-Pkcs11Tool -Token $token --delete-object --type data --label note
            $result = Compare-HsmBackup -ReferencePath $backup.Path -ReferenceKeyPath $keyPath @live |
                Where-Object Side -EQ OnlyInReference | Restore-HsmKey @from @splat -Confirm:$false
            @($result) | Should -HaveCount 1
            $result.Added | Should -Be 2
            Get-TestObject -Token $token | Sort-Object | Should -Be $full
        }

        It 'does nothing where nothing comes' {
            $nothing = $backup.Verdicts | Where-Object Label -EQ none | Restore-HsmKey @from @splat -Confirm:$false
            $nothing | Should -BeNullOrEmpty
        }

        It 'takes verdicts, lists, and the backup with its key' {
            ($backup.Verdicts | Where-Object Label -EQ rsa | Restore-HsmKey @from @splat -Confirm:$false).Kept | Should -Be 3
            (Restore-HsmKey @from @splat -WhatIf | Select-Object -First 2 | Restore-HsmKey @from @splat -Confirm:$false -NoCompanion).Kept | Should -Be 2
            ($backup | Restore-HsmKey -Label note @splat -Confirm:$false).Kept | Should -Be 1
        }

        It 'restores a label with brackets, written as it is' {
            (Restore-HsmKey @from @splat -Label 'key [1]' -Confirm:$false).Objects.Object.Id | Should -Be '0a'
        }
    }

    Context 'where another key is in its place' {
        BeforeAll {
            $null = Invoke-Pkcs11Tool -Token $token --delete-object --type secrkey --id 03
            Add-TestSecretKey -Token $token -Label aes -Id '03'
            $before = Get-TokenDigest
        }

        It 'shows the conflict with -WhatIf' {
            $plan = Restore-HsmKey @from @splat -Label aes, note -WhatIf
            $plan.Conflicts, $plan.Keep | Should -Be 1, 1
            $plan | Out-String -Width 200 | Should -BeLike '*1 in conflict*nothing would be restored*Conflict *another key*'
            Get-TokenDigest | Should -Be $before
        }

        It 'restores nothing at all without -Replace' {
            $failure = { Restore-HsmKey @from @splat -Label aes, note -Confirm:$false } | Should -Throw -ErrorId "RestoreConflict,$command" -PassThru
            $failure.Exception.Message | Should -BeLike '*another key*Nothing was touched.*'
            $failure.TargetObject.Conflicts | Should -Be 1
            Get-TokenDigest | Should -Be $before
        }

        It 'lets it go with -Replace, and keeps it in a safety backup' {
            (Restore-HsmKey @from @splat -Label aes -Replace -WhatIf).NeedsSafetyBackup | Should -BeTrue
            $result = Restore-HsmKey @from @splat -Label aes -Replace -Confirm:$false
            $result.Exact, $result.Replaced | Should -Be $true, 1
            $result.SafetyBackupPath | Should -BeLike "$($splat.StatePath)/*"
            (Test-HsmBackup -Path $result.SafetyBackupPath -KeyPath $keyPath -Level Content).Passed | Should -BeTrue
            (Test-HsmBackup @from -Level Live @live).Passed | Should -BeTrue
            Get-TestObject -Token $token | Sort-Object | Should -Be $full
        }
    }

    Context 'what it refuses, before it touches anything' {
        BeforeAll { $before = Get-TokenDigest }
        AfterEach { Get-TokenDigest | Should -Be $before }

        It 'another key, a damaged backup, no backup' {
            $otherKey = (New-HsmBackup @live -Destination $TestDrive/others -KeyInOutputOnly).OneTimeKey
            { Restore-HsmKey -Path $backup.Path -Key $otherKey -Label * @splat -Confirm:$false } | Should -Throw -ErrorId "KeyMismatch,$command"
            $bytes = [IO.File]::ReadAllBytes($backup.Path)
            $bytes[$bytes.Length / 2] = $bytes[$bytes.Length / 2] -bxor 1
            [IO.File]::WriteAllBytes("$TestDrive/damaged.hsmbackup", $bytes)
            { Restore-HsmKey -Path $TestDrive/damaged.hsmbackup -KeyPath $keyPath -Label * @splat -Confirm:$false } | Should -Throw -ErrorId "IntegrityFailed,$command"
            { Restore-HsmKey -Path $TestDrive/none -KeyPath $keyPath -Label * @splat -Confirm:$false } | Should -Throw -ErrorId "BackupNotFound,$command"
        }

        It 'another token' {
            $other = (Initialize-TestToken -Folder "$TestDrive/other" -Label other).Splat
            { Restore-HsmKey @from @other -Label aes -StatePath $splat.StatePath -Confirm:$false } | Should -Throw -ErrorId "TokenMismatch,$command"
            (Restore-HsmKey @from @other -Label aes -StatePath $splat.StatePath -Confirm:$false -AllowOtherToken).Added | Should -Be 1
        }

        It 'to go on without being confirmed' {
            # Nobody attends this session, so the question cannot be asked.
            { Restore-HsmKey @from @splat -Label aes } | Should -Throw
        }

        It 'a key that the backup lacks, unless it is told' {
            $fixed = Initialize-TestToken -Folder "$TestDrive/fixed" -Label fixed
            Add-TestFixedKey -Token $fixed
            Add-TestSecretKey -Token $fixed -Label aes -Id '03'
            $fixedSplat = $fixed.Splat
            $partial = New-HsmBackup @fixedSplat -Destination $TestDrive/backups -KeyInOutputOnly -AllowPartial -WarningAction Ignore
            $fixedSplat.StatePath = $splat.StatePath
            Clear-TestToken -Token $fixed
            { $partial | Restore-HsmKey -Label * @fixedSplat -Confirm:$false } | Should -Throw -ErrorId "BackupIncomplete,$command"
            $result = $partial | Restore-HsmKey -Label * @fixedSplat -Confirm:$false -AllowPartial -WarningVariable warnings -WarningAction Ignore
            $result.Unrestorable | Should -Be 1
            $warnings | Should -BeLike "*'fixed'*"
        }
    }
}
