#Requires -Version 7.6

# Keys that wait, and what becomes of them when whoever takes them fails.

BeforeAll {
    $root = (Get-Item -LiteralPath "$PSScriptRoot/../..").FullName
    Import-Module -Name "$root/out/HsmBackup", "$PSScriptRoot/Support/TestToken.psm1"
    $command = 'HsmBackup.PowerShell.Commands.ReceiveHsmBackupKeyCommand'
    $homeBefore = $env:HSMBACKUP_HOME
    $env:HSMBACKUP_HOME = Join-Path $TestDrive home
    $env:HSMBACKUP_TEST_PIN = '648219'
    $token = Initialize-TestToken -Folder "$TestDrive/token" -Label payments
    Add-TestSecretKey -Token $token -Label aes -Id '03'
    $cluster = New-HsmCluster payments -Node (ConvertTo-TestNode -Token $token -Name zurich) -Destination $env:HSMBACKUP_HOME/clusters
    $null = Invoke-TestProgram -Token $token -Program openssl -ArgumentList req, -new, -x509, -newkey, rsa:2048, -nodes, -subj, '/CN=Officer',
    -keyout, "$TestDrive/officer.key", -out, "$TestDrive/officer.pem"
    $definition = Get-Content -LiteralPath $cluster.DefinitionPath -Raw | ConvertFrom-Json -AsHashtable
    $near, $medium = "$TestDrive/near", "$TestDrive/medium"
    $definition.stores = @(
        @{ name = 'near'; kind = 'directory'; location = $near }
        @{ name = 'medium'; kind = 'offline'; location = $medium })
    $definition.schedule = @{ times = @('02:00'); stores = @('near'); keyRecipients = @("$TestDrive/officer.pem") }
    ConvertTo-Json -InputObject $definition -Depth 9 | Set-Content -LiteralPath $cluster.DefinitionPath
    $null = New-Item -ItemType Directory -Path $near

    $run = Invoke-HsmBackupSchedule -Cluster payments
    $officer = @{ Cluster = 'payments'; BackupId = $run.BackupId; PrivateKeyPath = "$TestDrive/officer.key"; WarningAction = 'SilentlyContinue' }
    $sealed = "$env:HSMBACKUP_HOME/state/keys/$($definition.id)/$($run.BackupId).p7m"
}

AfterAll {
    $env:HSMBACKUP_HOME = $homeBefore
    $env:HSMBACKUP_TEST_PIN = $null
}

Describe 'Receive-HsmBackupKey' {
    BeforeEach {
        $sealed | Should -Exist
    }

    It 'writes no key into a store, or below one' -ForEach 'near', 'medium' {
        $place = Get-Variable -Name $_ -ValueOnly
        $null = New-Item -ItemType Directory -Path $place/sub -Force
        { Receive-HsmBackupKey @officer -KeyPath $place/key.txt } | Should -Throw -ErrorId "KeyFileBesideBackup,$command"
        { Receive-HsmBackupKey @officer -KeyPath $place/sub/key.txt } | Should -Throw -ErrorId "KeyFileBesideBackup,$command"
        Get-ChildItem -LiteralPath $place/sub | Should -BeNullOrEmpty
        Remove-Item -LiteralPath $place/sub
        $sealed | Should -Exist
    }

    It 'leaves the key waiting where what takes it fails: <_>' -ForEach @(
        { process { throw 'The vault is down.' } }
        { process { Get-Item -LiteralPath /there/is/none -ErrorAction Stop } }
        { begin { throw 'The vault is down.' } }
    ) {
        { Receive-HsmBackupKey @officer -KeyInOutputOnly | & $_ } | Should -Throw
        $sealed | Should -Exist
    }

    It 'leaves it waiting, and says so, where the pipeline was ended' {
        $null = Receive-HsmBackupKey @officer -KeyInOutputOnly -WarningVariable said | Select-Object -First 1
        "$said" | Should -BeLike "*$($run.BackupId) goes on waiting*"
        $sealed | Should -Exist
    }

    It 'has each attempt on record' {
        ($entries = Get-HsmAuditLog -Action Receive-HsmBackupKey) | Should -Not -BeNullOrEmpty
        $entries.Result | Should -Contain 'Stopped'
        $entries.Result | Should -Not -Contain 'Succeeded'
    }

    It 'gives it once where it was taken' {
        $key = (Receive-HsmBackupKey @officer -KeyInOutputOnly).OneTimeKey
        (Test-HsmBackup -Path "$near/$($run.BackupId).hsmbackup" -Key $key -Level Content).Passed | Should -BeTrue
        $sealed | Should -Not -Exist
        { Receive-HsmBackupKey @officer -KeyInOutputOnly } | Should -Throw -ErrorId "KeyHandedOver,$command"
        Set-Content -LiteralPath $sealed -Value 'for the next'
    }

    It 'has received a key that is in a file, whatever becomes of the object' {
        Remove-Item -LiteralPath $sealed
        $next = @{} + $officer
        $next.BackupId = (Invoke-HsmBackupSchedule -Cluster payments).BackupId
        { Receive-HsmBackupKey @next -KeyPath $TestDrive/next.key | ForEach-Object { throw 'no' } } | Should -Throw 'no'
        (Test-HsmBackup -Path "$near/$($next.BackupId).hsmbackup" -KeyPath $TestDrive/next.key -Level Content).Passed | Should -BeTrue
        { Receive-HsmBackupKey @next -KeyInOutputOnly } | Should -Throw -ErrorId "KeyHandedOver,$command"
    }
}
