#Requires -Version 7.6

# What is installed, with programs that stand in for systemctl and crontab: nobody's own schedule is touched.

BeforeAll {
    $root = (Get-Item -LiteralPath "$PSScriptRoot/../..").FullName
    Import-Module -Name "$root/out/HsmBackup", "$PSScriptRoot/Support/TestToken.psm1"
    $before = @{ HSMBACKUP_HOME = $env:HSMBACKUP_HOME; XDG_CONFIG_HOME = $env:XDG_CONFIG_HOME; PATH = $env:PATH }
    $env:HSMBACKUP_HOME = Join-Path $TestDrive home
    $env:XDG_CONFIG_HOME = Join-Path $TestDrive configuration
    $programs = New-Item -ItemType Directory -Path $TestDrive/bin
    Set-Content -LiteralPath $programs/systemctl -Value "#!/bin/sh`necho `"`$@`" >>'$TestDrive/calls'`n! grep -qs `"`$2`" '$TestDrive/refused'"
    # Keeps one crontab, and has the real program look at what it is given.
    Set-Content -LiteralPath $programs/crontab -Value @"
#!/bin/sh
if [ "`$1" = -l ]; then cat '$TestDrive/crontab' 2>/dev/null || { echo 'no crontab for you' >&2; exit 1; }; exit; fi
cat >'$TestDrive/crontab.new' && { [ ! -x /usr/bin/crontab ] || /usr/bin/crontab -n '$TestDrive/crontab.new' >&2; } && mv '$TestDrive/crontab.new' '$TestDrive/crontab'
"@
    chmod +x $programs/systemctl $programs/crontab
    $env:PATH = "$programs$([IO.Path]::PathSeparator)$env:PATH"

    $null = New-HsmCluster payments -Destination $env:HSMBACKUP_HOME/clusters -Node @{
        Name = 'node'; Library = '/usr/lib/softhsm/libsofthsm2.so'; TokenLabel = 'payments'; Pin = 'file:/etc/hsmbackup/pin'
    }
    $definition = "$env:HSMBACKUP_HOME/clusters/payments.hsmcluster.json"
    $json = Get-Content -LiteralPath $definition -Raw | ConvertFrom-Json -AsHashtable
    $json.stores = @(@{ name = 'local'; kind = 'directory'; location = "$TestDrive/store" })
    $json | ConvertTo-Json -Depth 9 | Set-Content -LiteralPath $definition
    $officer = "$TestDrive/officer.pem"
    $null = openssl req -new -x509 -newkey rsa:2048 -nodes -subj /CN=Officer -keyout $TestDrive/officer.key -out $officer 2>&1
    $own = @{ Cluster = 'payments'; Scope = 'User'; KeyRecipient = $officer }
}

AfterAll {
    foreach ($name in $before.Keys) { Set-Item -LiteralPath "env:$name" -Value $before[$name] }
}

Describe 'Register-HsmBackupSchedule' -Skip:$IsWindows {
    It 'refuses a schedule whose keys nobody would receive' {
        { Register-HsmBackupSchedule -Cluster payments -At 02:00 -Scope User } | Should -Throw -ErrorId 'KeyDestinationRequired,*'
        { Register-HsmBackupSchedule @own -At 02:00 -KeyFolder $TestDrive/store/keys } | Should -Throw -ErrorId 'KeyFileBesideBackup,*'
        { Register-HsmBackupSchedule @own -At 02:00 -Every 07:00:00 } | Should -Throw -ErrorId 'ScheduleInvalid,*'
        { Register-HsmBackupSchedule -Cluster payments -KeyRecipient $officer -At 02:00 } | Should -Throw -ErrorId 'ScheduleInvalid,*' -ExpectedMessage '*as whom*'
        (Get-Content -LiteralPath $definition -Raw) | Should -Not -Match 'schedule'
    }

    It 'refuses for a service of systemd what is in /tmp, of which the service has one of its own' -Skip:(-not $IsLinux) {
        $system = @{ Cluster = 'payments'; KeyRecipient = $officer; User = 'nobody'; At = '02:00'; Destination = "$TestDrive/system" }
        { Register-HsmBackupSchedule @system -Scheduler Systemd -KeyFolder /tmp/keys } | Should -Throw -ErrorId 'ScheduleInvalid,*' -ExpectedMessage '*/tmp*'
        "$TestDrive/system" | Should -Not -Exist
        Register-HsmBackupSchedule @system -Scheduler Cron -KeyFolder /tmp/keys | Should -Exist
    }

    It 'shows with -WhatIf, and writes for review, without installing' {
        Register-HsmBackupSchedule @own -At 02:00 -Scheduler Systemd -WhatIf | Should -BeNullOrEmpty
        (Register-HsmBackupSchedule @own -At 02:00 -Scheduler Systemd -Destination $TestDrive/review).Extension | Should -Be '.service', '.timer'
        (Register-HsmBackupSchedule @own -At 02:00 -Scheduler TaskScheduler -Destination $TestDrive/review).Extension | Should -Be '.xml'
        (Get-Content -LiteralPath $definition -Raw) | Should -Not -Match 'schedule'
        "$TestDrive/calls" | Should -Not -Exist
    }

    It 'installs a timer of systemd, and takes it away again' {
        $schedule = Register-HsmBackupSchedule @own -At 02:00 -Every 12:00:00 -Day Monday, Thursday -Utc -Scheduler Systemd
        $schedule.When | Should -Be 'Mon,Thu 02:00, 14:00 UTC'
        $schedule.Installed.Scheduler | Should -Be 'Systemd'
        Get-Content -LiteralPath $schedule.Installed.Location | Should -Contain 'OnCalendar=Mon,Thu *-*-* 14:00:00 UTC'
        (Get-HsmBackupSchedule -Cluster payments).Installed.Location | Should -Be $schedule.Installed.Location
        (Get-HsmBackupSchedule).Cluster | Should -Be 'payments'
        ($schedule | Format-Table | Out-String) | Should -Match 'payments.*Systemd'
        # What is not named stays.
        (Register-HsmBackupSchedule -Cluster payments -Scope User -Scheduler Systemd -Day Friday).When | Should -Be 'Fri 02:00, 14:00 UTC'
        (Unregister-HsmBackupSchedule -Cluster payments -Confirm:$false).Scheduler | Should -Be 'Systemd'
        Get-ChildItem -LiteralPath $env:XDG_CONFIG_HOME/systemd/user | Should -BeNullOrEmpty
        (Get-HsmBackupSchedule -Cluster payments).Installed | Should -BeNullOrEmpty
        { Unregister-HsmBackupSchedule -Cluster payments -Confirm:$false } | Should -Throw -ErrorId 'ScheduleNotFound,*'
    }

    It 'puts the definition back where the system refuses' {
        $was = Get-Content -LiteralPath $definition -Raw
        Set-Content -LiteralPath $TestDrive/refused -Value enable
        { Register-HsmBackupSchedule @own -At 05:00 -Scheduler Systemd } | Should -Throw -ErrorId 'ScheduleFailed,*'
        Remove-Item -LiteralPath $TestDrive/refused
        Get-Content -LiteralPath $definition -Raw | Should -BeExactly $was
        Get-ChildItem -LiteralPath $env:XDG_CONFIG_HOME/systemd/user | Should -BeNullOrEmpty
    }

    It 'adds lines to a crontab, and leaves the others' {
        Set-Content -LiteralPath $TestDrive/crontab -Value '# mine', '0 4 * * * /bin/true'
        (Register-HsmBackupSchedule @own -At 02:00 -Every 12:00:00 -Scheduler Cron).Installed.Scheduler | Should -Be 'Cron'
        $lines = Get-Content -LiteralPath $TestDrive/crontab
        $lines[0..1] | Should -Be '# mine', '0 4 * * * /bin/true'
        ($lines -match 'Invoke-HsmBackupSchedule.*-IfDue').Count | Should -BeGreaterOrEqual 3
        $null = Unregister-HsmBackupSchedule -Cluster payments -Confirm:$false
        Get-Content -LiteralPath $TestDrive/crontab | Should -Be '# mine', '0 4 * * * /bin/true'
    }

    It 'is on record' {
        $entries = Get-Content -Path $env:HSMBACKUP_HOME/state/audit/*.jsonl | ConvertFrom-Json
        ($entries | Where-Object action -EQ Register-HsmBackupSchedule)[0..1].result | Should -Be 'Started', 'Succeeded'
        ($entries | Where-Object action -EQ Unregister-HsmBackupSchedule).result | Should -Contain 'Succeeded'
    }
}
