#Requires -Version 7.6

BeforeDiscovery {
    $root = (Get-Item -LiteralPath "$PSScriptRoot/../..").FullName
    Import-Module -Name "$root/out/HsmBackup"
    $names = (Import-PowerShellDataFile -LiteralPath $root/module/HsmBackup.psd1).CmdletsToExport
    $cmdlets = foreach ($name in $names) { @{ Name = $name; Cmdlet = Get-Command -Name $name -Module HsmBackup } }
}

BeforeAll {
    $common = [Management.Automation.Cmdlet]::CommonParameters + 'WhatIf' + 'Confirm'
    $root = (Get-Item -LiteralPath "$PSScriptRoot/../..").FullName
    Import-Module -Name "$root/out/HsmBackup", "$PSScriptRoot/Support/TestToken.psm1"
}

Describe 'The module' {
    It 'has a manifest that PowerShell takes' {
        (Test-ModuleManifest -Path $root/out/HsmBackup/HsmBackup.psd1).Name | Should -Be 'HsmBackup'
    }

    It 'exports the cmdlets that it names, and nothing else' {
        $manifest = Import-PowerShellDataFile -LiteralPath $root/module/HsmBackup.psd1
        $module = Get-Module -Name HsmBackup
        $module.ExportedCommands.Keys | Sort-Object | Should -Be ($manifest.CmdletsToExport | Sort-Object)
        $module.ExportedVariables.Count + $module.ExportedAliases.Count | Should -Be 0
    }

    It 'is imported by a fresh process, and brings no assembly but its own' {
        $program, $rest = Get-PowerShellCommand
        $said = & $program @rest -NoProfile -NonInteractive -Command @"
`$before = [AppDomain]::CurrentDomain.GetAssemblies().Location
Import-Module -Name '$root/out/HsmBackup' -ErrorAction Stop
[AppDomain]::CurrentDomain.GetAssemblies().Location.Where({ `$_ -and `$_ -notin `$before -and -not `$_.StartsWith(`$PSHOME) }) | Split-Path -Leaf
"@
        $said | Sort-Object | Should -Be 'HsmBackup.Engine.dll', 'HsmBackup.PowerShell.dll'
    }

    It 'has help that is made from the pages and the parameters as they are now' {
        & $root/docs/Update-Help.ps1 -Path $TestDrive/help.xml
        $committed = Get-Content -LiteralPath $root/module/en-US/HsmBackup.PowerShell.dll-Help.xml -Raw
        $current = Get-Content -LiteralPath $TestDrive/help.xml -Raw
        $current -ceq $committed | Should -BeTrue -Because 'docs/Update-Help.ps1 was to be run'
    }

    It 'has views that PowerShell takes, for every type that it gives' {
        $types = ([xml](Get-Content -LiteralPath $root/module/HsmBackup.Format.ps1xml -Raw)).SelectNodes('//ViewSelectedBy/TypeName').InnerText
        foreach ($type in $types) { $type -as [type] | Should -Not -BeNullOrEmpty -Because "there is a view for $type" }
        $outputs = (Get-Command -Module HsmBackup).OutputType.Type | Where-Object Namespace -Like 'HsmBackup*'
        $outputs | Should -Not -BeNullOrEmpty
        foreach ($output in $outputs) { $output.FullName | Should -BeIn $types }
        (Get-FormatData -TypeName HsmBackup*) | Should -HaveCount ($types | Select-Object -Unique).Count
    }

    It 'has tables of at most five columns' {
        foreach ($table in (Get-FormatData -TypeName HsmBackup*).FormatViewDefinition.Control | Where-Object { $_ -is [Management.Automation.TableControl] }) {
            $table.Headers.Count | Should -BeLessOrEqual 5
        }
    }

    It 'works in several runspaces at a time' {
        $tokens = foreach ($number in 1..3) {
            # Tokens of one library in one process share its configuration.
            Initialize-TestToken -Folder "$TestDrive/token" -Label "token$number"
        }
        foreach ($token in $tokens) { Add-TestSecretKey -Token $token -Label aes -Id '03' }
        $results = $tokens * 2 | ForEach-Object -ThrottleLimit 6 -Parallel {
            Import-Module -Name "$using:root/out/HsmBackup"
            $splat = $_.Splat
            $backup = New-HsmBackup @splat -Destination "$using:TestDrive/backups" -KeyInOutputOnly
            $backup | Test-HsmBackup -Level Live @splat
        }
        $results | Should -HaveCount 6
        $results.Passed | Select-Object -Unique | Should -BeTrue
        $results.BackupId | Select-Object -Unique | Should -HaveCount 6
    }
}

Describe '<Name>' -ForEach $cmdlets {
    It 'has an approved verb and a singular noun' {
        $Cmdlet.Verb | Should -BeIn (Get-Verb).Verb
        # One name was given: Remove-ExpiredHsmBackup stands beside Remove-HsmBackup, and says first which ones it removes.
        $Cmdlet.Noun -replace '^Expired(?=HsmBackup$)' | Should -MatchExactly '^Hsm([A-Z][a-z]+)*[A-Z][a-z]+(?<!s)$'
        $Cmdlet.ImplementingType.Name | Should -Be "$($Cmdlet.Verb)$($Cmdlet.Noun)Command"
        $Cmdlet.ImplementingType.IsSealed | Should -BeTrue
    }

    It 'says what it gives' {
        $Cmdlet.OutputType | Should -Not -BeNullOrEmpty
    }

    It 'takes at most one parameter of a set by value' {
        foreach ($set in $Cmdlet.ParameterSets) {
            @($set.Parameters | Where-Object ValueFromPipeline).Count | Should -BeLessOrEqual 1
        }
        if ($Cmdlet.ParameterSets.Count -gt 1) {
            $Cmdlet.DefaultParameterSet | Should -Not -BeNullOrEmpty
        }
    }

    It 'asks before it writes' {
        $Cmdlet.Parameters.ContainsKey('WhatIf') | Should -Be ($Cmdlet.Verb -in 'Copy', 'Export', 'Invoke', 'Lock', 'New', 'Receive', 'Register', 'Remove', 'Repair', 'Restore', 'Send', 'Sync', 'Undo', 'Unlock', 'Unregister')
    }

    It 'has help with a synopsis, a description and two examples' {
        $help = Get-Help -Name $Name -Full
        $help.Synopsis | Should -MatchExactly '^[A-Z].*\.$'
        $help.description | Should -Not -BeNullOrEmpty
        @($help.examples.example).Count | Should -BeGreaterOrEqual 2
        @($help.inputTypes.inputType).Count | Should -BeGreaterOrEqual 1
        $help.alertSet | Should -Not -BeNullOrEmpty
        $given = @($help.returnValues.returnValue).ForEach({ $_.type.name })
        $given | Sort-Object | Should -Be ($Cmdlet.OutputType.Name | Sort-Object)
        $help | Out-String | Should -BeLike '*Example 2*'
    }

    It 'has examples that parse, and name parameters that it has' {
        foreach ($example in (Get-Help -Name $Name -Full).examples.example) {
            $problems = $null
            $ast = [Management.Automation.Language.Parser]::ParseInput($example.code, [ref]$null, [ref]$problems)
            $problems | Should -BeNullOrEmpty
            $calls = $ast.FindAll({ $args[0] -is [Management.Automation.Language.CommandAst] }, $true)
            foreach ($call in $calls.Where({ $_.GetCommandName() -like '*-Hsm*' })) {
                $known = (Get-Command -Name $call.GetCommandName() -Module HsmBackup).Parameters.Keys
                $used = $call.CommandElements | Where-Object { $_ -is [Management.Automation.Language.CommandParameterAst] } | ForEach-Object ParameterName
                $used | Where-Object { $_ -notin $known } | Should -BeNullOrEmpty
            }
        }
    }

    It 'has help for its parameters, and for no others' {
        $documented = (Get-Help -Name $Name -Full).parameters.parameter.name
        $actual = $Cmdlet.Parameters.Keys | Where-Object { $_ -notin [Management.Automation.Cmdlet]::CommonParameters }
        $documented | Sort-Object | Should -Be ($actual | Sort-Object)
    }

    It 'tells of each parameter what it is' {
        foreach ($parameter in $Cmdlet.Parameters.Values | Where-Object Name -NotIn $common) {
            foreach ($attribute in @($parameter.Attributes).Where({ $_ -is [Parameter] })) {
                $attribute.HelpMessage | Should -MatchExactly '^[A-Z].*\.$' -Because "it is the tool tip of -$($parameter.Name)"
            }
            (Get-Help -Name $Name -Parameter $parameter.Name).description.Text | Should -Not -BeNullOrEmpty -Because "-$($parameter.Name) has a page"
        }
    }
}

Describe 'A parameter name' {
    It 'has one type in all cmdlets' {
        $all = @(Get-Command -Module HsmBackup).ForEach({ $_.Parameters.Values }) | Where-Object Name -NotIn $common
        foreach ($name in $all | Group-Object -Property Name) {
            # One backup or several.
            $types = $name.Group.ForEach({ $_.ParameterType.IsArray ? $_.ParameterType.GetElementType() : $_.ParameterType })
            @($types | Select-Object -Unique) | Should -HaveCount 1 -Because "-$($name.Name) means the same everywhere"
        }
    }
}
