#Requires -Version 7.6

BeforeAll {
    $root = (Get-Item -LiteralPath "$PSScriptRoot/../..").FullName
    Import-Module -Name "$root/out/HsmBackup"
    $command = 'HsmBackup.PowerShell.Commands.NewHsmClusterCommand'
    $zurich = @{ Name = 'zurich-1'; Library = '/opt/vendor/a.so'; TokenLabel = 'payments' }
    $bern = @{ Name = 'bern-1'; Library = '/opt/vendor/b.so'; TokenSerial = '0815' }

    # A fresh folder as the current location of one test.
    function Enter-Folder {
        $folder = Join-Path $TestDrive ([IO.Path]::GetRandomFileName())
        Set-Location -LiteralPath (New-Item -ItemType Directory -Path $folder)
    }
    Push-Location
}

AfterAll {
    Pop-Location
}

Describe 'New-HsmCluster' {
    BeforeEach {
        Enter-Folder
    }

    It 'writes what can be read, and gives it' {
        $cluster = New-HsmCluster payments -Node $zurich, $bern -Description 'Card payments'
        $cluster | Should -BeOfType ([HsmBackup.Engine.Clusters.ClusterDefinition])
        $cluster.DefinitionPath | Should -Be "$PWD/payments.hsmcluster.json"
        $cluster.Id | Should -MatchExactly '^cluster-[0-9a-f]{16}$'
        $cluster.Description | Should -Be 'Card payments'
        $cluster.Nodes.Name | Should -Be 'zurich-1', 'bern-1'
        $cluster.Nodes[1].Address.TokenSerial | Should -Be '0815'
        (Get-HsmCluster payments).Id | Should -Be $cluster.Id
    }

    It 'takes all that a node can have' {
        $node = @{
            Name               = 'a'
            Library            = './lib.so'
            TokenLabel         = 'payments'
            TokenSerial        = '1'
            LibraryEnvironment = @{ CONF = '/etc/x'; LEVEL = 3 }
            LibraryParameters  = 'tokens=<x>'
            EnableQuirk        = [HsmBackup.Engine.Pkcs11.Quirks]'IdentifierIsUnique, UnwrapNeedsNssDb'
            DisableQuirk       = 'WrapRoundsLengths'
            Pin                = 'env:HSM_PIN'
            Timeout            = [timespan]::FromSeconds(3)
            Zone               = 'Zurich'
        }
        $made = (New-HsmCluster payments -Node $node).Nodes[0]
        $made.Address.Library.Path | Should -Be "$PWD/lib.so"
        $made.Address.Library.Environment['LEVEL'] | Should -Be '3'
        $made.Address.Library.Parameters | Should -Be 'tokens=<x>'
        $made.Address.Library.QuirksOn | Should -Be 'UnwrapNeedsNssDb, IdentifierIsUnique'
        $made.Address.Library.QuirksOff | Should -Be 'WrapRoundsLengths'
        "$($made.Pin)" | Should -Be 'env:HSM_PIN'
        $made.Timeout.TotalSeconds | Should -Be 3
        $made.Zone | Should -Be 'Zurich'
    }

    It 'takes objects, nodes of another definition, and a timeout in seconds' {
        (New-HsmCluster one -Node ([pscustomobject]@{ name = 'a'; library = '/a.so'; tokenLabel = 'x'; timeout = 2.5; zone = $null })).Nodes[0].Timeout.TotalSeconds |
            Should -Be 2.5
        $first = New-HsmCluster two -Node $zurich, $bern
        (New-HsmCluster three -Node $first.Nodes).Nodes.Name | Should -Be 'zurich-1', 'bern-1'
    }

    It 'makes a cluster of a lone token' {
        $cluster = New-HsmCluster alone -Library /a.so -TokenLabel x -LibraryEnvironment @{ CONF = 1 } -PinSource prompt -Destination ./new/folder
        $cluster.DefinitionPath | Should -Be "$PWD/new/folder/alone.hsmcluster.json"
        $cluster.Nodes[0].Name | Should -Be 'alone'
        "$($cluster.Nodes[0].Pin)" | Should -Be 'prompt'
    }

    It 'never overwrites without -Force' {
        $old = New-HsmCluster payments -Node $zurich
        { New-HsmCluster payments -Node $bern } | Should -Throw -ErrorId "DefinitionExists,$command"
        (Get-HsmCluster payments).Id | Should -Be $old.Id
        $new = New-HsmCluster payments -Node $bern -Force
        $new.Id | Should -Not -Be $old.Id
        (Get-HsmCluster payments).Nodes.Name | Should -Be 'bern-1'
    }

    It 'writes nothing with -WhatIf' {
        New-HsmCluster payments -Node $zurich -Destination ./new -WhatIf | Should -BeNullOrEmpty
        Get-ChildItem | Should -BeNullOrEmpty
    }

    It 'refuses <Why>' -ForEach @(
        @{ Why = 'a name that is no file name'; Id = 'DefinitionInvalid'; Name = 'a/b'; Change = @{} }
        @{ Why = 'a member that is not known'; Id = 'DefinitionInvalid'; Name = 'a'; Change = @{ Libary = 'x' } }
        @{ Why = 'a node without a token'; Id = 'DefinitionInvalid'; Name = 'a'; Change = @{ TokenLabel = $null } }
        @{ Why = 'a PIN as text'; Id = 'PinSourceRefused'; Name = 'a'; Change = @{ Pin = 'hunter2' } }
        @{ Why = 'a PIN as a number'; Id = 'PinSourceRefused'; Name = 'a'; Change = @{ Pin = 648219 } }
        @{ Why = 'a PIN as a secret'; Id = 'PinSourceRefused'; Name = 'a'; Change = @{ Pin = [securestring]::new() } }
        @{ Why = 'a quirk that nobody has'; Id = 'DefinitionInvalid'; Name = 'a'; Change = @{ EnableQuirk = 'Haste' } }
    ) {
        $node = $zurich.Clone()
        foreach ($key in $Change.Keys) { $node[$key] = $Change[$key] }
        { New-HsmCluster $Name -Node $node } | Should -Throw -ErrorId "$Id,$command"
        "$($Error[0] | Format-List -Force | Out-String)" | Should -Not -Match 'hunter2|648219'
        Get-ChildItem | Should -BeNullOrEmpty
    }

    It 'refuses what is no description: <_>' -ForEach 'a', 3, $true {
        { New-HsmCluster payments -Node $_ } | Should -Throw -ErrorId "ParameterArgumentTransformationError,$command"
    }
}
