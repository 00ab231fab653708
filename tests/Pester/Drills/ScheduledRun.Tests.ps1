#Requires -Version 7.6

# A scheduled run as the service manager would make it: the command line of the real unit file, as an account without rights, with nobody
# there. Then the key is received: once by openssl, which leaves no trace, once by us, and never again.

BeforeDiscovery {
    $skip = if (-not $IsLinux) { 'This is no Linux.' }
    elseif ((id -u) -ne '0') { 'Only root can run something as another account.' }
    elseif (-not (Get-Command -Name setpriv -ErrorAction Ignore)) { 'There is no setpriv to run something as another account.' }
    elseif (-not (Test-Path -LiteralPath $PSHOME/pwsh)) { 'This PowerShell is no program of its own, which a unit could name.' }
}

Describe 'A scheduled run' -Skip:([bool]$skip) {
    BeforeAll {
        $root = (Get-Item -LiteralPath "$PSScriptRoot/../../..").FullName
        Import-Module -Name "$root/out/HsmBackup", "$PSScriptRoot/../Support/TestToken.psm1"
        $account = 'nobody'
        $group = (id -gn $account)

        # A folder that the account can get to, and a service too: it has a /tmp of its own. The sources of this test may be anywhere.
        $folder = Join-Path /var/lib "hsmbackup-tests-$([IO.Path]::GetRandomFileName())"
        $null = New-Item -ItemType Directory -Path $folder, "$folder/local", "$folder/it's remote", "$folder/home", "$folder/officer"
        Copy-Item -LiteralPath $root/out/HsmBackup -Destination "$folder/module 100%" -Recurse
        $token = Initialize-TestToken -Folder $folder/token
        Add-TestObject -Token $token
        $node = ConvertTo-TestNode -Token $token -Name zurich
        Set-Content -LiteralPath $folder/pin -Value 648219 -NoNewline
        $node.Pin = "file:$folder/pin"
        $null = New-HsmCluster payments -Node $node -Destination $folder/clusters
        $definition = "$folder/clusters/payments.hsmcluster.json"
        $json = Get-Content -LiteralPath $definition -Raw | ConvertFrom-Json -AsHashtable
        $json.stores = @(
            @{ name = 'local'; kind = 'directory'; location = "$folder/local" }
            @{ name = 'remote'; kind = 'directory'; location = "$folder/it's remote" })
        $json | ConvertTo-Json -Depth 9 | Set-Content -LiteralPath $definition
        $null = Invoke-TestProgram -Token $token -Program openssl -ArgumentList req, -new, -x509, -newkey, rsa:2048, -nodes, -subj, '/CN=Officer',
        -keyout, "$folder/officer/officer.key", -out, "$folder/officer.pem"

        $state = "$folder/state"
        # In a process of its own: the units name the module that they were made with, and this process has loaded another copy of it.
        $files = & $PSHOME/pwsh -NoProfile -NonInteractive -Command {
            param($Folder, $Account)
            Import-Module -Name "$Folder/module 100%/HsmBackup.psd1"
            Register-HsmBackupSchedule -Cluster "$Folder/clusters/payments.hsmcluster.json" -At 02:00 -Every 12:00:00 -Utc -KeyRecipient "$Folder/officer.pem" `
                -User $Account -StatePath "$Folder/state" -Scheduler Systemd -Destination "$Folder/units" | ForEach-Object FullName
        } -args $folder, $account | Get-Item
        # The same as -Destination has shown, in the definition: no service manager runs here to install it with.
        $json.schedule = @{ times = @('02:00', '14:00'); utc = $true; keyRecipients = @("$folder/officer.pem") }
        $json | ConvertTo-Json -Depth 9 | Set-Content -LiteralPath $definition
        chown -R "${account}:$group" $folder/state $folder/token $folder/pin $folder/local "$folder/it's remote" $folder/home 2>$null
        $null = New-Item -ItemType Directory -Path $state -Force
        chown "${account}:$group" $state
        chmod 700 $state $folder/home
        chmod 600 $folder/pin
        chmod 755 $folder
        chmod -R go+rX "$folder/module 100%" $folder/clusters $folder/officer.pem

        # The words of ExecStart, as systemd reads them (systemd.syntax(7), "Quoting").
        $line = (Get-Content -LiteralPath ($files | Where-Object Extension -EQ .service).FullName) -match '^ExecStart=' -replace '^ExecStart='
        $words = [regex]::Matches($line, '"((?:[^"\\]|\\.)*)"') | ForEach-Object { $_.Groups[1].Value -replace '\\(.)', '$1' -replace '%%', '%' -replace '\$\$', '$' }
        # As the unit has it: no rights of root's, nothing to gain them by, and no variables but a few.
        $run = {
            $said = & env -i PATH=$env:PATH HOME=$folder/home LANG=C.UTF-8 POWERSHELL_TELEMETRY_OPTOUT=1 setpriv --reuid $account --regid $group `
                --clear-groups --no-new-privs --inh-caps=-all --bounding-set=-all -- @words 2>&1 | ForEach-Object { "$_" }
            [pscustomobject]@{ ExitCode = $LASTEXITCODE; Said = $said }
        }
        $first = & $run
        $record = Get-HsmBackupRun -Cluster $definition -StatePath $state -Newest 1
    }

    AfterAll {
        Remove-Item -LiteralPath $folder -Recurse -Force
    }

    It 'is one that systemd finds nothing wrong with' -Skip:(-not (Get-Command -Name systemd-analyze -ErrorAction Ignore)) {
        # The name of the account is the one thing said here: nobody's is for NFS, and no service of one's own should have it.
        $said = & systemd-analyze verify --recursive-errors=no $files.FullName 2>&1 | Where-Object { "$_" -notmatch 'Special user nobody' }
        $said | Should -BeNullOrEmpty
    }

    It 'ends well' {
        $first.ExitCode | Should -Be 0 -Because ($first.Said -join "`n")
        $record.Result | Should -Be 'Succeeded'
    }

    It 'leaves the backup in both stores, as the account' {
        $record.Copies.Outcome | Should -Be 'Written', 'Written'
        $record.Verified | Should -Be 2
        foreach ($store in "$folder/local", "$folder/it's remote") {
            (Get-ChildItem -LiteralPath $store -Filter *.hsmbackup).BaseName | Should -Be $record.BackupId
            stat -c %U "$store/$($record.BackupId).hsmbackup" | Should -Be $account
        }
    }

    It 'leaves the key sealed, which openssl opens' {
        $sealed = "$state/keys/$($json.id)/$($record.BackupId).p7m"
        stat -c '%a %U' $sealed | Should -Be "600 $account"
        $opened = Invoke-TestProgram -Token $token -Program openssl -ArgumentList cms, -decrypt, -inform, DER, -in, $sealed,
        -recip, "$folder/officer.pem", -inkey, "$folder/officer/officer.key"
        Set-Content -LiteralPath $folder/officer/by-openssl.key -Value $opened
        (Test-HsmBackup -Path "$folder/local/$($record.BackupId).hsmbackup" -KeyPath $folder/officer/by-openssl.key -Level Content).Passed | Should -BeTrue
    }

    It 'hands the key over once, and says who has it to whoever comes next' {
        (Get-HsmClusterHealth -Cluster $definition -StatePath $state -NoLogin)[0].WaitingKeys.BackupId | Should -Be $record.BackupId
        $received = $record | Receive-HsmBackupKey -Cluster $definition -StatePath $state -PrivateKeyPath $folder/officer/officer.key -KeyPath $folder/officer/received.key
        $received.By | Should -Be ([Environment]::UserName)
        (Test-HsmBackup -Path "$folder/it's remote/$($record.BackupId).hsmbackup" -KeyPath $folder/officer/received.key -Level Content).Passed | Should -BeTrue
        Get-ChildItem -Path "$state/keys" -Recurse -Filter *.p7m | Should -BeNullOrEmpty
        (Get-HsmClusterHealth -Cluster $definition -StatePath $state -NoLogin)[0].WaitingKeys | Should -BeNullOrEmpty

        { $record | Receive-HsmBackupKey -Cluster $definition -StatePath $state -PrivateKeyPath $folder/officer/officer.key -KeyPath $folder/officer/second.key } |
            Should -Throw -ErrorId 'KeyHandedOver,*' -ExpectedMessage "*$([Environment]::UserName)*"
        Test-Path -LiteralPath $folder/officer/second.key | Should -BeFalse
    }

    It 'has all of it in the audit log, the refusal too' {
        $entries = Get-Content -Path $state/audit/*.jsonl | ConvertFrom-Json
        ($entries | Where-Object action -EQ Invoke-HsmBackupSchedule).result | Should -Be 'Started', 'Succeeded'
        ($entries | Where-Object action -EQ Receive-HsmBackupKey).result | Should -Be 'Started', 'Succeeded', 'Started', 'Failed'
        ($entries | Where-Object action -EQ Receive-HsmBackupKey)[-1].details.error | Should -BeLike 'KeyHandedOver*'
        (Get-Content -Path $state/audit/*.jsonl -Raw) | Should -Not -Match 'hsmkey1'
    }

    It 'ends with 1 and a last line that says what failed, and leaves the other copy' {
        Rename-Item -LiteralPath "$folder/it's remote" -NewName away
        $second = & $run
        $second.ExitCode | Should -Be 1
        $second.Said.Where({ $_ })[-1] | Should -Match 'Run \S+ of cluster .payments. failed \(CopyFailed\), and there is a backup'
        $record = Get-HsmBackupRun -Cluster $definition -StatePath $state -Newest 1
        $record.Result | Should -Be 'Failed'
        $record.Copies.Outcome | Should -Be 'Written', 'Failed'
        Rename-Item -LiteralPath $folder/away -NewName "it's remote"
    }

    It 'refuses to start where nobody would receive the key' {
        $null = $json.schedule.Remove('keyRecipients')
        $json | ConvertTo-Json -Depth 9 | Set-Content -LiteralPath $definition
        $third = & $run
        $third.ExitCode | Should -Be 1
        "$($third.Said)" | Should -Match 'does not say who receives the one-time keys'
        (Get-HsmBackupRun -Cluster $definition -StatePath $state -Newest 1).ErrorCode | Should -Be 'KeyDestinationRequired'
        Get-ChildItem -LiteralPath $folder/local -Filter *.hsmbackup | Should -HaveCount 2
    }
}
