#Requires -Version 7.6

<#
.SYNOPSIS
    Builds, tests, packs and rehearses HsmBackup.
.DESCRIPTION
    Build puts the importable module into out/HsmBackup. Test ends with the line "N passed, N failed, N skipped".
    On Linux, build.sh brings the packages that the tasks need and then runs this script.
.EXAMPLE
    ./build.ps1 -Task Test
#>
[CmdletBinding()]
param(
    [Parameter(HelpMessage = 'What to do.')]
    [ValidateSet('Build', 'Test', 'Drill', 'Bench', 'Pack', 'Lint')]
    [string] $Task = 'Build'
)

Set-StrictMode -Version 3.0
$ErrorActionPreference = 'Stop'
$PSNativeCommandUseErrorActionPreference = $true
Set-Location -LiteralPath $PSScriptRoot
if ([Console]::IsOutputRedirected) {
    $PSStyle.OutputRendering = 'PlainText'
}

$results = 'out/TestResults'
$moduleFolder = 'out/HsmBackup'
# The culture of the machine that most tests were written on, and one that breaks careless code twice over: it has a
# decimal comma, and an "i" whose capital is not "I".
$cultures = 'en-US', 'tr-TR'
# As a .NET tool, PowerShell is not a program of its own.
$pwsh = Get-Item -Path "$PSHOME/pwsh", "$PSHOME/pwsh.exe" -ErrorAction Ignore | Select-Object -First 1
$pwshCommand = $pwsh ? @($pwsh.FullName) : @('dotnet', "$PSHOME/pwsh.dll")

function Invoke-Build {
    Assert-SameVersion
    # Build servers would outlive a CI job. File names inside the DLLs must not depend on whose machine this is.
    dotnet build HsmBackup.sln -c Release -p:ContinuousIntegrationBuild=true -warnaserror --disable-build-servers `
        -v:minimal --nologo | Out-Host
    Build-ModuleFolder
}

function Get-ProjectVersion {
    ([xml](Get-Content -LiteralPath Directory.Build.props -Raw)).SelectSingleNode('//Version').InnerText
}

function Assert-SameVersion {
    $manifest = (Import-PowerShellDataFile -LiteralPath module/HsmBackup.psd1).ModuleVersion
    $project = Get-ProjectVersion
    if ($manifest -ne $project) {
        throw "module/HsmBackup.psd1 says version $manifest, Directory.Build.props says $project. Make them the same."
    }
}

function Build-ModuleFolder {
    $staging = "out/.staging.$PID"
    $old = "out/.old.$PID"
    $null = New-Item -ItemType Directory -Path $staging -Force
    try {
        Copy-Item -Path module/* -Destination $staging -Recurse
        foreach ($assembly in 'HsmBackup.Engine', 'HsmBackup.PowerShell') {
            Copy-Item -LiteralPath "src/HsmBackup.PowerShell/bin/Release/net10.0/$assembly.dll" -Destination $staging
        }
        if ((Get-FolderDigest -Path $staging) -eq (Get-FolderDigest -Path $moduleFolder)) {
            return
        }
        # Put in place by renaming, so that nobody imports a half-made module.
        if (Test-Path -LiteralPath $moduleFolder) {
            Move-Item -LiteralPath $moduleFolder -Destination $old
        }
        Move-Item -LiteralPath $staging -Destination $moduleFolder
    }
    finally {
        Remove-Item -LiteralPath $staging, $old -Recurse -Force -ErrorAction Ignore
    }
}

function Get-FolderDigest([string] $Path) {
    if (-not (Test-Path -LiteralPath $Path)) {
        return ''
    }
    $lines = foreach ($file in Get-ModuleFile -Path $Path) {
        '{0} {1}' -f (Get-FileHash -LiteralPath $file.FullName).Hash, $file.Entry
    }
    $lines -join "`n"
}

# The files of a folder with their names inside it, in an order that depends on no culture.
function Get-ModuleFile([string] $Path) {
    $root = (Get-Item -LiteralPath $Path -Force).FullName
    $entries = [Collections.Generic.SortedDictionary[string, string]]::new([StringComparer]::Ordinal)
    foreach ($file in Get-ChildItem -LiteralPath $root -Recurse -File -Force) {
        $entries.Add([IO.Path]::GetRelativePath($root, $file.FullName).Replace('\', '/'), $file.FullName)
    }
    foreach ($entry in $entries.GetEnumerator()) {
        [pscustomobject]@{ Entry = $entry.Key; FullName = $entry.Value }
    }
}

function Invoke-Test {
    Invoke-Build
    Remove-Item -LiteralPath $results -Recurse -Force -ErrorAction Ignore
    $runs = @(
        foreach ($project in Get-Item -Path tests/*.Tests/*.Tests.csproj) { Invoke-XunitTest -Project $project }
        Invoke-BrowserTest
        Invoke-PesterTest
    )
    $passed, $failed, $skipped = foreach ($outcome in 'Passed', 'Failed', 'Skipped') {
        ($runs | Measure-Object -Property $outcome -Sum).Sum
    }
    "$passed passed, $failed failed, $skipped skipped"
    if ($failed -gt 0 -or $passed -eq 0) {
        exit 1
    }
}

function Invoke-XunitTest([IO.FileInfo] $Project) {
    $PSNativeCommandUseErrorActionPreference = $false
    # A native call that hangs must end the run; a dump of the process would hold the secrets of the tests.
    dotnet test $Project.FullName -c Release --no-build --nologo --results-directory $results `
        --logger "trx;LogFileName=$($Project.BaseName).trx" --blame-hang-timeout 30m --blame-hang-dump-type none |
        Out-Host
    $total = $executed = $passed = 0
    $file = "$results/$($Project.BaseName).trx"
    if (Test-Path -LiteralPath $file) {
        $counters = ([xml](Get-Content -LiteralPath $file -Raw)).TestRun.ResultSummary.Counters
        $total, $executed, $passed = [int]$counters.total, [int]$counters.executed, [int]$counters.passed
    }
    Get-RunResult -Name $Project.BaseName -ExitCode $LASTEXITCODE `
        -Passed $passed -Failed ($executed - $passed) -Skipped ($total - $executed)
}

# Reports and runbooks in a browser: the same script as without PowerShell.
function Invoke-BrowserTest {
    $PSNativeCommandUseErrorActionPreference = $false
    if ($IsWindows) {
        'Browser: not run (it takes a shell of Unix)' | Out-Host
        return [pscustomobject]@{ Passed = 0; Failed = 0; Skipped = 1 }
    }
    $said = @(bash tests/Accessibility/run.sh)
    $code = $LASTEXITCODE
    $said | Out-Host
    $passed, $failed, $skipped = 0, 1, 0
    if ($said[-1] -match '^(\d+) passed, (\d+) failed, (\d+) skipped$') {
        $passed, $failed, $skipped = [int]$Matches[1], [int]$Matches[2], [int]$Matches[3]
    }
    Get-RunResult -Name 'Browser' -ExitCode $code -Passed $passed -Failed $failed -Skipped $skipped
}

function Invoke-PesterTest {
    $files = @(Get-ChildItem -Path tests/Pester -Filter *.Tests.ps1 -Recurse)
    if (-not (Get-Module -ListAvailable -Name Pester | Where-Object Version -GE '5.0')) {
        "Pester: not run (Pester 5 is not installed): $($files.Count) test files" | Out-Host
        return [pscustomobject]@{ Passed = 0; Failed = 0; Skipped = $files.Count }
    }
    foreach ($culture in $cultures) {
        Invoke-PesterSuite -Culture $culture
    }
}

# One fresh process for each culture, which it gets the way a user's shell does: from the environment.
function Invoke-PesterSuite([string] $Culture) {
    $PSNativeCommandUseErrorActionPreference = $false
    $file = "$results/Pester.$Culture.xml"
    $before = $env:LC_ALL
    try {
        $env:LC_ALL = $Culture.Replace('-', '_') + '.UTF-8'
        # What no culture changes is run in the first one only.
        $once = $Culture -eq $cultures[0] ? @() : @('-ExcludeTag', 'AnyCulture')
        Invoke-PowerShell -Script tests/Pester/Invoke-PesterSuite.ps1 -ArgumentList (@('-ResultPath', $file, '-Culture', $Culture) + $once)
    }
    finally {
        $env:LC_ALL = $before
    }
    $passed = $failed = $skipped = 0
    if (Test-Path -LiteralPath $file) {
        $suites = ([xml](Get-Content -LiteralPath $file -Raw)).DocumentElement
        $passed = $suites.SelectNodes('//testcase[@status = "Passed"]').Count
        # A block or file that failed before its tests could run is an error without a test.
        $failed = [int]$suites.failures + [int]$suites.errors
        $skipped = $suites.SelectNodes('//testcase[@status != "Passed" and @status != "Failed"]').Count
    }
    Get-RunResult -Name "Pester ($Culture)" -ExitCode $LASTEXITCODE -Passed $passed -Failed $failed -Skipped $skipped
}

function Get-RunResult([string] $Name, [int] $ExitCode, [int] $Passed, [int] $Failed, [int] $Skipped) {
    if ($Failed -eq 0 -and ($ExitCode -ne 0 -or $Passed + $Skipped -eq 0)) {
        "${Name}: the test runner ended without a result for every test (exit code $ExitCode)." | Out-Host
        $Failed = 1
    }
    "${Name}: $Passed passed, $Failed failed, $Skipped skipped." | Out-Host
    [pscustomobject]@{ Passed = $Passed; Failed = $Failed; Skipped = $Skipped }
}

function Invoke-PowerShell([string] $Script, [string[]] $ArgumentList) {
    $program, $rest = $pwshCommand
    & $program @rest -NoProfile -NonInteractive -File $Script @ArgumentList | Out-Host
}

function Invoke-Drill {
    Invoke-Build
    dotnet run -c Release --project examples/EngineDrill
    Invoke-PowerShell -Script examples/01-first-backup.ps1
    Invoke-PowerShell -Script examples/02-quarterly-drill.ps1
}

function Invoke-Bench {
    Invoke-Build
    bash tests/HsmBackup.Benchmarks/reference/build.sh out/bench/pkcs11bench
    dotnet run -c Release --project tests/HsmBackup.Benchmarks -- --reference out/bench/pkcs11bench `
        --module "$moduleFolder/HsmBackup.psd1"
}

function Invoke-Pack {
    Invoke-Build
    $zip = "out/HsmBackup-$(Get-ProjectVersion).zip"
    $staging = "$zip.$PID"
    try {
        Write-ModuleArchive -Path $staging
        Move-Item -LiteralPath $staging -Destination $zip -Force
    }
    finally {
        Remove-Item -LiteralPath $staging -Force -ErrorAction Ignore
    }
    $hash = (Get-FileHash -LiteralPath $zip -Algorithm SHA256).Hash.ToLowerInvariant()
    # The format that sha256sum writes and checks.
    Set-Content -LiteralPath "$zip.sha256" -Value "$hash  $(Split-Path -Leaf $zip)`n" -NoNewline
    "$zip  SHA-256 $hash"
}

# The same sources give the same archive: names in one order, one time stamp (the oldest that a zip can hold), one mode.
function Write-ModuleArchive([string] $Path) {
    $archive = [IO.Compression.ZipFile]::Open((Join-Path $PWD $Path), 'Create')
    try {
        foreach ($file in Get-ModuleFile -Path $moduleFolder) {
            $entry = $archive.CreateEntry("HsmBackup/$($file.Entry)")
            $entry.LastWriteTime = [DateTimeOffset]::new(1980, 1, 1, 0, 0, 0, [TimeSpan]::Zero)
            $entry.ExternalAttributes = 0x81A4 -shl 16 # a regular file, rw-r--r--
            $stream = $entry.Open()
            try {
                $stream.Write([IO.File]::ReadAllBytes($file.FullName))
            }
            finally {
                $stream.Dispose()
            }
        }
    }
    finally {
        $archive.Dispose()
    }
}

function Invoke-Lint {
    dotnet format HsmBackup.sln --verify-no-changes
    'C#: formatted as .editorconfig says'
    if (Get-Module -ListAvailable -Name PSScriptAnalyzer) {
        Invoke-PowerShell -Script tests/Pester/Invoke-PesterSuite.ps1 -ArgumentList '-Path', 'tests/Pester/Scripts.Tests.ps1'
    }
    else {
        'PowerShell: not checked (PSScriptAnalyzer is not installed)'
    }
    if (Get-Command -Name shellcheck -CommandType Application -ErrorAction Ignore) {
        shellcheck (git ls-files '*.sh') .ci/run
        'Shell scripts: shellcheck finds nothing'
    }
    else {
        'Shell scripts: not checked (shellcheck is not installed)'
    }
}

& "Invoke-$Task"
