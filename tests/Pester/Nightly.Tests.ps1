#Requires -Version 7.6

# Three nights of a cluster by the example: all is well, a store is away, it is back. Each in a process of its own, as schedulers do it.

BeforeAll {
    $root = (Get-Item -LiteralPath "$PSScriptRoot/../..").FullName
    Import-Module -Name "$root/out/HsmBackup", "$PSScriptRoot/Support/TestToken.psm1"
    $homeBefore = $env:HSMBACKUP_HOME
    $env:HSMBACKUP_TEST_PIN = '648219'
    $env:HSMBACKUP_HOME = "$TestDrive/home"
    $token = Initialize-TestToken -Folder "$TestDrive/zurich" -Label zurich-token
    Add-TestSecretKey -Token $token -Label aes -Id '03'
    $null = Invoke-TestProgram -Token $token -Program openssl -ArgumentList @('req', '-new', '-x509', '-newkey', 'rsa:3072', '-nodes', '-days', '2',
        '-keyout', "$TestDrive/officer.key", '-out', "$TestDrive/officer.pem", '-subj', '/CN=officer', '-addext', 'keyUsage=critical,keyEncipherment')
    $path = (New-HsmCluster payments -Node (ConvertTo-TestNode -Token $token -Name zurich) -Destination $TestDrive).DefinitionPath
    $definition = Get-Content -LiteralPath $path -Raw | ConvertFrom-Json -AsHashtable
    $definition.stores = @(foreach ($store in 'first', 'second') {
            $null = New-Item -ItemType Directory -Path $TestDrive/$store
            @{ name = $store; kind = 'directory'; location = "$TestDrive/$store" }
        })
    $definition.schedule = @{ times = @('02:30'); keyRecipients = @("$TestDrive/officer.pem") }
    $definition.metrics = @{ path = "$TestDrive/payments.prom" }
    $definition.alerts = @{ channels = @(@{ name = 'pager'; kind = 'command'; program = '/bin/sh'; arguments = @('-c', "cat >> '$TestDrive/pager' && echo >> '$TestDrive/pager'") }) }
    Set-Content -LiteralPath $path -Value ($definition | ConvertTo-Json -Depth 9)

    # One night: its exit code, what it said, and what the pager got.
    function Invoke-Night {
        Remove-Item -LiteralPath $TestDrive/pager -ErrorAction Ignore
        $program, $rest = Get-PowerShellCommand
        $said = & $program @rest -NoProfile -NonInteractive -File $root/examples/03-nightly.ps1 -Cluster $path -Module $root/out/HsmBackup 2>&1 | Out-String
        $notices = (Test-Path -LiteralPath $TestDrive/pager) ? @(Get-Content -LiteralPath $TestDrive/pager | ConvertFrom-Json) : @()
        [pscustomobject]@{ ExitCode = $LASTEXITCODE; Said = $said; Notices = @($notices.ForEach({ "$($_.type) $($_.data.name)" }) | Sort-Object) }
    }
}

AfterAll {
    $env:HSMBACKUP_HOME = $homeBefore
    $env:HSMBACKUP_TEST_PIN = $null
}

Describe 'The nightly example' {
    It 'backs up, tests every copy, writes metrics, and tells nobody where all is well' {
        $night = Invoke-Night
        $night.ExitCode | Should -Be 0 -Because $night.Said
        $night.Notices | Should -BeNullOrEmpty
        (Get-HsmBackup -Cluster $path -Latest).Copies.Store | Should -Be 'first', 'second'
        Get-Content -LiteralPath $TestDrive/payments.prom | Should -Contain 'hsmbackup_run_success{cluster="payments"} 1'
        (Get-HsmBackup -Cluster $path -Latest).LastTest.Level | Should -Be 'Integrity'
    }

    It 'does what it can where a store is away, and tells of it' {
        Move-Item -LiteralPath $TestDrive/second -Destination $TestDrive/elsewhere
        # A folder that is only gone would be made anew.
        Set-Content -LiteralPath $TestDrive/second -Value 'no folder'
        $night = Invoke-Night
        $night.ExitCode | Should -Be 1 -Because $night.Said
        $night.Notices | Should -Be 'alert.raised NightlyCopy', 'alert.raised RunFailed', 'alert.raised StoreDown' -Because $night.Said
        @(Get-HsmBackup -Path $TestDrive/first).Count | Should -Be 2
        Get-Content -LiteralPath $TestDrive/payments.prom | Should -Contain 'hsmbackup_store_up{cluster="payments",store="second",kind="directory"} 0'
    }

    It 'says that it is over when it is, and brings the store what it has missed' {
        Remove-Item -LiteralPath $TestDrive/second
        Move-Item -LiteralPath $TestDrive/elsewhere -Destination $TestDrive/second
        $night = Invoke-Night
        $night.ExitCode | Should -Be 0 -Because $night.Said
        $night.Notices | Should -Be 'alert.resolved NightlyCopy', 'alert.resolved RunFailed', 'alert.resolved StoreDown'
        (Get-ChildItem -LiteralPath $TestDrive/second -Filter *.hsmbackup).Count | Should -Be 3
        Get-HsmAlert -Cluster $path | Should -BeNullOrEmpty
    }

    It 'goes on to the metrics and the alerts where there was no run at all' {
        $null = $definition.Remove('schedule')
        Set-Content -LiteralPath $path -Value ($definition | ConvertTo-Json -Depth 9)
        Remove-Item -LiteralPath $TestDrive/payments.prom
        $night = Invoke-Night
        $night.ExitCode | Should -Be 1
        $night.Said | Should -Match 'not as it should be: Run\.'
        "$TestDrive/payments.prom" | Should -Exist
    }
}
