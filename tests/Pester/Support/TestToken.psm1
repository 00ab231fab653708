#Requires -Version 7.6

# Throw-away SoftHSM tokens for the tests, filled and used by programs that know nothing of HsmBackup: softhsm2-util,
# pkcs11-tool and openssl. Everything is below a folder that the caller gives, and nothing outside it is touched.

Set-StrictMode -Version 3.0
$ErrorActionPreference = 'Stop'

$pin = '648219'
$soPin = '87654321'
$library = '/usr/lib/softhsm/libsofthsm2.so'

<#
.SYNOPSIS
    A secret as the cmdlets take it.
#>
function ConvertTo-TestSecret([string] $Text) {
    $secret = [securestring]::new()
    foreach ($character in $Text.ToCharArray()) { $secret.AppendChar($character) }
    $secret.MakeReadOnly()
    $secret
}

<#
.SYNOPSIS
    The text of a secret, to look for it where it must not be.
#>
function ConvertFrom-TestSecret([securestring] $Secret) {
    [Net.NetworkCredential]::new('', $Secret).Password
}

<#
.SYNOPSIS
    Runs a program with the configuration of a token; fails with all that it said if it fails.
#>
function Invoke-TestProgram {
    [CmdletBinding()]
    param($Token, [string] $Program, [string[]] $ArgumentList)

    $before = $env:SOFTHSM2_CONF
    try {
        $env:SOFTHSM2_CONF = $Token.Configuration
        $said = & $Program @ArgumentList 2>&1 | ForEach-Object { "$_" }
        if ($LASTEXITCODE -ne 0) {
            throw "$Program $ArgumentList ended with exit code ${LASTEXITCODE}: $($said -join "`n")"
        }
        $said
    }
    finally {
        $env:SOFTHSM2_CONF = $before
    }
}

<#
.SYNOPSIS
    Makes a token. `Splat` is what the cmdlets take to find it.
#>
function Initialize-TestToken {
    [CmdletBinding()]
    param([string] $Folder, [string] $Label = 'payments')

    $null = New-Item -ItemType Directory -Path "$Folder/tokens" -Force
    $configuration = "$Folder/softhsm2.conf"
    Set-Content -LiteralPath $configuration -Value "directories.tokendir = $Folder/tokens`nobjectstore.backend = file`nlog.level = ERROR"
    $token = [pscustomobject]@{
        Folder        = $Folder
        Label         = $Label
        Configuration = $configuration
        Library       = $library
        Splat         = @{
            Library            = $library
            TokenLabel         = $Label
            Pin                = ConvertTo-TestSecret -Text $pin
            LibraryEnvironment = @{ SOFTHSM2_CONF = $configuration }
        }
    }
    Invoke-SoftHsmInit -Token $token
    $token
}

<#
.SYNOPSIS
    What the definition of a cluster says of a token. A library loaded twice is one library with one configuration; so the node gets a copy.
#>
function ConvertTo-TestNode($Token, [string] $Name) {
    Copy-Item -LiteralPath $Token.Library -Destination "$($Token.Folder)/libsofthsm2.so"
    @{
        Name               = $Name
        Library            = "$($Token.Folder)/libsofthsm2.so"
        TokenLabel         = $Token.Label
        LibraryEnvironment = @{ SOFTHSM2_CONF = $Token.Configuration }
        Pin                = 'env:HSMBACKUP_TEST_PIN'
    }
}

function Invoke-SoftHsmInit($Token) {
    $null = Invoke-TestProgram -Token $Token -Program softhsm2-util -ArgumentList @(
        '--init-token', '--free', '--label', $Token.Label, '--pin', $pin, '--so-pin', $soPin)
}

<#
.SYNOPSIS
    The token is lost, and a blank one takes its place.
#>
function Clear-TestToken($Token) {
    $null = Invoke-TestProgram -Token $Token -Program softhsm2-util -ArgumentList '--delete-token', '--token', $Token.Label
    Invoke-SoftHsmInit -Token $Token
}

<#
.SYNOPSIS
    pkcs11-tool, logged in to the token.
#>
function Invoke-Pkcs11Tool {
    [CmdletBinding()]
    param($Token, [Parameter(ValueFromRemainingArguments)] [string[]] $ArgumentList)

    Invoke-TestProgram -Token $Token -Program pkcs11-tool -ArgumentList (
        @('--module', $Token.Library, '--token-label', $Token.Label, '--login', '--pin', $pin) + $ArgumentList)
}

<#
.SYNOPSIS
    What pkcs11-tool lists, in an order of its own: the labels and ids of all objects. Handles change, and SoftHSM forgets
    CKA_VALUE_LEN of a key that was unwrapped.
#>
function Get-TestObject($Token) {
    Invoke-Pkcs11Tool -Token $Token --list-objects |
        Where-Object { $_ -match '^\S.* [Oo]bject|^  (label|ID):' } | ForEach-Object { $_.Trim() -replace '(?<=^Data object) \d+$' -replace ' length \d+$' }
}

<#
.SYNOPSIS
    Fills a token with one object of each kind, all of which can be backed up. `Folder` gets the files that they were made of.
#>
function Add-TestObject($Token) {
    $folder = $Token.Folder
    $write = @('--write-object')
    foreach ($key in @(
            @{ Name = 'ec'; Id = '01'; Option = 'EC', '-pkeyopt', 'ec_paramgen_curve:P-256' }
            @{ Name = 'rsa'; Id = '02'; Option = 'RSA', '-pkeyopt', 'rsa_keygen_bits:2048' })) {
        $file = "$folder/$($key.Name)"
        $null = Invoke-TestProgram -Token $Token -Program openssl -ArgumentList (
            @('genpkey', '-outform', 'DER', '-out', "$file.key", '-algorithm') + $key.Option)
        $null = Invoke-TestProgram -Token $Token -Program openssl -ArgumentList @(
            'pkey', '-inform', 'DER', '-in', "$file.key", '-pubout', '-outform', 'DER', '-out', "$file.pub")
        $null = Invoke-TestProgram -Token $Token -Program openssl -ArgumentList @(
            'req', '-new', '-x509', '-keyform', 'DER', '-key', "$file.key", '-subj', "/CN=$($key.Name)", '-outform', 'DER', '-out', "$file.crt")
        $named = @('--id', $key.Id, '--label', $key.Name)
        $usage = @('--usage-sign') + $(if ($key.Name -eq 'rsa') { '--usage-decrypt' })
        $null = Invoke-Pkcs11Tool -Token $Token -ArgumentList ($write + "$file.key" + '--type', 'privkey', '--extractable' + $usage + $named)
        $null = Invoke-Pkcs11Tool -Token $Token -ArgumentList ($write + "$file.pub" + '--type', 'pubkey' + $usage + $named)
        $null = Invoke-Pkcs11Tool -Token $Token -ArgumentList ($write + "$file.crt" + '--type', 'cert' + $named)
    }
    Set-Content -LiteralPath "$folder/data" -Value 'a note for later'
    $null = Invoke-Pkcs11Tool -Token $Token -ArgumentList ($write + "$folder/data" + '--type', 'data', '--label', 'note', '--application-label', 'tests')
    Add-TestSecretKey -Token $Token -Label aes -Id '03'
}

<#
.SYNOPSIS
    What the keys of Add-TestObject do on a token: it signs and deciphers, and openssl holds that against the files of the token they were
    made on. Neither knows anything of HsmBackup. Gives 'Verified OK' twice, and 'pay 100 to Alice'.
#>
function Get-TestUse($Token, $Original) {
    $folder = $Token.Folder
    $verify = @('dgst', '-sha256', '-keyform', 'DER', '-signature', "$folder/signature")
    Set-Content -LiteralPath "$folder/message" -Value 'pay 100 to Alice' -NoNewline
    $null = Invoke-TestProgram -Token $Token -Program openssl -ArgumentList dgst, -sha256, -binary, -out, "$folder/digest", "$folder/message"
    $null = Invoke-Pkcs11Tool -Token $Token -ArgumentList --sign, --mechanism, ECDSA, --id, '01', --signature-format, openssl,
    -i, "$folder/digest", -o, "$folder/signature"
    Invoke-TestProgram -Token $Token -Program openssl -ArgumentList ($verify + '-verify', "$($Original.Folder)/ec.pub", "$folder/message")
    $null = Invoke-Pkcs11Tool -Token $Token -ArgumentList --sign, --mechanism, SHA256-RSA-PKCS, --id, '02', -i, "$folder/message", -o, "$folder/signature"
    Invoke-TestProgram -Token $Token -Program openssl -ArgumentList ($verify + '-verify', "$($Original.Folder)/rsa.pub", "$folder/message")
    Get-TestPlaintext -Token $Token -Id '03' -Key "$($Original.Folder)/aes.bin"
}

<#
.SYNOPSIS
    What a token deciphers with an AES key, of what openssl enciphered with the key in a file: 'pay 100 to Alice' if it is the same key.
#>
function Get-TestPlaintext($Token, [string] $Id, [string] $Key) {
    $folder = $Token.Folder
    $value = [Convert]::ToHexString([IO.File]::ReadAllBytes($Key))
    Set-Content -LiteralPath "$folder/message" -Value 'pay 100 to Alice' -NoNewline
    $null = Invoke-TestProgram -Token $Token -Program openssl -ArgumentList enc, -aes-256-cbc, -nopad, -K, $value, -iv, ('0' * 32),
    -in, "$folder/message", -out, "$folder/sealed"
    $null = Invoke-Pkcs11Tool -Token $Token -ArgumentList --decrypt, --mechanism, AES-CBC, --id, $Id, --iv, ('0' * 32), -i, "$folder/sealed", -o, "$folder/opened"
    [Text.Encoding]::Latin1.GetString([IO.File]::ReadAllBytes("$folder/opened"))
}

<#
.SYNOPSIS
    An AES-256 key with a value that the test knows.
#>
function Add-TestSecretKey($Token, [string] $Label, [string] $Id) {
    $file = "$($Token.Folder)/$Label.bin"
    [IO.File]::WriteAllBytes($file, [Security.Cryptography.RandomNumberGenerator]::GetBytes(32))
    $null = Invoke-Pkcs11Tool -Token $Token -ArgumentList @(
        '--write-object', $file, '--type', 'secrkey', '--key-type', 'AES:32', '--extractable', '--usage-decrypt', '--id', $Id, '--label', $Label)
}

<#
.SYNOPSIS
    A key that may never leave the token.
#>
function Add-TestFixedKey($Token, [string] $Label = 'fixed', [string] $Id = '0f') {
    $null = Invoke-Pkcs11Tool -Token $Token -ArgumentList '--keypairgen', '--key-type', 'EC:prime256v1', '--id', $Id, '--label', $Label
}

<#
.SYNOPSIS
    The command that runs this very PowerShell; as a .NET tool it is not a program of its own.
#>
function Get-PowerShellCommand {
    $program = Get-Item -Path "$PSHOME/pwsh", "$PSHOME/pwsh.exe" -ErrorAction Ignore | Select-Object -First 1
    $program ? @($program.FullName) : @('dotnet', "$PSHOME/pwsh.dll")
}

Export-ModuleMember -Function ConvertTo-TestSecret, ConvertFrom-TestSecret, Initialize-TestToken, ConvertTo-TestNode, Clear-TestToken, Invoke-TestProgram,
Invoke-Pkcs11Tool, Get-TestObject, Add-TestObject, Add-TestSecretKey, Add-TestFixedKey, Get-TestUse, Get-TestPlaintext, Get-PowerShellCommand
