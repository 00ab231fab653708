#Requires -Version 7.6

BeforeAll {
    $root = (Get-Item -LiteralPath "$PSScriptRoot/../..").FullName
    Import-Module -Name "$root/out/HsmBackup"
    $command = 'HsmBackup.PowerShell.Commands.GetHsmClusterCommand'
    $homeBefore, $configurationBefore = $env:HSMBACKUP_HOME, $env:XDG_CONFIG_HOME
    $env:HSMBACKUP_HOME = Join-Path $TestDrive home
    $env:XDG_CONFIG_HOME = Join-Path $TestDrive xdg
    $node = @{ Name = 'a'; Library = '/a.so'; TokenLabel = 'x' }
    $current = Join-Path $TestDrive 'here [1]'
    $near = New-HsmCluster near -Node $node -Destination $current
    $far = New-HsmCluster far -Node $node -Destination $env:HSMBACKUP_HOME/clusters
    $third = New-HsmCluster Other -Node $node -Destination $env:XDG_CONFIG_HOME/hsmbackup/clusters
    Push-Location -LiteralPath $current
}

AfterAll {
    Pop-Location
    $env:HSMBACKUP_HOME, $env:XDG_CONFIG_HOME = $homeBefore, $configurationBefore
}

Describe 'Get-HsmCluster' {
    It 'lists what is found by name, from all folders' {
        $found = Get-HsmCluster
        $found | Should -BeOfType ([HsmBackup.Engine.Clusters.ClusterDefinition])
        $found.Name | Should -Be 'far', 'near', 'Other'
        $found.DefinitionPath | Should -Be $far.DefinitionPath, $near.DefinitionPath, $third.DefinitionPath
    }

    It 'finds a name in any case, and by wildcards' {
        (Get-HsmCluster OTHER).Id | Should -Be $third.Id
        (Get-HsmCluster *AR).Name | Should -Be 'far', 'near'
        Get-HsmCluster nothing* | Should -BeNullOrEmpty
    }

    It 'reads files by path, with wildcards or as they are' {
        (Get-HsmCluster -Path $env:HSMBACKUP_HOME/clusters/*).Name | Should -Be 'far'
        (Get-HsmCluster -Path './near.hsmcluster.json').Id | Should -Be $near.Id
        (Get-HsmCluster -LiteralPath $near.DefinitionPath).Id | Should -Be $near.Id
        (Get-ChildItem -LiteralPath $current | Get-HsmCluster).Id | Should -Be $near.Id
    }

    It 'says <Id> where there is none' -ForEach @(
        @{ Id = 'DefinitionNotFound'; Arguments = @{ Name = 'nowhere' } }
        @{ Id = 'DefinitionNotFound'; Arguments = @{ Path = './nowhere.hsmcluster.json' } }
        @{ Id = 'DefinitionNotFound'; Arguments = @{ LiteralPath = './nowhere.hsmcluster.json' } }
    ) {
        { Get-HsmCluster @Arguments -ErrorAction Stop } | Should -Throw -ErrorId "$Id,$command"
    }

    It 'names the line of an error, and gives the other clusters' {
        $wrong = "$env:HSMBACKUP_HOME/clusters/wrong.hsmcluster.json"
        (Get-Content -LiteralPath $far.DefinitionPath) -replace '"tokenLabel"', '"token"' | Set-Content -LiteralPath $wrong
        try {
            $found = Get-HsmCluster -ErrorAction SilentlyContinue -ErrorVariable failed
            $found.Name | Should -Be 'far', 'near', 'Other'
            $failed | Should -HaveCount 1
            $failed[0].FullyQualifiedErrorId | Should -Be "DefinitionInvalid,$command"
            "$($failed[0])" | Should -BeLike "*wrong.hsmcluster.json', line 9, `$.nodes``[0``].token: this member is not known. Expected: only name, library*"
            $failed[0].ErrorDetails.RecommendedAction | Should -BeLike '*docs/cluster-definition.md*'
        }
        finally {
            Remove-Item -LiteralPath $wrong
        }
    }

    It 'does not take one cluster for another of the same name' {
        $twin = New-HsmCluster near -Node $node -Destination $env:HSMBACKUP_HOME/clusters
        try {
            { Get-HsmCluster near -ErrorAction Stop } | Should -Throw -ErrorId "DefinitionAmbiguous,$command"
            (Get-HsmCluster -LiteralPath $twin.DefinitionPath).Id | Should -Be $twin.Id
        }
        finally {
            Remove-Item -LiteralPath $twin.DefinitionPath
        }
    }

    It 'has a table and a list' {
        Get-HsmCluster far | Out-String -Width 200 | Should -Match 'far +cluster-[0-9a-f]{16} +a +.*far\.hsmcluster\.json'
        Get-HsmCluster far | Format-List | Out-String -Width 200 | Should -Match 'ClusterKey +: \(none\)'
    }

    It 'is completed by name' {
        $line = 'Get-HsmCluster -Name '
        (TabExpansion2 -inputScript $line -cursorColumn $line.Length).CompletionMatches.CompletionText | Should -Be 'far', 'near', 'Other'
    }
}
