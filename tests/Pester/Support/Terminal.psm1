#Requires -Version 7.6

# A terminal with a person at it, for the tests of what is shown and asked. The program `script` makes the terminal.

Set-StrictMode -Version 3.0
$ErrorActionPreference = 'Stop'

$limit = [TimeSpan]::FromMinutes(1)
$cursorQuery = "`e[6n"
$cursorAnswer = "`e[1;1R"

<#
.SYNOPSIS
    Whether this system can make one.
#>
function Test-Terminal {
    [bool](Get-Command -Name script -CommandType Application -ErrorAction Ignore) -and $IsLinux
}

<#
.SYNOPSIS
    Runs a line of shell in a terminal, and types the answers when it asks. Gives all that was on the screen, without the
    escape sequences.
#>
function Invoke-Terminal {
    [CmdletBinding()]
    param(
        [string] $CommandLine,
        [hashtable] $Environment = @{},
        # Pairs: what it asks, and what is typed then.
        [string[][]] $Answer = @()
    )

    $start = [Diagnostics.ProcessStartInfo]::new('script', [string[]]('-q', '-e', '-c', $CommandLine, '/dev/null'))
    $start.RedirectStandardInput = $start.RedirectStandardOutput = $true
    $start.Environment['TERM'] = 'xterm'
    foreach ($name in $Environment.Keys) { $start.Environment[$name] = $Environment[$name] }
    $process = [Diagnostics.Process]::Start($start)
    try {
        $screen = Read-Screen -Process $process -Answer $Answer
        if (-not $process.WaitForExit($limit)) { throw "The program did not end. On the screen: $screen" }
        $screen -replace "`e\[[0-9;?]*[A-Za-z]|`e[=>]"
    }
    finally {
        if (-not $process.HasExited) { $process.Kill($true) }
        $process.Dispose()
    }
}

function Read-Screen($Process, [string[][]] $Answer) {
    $screen = ''
    $seen = $asked = $queries = 0
    $buffer = [char[]]::new(4096)
    while ($true) {
        $read = $Process.StandardOutput.ReadAsync($buffer, 0, $buffer.Length)
        if (-not $read.Wait($limit)) { throw "Nothing happened for a long time. On the screen: $screen" }
        if ($read.Result -eq 0) { return $screen }
        $screen += [string]::new($buffer, 0, $read.Result)
        # PowerShell asks the terminal where its cursor is, and waits for the answer.
        $now = ($screen.Length - $screen.Replace($cursorQuery, '').Length) / $cursorQuery.Length
        $reply = $cursorAnswer * ($now - $queries)
        $queries = $now
        if ($asked -lt $Answer.Count) {
            $at = $screen.IndexOf($Answer[$asked][0], $seen, [StringComparison]::Ordinal)
            if ($at -ge 0) {
                $seen = $at + $Answer[$asked][0].Length
                $reply += $Answer[$asked][1] + "`r"
                $asked++
                # A person takes a moment too: the prompt is printed before the terminal stops echoing what is typed.
                Start-Sleep -Milliseconds 750
            }
        }
        $Process.StandardInput.Write($reply)
        $Process.StandardInput.Flush()
    }
}

Export-ModuleMember -Function Test-Terminal, Invoke-Terminal
