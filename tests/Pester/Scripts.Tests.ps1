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

BeforeAll {
    # The analyzer runs its rules in parallel, and now and then one of them falls over a command that another one is still
    # resolving (PSScriptAnalyzer issues 1351 and 1708). That says nothing about the script: try again, and fail if it
    # stays. With an error that does not stop, the findings would be lost without a word.
    function Get-Finding([string] $File, [string] $Settings) {
        for ($attempt = 1; $true; $attempt++) {
            try {
                return Invoke-ScriptAnalyzer -Path $File -Settings $Settings -ErrorAction Stop
            }
            catch [NullReferenceException] {
                if ($attempt -eq 5) {
                    throw
                }
            }
        }
    }
}

Describe 'Scripts and manifests' -Tag AnyCulture {
    It 'PSScriptAnalyzer finds nothing in <Name>' -ForEach $cases -Skip:$noAnalyzer {
        Get-Finding -File $File -Settings $Root/PSScriptAnalyzerSettings.psd1 |
            ForEach-Object { "line $($_.Line): $($_.RuleName): $($_.Message)" } |
            Should -BeNullOrEmpty
    }
}
