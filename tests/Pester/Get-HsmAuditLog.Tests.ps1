#Requires -Version 7.6

BeforeAll {
    $root = (Get-Item -LiteralPath "$PSScriptRoot/../..").FullName
    Import-Module -Name "$root/out/HsmBackup", "$PSScriptRoot/Support/TestToken.psm1"
    $homeBefore = $env:HSMBACKUP_HOME
    $env:HSMBACKUP_HOME = Join-Path $TestDrive home
    $command = 'HsmBackup.PowerShell.Commands.GetHsmAuditLogCommand'
    $log = "$TestDrive/home/state/audit/audit-000001.jsonl"

    $backups = foreach ($label in 'payments', 'identity') {
        $token = Initialize-TestToken -Folder "$TestDrive/$label" -Label $label
        Add-TestSecretKey -Token $token -Label aes -Id '03'
        $splat = $token.Splat
        New-HsmBackup @splat -Destination $TestDrive/backups -KeyInOutputOnly
    }
    Set-Content -LiteralPath $TestDrive/none.hsmbackup -Value 'no backup'
    $null = Test-HsmBackup -Path $TestDrive/none.hsmbackup -Quiet
    $all = Get-HsmAuditLog
}

AfterAll {
    $env:HSMBACKUP_HOME = $homeBefore
}

Describe 'Get-HsmAuditLog' {
    It 'gives the entries, oldest first' {
        $all | Should -BeOfType ([HsmBackup.Engine.Auditing.AuditEntry])
        $all.Sequence | Should -Be (1..6)
        $all.Result | Should -Be 'Started', 'Succeeded', 'Started', 'Succeeded', 'Started', 'Failed'
    }

    It 'finds entries by action, in any case of letters' {
        (Get-HsmAuditLog test-hsm*).Sequence | Should -Be 5, 6
        (Get-HsmAuditLog -Action NEW-HSMBACKUP, none).Sequence | Should -Be (1..4)
        Get-HsmAuditLog -Action Restore-* | Should -BeNullOrEmpty
    }

    It 'finds entries by backup, also down the pipeline' {
        (Get-HsmAuditLog -BackupId $backups[0].BackupId).Sequence | Should -Be 2
        (Get-HsmBackup -Path $TestDrive/backups | Get-HsmAuditLog).Sequence | Sort-Object | Should -Be 2, 4
    }

    It 'finds entries by cluster, by result, and the last of them' {
        (Get-HsmAuditLog -ClusterName IDENT*).Sequence | Should -Be 4
        (Get-HsmAuditLog -ClusterName $backups[0].ClusterId).Sequence | Should -Be 2
        (Get-HsmAuditLog -Result Failed).Sequence | Should -Be 6
        (Get-HsmAuditLog -Last 2).Sequence | Should -Be 5, 6
        (Get-HsmAuditLog New-* -Result Started, Failed -Last 1).Sequence | Should -Be 3
    }

    It 'finds entries by time, written in the same way everywhere' {
        (Get-HsmAuditLog -After $all[2].Time -Before $all[3].Time).Sequence | Should -Be 3, 4
        (Get-HsmAuditLog -After $all[2].Time.UtcDateTime).Sequence[0] | Should -Be 3
        (Get-HsmAuditLog -After $all[2].Time.ToString('o', [cultureinfo]::InvariantCulture)).Sequence[0] | Should -Be 3
        (Get-HsmAuditLog -After 2001-02-03 -Before 2999-12-31T23:59:59Z).Sequence | Should -Be (1..6)
        Get-HsmAuditLog -Before 2001-02-03T04:05 | Should -BeNullOrEmpty
        { Get-HsmAuditLog -After 03/04/2026 } | Should -Throw -ErrorId ParameterArgumentTransformationError*
        { Get-HsmAuditLog -After yesterday } | Should -Throw -ErrorId ParameterArgumentTransformationError*
    }

    It 'gives nothing, and makes nothing, where there is no log' {
        Get-HsmAuditLog -StatePath $TestDrive/nothing | Should -BeNullOrEmpty
        Test-Path -LiteralPath $TestDrive/nothing | Should -BeFalse
    }

    It 'reports a line that was changed, and gives the others' {
        $before = Get-Content -LiteralPath $log -Raw
        try {
            Set-Content -LiteralPath $log -Value $before.Replace('"sequence":2,', '"sequence":7,') -NoNewline
            (Get-HsmAuditLog -ErrorVariable errors -ErrorAction SilentlyContinue).Sequence | Should -Be 1, 3, 4, 5, 6
            $errors.FullyQualifiedErrorId | Should -Be "AuditDamaged,$command"
        }
        finally {
            Set-Content -LiteralPath $log -Value $before -NoNewline
        }
    }

    It 'shows a table of five columns, and a list of all that an entry says' {
        $table = $all[1] | Out-String -Width 200
        $table | Should -Match 'New-HsmBackup\s+Succeeded'
        $all[1] | Format-List | Out-String -Width 200 | Should -Match 'path: .+backups'
    }
}
