#Requires -Version 7.6

# The second of three HSMs fails. What is done about it is done in the order of the tests: each begins where the one before ended.

BeforeDiscovery {
    Import-Module -Name "$PSScriptRoot/Support/Terminal.psm1"
    $hasTerminal = Test-Terminal
}

BeforeAll {
    $root = (Get-Item -LiteralPath "$PSScriptRoot/../..").FullName
    Import-Module -Name "$root/out/HsmBackup", "$PSScriptRoot/Support/TestToken.psm1", "$PSScriptRoot/Support/Terminal.psm1"
    $homeBefore = $env:HSMBACKUP_HOME
    # Not in TestDrive, which takes away after a Describe what was made in it: here that would be tokens.
    $folder = Join-Path ([IO.Path]::GetTempPath()) "hsmbackup-tests-$([IO.Path]::GetRandomFileName())"
    $env:HSMBACKUP_HOME = "$folder/home"

    $nodes = foreach ($name in 'zurich', 'biel', 'basel') {
        # A library loaded twice in one process is one instance, so each node has a copy of its own.
        $node = Initialize-TestToken -Folder "$folder/$name" -Label "payments-$name"
        Copy-Item -LiteralPath $node.Library -Destination $node.Folder
        $node | Add-Member -NotePropertyMembers @{ Name = $name; Copy = "$($node.Folder)/libsofthsm2.so" } -PassThru
    }
    $pin = $nodes[0].Splat.Pin
    $soPin = ConvertTo-TestSecret -Text 90817263
    $wrong = ConvertTo-TestSecret -Text 111111
    # The library of the node that fails writes every call down, so that it can be seen what was sent to it.
    $spy = Get-Item -Path /usr/lib/*/pkcs11-spy.so, /usr/lib/pkcs11-spy.so -ErrorAction Ignore | Select-Object -First 1
    Copy-Item -LiteralPath $spy.FullName -Destination "$($nodes[1].Folder)/spy.so"
    $calls = "$($nodes[1].Folder)/calls"
    $definition = "$folder/payments.hsmcluster.json"
    $null = New-HsmCluster -Name payments -Destination $folder -Node @(
        @{ Name = 'zurich'; Library = $nodes[0].Copy; TokenLabel = $nodes[0].Label; LibraryEnvironment = @{ SOFTHSM2_CONF = $nodes[0].Configuration } }
        @{ Name = 'biel'; Library = "$($nodes[1].Folder)/spy.so"; TokenLabel = $nodes[1].Label; Timeout = [timespan]::FromSeconds(20); Zone = 'lake'
            LibraryEnvironment = @{ SOFTHSM2_CONF = $nodes[1].Configuration; PKCS11SPY = $nodes[1].Copy; PKCS11SPY_OUTPUT = $calls }
        }
        @{ Name = 'basel'; Library = $nodes[2].Copy; TokenLabel = $nodes[2].Label; LibraryEnvironment = @{ SOFTHSM2_CONF = $nodes[2].Configuration } }
    )
    # In capitals, which have a dot on their I in Turkish.
    $biel = @{ Cluster = $definition; Node = 'BIEL'; Pin = $pin }
    $uses = 'Verified OK', 'Verified OK', 'pay 100 to Alice'

    function Clear-Node($Node) { Get-ChildItem -LiteralPath "$($Node.Folder)/tokens" -Force | Remove-Item -Recurse -Force }

    function Assert-StillBlank {
        Get-ChildItem -LiteralPath "$($nodes[1].Folder)/tokens" -Force | Should -BeNullOrEmpty
        (Get-FileHash -LiteralPath $definition).Hash | Should -Be $digest
    }

    # How often PINs were sent to the node that fails. A login as whoever is logged in already counts as well.
    function Get-LoginCount { @(Select-String -LiteralPath $calls -Pattern '^\d+: C_Login').Count }

    $ceremony = New-HsmClusterKey -Cluster $definition -Pin $pin -Threshold 3 -ShareCount 5 -SharesInOutputOnly
    Add-TestObject -Token $nodes[0]
    $null = Sync-HsmCluster -Cluster $definition -Pin $pin -Confirm:$false
    $backup = New-HsmBackup -Cluster $definition -Pin $pin -Destination $folder/backups -KeyPath $folder/keys/payments.key
    $objects = Get-TestObject -Token $nodes[0] | Sort-Object
    $digest = (Get-FileHash -LiteralPath $definition).Hash
    $all = @{ SoPin = $soPin; Share = $ceremony.Shares[4, 0, 2]; Confirm = $false }
}

AfterAll {
    Remove-Item -LiteralPath $folder -Recurse -Force
    $env:HSMBACKUP_HOME = $homeBefore
}

Describe 'Repair-HsmCluster, before it touches anything' {
    BeforeAll { Clear-Node $nodes[1] }

    It 'shows the plan with -WhatIf, for which nobody needs shares' {
        $plan = Repair-HsmCluster @biel -WhatIf
        $plan | Should -BeOfType ([HsmBackup.Engine.Clusters.Repair.RepairPlan])
        $plan.Node, "$($plan.Initialization)", $plan.Joins, $plan.Source | Should -Be biel, Whole, $true, 'peers zurich, basel'
        $plan.Objects | Should -Be $backup.Objects
        $plan | Out-String | Should -BeLike "*repair node 'biel'*blank token in slot $($plan.Slot) as 'payments-biel'*cluster key*peers zurich, basel, $($plan.Objects) objects*"
        Assert-StillBlank
    }

    It 'names all of it in the one question' {
        $program, $rest = Get-PowerShellCommand
        $said = & $program @rest -NoProfile -NonInteractive -Command @"
Import-Module '$root/out/HsmBackup', '$PSScriptRoot/Support/TestToken.psm1'
Repair-HsmCluster '$definition' biel -Pin (ConvertTo-TestSecret -Text 648219) -WhatIf
"@ | Out-String
        $said | Should -BeLike "What if: Repair node 'biel' of cluster 'payments': initialise the blank token in slot *; bring in cluster key $($ceremony.Check) from 3 shares; fill it from peers zurich, basel, * objects; prove every key.*"
    }

    It 'may be given a backup by the address that Get-HsmBackup shows, if it is in a store of the cluster' {
        { Repair-HsmCluster @biel -LiteralPath https://dav.example.com/hsm/x.hsmbackup -WhatIf } | Should -Throw -ErrorId InvalidArgument* -ExpectedMessage '*no store at*'
        Assert-StillBlank
    }

    It 'refuses <Why>' -ForEach @(
        @{ Why = 'two shares'; Id = 'SharesMissing'; Change = { @{ Share = $ceremony.Shares[0, 4] } } }
        @{ Why = 'no shares'; Id = 'SharesMissing'; Change = { @{ Share = $null } } }
        @{ Why = 'no PIN of a security officer'; Id = 'PinRequired'; Change = { @{ SoPin = $null } } }
        @{ Why = 'no user PIN'; Id = 'PinRequired'; Change = { @{ Pin = $null } } }
        @{ Why = 'a share of another cluster'; Id = 'ShareRefused'; Change = {
                $other = Initialize-TestToken -Folder "$folder/other" -Label other
                Copy-Item -LiteralPath $other.Library -Destination $other.Folder
                $null = New-HsmCluster -Name other -Destination $folder -Library "$($other.Folder)/libsofthsm2.so" -TokenLabel other -LibraryEnvironment @{ SOFTHSM2_CONF = $other.Configuration }
                $foreign = New-HsmClusterKey -Cluster $folder/other.hsmcluster.json -Pin $pin -Threshold 2 -ShareCount 2 -NoIdentity -SharesInOutputOnly
                @{ Share = $ceremony.Shares[0, 1] + $foreign.Shares[0] }
            }
        }
        @{ Why = 'another name for the node'; Id = 'InvalidArgument'; Change = { @{ Replacement = @{ Name = 'bern' } } } }
        @{ Why = 'a replacement with something unknown in it'; Id = 'DefinitionInvalid'; Change = { @{ Replacement = @{ Colour = 'red' } } } }
        @{ Why = 'a PIN in the description of a node'; Id = 'PinSourceRefused'; Change = { @{ Replacement = @{ Pin = $pin } } } }
        @{ Why = 'a key for no backup'; Id = 'InvalidArgument'; Change = { @{ KeyPath = "$folder/keys/payments.key" } } }
        @{ Why = 'a node that it does not know'; Id = 'NodeNotFound'; Change = { @{ Node = 'bern' } } }
    ) {
        $arguments = $biel + $all
        $changes = & $Change
        foreach ($name in $changes.Keys) {
            $arguments[$name] = $changes[$name]
            if ($null -eq $changes[$name]) { $arguments.Remove($name) }
        }
        { Repair-HsmCluster @arguments } | Should -Throw -ErrorId "$Id,HsmBackup.PowerShell.Commands.RepairHsmClusterCommand"
        Assert-StillBlank
    }
}

Describe 'Repair-HsmCluster' {
    It 'brings a blank token back as the node, by shares and from its peers' {
        $script:result = Repair-HsmCluster @biel @all -ErrorVariable failed -WarningVariable warnings -Verbose 4> $folder/verbose
        $result | Should -BeOfType ([HsmBackup.Engine.Clusters.Repair.RepairResult])
        "$($result.State)", $result.Reason, $result.Source | Should -Be Repaired, '', 'peers zurich, basel'
        $result.Added | Should -Be $backup.Objects
        $result.Steps | ForEach-Object { "$($_.Name) $($_.Outcome)" } |
            Should -Be 'Initialize Passed', 'Join Passed', 'Fill Passed', 'Prove Passed', 'Definition Skipped'
        $result.Elapsed | Should -BeGreaterThan ([timespan]::Zero)
        @($failed) + @($warnings) | Should -BeNullOrEmpty
        Get-Content -LiteralPath $folder/verbose -Raw | Should -BeLike "*Join: Passed (cluster key $($ceremony.Check)), 0.*Prove: Passed*"
    }

    It 'has every key there, as an independent program uses it' {
        Get-TestObject -Token $nodes[1] | Sort-Object | Should -Be $objects
        Get-TestUse -Token $nodes[1] -Original $nodes[0] | Should -Be $uses
        (Get-HsmClusterHealth -Cluster $definition -Pin $pin -Deep).State | Should -Be Online, Online, Online
    }

    It 'is written out in the same way in every culture' {
        $text = $result | Out-String -Width 200
        $text | Should -Match '(?m)^State +: Repaired\r?$'
        $text | Should -Match '(?m)^Elapsed +: 00:0\d:\d\d\.\d{7}\r?$'
        $text | Should -Match '(?m)^Started +: \d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ\r?$'
        $result.Steps | Out-String -Width 200 | Should -Match '(?m)^Fill +Passed +00:0\d:\d\d\.\d{7} \d+ objects copied and proven\r?$'
    }

    It 'does nothing when it is run again, and needs no shares for it' {
        $again = Repair-HsmCluster @biel -Confirm:$false
        "$($again.State)", $again.Added | Should -Be Repaired, 0
        ($again.Steps | Where-Object Name -In Initialize, Join).Outcome | Should -Be Skipped, Skipped
    }

    It 'keeps of the node what -Replacement does not say, and the serial number only where the token can be the same' {
        $serial = (Get-HsmClusterHealth -Cluster $definition -Pin $pin -Node biel).TokenSerial
        $numbered = Get-Content -LiteralPath $definition -Raw | ConvertFrom-Json
        $numbered.nodes[1] | Add-Member -NotePropertyName tokenSerial -NotePropertyValue $serial
        $null = New-Item -ItemType Directory -Path $folder/numbered
        Set-Content -LiteralPath $folder/numbered/payments.hsmcluster.json -Value ($numbered | ConvertTo-Json -Depth 9)
        $other = $biel + @{ WhatIf = $true }
        $other.Cluster = "$folder/numbered/payments.hsmcluster.json"

        (Repair-HsmCluster @other).Token.TokenSerial | Should -Be $serial
        (Repair-HsmCluster @other -Replacement ([pscustomobject]@{ Zone = 'hill' })).Token.TokenSerial | Should -Be $serial
        $token = (Repair-HsmCluster @other -Replacement @{ TokenLabel = 'payments-biel' }).Token
        $token.TokenLabel, $token.TokenSerial, $token.Library.Environment.SOFTHSM2_CONF | Should -Be 'payments-biel', $null, $nodes[1].Configuration
    }

    It 'sends a wrong user PIN once, and to nobody else' {
        $before = Get-LoginCount
        { Repair-HsmCluster -Cluster $definition -Node biel -Pin $wrong -Confirm:$false } | Should -Throw -ErrorId 'PinIncorrect,*'
        Get-LoginCount | Should -Be ($before + 1)
        (Get-HsmClusterHealth -Cluster $definition -NoLogin).PinCountLow | Should -Be $false, $true, $false
        # A login takes the mark away.
        $null = Get-TestObject -Token $nodes[1]
    }

    It 'goes on where an initialisation was cut off; a wrong PIN of the security officer is sent once' {
        Clear-Node $nodes[1]
        $null = Invoke-TestProgram -Token $nodes[1] -Program pkcs11-tool -ArgumentList @(
            '--module', $nodes[1].Library, '--init-token', '--slot-index', '0', '--label', $nodes[1].Label, '--so-pin', '90817263')
        $before = Get-LoginCount
        $refused = Repair-HsmCluster @biel -SoPin $wrong -Share $all.Share -Confirm:$false -ErrorVariable failed -ErrorAction SilentlyContinue
        Get-LoginCount | Should -Be ($before + 1)
        "$($refused.State)", "$($refused.Error)" | Should -Be Failed, PinIncorrect
        $refused.Steps.Outcome | Should -Be Failed, NotRun, NotRun, NotRun, NotRun
        $failed.FullyQualifiedErrorId | Should -Be 'PinIncorrect,HsmBackup.PowerShell.Commands.RepairHsmClusterCommand'
        $failed.TargetObject | Should -Be biel
        $failed.ErrorDetails.RecommendedAction | Should -BeLike 'Find the right PIN before the next try*'

        $result = Repair-HsmCluster @biel @all
        "$($result.State)" | Should -Be Repaired
        Get-TestObject -Token $nodes[1] | Sort-Object | Should -Be $objects
    }

    It 'calls a node that has another key by a name of its peers Incomplete, and leaves that key alone' {
        $null = Invoke-Pkcs11Tool -Token $nodes[1] --delete-object --type secrkey --id 03
        Add-TestSecretKey -Token $nodes[1] -Label aes -Id '03'
        $before = Get-TestObject -Token $nodes[1]
        $result = Repair-HsmCluster @biel -Confirm:$false -ErrorVariable failed -ErrorAction SilentlyContinue
        "$($result.State)" | Should -Be Incomplete
        $result.Reason | Should -BeLike "*conflict*'aes'*"
        $failed.FullyQualifiedErrorId | Should -Be 'RepairFailed,HsmBackup.PowerShell.Commands.RepairHsmClusterCommand'
        $failed.TargetObject | Should -Be biel
        Get-TestObject -Token $nodes[1] | Should -Be $before
        { Repair-HsmCluster @biel -Confirm:$false -ErrorAction Stop } | Should -Throw -ErrorId 'RepairFailed,*'
    }

    It 'takes another token into the place of the node, from one peer, and names the other one that is dead' {
        Clear-Node $nodes[1]
        Clear-Node $nodes[2]
        $replacement = @{ TOKENLABEL = 'payments-biel-2'; LIBRARYENVIRONMENT = @{ SOFTHSM2_CONF = $nodes[1].Configuration }; Library = $nodes[1].Copy }
        $result = Repair-HsmCluster @biel @all -Replacement $replacement -WarningVariable warnings -WarningAction Ignore
        "$($result.State)", $result.Source | Should -Be Repaired, 'peers zurich'
        "$warnings" | Should -BeLike "*'basel' could not be looked into*"
        ($result.Steps | Where-Object Name -EQ Definition).Outcome | Should -Be Passed
        $now = (Get-HsmCluster $definition).Nodes[1]
        $now.Name, $now.Address.TokenLabel, $now.Address.Library.Path | Should -Be biel, 'payments-biel-2', $nodes[1].Copy
        $now.Zone, $now.Timeout | Should -Be lake, ([timespan]::FromSeconds(20))
        $nodes[1].Label = 'payments-biel-2'
        Get-TestObject -Token $nodes[1] | Sort-Object | Should -Be $objects
    }

    It 'says that a backup is needed where no peer is left' {
        foreach ($node in $nodes) { Clear-Node $node }
        $refusal = { Repair-HsmCluster @biel @all } | Should -Throw -ErrorId 'NodesUnavailable,*' -PassThru
        $refusal.ErrorDetails.RecommendedAction | Should -BeLike '*-Path*'
        $refusal.TargetObject.Node | Should -Be zurich, basel
        Get-ChildItem -LiteralPath "$($nodes[1].Folder)/tokens" -Force | Should -BeNullOrEmpty
    }

    It 'shows what a backup would bring, and refuses its shares as well before anything is touched' {
        $from = @{ Path = $backup.Path; KeyPath = "$folder/keys/payments.key" }
        $plan = Repair-HsmCluster @biel @from -WhatIf
        $plan.BackupId, $plan.Restore.Add, $plan.Joins | Should -Be $backup.BackupId, $backup.Objects, $true
        $plan | Out-String | Should -BeLike "*from backup $($backup.BackupId), *add $($backup.Objects), keep 0, replace 0, remove 0*"
        { Repair-HsmCluster @biel @from -SoPin $soPin -Share $ceremony.Shares[1, 2] -Confirm:$false } | Should -Throw -ErrorId 'SharesMissing,*'
        { Repair-HsmCluster @biel -Path "$folder/backups/none.hsmbackup" -Confirm:$false } | Should -Throw -ErrorId 'BackupNotFound,*'
        Get-ChildItem -LiteralPath "$($nodes[1].Folder)/tokens" -Force | Should -BeNullOrEmpty
    }

    It 'fills the node from the backup, and the others from the node' {
        $result = Repair-HsmCluster @biel @all -LiteralPath $backup.Path -KeyPath $folder/keys/payments.key
        "$($result.State)", $result.Source, $result.Added | Should -Be Repaired, "backup $($backup.BackupId)", $backup.Objects
        foreach ($name in 'zurich', 'basel') {
            $peer = Repair-HsmCluster -Cluster $definition -Node $name -Pin $pin @all -WarningAction Ignore
            "$($peer.State)" | Should -Be Repaired
        }
        foreach ($node in $nodes) {
            Get-TestObject -Token $node | Sort-Object | Should -Be $objects
            Get-TestUse -Token $node -Original $nodes[0] | Should -Be $uses
        }
        (Get-HsmClusterHealth -Cluster $definition -Pin $pin -Deep).State | Should -Be Online, Online, Online
    }
}

Describe 'Repair-HsmCluster, where somebody attends' -Skip:(-not $hasTerminal) {
    BeforeAll {
        $words = $ceremony.Shares[1, 2, 3].ForEach({ ConvertFrom-TestSecret -Secret $_ })
        function Invoke-Console([string] $Parameter, [string[][]] $Answer) {
            Set-Content -LiteralPath $folder/console.ps1 -Value @"
Import-Module '$root/out/HsmBackup', '$PSScriptRoot/Support/TestToken.psm1'
(Repair-HsmCluster '$definition' biel $Parameter -WarningAction Ignore).State
"@
            $program = (Get-PowerShellCommand) -join ' '
            Invoke-Terminal -CommandLine "$program -NoProfile -Command . '$folder/console.ps1'" -Answer $Answer
        }
    }

    It 'asks once, has the PINs of the new token typed twice, and then asks the custodians' {
        Clear-Node $nodes[1]
        $asked = @('PIN of node ''zurich''', '648219'), @('PIN of node ''biel''', '648219'), @('PIN of node ''basel''', '648219')
        $new = @('[?] Help', 'y'), @('''biel'' of cluster ''payments'', once more:', '648210')
        $screen = Invoke-Console -Answer ($asked + $new)
        $screen | Should -BeLike '*two answers differ*'
        Get-ChildItem -LiteralPath "$($nodes[1].Folder)/tokens" -Force | Should -BeNullOrEmpty

        $new[1][1] = '648219'
        $officer = @('PIN of the security officer', '90817263'), @('once more:', '90817263')
        $shares = @('Share 1, from word 1:', $words[0]), @('Share 2, from word 1:', $words[1]), @('Share 3, from word 1:', $words[2])
        $screen = Invoke-Console -Answer ($asked + $new + $officer + $shares)
        $screen | Should -BeLike "*Repair node 'biel' of cluster 'payments'? This will initialise the blank token*"
        $screen | Should -BeLike '*Repaired*'
        Get-TestObject -Token $nodes[1] | Sort-Object | Should -Be $objects
    }
}
