#Requires -Version 7.6

BeforeDiscovery {
    $root = (Get-Item -LiteralPath "$PSScriptRoot/../..").FullName
    $folders = Get-Item -Path $root/module, $root/tests, $root/examples -ErrorAction Ignore
    $scripts = @(
        Get-Item -Path $root/*.ps1, $root/*.psd1
        Get-ChildItem -Path $folders -Include *.ps1, *.psm1, *.psd1 -Recurse
    )
    $cases = foreach ($script in $scripts) {
        @{ Name = [IO.Path]::GetRelativePath($root, $script.FullName); File = $script.FullName; Root = $root }
    }
    $noAnalyzer = -not (Get-Module -ListAvailable -Name PSScriptAnalyzer)
}

Describe 'Scripts and manifests' {
    It 'PSScriptAnalyzer finds nothing in <Name>' -ForEach $cases -Skip:$noAnalyzer {
        $findings = Invoke-ScriptAnalyzer -Path $File -Settings $Root/PSScriptAnalyzerSettings.psd1
        $findings | ForEach-Object { "line $($_.Line): $($_.RuleName): $($_.Message)" } | Should -BeNullOrEmpty
    }
}
