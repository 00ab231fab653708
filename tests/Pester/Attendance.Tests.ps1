#Requires -Version 7.6

# What is shown and asked where somebody attends the session, and what is refused where nobody does.

BeforeDiscovery {
    Import-Module -Name "$PSScriptRoot/Support/Terminal.psm1"
    $noTerminal = -not (Test-Terminal)
}

BeforeAll {
    $root = (Get-Item -LiteralPath "$PSScriptRoot/../..").FullName
    Import-Module -Name "$root/out/HsmBackup", "$PSScriptRoot/Support/TestToken.psm1", "$PSScriptRoot/Support/Terminal.psm1"

    $token = Initialize-TestToken -Folder "$TestDrive/token"
    Add-TestSecretKey -Token $token -Label aes -Id '03'
    $splat = $token.Splat
    $powershell = Get-PowerShellCommand
    $given = "-Library $($token.Library) -TokenLabel payments"
    $keyPattern = 'hsmkey1[02-9ac-hj-np-z]{58}'

    # Runs a script in a PowerShell of its own, in a terminal, with the module imported and a PIN in $pin.
    function Invoke-Attended([string] $Script, [string[][]] $Answer = @(), [string] $Option = '', [string] $Redirection = '') {
        $file = Join-Path $TestDrive "$([IO.Path]::GetRandomFileName()).ps1"
        Set-Content -LiteralPath $file -Value @"
`$PSStyle.OutputRendering = 'PlainText'
`$ProgressPreference = 'SilentlyContinue'
Import-Module -Name '$root/out/HsmBackup', '$PSScriptRoot/Support/TestToken.psm1'
`$pin = ConvertTo-TestSecret -Text 648219
Set-Location -LiteralPath '$TestDrive'
$Script
"@
        Invoke-Terminal -CommandLine "$powershell -NoProfile $Option -File '$file' $Redirection" -Answer $Answer -Environment @{
            SOFTHSM2_CONF = $token.Configuration
        }
    }
}

Describe 'Where somebody attends the session' -Tag AnyCulture -Skip:$noTerminal {
    It 'the one-time key is shown once, on the screen alone' {
        $screen = Invoke-Attended -Script @"
`$null = Start-Transcript -Path shown.transcript
`$backup = New-HsmBackup $given -Pin `$pin -Destination shown -Verbose *> shown.log
`$backup = New-HsmBackup $given -Pin `$pin -Destination shown
`$null = Stop-Transcript
"Opens: `$((`$backup | Test-HsmBackup -Level Content).Passed)"
"@
        $keys = [regex]::Matches($screen, $keyPattern).Value
        $keys | Should -HaveCount 2 -Because 'each of the two backups has a key, and shows it once'
        $screen | Should -BeLike '*Opens: True*'
        $screen | Should -BeLike '*Without it the backup cannot be opened by anybody*'
        foreach ($file in 'shown.log', 'shown.transcript') {
            "$TestDrive/$file" | Should -Exist
            Get-Content -LiteralPath "$TestDrive/$file" -Raw | Should -Not -Match hsmkey1
        }
        foreach ($key in $keys) {
            Get-HsmBackup -Path $TestDrive/shown | Test-HsmBackup -Level Content -Key (ConvertTo-TestSecret -Text $key) -ErrorAction Ignore |
                Where-Object Passed | Should -HaveCount 1
        }
    }

    It 'a key that goes elsewhere is not shown' {
        $screen = Invoke-Attended -Script @"
`$backup = New-HsmBackup $given -Pin `$pin -Destination hidden -KeyPath hidden.key
`$backup = New-HsmBackup $given -Pin `$pin -Destination hidden -KeyInOutputOnly
`$backup, (`$backup | Format-List -Property *)
"@
        $screen | Should -BeLike '*Complete*'
        $screen | Should -Not -Match hsmkey1
    }

    It 'a PIN that was not given is asked for, and not shown' {
        $screen = Invoke-Attended -Answer (, @('PIN of token ''payments'':', '648219')) -Script @"
"Made: `$((New-HsmBackup $given -Destination asked -KeyInOutputOnly).State)"
"@
        $screen | Should -BeLike '*Made: Complete*'
        $screen | Should -Not -BeLike '*648219*'
    }

    It 'the PIN of a node is asked for once, however many backups are tested on it' {
        $made = 1..2 | ForEach-Object { New-HsmBackup @splat -Destination $TestDrive/twice -KeyPath $TestDrive/twice.key; Remove-Item -LiteralPath $TestDrive/twice.key }
        $null = New-HsmCluster asked -Library $token.Library -TokenLabel $token.Label -PinSource prompt -Destination $TestDrive/clusters -Force
        $keys = $made.ForEach({ "[pscustomobject]@{ Path = '$($_.Path)'; Key = '$(ConvertFrom-TestSecret -Secret $_.OneTimeKey)' }" }) -join ', '
        $screen = Invoke-Attended -Answer (, @('PIN of node ''asked'' of cluster ''asked'':', '648219')) -Script @"
`$backups = $keys | ForEach-Object { [pscustomobject]@{ Path = `$_.Path; Key = ConvertTo-SecureString -String `$_.Key -AsPlainText -Force } }
"Passed: `$((`$backups | Test-HsmBackup -Level Live -Cluster $TestDrive/clusters/asked.hsmcluster.json).Passed)"
"@
        $screen | Should -BeLike '*Passed: True True*'
        $screen | Should -Not -BeLike '*648219*'
    }

    It 'what a script says after its own name is the script''s affair' {
        $screen = Invoke-Attended -Redirection '-NonInteractive' -Script @"
"Made: `$((New-HsmBackup $given -Pin `$pin -Destination mine).State)"
"@
        $screen | Should -Match $keyPattern
    }

    It 'no PIN is asked for where there is no such token' {
        Invoke-Attended -Script "New-HsmBackup -Library $($token.Library) -TokenLabel none -Destination asked -KeyInOutputOnly" |
            Should -Not -BeLike '*PIN of*'
    }

    It 'a key that was not given is asked for, and a restore is confirmed' {
        $backup = New-HsmBackup @splat -Destination $TestDrive/confirmed -KeyInOutputOnly
        $null = Invoke-Pkcs11Tool -Token $token --delete-object --type secrkey --id 03
        $restore = "Restore-HsmCluster -Path '$($backup.Path)' $given -Pin `$pin -StatePath state"
        $answers = @(
            , @('One-time key of', (ConvertFrom-TestSecret -Secret $backup.OneTimeKey))
            , @('(default is "Y"):', 'n')
            , @('One-time key of', (ConvertFrom-TestSecret -Secret $backup.OneTimeKey))
            , @('(default is "Y"):', 'y')
        )
        $screen = Invoke-Attended -Answer $answers -Script @"
"Declined: `$($restore)"
"Restored: `$(($restore).Added)"
"@
        $screen | Should -Match '(?s)This\s+will add 1, replace 0, remove 0 and keep 0 objects\.'
        $screen | Should -Match 'Declined: \r?\n'
        $screen | Should -BeLike '*Restored: 1*'
    }
}

Describe 'Where nobody attends the session' -Tag AnyCulture -Skip:$noTerminal {
    It 'a backup whose key would be shown to nobody is refused: <Name>' -ForEach @(
        @{ Name = '-NonInteractive'; Option = '-NonInteractive'; Redirection = ''; Around = '{0}' }
        @{ Name = '-NonInteractive, abbreviated'; Option = '-noni'; Redirection = ''; Around = '{0}' }
        @{ Name = 'no input'; Option = ''; Redirection = '</dev/null'; Around = '{0}' }
        @{ Name = 'output to a file'; Option = ''; Redirection = '>/dev/null'; Around = '{0}' }
        @{ Name = 'a runspace'; Option = ''; Redirection = ''; Around = '[powershell]::Create().AddScript({{ {0} }}).Invoke()' }
        @{ Name = 'a job'; Option = ''; Redirection = ''; Around = 'Start-ThreadJob {{ {0} }} | Receive-Job -Wait' }
    ) {
        $screen = Invoke-Attended -Option $Option -Redirection $Redirection -Script ($Around -f @"
Import-Module -Name '$root/out/HsmBackup'
try { New-HsmBackup -Library /nowhere.so -TokenLabel payments -Destination '$TestDrive/unattended' }
catch { Set-Content -LiteralPath '$TestDrive/unattended.id' -Value `$_.FullyQualifiedErrorId }
"@)
        Get-Content -LiteralPath $TestDrive/unattended.id | Should -Be 'KeyDestinationRequired,HsmBackup.PowerShell.Commands.NewHsmBackupCommand'
        Remove-Item -LiteralPath $TestDrive/unattended.id
        $screen | Should -Not -Match hsmkey1
        "$TestDrive/unattended" | Should -Not -Exist
    }
}
