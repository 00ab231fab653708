#Requires -Version 7.6

# The script of the quarterly drill, as a new user runs it and as a company does.

BeforeAll {
    $root = (Get-Item -LiteralPath "$PSScriptRoot/../../..").FullName
    Import-Module -Name "$root/out/HsmBackup", "$PSScriptRoot/../Support/TestToken.psm1"
    $program, $rest = Get-PowerShellCommand
    $before = @(Get-ChildItem -LiteralPath ([IO.Path]::GetTempPath()) -Filter quarterly-drill-*)

    function Invoke-Script([string] $Arguments = '') {
        & $program @rest -NoProfile -NonInteractive -Command "& '$root/examples/02-quarterly-drill.ps1' $Arguments" 2>&1 | Out-String
    }
}

Describe 'examples/02-quarterly-drill.ps1' {
    It 'shows all scenarios, and leaves nothing behind' {
        $said = Invoke-Script
        $LASTEXITCODE | Should -Be 0 -Because $said
        foreach ($scenario in 'ClusterLoss', 'NodeLoss', 'KeyLoss', 'BackupVerification', 'StoreLoss') {
            $said | Should -Match "$scenario +Passed"
            $said | Should -Match "${scenario}: .*report\.html \(Signed\)"
        }
        $said | Should -BeLike '*5 reports in *are whole*The quarter passed.*'
        $said | Should -Not -Match hsmkey1
        @(Get-ChildItem -LiteralPath ([IO.Path]::GetTempPath()) -Filter quarterly-drill-*).Count | Should -Be $before.Count
    }

    It 'ends with 1 where there is nothing to recover from' {
        $env:HSMBACKUP_TEST_PIN = '648219'
        $token = Initialize-TestToken -Folder "$TestDrive/token" -Label lone
        $null = New-HsmCluster -Name lone -Destination $TestDrive -Library $token.Library -TokenLabel lone -LibraryEnvironment $token.Splat.LibraryEnvironment -PinSource env:HSMBACKUP_TEST_PIN
        $said = Invoke-Script -Arguments "-Cluster '$TestDrive/lone.hsmcluster.json' -KeyPath '$TestDrive' 3>&1"
        $LASTEXITCODE | Should -Be 1 -Because $said
        $said | Should -BeLike '*names no stores*'
    }
}
