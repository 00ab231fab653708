@{
    RootModule           = 'HsmBackup.PowerShell.dll'
    ModuleVersion        = '0.1.0'
    GUID                 = 'c7d28d85-9bbb-436f-9920-f662a3d46313'
    Author               = 'the HsmBackup maintainers'
    CompanyName          = 'the HsmBackup maintainers'
    Copyright            = 'Copyright (c) 2026 the HsmBackup maintainers. MIT License.'
    Description          = 'Backs up PKCS#11 HSM partitions whole, proves that each backup can be restored, and restores them.'

    # 7.6 is the first version on .NET 10, which the module is compiled for.
    PowerShellVersion    = '7.6'
    CompatiblePSEditions = @('Core')
    FormatsToProcess     = @('HsmBackup.Format.ps1xml')
    TypesToProcess       = @('HsmBackup.Types.ps1xml')

    # Named one by one, so that PowerShell knows them without loading the module.
    CmdletsToExport      = @(
        'Compare-HsmBackup'
        'Copy-HsmBackup'
        'Export-HsmMetric'
        'Export-HsmRunbook'
        'Get-HsmAlert'
        'Get-HsmAuditLog'
        'Get-HsmBackup'
        'Get-HsmBackupRun'
        'Get-HsmBackupSchedule'
        'Get-HsmCluster'
        'Get-HsmClusterHealth'
        'Get-HsmDrill'
        'Invoke-HsmBackupSchedule'
        'Invoke-HsmDrill'
        'Lock-HsmBackup'
        'New-HsmBackup'
        'New-HsmCluster'
        'New-HsmClusterKey'
        'Receive-HsmBackupKey'
        'Register-HsmBackupSchedule'
        'Remove-ExpiredHsmBackup'
        'Remove-HsmBackup'
        'Repair-HsmCluster'
        'Restore-HsmCluster'
        'Restore-HsmClusterKey'
        'Restore-HsmKey'
        'Send-HsmAlert'
        'Sync-HsmCluster'
        'Test-HsmAuditLog'
        'Test-HsmBackup'
        'Test-HsmClusterKeyShare'
        'Test-HsmRunbook'
        'Undo-HsmBackupRemoval'
        'Unlock-HsmBackup'
        'Unregister-HsmBackupSchedule'
    )
    FunctionsToExport    = @()
    AliasesToExport      = @()
    VariablesToExport    = @()

    PrivateData          = @{
        PSData = @{
            Tags    = @('HSM', 'PKCS11', 'Backup', 'Restore', 'DisasterRecovery', 'Cryptography', 'Key', 'Linux', 'MacOS', 'Windows')
            License = 'MIT'
        }
    }
}
