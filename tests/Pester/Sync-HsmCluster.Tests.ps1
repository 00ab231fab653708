#Requires -Version 7.6

# Three real nodes, each with a library of its own. What is done to them is checked by pkcs11-tool and openssl.

BeforeDiscovery {
    $noCompiler = -not (Get-Command -Name gcc -CommandType Application -ErrorAction Ignore) -or -not (Test-Path -LiteralPath /usr/include/p11-kit-1)
}

BeforeAll {
    $root = (Get-Item -LiteralPath "$PSScriptRoot/../..").FullName
    Import-Module -Name "$root/out/HsmBackup", "$PSScriptRoot/Support/TestToken.psm1"
    $homeBefore = $env:HSMBACKUP_HOME
    $env:HSMBACKUP_HOME = Join-Path $TestDrive home
    $env:HSMBACKUP_TEST_PIN = '648219'
    $command = 'HsmBackup.PowerShell.Commands.SyncHsmClusterCommand'
    $used = 'Verified OK', 'Verified OK', 'pay 100 to Alice'

    # Not in TestDrive, which takes away after a Describe what was made in it: here that would be objects of the tokens.
    $folder = Join-Path ([IO.Path]::GetTempPath()) "hsmbackup-tests-$([IO.Path]::GetRandomFileName())"

    $tokens = [ordered]@{}
    $nodes = foreach ($name in 'zurich', 'bern', 'basel') {
        $tokens[$name] = Initialize-TestToken -Folder "$folder/$name" -Label "$name-token"
        ConvertTo-TestNode -Token $tokens[$name] -Name $name
    }
    $cluster = New-HsmCluster payments -Node $nodes -Destination $env:HSMBACKUP_HOME/clusters
    $null = New-HsmClusterKey payments -Threshold 2 -ShareCount 3 -SharesInOutputOnly
    Add-TestObject -Token $tokens.zurich

    # What each node holds, as one text.
    function Get-Content3 { foreach ($token in $tokens.Values) { (Get-TestObject -Token $token | Sort-Object) -join "`n" } }

    function Get-Label($Token) { @(Get-TestObject -Token $Token) -match '^label: ' -replace '^label:\s*' }

    # The cluster with another library before one of its nodes.
    function Copy-Definition([string] $Node, [string] $Library, [hashtable] $Environment = @{}, [string] $Pin = 'env:HSMBACKUP_TEST_PIN') {
        $definition = Get-Content -LiteralPath $cluster.DefinitionPath -Raw | ConvertFrom-Json -AsHashtable
        $changed = $definition.nodes.Where({ $_.name -eq $Node })[0]
        $changed.library = $Library
        $changed.pin = $Pin
        foreach ($name in $Environment.Keys) { $changed.environment[$name] = $Environment[$name] }
        $path = Join-Path $TestDrive "$([IO.Path]::GetRandomFileName()).hsmcluster.json"
        ConvertTo-Json -InputObject $definition -Depth 9 | Set-Content -LiteralPath $path
        $path
    }
}

AfterAll {
    Remove-Item -LiteralPath $folder -Recurse -Force
    $env:HSMBACKUP_HOME = $homeBefore
    $env:HSMBACKUP_TEST_PIN = $null
}

Describe 'Sync-HsmCluster' {
    It 'shows its plan with -WhatIf, and changes nothing' {
        $before = Get-Content3
        $plan = Sync-HsmCluster -Cluster payments -WhatIf -StatePath $TestDrive/untouched
        $plan.Copy, $plan.Replace, $plan.Remove, $plan.ChangesNothing | Should -Be 16, 0, 0, $false
        $plan.Items.Node | Select-Object -Unique | Should -Be 'bern', 'basel'
        $plan.Items.From | Select-Object -Unique | Should -Be 'zurich'
        $view = $plan | Out-String -Width 200
        $view | Should -BeLike "*copy 16, replace 0, remove 0*bern:*Copy *'aes' (id 03) from zurich*basel:*"
        ($plan.Items[0] | Format-Table | Out-String) | Should -BeLike '*Node*Action*Object*From*Reason*'
        Get-Content3 | Should -Be $before
        Test-Path -LiteralPath $TestDrive/untouched | Should -BeFalse
    }

    It 'copies what is missing, and independent programs use it on every node' {
        $results = Get-HsmCluster payments | Sync-HsmCluster -Confirm:$false -WarningVariable warnings
        $results.Node | Should -Be 'zurich', 'bern', 'basel'
        $results.State | Should -Be 'AlreadyInSync', 'Synchronized', 'Synchronized'
        $results.Copied | Should -Be 0, 8, 8
        $warnings | Should -BeNullOrEmpty
        foreach ($token in $tokens.Values) { Get-TestUse -Token $token -Original $tokens.zurich | Should -Be $used }
        Get-Content3 | Select-Object -Unique | Should -HaveCount 1
        ($results | Out-String -Width 200) | Should -BeLike '*Node*State*Copied*Replaced/Removed*Reason*bern*Synchronized*8*0/0*'
        ($results[1].Steps | Out-String -Width 200) | Should -BeLike '*Node*Action*Outcome*Object*Detail*bern*Copy*Passed*'
    }

    It 'asks nothing where nothing is to be done, and asks where something is' {
        # A host that shows and asks nothing: a question is an error.
        $shell = [powershell]::Create().AddScript("Import-Module '$root/out/HsmBackup'; Sync-HsmCluster payments")
        $shell.Invoke().State | Should -Be 'AlreadyInSync', 'AlreadyInSync', 'AlreadyInSync'
        $null = Invoke-Pkcs11Tool -Token $tokens.bern -ArgumentList --delete-object, --type, secrkey, --label, aes
        $shell.Invoke() | Should -BeNullOrEmpty
        $shell.Streams.Error | Should -HaveCount 1
        $shell.Streams.Error[0].Exception | Should -BeOfType ([Management.Automation.Host.HostException])
        # PowerShell's own words around it are in the language of the session.
        $shell.Streams.Error[0].Exception.Message | Should -BeLike "*Synchronise cluster 'payments'*copy 1, replace 0 and remove 0 objects*"
        $shell.Dispose()
        Get-Label -Token $tokens.bern | Should -Not -Contain aes
        (Sync-HsmCluster payments -Confirm:$false)[1].Copied | Should -Be 1
    }

    It 'changes only the nodes that are named' {
        Add-TestSecretKey -Token $tokens.zurich -Label one -Id '11'
        $result = Sync-HsmCluster payments -Node BASEL -Confirm:$false
        $result.Node, $result.State, $result.Copied | Should -Be 'basel', 'Synchronized', 1
        Get-TestPlaintext -Token $tokens.basel -Id '11' -Key "$folder/zurich/one.bin" | Should -Be 'pay 100 to Alice'
        Get-Label -Token $tokens.bern | Should -Not -Contain one
        Get-Label -Token $tokens.basel | Should -Contain one
        (Sync-HsmCluster payments -Node $cluster.Nodes[1], zurich -Confirm:$false).Node | Should -Be 'zurich', 'bern'
        { Sync-HsmCluster payments -Node bern, nowhere } | Should -Throw -ErrorId "NodeNotFound,$command"
        { Sync-HsmCluster payments -Resolve nowhere } | Should -Throw -ErrorId "NodeNotFound,$command"
    }

    It 'leaves keys of one name that differ, and says so' {
        Add-TestSecretKey -Token $tokens.zurich -Label pay -Id '04'
        Add-TestSecretKey -Token $tokens.bern -Label pay -Id '04'
        $before = Get-Content3
        $results = Sync-HsmCluster payments -Confirm:$false -WarningVariable warnings -WarningAction SilentlyContinue
        $results.State | Should -Be 'AlreadyInSync', 'Incomplete', 'Incomplete'
        $results.Conflicts | Should -Be 0, 1, 1
        "$warnings" | Should -BeLike "*bern: Conflict *'pay' (id 04)*basel: Conflict *-Resolve*"
        Get-Content3 | Should -Be $before
        Get-TestPlaintext -Token $tokens.bern -Id '04' -Key "$folder/bern/pay.bin" | Should -Be 'pay 100 to Alice'
    }

    It 'wants a file for the key of the safety backups before it asks anything, but not for the plan' {
        # Without -Confirm:$false a question here would be an error of another name.
        { Sync-HsmCluster payments -Resolve bern } | Should -Throw -ErrorId "KeyDestinationRequired,$command"
        Set-Content -LiteralPath $TestDrive/taken.key -Value mine
        { Sync-HsmCluster payments -Resolve bern -KeyPath $TestDrive/taken.key } | Should -Throw -ErrorId "KeyFileExists,$command"
        $plan = Sync-HsmCluster payments -Resolve bern -WhatIf
        $plan.Replace, $plan.Copy, $plan.RemovesAnything | Should -Be 1, 1, $true
        ($plan | Out-String -Width 200) | Should -BeLike '*safety backup*-KeyPath*'
    }

    It 'replaces what the named node has otherwise, and the safety backup brings it back' {
        $keyPath = Join-Path $TestDrive safety.key
        $said = Sync-HsmCluster payments -Resolve bern -KeyPath $keyPath -StatePath $TestDrive/state -Confirm:$false -Verbose 4>&1
        $results = $said | Where-Object { $_ -isnot [Management.Automation.VerboseRecord] }
        $results.State | Should -Be 'Synchronized', 'AlreadyInSync', 'Synchronized'
        $results.Replaced | Should -Be 1, 0, 0
        $results.Copied | Should -Be 0, 0, 1
        foreach ($token in $tokens.Values) {
            Get-TestPlaintext -Token $token -Id '04' -Key "$folder/bern/pay.bin" | Should -Be 'pay 100 to Alice'
        }
        $safety = $results[0].SafetyBackupPath
        foreach ($kept in $results[1, 2]) { $kept.SafetyBackupPath | Should -BeNullOrEmpty }
        "$said" | Should -BeLike "*What node 'zurich' held before is in '$safety'*'$keyPath'*"
        "$said" | Should -Not -Match hsmkey1
        (Get-Item -LiteralPath $keyPath).UnixMode | Should -BeExactly '-rw-------'

        $null = Restore-HsmKey -Path $safety -Label pay -KeyPath $keyPath -Cluster payments -Node zurich -Replace -StatePath $TestDrive/state -Confirm:$false
        Get-TestPlaintext -Token $tokens.zurich -Id '04' -Key "$folder/zurich/pay.bin" | Should -Be 'pay 100 to Alice'
        (Sync-HsmCluster payments -Resolve bern -KeyPath $TestDrive/again.key -Confirm:$false)[0].Replaced | Should -Be 1
    }

    It 'removes what only a minority has where that is asked, and saves it' {
        Add-TestSecretKey -Token $tokens.basel -Label extra -Id '05'
        Get-Label -Token $tokens.basel | Should -Contain extra
        $results = Sync-HsmCluster payments -RemoveExtra -KeyPath $TestDrive/extra.key -StatePath $TestDrive/state -Confirm:$false
        $results.Removed | Should -Be 0, 0, 1
        Get-Label -Token $tokens.basel | Should -Not -Contain extra
        (Test-HsmBackup -Path $results[2].SafetyBackupPath -KeyPath $TestDrive/extra.key -Level Content).Passed | Should -BeTrue
        Get-Content3 | Select-Object -Unique | Should -HaveCount 1
    }

    It 'reports a node whose storage is gone, and fills the others' {
        Add-TestSecretKey -Token $tokens.zurich -Label two -Id '12'
        Rename-Item -LiteralPath "$folder/basel/tokens" -NewName away
        try {
            $plan = Sync-HsmCluster payments -WhatIf -ErrorVariable planErrors -ErrorAction SilentlyContinue
            $results = Sync-HsmCluster payments -Confirm:$false -ErrorVariable failures -ErrorAction SilentlyContinue
            $other = Sync-HsmCluster payments -Node bern -ErrorVariable otherErrors -WarningVariable warnings -WarningAction SilentlyContinue
        }
        finally {
            Rename-Item -LiteralPath "$folder/basel/away" -NewName tokens
        }
        $plan.Unread.Node, $plan.Copy | Should -Be 'basel', 1
        ($plan | Out-String -Width 200) | Should -BeLike '*leaves out basel*'
        $results.State | Should -Be 'AlreadyInSync', 'Synchronized', 'Failed'
        foreach ($errors in $planErrors, $failures) {
            $errors | Should -HaveCount 1
            $errors[0].FullyQualifiedErrorId | Should -BeIn "TokenNotFound,$command", "LibraryLoadFailed,$command"
            $errors[0].TargetObject | Should -Be 'basel'
            $errors[0].Exception.Message | Should -BeLike "Node 'basel'*"
        }
        $other.Node, $other.State | Should -Be 'bern', 'AlreadyInSync'
        $otherErrors | Should -BeNullOrEmpty -Because 'that node was not to be changed'
        "$warnings" | Should -BeLike "*'basel' could not be read*"
        Get-TestPlaintext -Token $tokens.bern -Id '12' -Key "$folder/zurich/two.bin" | Should -Be 'pay 100 to Alice'
        (Sync-HsmCluster payments -Confirm:$false)[2].State | Should -Be 'Synchronized'
    }

    It 'ends where fewer than two nodes can be read' {
        $failure = { Sync-HsmCluster payments -Pin (ConvertTo-TestSecret -Text '000000') } | Should -Throw -ErrorId "NodesUnavailable,$command" -PassThru
        $failure.CategoryInfo.Category | Should -Be 'ResourceUnavailable'
        $failure.TargetObject.Node | Should -Be 'zurich', 'bern', 'basel'
        # The first has refused it, and no other hears it.
        $failure.TargetObject.Error | Should -Be 'PinIncorrect', 'PinRequired', 'PinRequired'
        # A token remembers a wrong PIN until it sees the right one.
        $null = Get-TestObject -Token $tokens.zurich
    }

    It 'sends a wrong PIN once' {
        Copy-Item -LiteralPath $tokens.bern.Library -Destination "$folder/bern/behind.so"
        Copy-Item -Path /usr/lib/*/pkcs11-spy.so -Destination "$folder/bern/spy.so"
        $path = Copy-Definition -Node bern -Library "$folder/bern/spy.so" -Environment @{ PKCS11SPY = "$folder/bern/behind.so"; PKCS11SPY_OUTPUT = "$folder/bern/calls" } -Pin env:HSMBACKUP_WRONG_PIN
        $env:HSMBACKUP_WRONG_PIN = 'wrong-pin'
        try {
            $results = Sync-HsmCluster $path -Confirm:$false -ErrorVariable failures -ErrorAction SilentlyContinue
        }
        finally {
            $env:HSMBACKUP_WRONG_PIN = $null
            $null = Get-TestObject -Token $tokens.bern
        }
        $results.State | Should -Be 'AlreadyInSync', 'Failed', 'AlreadyInSync'
        $failures.FullyQualifiedErrorId | Should -Be "PinIncorrect,$command"
        $failures | Format-List -Property * -Force | Out-String -Width 1000 | Should -Not -BeLike '*wrong-pin*'
        Select-String -LiteralPath "$folder/bern/calls" -Pattern 'C_Login$' | Should -HaveCount 1
    }

    It 'reports each object that a node refuses, and the others get it' -Skip:$noCompiler {
        $faulty = "$folder/bern/faulty.so"
        Copy-Item -LiteralPath $tokens.bern.Library -Destination "$folder/bern/ill.so"
        Set-Content -LiteralPath "$faulty.real" -Value "$folder/bern/ill.so" -NoNewline
        $null = Invoke-TestProgram -Token $tokens.bern -Program gcc -ArgumentList '-shared', '-fPIC', '-fvisibility=hidden', '-I', '/usr/include/p11-kit-1',
        '-o', $faulty, "$root/tests/HsmBackup.Engine.Tests/Support/faultshim.c", '-ldl'
        $path = Copy-Definition -Node bern -Library $faulty
        $null = Invoke-Pkcs11Tool -Token $tokens.zurich -ArgumentList --write-object, "$folder/zurich/data", --type, data, --label, refused
        Set-Content -LiteralPath "$faulty.faults" -Value 'C_CreateObject 30'
        $results = Sync-HsmCluster $path -Confirm:$false -ErrorVariable failures -ErrorAction SilentlyContinue
        $results.State | Should -Be 'AlreadyInSync', 'Incomplete', 'Synchronized'
        $failures.FullyQualifiedErrorId | Should -Be "SyncFailed,$command"
        $failures[0].Exception.Message | Should -BeLike "bern: Copy CKO_DATA 'refused'*CKR_DEVICE_ERROR*"
        $failures[0].TargetObject.Item.Node | Should -Be 'bern'
        Remove-Item -LiteralPath "$faulty.faults"
        (Sync-HsmCluster $path -Confirm:$false)[1].Copied | Should -Be 1
    }

    It 'says what cannot be carried' {
        Add-TestFixedKey -Token $tokens.zurich
        $results = Sync-HsmCluster payments -Confirm:$false -WarningVariable warnings -WarningAction SilentlyContinue
        $results.State | Should -Be 'Incomplete', 'Incomplete', 'Incomplete' -Because 'what cannot be compared is not called alike'
        $results.Copied | Should -Be 0, 1, 1 -Because 'the public key is carried'
        $results.Uncompared | Should -Be 1, 0, 0
        "$warnings" | Should -BeLike "*bern: NotPossible CKO_PRIVATE_KEY CKK_EC 'fixed'*NotExtractable*"
    }

    It 'is for clusters with a cluster key only' {
        $lone = New-HsmCluster -Name lone -Node $nodes[0] -Destination $TestDrive
        { Sync-HsmCluster $lone } | Should -Throw -ErrorId "InvalidArgument,$command"
        $pair = New-HsmCluster -Name pair -Node $nodes[0, 1] -Destination $TestDrive
        { Sync-HsmCluster $pair } | Should -Throw -ErrorId "ClusterKeyMissing,$command"
        { Sync-HsmCluster payments -Library "$folder/basel/libsofthsm2.so" } | Should -Throw -ErrorId "NamedParameterNotFound,$command"
        { Sync-HsmCluster payments -Pin 648219 } | Should -Throw -ErrorId "ParameterArgumentTransformationError,$command"
    }
}
