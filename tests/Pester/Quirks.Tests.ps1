#Requires -Version 7.6

# -EnableQuirk and -DisableQuirk, on every cmdlet that opens a token. docs/pkcs11-quirks.md says what the quirks are.

BeforeDiscovery {
    $cmdlets = 'New-HsmBackup', 'Test-HsmBackup', 'Compare-HsmBackup', 'Restore-HsmCluster'
}

BeforeAll {
    $root = (Get-Item -LiteralPath "$PSScriptRoot/../..").FullName
    Import-Module -Name "$root/out/HsmBackup", "$PSScriptRoot/Support/TestToken.psm1"

    $token = Initialize-TestToken -Folder "$TestDrive/token"
    Add-TestObject -Token $token
    $splat = $token.Splat
    $backup = New-HsmBackup @splat -Destination $TestDrive/backups -KeyInOutputOnly
    # What each cmdlet needs beside the token.
    $rest = @{
        'New-HsmBackup'      = @{ Destination = "$TestDrive/backups"; KeyInOutputOnly = $true }
        'Test-HsmBackup'     = @{ Path = $backup.Path; Key = $backup.OneTimeKey; Level = 'Live' }
        'Compare-HsmBackup'  = @{ ReferencePath = $backup.Path; ReferenceKey = $backup.OneTimeKey }
        'Restore-HsmCluster' = @{ Path = $backup.Path; Key = $backup.OneTimeKey; StatePath = "$TestDrive/state"; Confirm = $false }
    }

    # From the last line of what New-HsmBackup says of the token.
    function Get-Quirk {
        $said = New-HsmBackup @splat -Destination $TestDrive/backups -KeyInOutputOnly @args -Verbose 4>&1
        "$said" -match '(?m)^quirks: (\w+(, \w+)*)' | Should -BeTrue
        $Matches[1]
    }
}

Describe 'Quirks' {
    It 'are those that the probe finds, where nothing else is said' {
        Get-Quirk | Should -Be 'PrivateDatesUnreadable, WrapRoundsLengths'
    }

    It 'are switched on and off by the caller' {
        Get-Quirk -EnableQuirk IdentifierIsUnique | Should -Be 'PrivateDatesUnreadable, IdentifierIsUnique, WrapRoundsLengths'
        Get-Quirk -DisableQuirk PrivateDatesUnreadable, WrapRoundsLengths | Should -Be 'None'
    }

    It 'change what a restore asks of the token' {
        # SoftHSM does not know the attribute that a token with this quirk wants.
        $spare = Initialize-TestToken -Folder "$TestDrive/spare"
        $library = "$TestDrive/spare/libsofthsm2.so"
        Copy-Item -LiteralPath $spare.Library -Destination $library
        $arguments = $spare.Splat + @{}
        $arguments.Library = $library
        $restore = $rest['Restore-HsmCluster']
        { Restore-HsmCluster @restore @arguments -EnableQuirk UnwrapNeedsNssDb } | Should -Throw -ErrorId 'RestoreFailed,*'
        (Restore-HsmCluster @restore @arguments).Exact | Should -BeTrue
    }

    It 'are those of the blank token in a trial restore' {
        $scratch = Initialize-TestToken -Folder "$TestDrive/scratch" -Label blank
        $library = "$TestDrive/scratch/libsofthsm2.so"
        Copy-Item -LiteralPath $scratch.Library -Destination $library
        $arguments = @{
            Path                      = $backup.Path
            Key                       = $backup.OneTimeKey
            Level                     = 'Restore'
            ScratchLibrary            = $library
            ScratchTokenLabel         = 'blank'
            ScratchPin                = $splat.Pin
            ScratchLibraryEnvironment = @{ SOFTHSM2_CONF = $scratch.Configuration }
        }
        Test-HsmBackup @arguments -EnableQuirk UnwrapNeedsNssDb -Quiet | Should -BeFalse
        Test-HsmBackup @arguments -Quiet | Should -BeTrue
    }

    It 'are taken by <_>' -ForEach $cmdlets {
        $arguments = $rest[$_]
        { & $_ @arguments @splat -EnableQuirk IdentifierIsUnique -DisableQuirk UnwrapNeedsNssDb -ErrorAction Stop } | Should -Not -Throw
    }

    It 'cannot be both on and off: <_>' -ForEach $cmdlets {
        $arguments = $rest[$_]
        { & $_ @arguments @splat -EnableQuirk 'IdentifierIsUnique, UnwrapNeedsNssDb' -DisableQuirk UnwrapNeedsNssDb -ErrorAction Stop } |
            Should -Throw '*UnwrapNeedsNssDb*' -ErrorId 'InvalidArgument,*'
    }

    It 'are refused where no token is named' {
        { Test-HsmBackup -Path $backup.Path -EnableQuirk IdentifierIsUnique -ErrorAction Stop } | Should -Throw -ErrorId 'InvalidArgument,*'
    }

    It 'are completed by name' {
        $line = 'New-HsmBackup -DisableQuirk '
        (TabExpansion2 -inputScript $line -cursorColumn $line.Length).CompletionMatches.CompletionText |
            Sort-Object | Should -Be ([HsmBackup.Engine.Pkcs11.Quirks].GetEnumNames() | Sort-Object)
    }

    It 'have each a row in their page' {
        $page = Get-Content -LiteralPath $root/docs/pkcs11-quirks.md -Raw
        foreach ($name in [HsmBackup.Engine.Pkcs11.Quirks].GetEnumNames() -ne 'None') { $page.Contains("| ``$name`` |") | Should -BeTrue -Because "there is a quirk $name" }
    }
}
