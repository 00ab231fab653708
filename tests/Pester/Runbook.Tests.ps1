#Requires -Version 7.6

# A runbook is written, found out of date, and followed: the commands for the loss of a cluster are taken out of the page
# and run as they stand there. What they ask for is answered by default values, which is as near to a keyboard as a test comes.

BeforeAll {
    $root = (Get-Item -LiteralPath "$PSScriptRoot/../..").FullName
    Import-Module -Name "$root/out/HsmBackup", "$PSScriptRoot/Support/TestToken.psm1"
    $homeBefore = $env:HSMBACKUP_HOME
    $folder = Join-Path ([IO.Path]::GetTempPath()) "hsmbackup runbook $([IO.Path]::GetRandomFileName())"
    $env:HSMBACKUP_HOME = "$folder/home"
    $env:HSMBACKUP_TEST_PIN = '648219'
    $nodes = foreach ($name in 'zurich', 'bern') {
        $token = Initialize-TestToken -Folder "$folder/$name" -Label "payments-$name"
        $token | Add-Member -NotePropertyName Node -NotePropertyValue (ConvertTo-TestNode -Token $token -Name $name) -PassThru
    }
    $definition = "$folder/payments.hsmcluster.json"
    $null = New-HsmCluster -Name payments -Destination $folder -Node $nodes.Node
    $ceremony = New-HsmClusterKey -Cluster $definition -Threshold 2 -ShareCount 3 -SharesInOutputOnly
    $keyPath = "$folder/keys/payments.key"

    function Edit-Definition([scriptblock] $Change) {
        $json = Get-Content -LiteralPath $definition -Raw | ConvertFrom-Json -AsHashtable
        & $Change $json
        Set-Content -LiteralPath $definition -Value ($json | ConvertTo-Json -Depth 20)
    }
    Edit-Definition {
        param($json)
        $json.stores = @(@{ name = 'local'; kind = 'directory'; location = "$folder/store" })
        $json.contacts = @(@{ name = 'Ada <script>'; role = 'custodian'; phone = '+41 44 000 00 02' }, @{ name = 'Duty desk'; phone = '+41 44 000 00 01' })
        $json.escalation = @(@{ after = 0; contacts = @('Duty desk'); purpose = 'find out' }, @{ after = '00:30:00'; contacts = @('Ada <script>'); purpose = 'decide' })
        $json.targets = @{ rto = '01:00:00' }
    }
    $null = New-Item -ItemType Directory -Path "$folder/store"
    Add-TestObject -Token $nodes[0]
    $null = Sync-HsmCluster -Cluster $definition -Confirm:$false
    $backup = New-HsmBackup -Cluster $definition -Node zurich -KeyPath $keyPath
    $before = $nodes | ForEach-Object { , @(Get-TestObject -Token $_ | Sort-Object) }

    # The commands of a section, in their order, without those for other cases.
    function Get-Listing([string] $Html, [string] $Name) {
        [regex]::Matches($Html, "(?s)<pre [^>]*aria-label=`"$Name[^>]*><code>(.*?)</code></pre>") |
            ForEach-Object { [Net.WebUtility]::HtmlDecode(($_.Groups[1].Value -replace '<[^>]+>')).Trim() }
    }
}

AfterAll {
    Remove-Item -LiteralPath $folder -Recurse -Force
    $env:HSMBACKUP_HOME = $homeBefore
    $env:HSMBACKUP_TEST_PIN = $null
}

Describe 'Export-HsmRunbook' {
    It 'writes nothing with -WhatIf' {
        Export-HsmRunbook -Cluster $definition -Destination $folder/none -WhatIf | Should -BeNullOrEmpty
        "$folder/none" | Should -Not -Exist
    }

    It 'writes a page and a text, and is on record' {
        $script:exported = Export-HsmRunbook -Cluster $definition -Destination $folder/runbooks
        $exported.Format | Should -Be Html, Markdown
        Split-Path -Leaf $exported.Path | Should -Be payments-runbook.html, payments-runbook.md
        foreach ($file in $exported) { (Get-FileHash -LiteralPath $file.Path).Hash | Should -Be $file.Digest }
        $script:html = Get-Content -LiteralPath $exported[0].Path -Raw
        (Get-HsmAuditLog -Action Export-HsmRunbook -Last 1).Details['html'] | Should -BeExactly $exported[0].Digest
    }

    It 'says what must be known: <_>' -ForEach 'Duty desk', '\+41.44.000.00.01', 'at once', '30 min', 'zurich', 'bern', 'payments-zurich', '2 of the 3 custodians', 'env:HSMBACKUP_TEST_PIN', 'Recovery must end within 1 h' {
        $html | Should -Match $_
    }

    It 'names the backup, its store and its check value' {
        $html | Should -BeLike "*$($backup.BackupId)*"
        $html | Should -BeLike "*$folder/store*"
        $html | Should -BeLike "*$((Get-HsmBackup -Cluster $definition).KeyCheck)*"
    }

    It 'holds no secret, and a name is never markup' {
        foreach ($file in $exported.Path) {
            $text = Get-Content -LiteralPath $file -Raw
            $text | Should -Not -Match '648219|hsmkey1|<script'
            foreach ($share in $ceremony.Shares) { $text | Should -Not -BeLike "*$(-split (ConvertFrom-TestSecret -Secret $share) | Select-Object -Last 1 -Skip 5) *$(-split (ConvertFrom-TestSecret -Secret $share) | Select-Object -Last 1)*" }
        }
    }

    It 'has commands that PowerShell understands, with parameters that there are, and the state folder' {
        $commands = Get-Listing -Html $html -Name '(?!Template)'
        $commands.Count | Should -BeGreaterThan 15
        # Commands within sentences are typed as they stand there, too.
        $within = [regex]::Matches(($html -replace '(?s)<pre .*?</pre>'), '(?s)<code>(.*?)</code>') |
            ForEach-Object { [Net.WebUtility]::HtmlDecode(($_.Groups[1].Value -replace '<[^>]+>')).Trim() } | Where-Object { $_ -like '*-Hsm*' }
        $within.Count | Should -BeGreaterThan 5
        foreach ($text in $commands + $within) {
            $problems = $null
            $ast = [Management.Automation.Language.Parser]::ParseInput($text, [ref]$null, [ref]$problems)
            $problems | Should -BeNullOrEmpty -Because $text
            foreach ($call in $ast.FindAll({ $args[0] -is [Management.Automation.Language.CommandAst] }, $true).Where({ $_.GetCommandName() -like '*-Hsm*' })) {
                $known = (Get-Command -Name $call.GetCommandName() -Module HsmBackup).Parameters.Keys
                $used = @($call.CommandElements | Where-Object { $_ -is [Management.Automation.Language.CommandParameterAst] } | ForEach-Object ParameterName)
                $used | Where-Object { $_ -notin $known } | Should -BeNullOrEmpty -Because $text
                if ('StatePath' -in $known) { $used | Should -Contain StatePath -Because $text }
            }
        }
    }

    It 'replaces its own runbook, and no other file' {
        (Export-HsmRunbook -Cluster $definition -Destination $folder/runbooks -Format Html).Path | Should -Be $exported[0].Path
        $null = New-Item -ItemType Directory -Path $folder/edited
        Copy-Item -Path $folder/runbooks/* -Destination $folder/edited
        Add-Content -LiteralPath $folder/edited/payments-runbook.md -Value 'My note.'
        { Export-HsmRunbook -Cluster $definition -Destination $folder/edited } | Should -Throw -ErrorId InvalidArgument*
        Get-Content -LiteralPath $folder/edited/payments-runbook.md | Select-Object -Last 1 | Should -Be 'My note.'
        (Export-HsmRunbook -Cluster $definition -Destination $folder/edited -Force).Format | Should -Be Html, Markdown
    }

    It 'is written with a store that is away, and says so' {
        Rename-Item -LiteralPath $folder/store -NewName away
        try {
            $failed = $warned = @()
            $told = @{ ErrorVariable = 'failed'; ErrorAction = 'SilentlyContinue'; WarningVariable = 'warned'; WarningAction = 'SilentlyContinue' }
            $one = Export-HsmRunbook -Cluster $definition -Destination $folder/away-runbook -Format Markdown @told
            Get-Content -LiteralPath $one.Path -Raw | Should -BeLike '*The store local could not be looked into*'
            @($failed) + @($warned) | Should -Not -BeNullOrEmpty
        }
        finally {
            Rename-Item -LiteralPath $folder/away -NewName store
        }
    }
}

Describe 'Test-HsmRunbook' {
    BeforeAll {
        $null = Export-HsmRunbook -Cluster $definition -Destination $folder/runbooks
    }

    It 'finds a fresh one Current, by cluster, by file and down the pipeline' {
        $state = Test-HsmRunbook -Cluster $definition
        $state.Status, $state.OutdatedParts.Count | Should -Be Current, 0
        (Test-HsmRunbook -Path $folder/runbooks/* -Cluster $definition).Status | Should -Be Current, Current
        (Export-HsmRunbook -Cluster $definition -Destination $folder/runbooks | Test-HsmRunbook -Cluster $definition).Status | Should -Be Current, Current
        Test-HsmRunbook -Cluster $definition -Quiet | Should -BeTrue
    }

    It 'finds the definition by the name that the runbook has' {
        Push-Location -LiteralPath $folder
        try { (Test-HsmRunbook -Path $folder/runbooks/payments-runbook.md).Status | Should -Be Current }
        finally { Pop-Location }
    }

    It 'says which part has changed since' {
        $text = Get-Content -LiteralPath $definition -Raw
        try {
            Edit-Definition { param($json) $json.contacts[1].phone = '+41 44 000 00 99'; $json.nodes[0].zone = 'Zug' }
            $failed = $null
            $states = @(
                Test-HsmRunbook -Cluster $definition -ErrorVariable failed -ErrorAction SilentlyContinue
                Test-HsmRunbook -Path $folder/runbooks/payments-runbook.html -Cluster $definition -ErrorAction SilentlyContinue
            )
            $states.Status | Should -Be Outdated, Outdated
            foreach ($state in $states) { $state.OutdatedParts | Should -Be nodes, contacts }
            $failed[0].FullyQualifiedErrorId | Should -BeLike 'RunbookOutdated,*'
            Test-HsmRunbook -Cluster $definition -Quiet | Should -BeFalse
        }
        finally {
            Set-Content -LiteralPath $definition -Value $text -NoNewline
        }
    }

    It 'finds one that was changed by a letter, and one with a digest made anew' {
        $file = "$folder/runbooks/payments-runbook.md"
        $text = Get-Content -LiteralPath $file -Raw
        try {
            $changed = $text.Replace('+41 44', '+41 45').Replace("+41`u{a0}44", "+41`u{a0}45")
            $changed | Should -Not -BeExactly $text
            Set-Content -LiteralPath $file -Value $changed -NoNewline
            (Test-HsmRunbook -Path $file -Cluster $definition -ErrorAction SilentlyContinue).Status | Should -Be Altered
            (Test-HsmRunbook -Cluster $definition -ErrorAction SilentlyContinue).Status | Should -Be Altered
            $body = $changed -replace ' sha256=[0-9a-f]{64} -->\n$'
            $digest = [Convert]::ToHexStringLower([Security.Cryptography.SHA256]::HashData([Text.Encoding]::UTF8.GetBytes($body)))
            Set-Content -LiteralPath $file -Value "$body sha256=$digest -->`n" -NoNewline
            (Test-HsmRunbook -Path $file -Cluster $definition -ErrorAction SilentlyContinue).Status | Should -Be Altered
        }
        finally {
            Set-Content -LiteralPath $file -Value $text -NoNewline
        }
    }

    It 'says of a copy whether this machine has exported it' {
        Copy-Item -LiteralPath $folder/runbooks/payments-runbook.md -Destination $folder/copy.md
        $warned = $null
        (Test-HsmRunbook -Path $folder/copy.md -Cluster $definition -WarningVariable warned).Status | Should -Be Current
        $warned | Should -BeNullOrEmpty
        (Test-HsmRunbook -Path $folder/copy.md -Cluster $definition -StatePath $folder/elsewhere -WarningVariable warned -WarningAction SilentlyContinue).Status | Should -Be Current
        $warned | Should -BeLike '*not exported on this machine*'
    }

    It 'loads no definition that a runbook names by a path' {
        $text = Get-Content -LiteralPath $folder/runbooks/payments-runbook.md -Raw
        Set-Content -LiteralPath $folder/lure.md -NoNewline -Value $text.Replace('"clusterName":"payments"', '"clusterName":"/tmp/lure"')
        Get-Content -LiteralPath $folder/lure.md -Raw | Should -Not -BeExactly $text
        { Test-HsmRunbook -Path $folder/lure.md -ErrorAction Stop } | Should -Throw -ErrorId InvalidArgument* -ExpectedMessage '*which is a path*'
    }

    It 'tells a file that is no runbook, and one of another cluster' {
        { Test-HsmRunbook -Path $definition -Cluster $definition -ErrorAction Stop } | Should -Throw -ErrorId InvalidArgument*
        $other = New-HsmCluster -Name other -Destination $folder -Node $nodes[0].Node
        { Test-HsmRunbook -Path $folder/runbooks/payments-runbook.md -Cluster $other -ErrorAction Stop } | Should -Throw -ErrorId InvalidArgument*
        (Test-HsmRunbook -Cluster $other -ErrorAction SilentlyContinue).Status | Should -Be Missing
    }
}

Describe 'The procedure for the loss of a cluster, command by command' {
    It 'brings everything back' {
        $commands = Get-Listing -Html (Get-Content -LiteralPath $folder/runbooks/payments-runbook.html -Raw) -Name 'cluster loss'
        $commands | Should -HaveCount 5
        foreach ($node in $nodes) { Get-ChildItem -LiteralPath "$($node.Folder)/tokens" -Force | Remove-Item -Recurse -Force }
        # What a person types when asked.
        $answers = @{
            'Restore-HsmCluster:KeyPath' = $keyPath
            'Restore-HsmCluster:SoPin'   = ConvertTo-TestSecret -Text 87654321
            'Restore-HsmCluster:Share'   = $ceremony.Shares[0, 2]
            'Restore-HsmCluster:Confirm' = $false
            'New-HsmBackup:KeyPath'      = "$folder/keys/after.key"
        }
        $said = & {
            $PSDefaultParameterValues = $answers
            foreach ($text in $commands -replace '^Import-Module HsmBackup\n') { . ([scriptblock]::Create($text)) }
        }
        $results = @($said | Where-Object { $_ -is [HsmBackup.Engine.Backup.RestoreResult] })
        $results.Exact | Should -Be $true, $true
        $health = @($said | Where-Object { $_ -is [HsmBackup.Engine.Clusters.Health.NodeHealth] })
        $health.State | Should -Be Online, Online
        foreach ($i in 0, 1) { Get-TestObject -Token $nodes[$i] | Sort-Object | Should -Be $before[$i] }
        (Get-HsmBackup -Cluster $definition).Count | Should -Be 2
    }
}

Describe 'The procedure for the loss of a node, command by command' {
    It 'brings the node back' {
        $commands = Get-Listing -Html (Get-Content -LiteralPath $folder/runbooks/payments-runbook.html -Raw) -Name 'node loss, (?:look|node bern|check)'
        $commands | Should -HaveCount 4
        Get-ChildItem -LiteralPath "$($nodes[1].Folder)/tokens" -Force | Remove-Item -Recurse -Force
        # What a person types when asked.
        $answers = @{
            'Repair-HsmCluster:SoPin'   = ConvertTo-TestSecret -Text 87654321
            'Repair-HsmCluster:Share'   = $ceremony.Shares[0, 2]
            'Repair-HsmCluster:Confirm' = $false
        }
        $said = & {
            $PSDefaultParameterValues = $answers
            foreach ($text in $commands) { . ([scriptblock]::Create($text)) }
        }
        $plan = @($said | Where-Object { $_ -is [HsmBackup.Engine.Clusters.Repair.RepairPlan] })
        $plan.Node, $plan.Joins, $plan.Source | Should -Be bern, $true, 'peers zurich'
        $result = @($said | Where-Object { $_ -is [HsmBackup.Engine.Clusters.Repair.RepairResult] })
        "$($result.State)", $result.Added | Should -Be Repaired, $plan.Objects
        $health = @($said | Where-Object { $_ -is [HsmBackup.Engine.Clusters.Health.NodeHealth] })
        $health | Should -HaveCount 4
        $health[1].State | Should -Not -Be Online
        $health[2, 3].State | Should -Be Online, Online
        Get-TestObject -Token $nodes[1] | Sort-Object | Should -Be $before[1]
    }
}

Describe 'The procedure for the loss of keys, command by command' {
    It 'brings the key back' {
        $commands = Get-Listing -Html (Get-Content -LiteralPath $folder/runbooks/payments-runbook.html -Raw) -Name 'key loss, (?:look|choose|hold|list|label|restore|check)'
        foreach ($node in $nodes) { $null = Invoke-Pkcs11Tool -Token $node --delete-object --type secrkey --id 03 }
        Mock Read-Host { $Prompt -like 'Id*' ? $backup.BackupId : 'aes' }
        $said = & {
            $PSDefaultParameterValues = @{ 'Restore-HsmKey:KeyPath' = $keyPath; 'Restore-HsmKey:Confirm' = $false; 'Lock-HsmBackup:Confirm' = $false }
            foreach ($text in $commands) { . ([scriptblock]::Create($text)) }
        }
        @($said | Where-Object { $_ -is [HsmBackup.Engine.Backup.KeyRestoreResult] }).Added | Should -Be 1, 1
        foreach ($i in 0, 1) { Get-TestObject -Token $nodes[$i] | Sort-Object | Should -Be $before[$i] }
        (Get-HsmBackup -Cluster $definition -BackupId $backup.BackupId).Copies[0].Held | Should -BeTrue
    }
}
