#Requires -Version 7.6

BeforeDiscovery {
    $root = (Get-Item -LiteralPath "$PSScriptRoot/../..").FullName
    $scripts = Get-Item -LiteralPath $root/build.ps1, $root/PSScriptAnalyzerSettings.psd1
    $scripts += Get-ChildItem -Path $root/module, $root/tests, $root/examples -Include *.ps1, *.psm1, *.psd1 -Recurse -ErrorAction Ignore
    $cases = $scripts | ForEach-Object { @{ Name = [IO.Path]::GetRelativePath($root, $_.FullName); File = $_.FullName; Root = $root } }
    $noAnalyzer = -not (Get-Module -ListAvailable -Name PSScriptAnalyzer)
}

Describe 'Scripts and manifests' {
    It 'PSScriptAnalyzer finds nothing in <Name>' -ForEach $cases -Skip:$noAnalyzer {
        $findings = Invoke-ScriptAnalyzer -Path $File -Settings $Root/PSScriptAnalyzerSettings.psd1
        $findings | ForEach-Object { "line $($_.Line): $($_.RuleName): $($_.Message)" } | Should -BeNullOrEmpty
    }
}
