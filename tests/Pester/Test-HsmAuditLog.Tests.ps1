#Requires -Version 7.6

BeforeAll {
    $root = (Get-Item -LiteralPath "$PSScriptRoot/../..").FullName
    Import-Module -Name "$root/out/HsmBackup", "$PSScriptRoot/Support/TestToken.psm1"
    $homeBefore = $env:HSMBACKUP_HOME
    # Not in TestDrive, which takes away after a Describe what was made in it.
    $folder = Join-Path ([IO.Path]::GetTempPath()) "hsmbackup-tests-$([IO.Path]::GetRandomFileName())"
    $env:HSMBACKUP_HOME = "$folder/home"
    $command = 'HsmBackup.PowerShell.Commands.TestHsmAuditLogCommand'
    $state = "$folder/home/state"

    $token = Initialize-TestToken -Folder "$folder/token" -Label payments
    $node = @{ Name = 'a'; Library = $token.Library; TokenLabel = 'payments'; LibraryEnvironment = @{ SOFTHSM2_CONF = $token.Configuration } }
    $definition = (New-HsmCluster -Name payments -Destination $folder -Node $node).DefinitionPath
    $cluster = @{ Cluster = $definition; Pin = $token.Splat.Pin }
    $null = New-HsmClusterKey @cluster -Threshold 2 -ShareCount 3 -SharesInOutputOnly
    $backup = New-HsmBackup @cluster -Destination $folder/backups -KeyInOutputOnly
    $null = Test-HsmBackup -Path $backup.Path
    $known = @{ Cluster = $definition; BackupPath = "$folder/backups" }

    # A copy of the state folder, with a change to the entries of its log.
    function Copy-State([scriptblock] $Change = { $_ }, [switch] $NoMark) {
        $copy = "$folder/$([IO.Path]::GetRandomFileName())"
        Copy-Item -LiteralPath $state -Destination $copy -Recurse
        $lines = @(Get-Content -LiteralPath $copy/audit/audit-000001.jsonl)
        $changed = @(@(, $lines) | ForEach-Object $Change)
        [IO.File]::WriteAllText("$copy/audit/audit-000001.jsonl", ($changed -join "`n") + "`n")
        if ($NoMark) { Remove-Item -LiteralPath $copy/audit/head.json }
        $copy
    }

    function Get-Fault([string] $State, [hashtable] $Facts = $known) {
        $result = Test-HsmAuditLog -StatePath $State @Facts -ErrorAction SilentlyContinue
        $result.Passed | Should -BeFalse
        $result.Findings.Where({ $_.IsFault }).Kind
    }
}

AfterAll {
    Remove-Item -LiteralPath $folder -Recurse -Force
    $env:HSMBACKUP_HOME = $homeBefore
}

Describe 'Test-HsmAuditLog' {
    It 'passes a log that is as it was written' {
        $result = Test-HsmAuditLog @known
        $result | Should -BeOfType ([HsmBackup.Engine.Auditing.AuditTestResult])
        $result.State, $result.Entries, $result.Files, $result.VerifiedCheckpoints, $result.Facts | Should -Be 'Passed', 9, 1, 1, 2
        $result.Confirmed | Should -Be 9
        $result.Findings | Should -BeNullOrEmpty
        Test-HsmAuditLog @known -Quiet | Should -BeTrue
    }

    It 'says that nobody vouches for a signer whose cluster was not given' {
        $result = Test-HsmAuditLog
        $result.Passed, $result.VerifiedCheckpoints | Should -Be $true, 0
        $result.Findings.Kind | Should -Be 'SignerUnverified'
    }

    It 'passes nothing that was not checked' {
        Test-HsmAuditLog -StatePath $folder/nothing -Quiet | Should -BeFalse
        Get-Fault -State $folder/nothing -Facts @{} | Should -Be 'Empty'
    }

    It 'finds an entry that was changed, removed, repeated or moved' {
        Get-Fault (Copy-State { $_[0..1] + $_[2].Replace('Started', 'Stopped') + $_[3..8] }) | Should -Be 'Changed', 'Removed'
        Get-Fault (Copy-State { $_[0..3] + $_[5..8] }) | Should -Contain 'Removed'
        Get-Fault (Copy-State { $_[0..4] + $_[2] + $_[5..8] }) | Should -Contain 'Reordered'
        Get-Fault (Copy-State { $_[0, 2, 1] + $_[3..8] }) | Should -Contain 'Reordered'
    }

    It 'finds an end that was cut off, by the mark of the log and by what a backup remembers' {
        Get-Fault (Copy-State { $_[0..6] }) | Should -Be 'Truncated'
        Get-Fault (Copy-State { $_[0..4] } -NoMark) | Should -Be 'Truncated', 'Truncated'
        # After the newest backup nothing but the mark tells, and that it is gone is a fault of its own.
        Get-Fault (Copy-State { $_[0..5] } -NoMark) | Should -Be 'Truncated'
    }

    It 'finds another log in the place of this one, unless the other one is named' {
        $other = "$folder/other"
        $null = Test-HsmBackup -Path $backup.Path
        $env:HSMBACKUP_HOME = $other
        try { $null = Test-HsmBackup -Path $backup.Path } finally { $env:HSMBACKUP_HOME = "$folder/home" }
        Get-Fault -State $other/state | Should -Be 'OtherLog'
        $log = (Get-HsmBackup -Path $backup.Path).Audit.Log
        Test-HsmAuditLog -StatePath $other/state @known -OtherLog $log -Quiet | Should -BeTrue
    }

    It 'reports a failure as an error with a next step, and none with -Quiet' {
        $broken = Copy-State { $_[0..3] + $_[5..8] }
        $null = Test-HsmAuditLog -StatePath $broken @known -ErrorVariable errors -ErrorAction SilentlyContinue
        $errors.FullyQualifiedErrorId | Should -Be "AuditDamaged,$command"
        $errors[0].ErrorDetails.RecommendedAction | Should -Match '\.$'
        $errors[0].TargetObject | Should -Be "$broken/audit"
        Test-HsmAuditLog -StatePath $broken @known -Quiet -ErrorVariable errors | Should -BeFalse
        $errors | Should -BeNullOrEmpty
    }

    It 'tells of a line that a kill tore, until the next command has put it right' {
        $torn = Copy-State
        [IO.File]::AppendAllText("$torn/audit/audit-000001.jsonl", '{"sequence":10,"log":"')
        Get-Fault -State $torn -Facts @{} | Should -Be 'Torn'
        $null = Restore-HsmCluster -Path $backup.Path -Key $backup.OneTimeKey @cluster -StatePath $torn -Confirm:$false -WarningVariable warnings 3> $null
        $warnings -join '' | Should -Match 'entry \d+ says how.+cutBytes 22'
        $result = Test-HsmAuditLog -StatePath $torn
        $result.Passed | Should -BeTrue
        $result.Findings.Kind | Should -Contain 'Repaired'
    }
}
