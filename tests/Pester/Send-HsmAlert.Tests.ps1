#Requires -Version 7.6

# Three real nodes. The channel is a program that keeps each notice in a file, or fails where a file says so.

BeforeAll {
    $root = (Get-Item -LiteralPath "$PSScriptRoot/../..").FullName
    Import-Module -Name "$root/out/HsmBackup", "$PSScriptRoot/Support/TestToken.psm1"
    $homeBefore = $env:HSMBACKUP_HOME
    $env:HSMBACKUP_TEST_PIN = '648219'

    # Not in TestDrive, which takes away after a Describe what was made in it: here that would be objects of the tokens.
    $folder = Join-Path ([IO.Path]::GetTempPath()) "hsmbackup-tests-$([IO.Path]::GetRandomFileName())"
    $env:HSMBACKUP_HOME = "$folder/home"
    $tokens = @{}
    $nodes = foreach ($name in 'zurich', 'bern', 'basel') {
        $tokens[$name] = Initialize-TestToken -Folder "$folder/$name" -Label "$name-token"
        ConvertTo-TestNode -Token $tokens[$name] -Name $name
    }
    $path = (New-HsmCluster payments -Node $nodes -Destination $folder).DefinitionPath
    $bare = Copy-Item -LiteralPath $path -Destination $folder/bare.hsmcluster.json -PassThru
    $definition = Get-Content -LiteralPath $path -Raw | ConvertFrom-Json -AsHashtable
    $definition.contacts = @(@{ name = 'Duty desk'; phone = '111' }, @{ name = 'Officer'; phone = '222' })
    $definition.escalation = @(@{ after = 0; contacts = @('Duty desk') }, @{ after = 1; contacts = @('Officer'); purpose = 'decide' })
    $definition.alerts = @{ channels = @(@{
                name = 'pager'; kind = 'command'; program = '/bin/sh'
                arguments = @('-c', "test ! -e '$folder/line-down' && cat >> '$folder/pager' && echo >> '$folder/pager'")
            })
    }
    Set-Content -LiteralPath $path -Value ($definition | ConvertTo-Json -Depth 9)

    # What the pager got since it was last asked.
    function Get-Notice {
        if (Test-Path -LiteralPath $folder/pager) {
            Get-Content -LiteralPath $folder/pager | ConvertFrom-Json
            Remove-Item -LiteralPath $folder/pager
        }
    }
}

AfterAll {
    Remove-Item -LiteralPath $folder -Recurse -Force
    $env:HSMBACKUP_HOME = $homeBefore
    $env:HSMBACKUP_TEST_PIN = $null
}

Describe 'Send-HsmAlert' {
    It 'sends a test through every channel, and leaves nothing open' {
        $alert = Send-HsmAlert -Cluster $path -Test
        $alert.Notices.Deliveries.Channel | Should -Be 'pager'
        $alert.Pending | Should -Be 0
        (Get-Notice).type | Should -Be 'alert.test'
        Get-HsmAlert -Cluster $path | Should -BeNullOrEmpty
        (Get-HsmAlert -Cluster $path -IncludeResolved).Name | Should -Be 'Test'
    }

    It 'says nothing where nothing is wrong, and leaves nothing in the audit log' {
        $before = @(Get-HsmAuditLog).Count
        Send-HsmAlert -Cluster $path | Should -BeNullOrEmpty
        Get-Notice | Should -BeNullOrEmpty
        @(Get-HsmAuditLog).Count | Should -Be $before
    }

    It 'tells of a node that is not as the others, once, and lets it climb until it is over' {
        Add-TestSecretKey -Token $tokens.bern -Label stray -Id '0a'
        $alert = Send-HsmAlert -Cluster $path
        $alert.Name | Should -Be 'NodeOutOfSync'
        "$($alert.Severity) $($alert.State) $($alert.Contacts)" | Should -Be 'Warning Open Duty desk'
        (Get-HsmAuditLog -Action Send-HsmAlert)[-1].Details['alerts'] | Should -Be 'NodeOutOfSync:bern Open'
        $notice = Get-Notice
        "$($notice.type) $($notice.data.key) $($notice.data.escalation.contacts.phone)" | Should -Be 'alert.raised NodeOutOfSync:bern 111'
        ($alert | Format-Table | Out-String) | Should -BeLike '*NodeOutOfSync: The node*bern*'

        Start-Sleep -Milliseconds ([Math]::Max(0, 1100 - ([DateTimeOffset]::UtcNow - $alert.Opened).TotalMilliseconds))
        (Send-HsmAlert -Cluster $path -SkipHealth).Level | Should -Be 2
        $notice = Get-Notice
        "$($notice.type) $($notice.data.escalation.purpose) $($notice.data.escalation.contacts.name)" | Should -Be 'alert.escalated decide Officer'
        Send-HsmAlert -Cluster $path | Should -BeNullOrEmpty

        $null = Invoke-Pkcs11Tool -Token $tokens.bern --delete-object --type secrkey --label stray
        Send-HsmAlert -Cluster $path -SkipHealth | Should -BeNullOrEmpty
        (Send-HsmAlert -Cluster $path).State | Should -Be 'Resolved'
        $notice = Get-Notice
        "$($notice.type) $($notice.data.escalation.contacts.name)" | Should -Be 'alert.resolved Duty desk Officer'
        Get-HsmAlert -Cluster $path | Should -BeNullOrEmpty
    }

    It 'keeps what cannot be delivered, says so with an error, and delivers it later once' {
        $null = New-Item -ItemType File -Path $folder/line-down
        $alert = Send-HsmAlert -Cluster $path -Name RoomTooWarm -Severity Critical -Message '34 degrees.' -ErrorVariable problems -ErrorAction SilentlyContinue
        $problems[0].FullyQualifiedErrorId | Should -BeLike 'AlertUndelivered,*'
        $problems[0].CategoryInfo.Category | Should -Be 'ConnectionError'
        $alert.Pending | Should -Be 1
        (Get-HsmAlert -Cluster $path -Name Room* -Severity Critical).Pending | Should -Be 1
        (Get-HsmAuditLog -Action Send-HsmAlert)[-1].Result | Should -Be 'Failed'
        Remove-Item -LiteralPath $folder/line-down
        (Send-HsmAlert -Cluster $path -SkipHealth).Pending | Should -Be 0
        (Get-Notice).data.message | Should -Contain '34 degrees.'
        (Send-HsmAlert -Cluster $path -Name RoomTooWarm -Resolved).State | Should -Be 'Resolved'
        (Get-Notice).type | Should -Contain 'alert.resolved'
        { Send-HsmAlert -Cluster $path -Name RoomTooWarm -Resolved } | Should -Throw -ErrorId 'InvalidArgument,*'
    }

    It 'sends nothing with -WhatIf' {
        Send-HsmAlert -Cluster $path -Test -WhatIf
        Get-Notice | Should -BeNullOrEmpty
    }

    It 'refuses a name that is no word, and a cluster of which nobody is told' {
        { Send-HsmAlert -Cluster $path -Name 'a b' -Message x } | Should -Throw -ErrorId 'InvalidArgument,*'
        { Send-HsmAlert -Cluster $bare -Test } | Should -Throw -ErrorId 'InvalidArgument,*'
    }

    Context 'where the audit log is broken' {
        BeforeAll {
            $log = (Get-ChildItem -LiteralPath $folder/home/state/audit -Filter *.jsonl)[-1].FullName
            $whole = [IO.File]::ReadAllBytes($log)
            Add-Content -LiteralPath $log -Value 'no entry'
        }

        AfterAll {
            [IO.File]::WriteAllBytes($log, $whole)
            Set-Content -LiteralPath $path -Value ($definition | ConvertTo-Json -Depth 9)
        }

        It 'tells people all the same, and says that it is' {
            $alert = Send-HsmAlert -Cluster $path -Test -ErrorVariable broken -ErrorAction SilentlyContinue
            $broken.FullyQualifiedErrorId | Should -BeLike 'AuditDamaged*'
            $alert.Pending | Should -Be 0
            (Get-Notice).type | Should -Be 'alert.test'
        }

        It 'makes no scheduled backup, and tells people that there is none' {
            $scheduled = $definition.Clone()
            $scheduled.stores = @(@{ name = 'local'; kind = 'directory'; location = (New-Item -ItemType Directory -Path $folder/local).FullName })
            $scheduled.schedule = @{ times = @('02:30') }
            Set-Content -LiteralPath $path -Value ($scheduled | ConvertTo-Json -Depth 9)
            { Invoke-HsmBackupSchedule -Cluster $path } | Should -Throw -ErrorId 'AuditDamaged,*'
            $names = (Get-Notice).data.name
            $names | Should -Contain 'RunFailed'
            $names | Should -Contain 'AuditDamaged'
            $run = Get-HsmBackupRun -Cluster $path
            "$($run.Result) $($run.ErrorCode)" | Should -Be 'Failed AuditDamaged'
            Get-ChildItem -LiteralPath $folder/local | Should -BeNullOrEmpty
        }
    }
}

Describe 'Get-HsmClusterHealth' {
    It 'holds the last drill against the policy' {
        $definition.policy = @{ maximumDrillAge = '100.00:00:00' }
        Set-Content -LiteralPath $path -Value ($definition | ConvertTo-Json -Depth 9)
        $health = Get-HsmClusterHealth -Cluster $path
        "$($health[0].LastDrillInPolicy) $($health[0].ClusterState)" | Should -Be 'False Degraded'
        $health[0].ClusterReason | Should -BeLike '*no drill has passed*'
    }
}
