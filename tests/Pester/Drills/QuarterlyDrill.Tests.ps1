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
        $said | Should -BeLike '*The drill ClusterLoss did not take place: *names no stores*5 of 5 scenarios did not pass.*'
    }

    It 'runs, lists and checks the others where one cannot begin' {
        $env:HSMBACKUP_TEST_PIN = '648219'
        $homeBefore, $env:HSMBACKUP_HOME = $env:HSMBACKUP_HOME, "$TestDrive/home"
        try {
            $token = Initialize-TestToken -Folder "$TestDrive/single-token" -Label single
            Add-TestObject -Token $token
            $definition = "$TestDrive/single.hsmcluster.json"
            $null = New-HsmCluster -Name single -Destination $TestDrive -Library $token.Library -TokenLabel single -LibraryEnvironment $token.Splat.LibraryEnvironment -PinSource env:HSMBACKUP_TEST_PIN
            # Without a second store nothing is left when one is lost.
            $edited = Get-Content -LiteralPath $definition -Raw | ConvertFrom-Json -AsHashtable
            $edited.stores = @(@{ name = 'only'; kind = 'directory'; location = "$TestDrive/only" })
            $edited.drill = @{ interval = '90.00:00:00'; softwareTargets = $true }
            ConvertTo-Json -InputObject $edited -Depth 9 | Set-Content -LiteralPath $definition
            $null = New-HsmBackup -Cluster $definition -KeyPath "$TestDrive/keys/single.key"
            $said = Invoke-Script -Arguments "-Cluster '$definition' -KeyPath '$TestDrive/keys' -ReportPath '$TestDrive/evidence' 3>&1"
            $LASTEXITCODE | Should -Be 1 -Because $said
        }
        finally {
            $env:HSMBACKUP_HOME = $homeBefore
        }
        foreach ($scenario in 'ClusterLoss', 'NodeLoss', 'KeyLoss', 'BackupVerification') {
            $said | Should -Match "$scenario +Passed"
            $said | Should -Match "${scenario}: .*report\.html"
        }
        $said | Should -Match 'The drill StoreLoss did not take place: '
        $said | Should -Match "4 reports in '.*' are whole"
        $said | Should -Match '\b1 of 5 scenarios did not pass\.'
    }
}
