#Requires -Version 7.6
#Requires -Modules @{ ModuleName = 'Pester'; ModuleVersion = '5.0' }

<#
.SYNOPSIS
    Runs the Pester tests in this process, against the module that the build put into out/HsmBackup.
.EXAMPLE
    pwsh -NoProfile -File tests/Pester/Invoke-PesterSuite.ps1 -Path tests/Pester/New-HsmBackup.Tests.ps1
#>
[CmdletBinding()]
param(
    [Parameter(HelpMessage = 'Test files or folders; all of them where this is not given.')]
    [string[]] $Path = $PSScriptRoot,

    [Parameter(HelpMessage = 'The JUnit file to write.')]
    [string] $ResultPath,

    [Parameter(HelpMessage = 'The culture that this process must have been started in.')]
    [string] $Culture,

    [Parameter(HelpMessage = 'Tags of tests that are not run: AnyCulture is for those that are the same in all.')]
    [string[]] $ExcludeTag = @()
)

Set-StrictMode -Version 3.0
$ErrorActionPreference = 'Stop'

# A run that was meant to be Turkish and was not proves nothing.
if ($Culture -and [cultureinfo]::CurrentCulture.Name -ne $Culture) {
    throw "The culture here is '$([cultureinfo]::CurrentCulture.Name)', not '$Culture'. Is ICU installed?"
}

# What the cmdlets remember between runs, the audit log among it, goes where it can be thrown away, and not to whoever runs the tests.
$stateFolder = Join-Path ([IO.Path]::GetTempPath()) "hsmbackup-tests-$([IO.Path]::GetRandomFileName())"
$env:HSMBACKUP_HOME = $stateFolder

$configuration = New-PesterConfiguration -Hashtable @{
    Run        = @{ Path = $Path; PassThru = $true }
    Filter     = @{ ExcludeTag = $ExcludeTag }
    Output     = @{ Verbosity = 'Normal'; RenderMode = 'Plaintext' }
    TestResult = @{ Enabled = [bool]$ResultPath; OutputFormat = 'JUnitXml' }
}
if ($ResultPath) {
    $configuration.TestResult.OutputPath = $ResultPath
}
try {
    $run = Invoke-Pester -Configuration $configuration
}
finally {
    Remove-Item -LiteralPath $stateFolder -Recurse -Force -ErrorAction Ignore
}
if ($run.Result -ne 'Passed') {
    exit 1
}
