#Requires -Version 7.6

BeforeDiscovery {
    Import-Module -Name "$PSScriptRoot/Support/Terminal.psm1"
    $hasTerminal = Test-Terminal
}

BeforeAll {
    $root = (Get-Item -LiteralPath "$PSScriptRoot/../..").FullName
    Import-Module -Name "$root/out/HsmBackup", "$PSScriptRoot/Support/TestToken.psm1", "$PSScriptRoot/Support/Terminal.psm1"

    # A cluster of one token. A library loaded twice in one process is one instance, so each has a copy of its own.
    function Build-TestCluster([string] $Name) {
        $folder = "$TestDrive/$Name"
        $token = Initialize-TestToken -Folder $folder -Label $Name
        Copy-Item -LiteralPath $token.Library -Destination $folder
        $node = @{ Name = 'a'; Library = "$folder/libsofthsm2.so"; TokenLabel = $Name; LibraryEnvironment = @{ SOFTHSM2_CONF = $token.Configuration } }
        $null = New-HsmCluster -Name $Name -Destination $folder -Node $node
        [pscustomobject]@{
            Token = $token
            Path  = "$folder/$Name.hsmcluster.json"
            Splat = @{ Cluster = "$folder/$Name.hsmcluster.json"; Pin = $token.Splat.Pin }
        }
    }

    function Get-Definition($Cluster) { Get-Content -LiteralPath $Cluster.Path -Raw | ConvertFrom-Json }
}

Describe 'New-HsmClusterKey' {
    It 'refuses, before it does anything, shares that nobody would see' {
        $cluster = Build-TestCluster -Name unattended
        $splat = $cluster.Splat
        { New-HsmClusterKey @splat -Threshold 2 -ShareCount 3 } | Should -Throw -ErrorId 'ShareDestinationRequired*'
        { New-HsmClusterKey @splat -Threshold 2 -ShareCount 3 -SharesInOutputOnly -ShareFolder $TestDrive } | Should -Throw -ErrorId 'InvalidArgument*'
        { New-HsmClusterKey @splat -Threshold 2 -SharesInOutputOnly } | Should -Throw -ErrorId 'InvalidArgument*'
        { New-HsmClusterKey @splat -Threshold 2 -ShareCount 3 -Custodian Alice, Bob -SharesInOutputOnly } | Should -Throw -ErrorId 'InvalidArgument*'
        { New-HsmClusterKey @splat -Threshold 4 -ShareCount 3 -SharesInOutputOnly } | Should -Throw -ErrorId 'InvalidArgument*'
        (Get-Definition $cluster).PSObject.Properties.Name | Should -Not -Contain clusterKey
        Get-TestObject -Token $cluster.Token | Should -BeNullOrEmpty
    }

    It 'does nothing with -WhatIf' {
        $cluster = Build-TestCluster -Name whatif
        $splat = $cluster.Splat
        New-HsmClusterKey @splat -Threshold 2 -ShareCount 3 -ShareFolder $TestDrive/whatif-shares -WhatIf | Should -BeNullOrEmpty
        Test-Path -LiteralPath $TestDrive/whatif-shares | Should -BeFalse
        Get-TestObject -Token $cluster.Token | Should -BeNullOrEmpty
    }

    It 'writes each share to a file for its owner alone' {
        $cluster = Build-TestCluster -Name files
        $splat = $cluster.Splat
        $key = New-HsmClusterKey @splat -Threshold 2 -Custodian Alice, Bob, Carol -ShareFolder $TestDrive/shares
        $key.SharePaths | Should -HaveCount 3
        $key.Shares | Should -BeNullOrEmpty
        (Get-Item -LiteralPath $key.SharePaths).UnixMode | Select-Object -Unique | Should -BeExactly '-rw-------'
        $lines = Get-Content -LiteralPath $key.SharePaths[1]
        $lines[0] | Should -BeLike "# Share 2 of 3 of the cluster key of 'files', set '*', 2 needed, for Bob"
        -split $lines[1] | Should -HaveCount 33
        (Test-HsmClusterKeyShare -SharePath $key.SharePaths -Cluster $cluster.Path).State | Should -Be Valid, Valid, Valid

        Clear-TestToken -Token $cluster.Token
        (Restore-HsmClusterKey @splat -Node a -SharePath $key.SharePaths[2, 0]).State | Should -Be Added
        # It never writes over a share, and makes no second key by accident.
        { New-HsmClusterKey @splat -Threshold 2 -ShareCount 3 -ShareFolder $TestDrive/shares -Force } | Should -Throw -ErrorId 'KeyFileExists*'
        { New-HsmClusterKey @splat -Threshold 2 -ShareCount 3 -SharesInOutputOnly } | Should -Throw -ErrorId 'ClusterKeyExists*'
    }

    It 'shows no share in any view of its output' {
        $cluster = Build-TestCluster -Name views
        $splat = $cluster.Splat
        $key = New-HsmClusterKey @splat -Threshold 2 -ShareCount 2 -SharesInOutputOnly
        $words = ( -split (ConvertFrom-TestSecret -Secret $key.Shares[0]))[5..8] -join ' '
        $views = @($key | Out-String; $key | Format-List | Out-String; $key | Format-List -Property * -Force | Out-String
            $key | Format-Custom | Out-String; $key | ConvertTo-Json -Depth 6; $key | ConvertTo-Csv | Out-String; "$key")
        foreach ($view in $views) { $view | Should -Not -BeLike "*$words*" }
    }

    It 'takes the key out of the token again where the definition cannot be written' {
        $cluster = Build-TestCluster -Name changed
        $splat = $cluster.Splat
        $before = Get-HsmCluster -LiteralPath $cluster.Path
        Set-Content -LiteralPath $cluster.Path -Value ((Get-Content -LiteralPath $cluster.Path -Raw) + ' ')
        { New-HsmClusterKey -Cluster $before -Pin $splat.Pin -Threshold 2 -ShareCount 2 -ShareFolder $TestDrive/lost } | Should -Throw -ErrorId 'DefinitionChanged*'
        Get-TestObject -Token $cluster.Token | Should -BeNullOrEmpty
        Get-ChildItem -LiteralPath $TestDrive/lost | Should -BeNullOrEmpty
    }

    It 'gives the key to other custodians, and old shares are named as such' {
        $cluster = Build-TestCluster -Name resplit
        $splat = $cluster.Splat
        $old = New-HsmClusterKey @splat -Threshold 2 -ShareCount 3 -SharesInOutputOnly
        $new = New-HsmClusterKey -Cluster $cluster.Path -Resplit -Share $old.Shares[0, 2] -Threshold 3 -ShareCount 4 -SharesInOutputOnly
        $new.Check | Should -BeExactly $old.Check
        $new.RetiredShareSets | Should -Be $old.ShareSetId

        $stale = Test-HsmClusterKeyShare -Share $old.Shares[1] -Cluster $cluster.Path -ErrorVariable refusal -ErrorAction SilentlyContinue
        $stale.State | Should -Be RetiredSet
        $refusal.FullyQualifiedErrorId | Should -BeLike 'ShareRefused*'
        { Restore-HsmClusterKey @splat -Share $old.Shares } | Should -Throw '*is an old one*'
        Clear-TestToken -Token $cluster.Token
        (Restore-HsmClusterKey @splat -Share $new.Shares[3, 0, 1]).State | Should -Be Added
    }

    It 'replaces the key when it is told to' {
        $cluster = Build-TestCluster -Name replaced
        $splat = $cluster.Splat
        $old = New-HsmClusterKey @splat -Threshold 2 -ShareCount 2 -SharesInOutputOnly
        $new = New-HsmClusterKey @splat -Threshold 2 -ShareCount 2 -SharesInOutputOnly -Force -WarningAction SilentlyContinue
        $new.Check | Should -Not -Be $old.Check
        $new.Identity | Should -BeExactly $old.Identity -Because 'a cluster keeps its identity'
        @(Get-TestObject -Token $cluster.Token | Where-Object { $_ -like '*HsmBackup cluster key*' }) | Should -HaveCount 1
    }

    It 'takes shares as SecureStrings only, and repeats nothing of what it refuses' {
        $refusal = { Restore-HsmClusterKey -Cluster x -Share 'academic acid acrobat' } | Should -Throw -PassThru
        $refusal.Exception.Message | Should -Not -BeLike '*acrobat*'
        { Test-HsmClusterKeyShare -Share 'academic acid acrobat' } | Should -Throw
    }
}

Describe 'Test-HsmClusterKeyShare' {
    BeforeAll {
        $cluster = Build-TestCluster -Name typing
        $splat = $cluster.Splat
        $key = New-HsmClusterKey @splat -Threshold 2 -ShareCount 2 -NoIdentity -SharesInOutputOnly
        $words = -split (ConvertFrom-TestSecret -Secret $key.Shares[0])
    }

    It 'needs no cluster to find typing errors' {
        $tested = $key.Shares[1] | Test-HsmClusterKeyShare
        $tested.Valid, $tested.State, $tested.Number, $tested.Threshold | Should -Be $true, Readable, 2, 2
        $wrong = $words.Clone()
        $wrong[9] = 'zzzz'
        Test-HsmClusterKeyShare -Share (ConvertTo-TestSecret -Text ($wrong -join ' ')) -ErrorVariable refusal -ErrorAction SilentlyContinue | Should -BeNullOrEmpty
        $refusal.FullyQualifiedErrorId | Should -BeLike 'ShareTextInvalid*'
        $refusal.Exception.Message | Should -BeLike '*word 10 *'
        $refusal.Exception.Message | Should -Not -BeLike '*zzzz*'
    }

    It 'says true or false with -Quiet' {
        $swapped = $words.Clone()
        $swapped[6], $swapped[7] = $swapped[7], $swapped[6]
        $key.Shares | Test-HsmClusterKeyShare -Cluster $cluster.Path -Quiet | Should -Be $true, $true
        Test-HsmClusterKeyShare -Share (ConvertTo-TestSecret -Text ($swapped -join ' ')) -Quiet | Should -BeFalse
    }
}

Describe 'At a console' -Skip:(-not $hasTerminal) {
    BeforeAll {
        $cluster = Build-TestCluster -Name console
        $command = @"
Import-Module '$root/out/HsmBackup', '$PSScriptRoot/Support/TestToken.psm1'
`$pin = ConvertTo-TestSecret -Text 648219
"@
        function Invoke-Console([string] $Script, [string[][]] $Answer) {
            Set-Content -LiteralPath $TestDrive/console.ps1 -Value "$command`n$Script"
            $program = (Get-PowerShellCommand) -join ' '
            Invoke-Terminal -CommandLine "$program -NoProfile -Command . '$TestDrive/console.ps1'" -Answer $Answer
        }
    }

    It 'shows each custodian a share of their own, and clears the screen before the next' {
        $screen = Invoke-Console -Script @"
`$null = Start-Transcript -Path '$TestDrive/ceremony.transcript'
New-HsmClusterKey -Cluster '$($cluster.Path)' -Pin `$pin -Threshold 2 -Custodian Alice, Bob -NoIdentity
`$null = Stop-Transcript
"@ -Answer @(
            @('Alice, when you are alone at the screen, press Enter:', ''), @('the screen is then cleared:', ''),
            @('Bob, when you are alone at the screen, press Enter:', ''), @('the screen is then cleared:', ''))
        $screen | Should -BeLike "*share 1 of 2 is for Alice, and for nobody else's eyes*share 2 of 2 is for Bob*"
        # The first two words are the same for both: the name of the set.
        $script:shares = foreach ($part in ($screen -split 'is for Bob')) {
            $found = [regex]::Matches($part, '(?<= {2})(\d\d?) ([a-z]{4,8})')
            , @($found | Sort-Object { [int]$_.Groups[1].Value } | ForEach-Object { $_.Groups[2].Value })
        }
        $shares[0] | Should -HaveCount 33
        $shares[1] | Should -HaveCount 33
        $shares[0][0, 1] | Should -Be $shares[1][0, 1]
        (Get-Definition $cluster).clusterKey.shares | Should -Be 2
        $recorded = Get-Content -LiteralPath $TestDrive/ceremony.transcript -Raw
        $recorded | Should -BeLike '*transcript end*'
        foreach ($word in $shares[0][5..32] + $shares[1][5..32]) { $recorded | Should -Not -BeLike "* $word *" }
    }

    It 'asks for the shares one by one, and names the word that is wrong' {
        Clear-TestToken -Token $cluster.Token
        $first = $shares[0]
        $screen = Invoke-Console -Script "(Restore-HsmClusterKey -Cluster '$($cluster.Path)' -Pin `$pin).State" -Answer @(
            @('Share 1, from word 1:', "$($first[0..9] -join ' ') acdemic $($first[11..32] -join ' ')"),
            @('Share 1, from word 11:', ($first[10..32] -join ' ')),
            @('Share 2, from word 1:', ($first -join ' ')),
            @('Share 2, from word 1:', ($shares[1] -join ' ')))
        $screen | Should -BeLike "*Word 11, 'acdemic', is not in the list*Nearest: academic*"
        $screen | Should -BeLike '*is here already*'
        $screen | Should -BeLike '*Added*'
        $screen | Should -Not -BeLike "*$($first[20..22] -join ' ')*"
    }
}
