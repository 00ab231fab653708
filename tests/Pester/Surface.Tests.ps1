#Requires -Version 7.6

# The commands and properties that scripts rely on, word for word. What is written here must go on working.

BeforeAll {
    $root = (Get-Item -LiteralPath "$PSScriptRoot/../..").FullName
    Import-Module -Name "$PSScriptRoot/Support/TestToken.psm1"
    $token = Initialize-TestToken -Folder "$TestDrive/token"
    Add-TestObject -Token $token

    $work = Join-Path $TestDrive work
    $null = New-Item -ItemType Directory -Path $work/out
    $null = New-Item -ItemType SymbolicLink -Path $work/out/HsmBackup -Target $root/out/HsmBackup
    Set-Content -LiteralPath $work/surface.ps1 -Value @"
`$ErrorActionPreference = 'Stop'
Set-Location -LiteralPath '$work'
Import-Module -Name '$PSScriptRoot/Support/TestToken.psm1'
`$pin = ConvertTo-TestSecret -Text 648219
"@, @'
Import-Module ./out/HsmBackup
$token = @{ Library = '/usr/lib/softhsm/libsofthsm2.so'; TokenLabel = 'payments'; Pin = $pin }     # SecureString
$b = New-HsmBackup @token -Destination ./backups -KeyPath ./keys/payments.key
$properties = $b.BackupId; $b.Path; $b.Created; $b.Mode; $b.Objects; $b.Captured; $b.Complete; $b.Verdicts; $b.OneTimeKey   # SecureString
$integrity = Test-HsmBackup -Path $b.Path -Level Integrity                                    # no key needed
$content = $b | Test-HsmBackup -Level Content                                               # key taken from the pipeline object
$live = Test-HsmBackup -Path $b.Path -KeyPath ./keys/payments.key -Level Live @token     # or -Key <SecureString>
$plan = Restore-HsmCluster -Path $b.Path -KeyPath ./keys/payments.key @token -WhatIf     # prints the plan, touches nothing
$restored = Restore-HsmCluster -Path $b.Path -KeyPath ./keys/payments.key @token -Confirm:$false
$quiet = Test-HsmBackup -Path $b.Path -Quiet
[ordered]@{
    Properties = @($b.BackupId, $b.Objects, $b.Captured, $b.Complete, "$($b.Mode)", $b.OneTimeKey.GetType().Name)
    Created    = $b.Created.GetType().Name
    Passed     = @($integrity.Passed, $content.Passed, $live.Passed, $quiet)
    Checks     = @($integrity.Checks[0].PSObject.Properties.Name)
    Outcomes   = @([Enum]::GetNames($integrity.Checks[0].Outcome.GetType()))
    Plan       = @($plan.Add, $plan.Keep, $plan.Replace, $plan.Remove)
    Restored   = @($restored.Exact, $restored.Kept)
} | ConvertTo-Json | Set-Content -LiteralPath ./answers.json
'@
    $before = $env:SOFTHSM2_CONF
    $env:SOFTHSM2_CONF = $token.Configuration
    try {
        $program, $rest = Get-PowerShellCommand
        $said = & $program @rest -NoProfile -NonInteractive -File $work/surface.ps1 2>&1 | Out-String
    }
    finally {
        $env:SOFTHSM2_CONF = $before
    }
    $answers = (Test-Path -LiteralPath $work/answers.json) ? (Get-Content -LiteralPath $work/answers.json -Raw | ConvertFrom-Json) : $null
}

Describe 'What scripts rely on' {
    It 'runs as it is written' {
        $answers | Should -Not -BeNullOrEmpty -Because $said
    }

    It 'has the properties of a backup' {
        $answers.Properties[0] | Should -MatchExactly '^\d{8}T\d{6}Z-payments-[0-9a-f]{8}$'
        $answers.Properties[1..5] | Should -Be 8, 8, $true, 'OneTimeKey', 'SecureString'
        $answers.Created | Should -Be 'DateTimeOffset'
    }

    It 'passes the tests' {
        $answers.Passed | Should -Be $true, $true, $true, $true
        $answers.Checks | Should -Be 'Name', 'Outcome', 'Expected', 'Actual', 'Detail'
        $answers.Outcomes | Should -Be 'Passed', 'Failed', 'Skipped', 'NotRun'
    }

    It 'plans and restores' {
        $answers.Plan | Should -Be 0, 8, 0, 0
        $answers.Restored | Should -Be $true, 8
    }

    It 'makes the key file for its owner alone' {
        (Get-Item -LiteralPath $work/keys/payments.key).UnixMode | Should -BeExactly '-rw-------'
    }

    It 'writes no key to any stream' {
        $said | Should -Not -Match hsmkey1
    }
}
