#Requires -Version 7.6

<#
.SYNOPSIS
    A first backup: keys go into a token, are backed up, are lost with the token, and come back.
.DESCRIPTION
    Run it as it is; it needs SoftHSM (softhsm2-util), pkcs11-tool and openssl. It makes a token of its own in a temporary
    folder and removes everything in the end. With an HSM of your own, steps 3, 4, 6 and 7 are the ones to keep.
.EXAMPLE
    ./examples/01-first-backup.ps1
#>
[CmdletBinding()]
param(
    [Parameter(HelpMessage = 'The module; ./build.sh puts it there.')]
    [string] $Module = "$PSScriptRoot/../out/HsmBackup",

    [Parameter(HelpMessage = 'The PKCS#11 library of SoftHSM.')]
    [string] $Library = '/usr/lib/softhsm/libsofthsm2.so'
)

Set-StrictMode -Version 3.0
$ErrorActionPreference = 'Stop'
$PSNativeCommandUseErrorActionPreference = $true
Import-Module -Name $Module

$folder = (New-Item -ItemType Directory -Path (Join-Path ([IO.Path]::GetTempPath()) "first-backup-$(New-Guid)")).FullName
$configurationBefore, $homeBefore = $env:SOFTHSM2_CONF, $env:HSMBACKUP_HOME
try {
    '1. A token, empty and new.'
    # SoftHSM keeps tokens in files; where, it reads from this variable. So do the two tools and the module.
    $env:SOFTHSM2_CONF = "$folder/softhsm2.conf"
    "directories.tokendir = $folder/token" | Set-Content -LiteralPath $env:SOFTHSM2_CONF
    # What the module does is put on record in its state folder, which is thrown away here with the rest.
    $env:HSMBACKUP_HOME = "$folder/home"
    $newToken = '--init-token', '--free', '--label', 'payments', '--so-pin', '12345678', '--pin', '1234'
    $null = New-Item -ItemType Directory -Path "$folder/token"
    $null = softhsm2-util @newToken

    '2. Keys of an application: a pair that signs, a key that encrypts. And a note.'
    $tool = '--module', $Library, '--token-label', 'payments', '--login', '--pin', '1234'
    $null = pkcs11-tool @tool --keypairgen --key-type rsa:2048 --id 01 --label invoices --usage-sign --sensitive --extractable 2>&1
    $null = pkcs11-tool @tool --keygen --key-type AES:32 --id 02 --label cards --sensitive --extractable 2>&1
    'Keys are replaced every January.' | Set-Content -LiteralPath "$folder/note"
    $null = pkcs11-tool @tool --write-object "$folder/note" --type data --label note --private 2>&1
    # What others know of the application: its public key. In the end it must still fit.
    $null = pkcs11-tool @tool --read-object --type pubkey --id 01 --output-file "$folder/public.der" 2>&1

    '3. The backup: one file, and the one-time key that opens it. Keep the two in different places.'
    # At a prompt: $pin = Read-Host -AsSecureString
    $pin = [securestring]::new()
    '1234'.ToCharArray() | ForEach-Object { $pin.AppendChar($_) }
    $token = @{ Library = $Library; TokenLabel = 'payments'; Pin = $pin }
    $backup = New-HsmBackup @token -Destination "$folder/backups" -KeyPath "$folder/keys/payments.key"
    $backup | Format-List -Property BackupId, Objects, Captured, Complete, Path

    '4. Is it any good? Integrity needs no key. Content opens all of it. Live compares every key with the token.'
    Test-HsmBackup -Path $backup.Path -Level Integrity
    Test-HsmBackup -Path $backup.Path -Level Content -KeyPath "$folder/keys/payments.key"
    Test-HsmBackup -Path $backup.Path -Level Live -KeyPath "$folder/keys/payments.key" @token

    '5. The token is lost. Its replacement has the same label, and nothing in it.'
    Remove-Item -LiteralPath "$folder/token" -Recurse
    $null = New-Item -ItemType Directory -Path "$folder/token"
    $null = softhsm2-util @newToken

    '6. What would a restore do? -WhatIf says so, and touches nothing.'
    $restore = @{ Path = $backup.Path; KeyPath = "$folder/keys/payments.key"; StatePath = "$folder/state" } + $token
    Restore-HsmCluster @restore -WhatIf | Select-Object -ExpandProperty Items | Format-Table -Property Action, Object, Reason

    '7. The restore. Every key is proven on the token before it counts as restored.'
    Restore-HsmCluster @restore -Confirm:$false | Format-List -Property TokenLabel, Exact, Added, Proven
    Test-HsmBackup -Path $backup.Path -Level Live -KeyPath "$folder/keys/payments.key" @token

    '8. The application never noticed: the key signs, and the public key from before the loss verifies.'
    'One invoice' | Set-Content -LiteralPath "$folder/invoice"
    $null = pkcs11-tool @tool --sign --mechanism SHA256-RSA-PKCS --id 01 --input-file "$folder/invoice" --output-file "$folder/signature" 2>&1
    openssl pkey -pubin -inform DER -in "$folder/public.der" -out "$folder/public.pem"
    openssl dgst -sha256 -verify "$folder/public.pem" -signature "$folder/signature" "$folder/invoice"
}
finally {
    $env:SOFTHSM2_CONF, $env:HSMBACKUP_HOME = $configurationBefore, $homeBefore
    Remove-Item -LiteralPath $folder -Recurse -Force
}
