#Requires -Version 7.6

<#
.SYNOPSIS
    Makes the help of the cmdlets (MAML) from the pages in docs/cmdlets and the cmdlets themselves.
.DESCRIPTION
    The words come from the pages; types, sets, positions and the rest come from the built module in out/HsmBackup. Run
    it after a change to a page or to the parameters of a cmdlet, and commit what it writes. A test holds that the help is up to date.
.EXAMPLE
    ./docs/Update-Help.ps1
#>
[CmdletBinding()]
param(
    [Parameter(HelpMessage = 'The help file to write.')]
    [string] $Path = "$PSScriptRoot/../module/en-US/HsmBackup.PowerShell.dll-Help.xml"
)

Set-StrictMode -Version 3.0
$ErrorActionPreference = 'Stop'

$maml = 'http://schemas.microsoft.com/maml/2004/10'
$command = 'http://schemas.microsoft.com/maml/dev/command/2004/10'
$dev = 'http://schemas.microsoft.com/maml/dev/2004/10'
$common = [Management.Automation.Cmdlet]::CommonParameters
$shouldProcess = @{
    WhatIf  = 'Shows what the command would do, and does not do it.'
    Confirm = 'Asks before the command does anything.'
}

# A page as nested tables: section, then entry within the section ('' for the text before the first entry), then its text.
function Read-Page([string] $File) {
    $page = [ordered]@{}
    $section = $entry = ''
    foreach ($line in Get-Content -LiteralPath $File) {
        if ($line -match '^(#{1,3}) (.+)$') {
            $section, $entry = if ($Matches[1] -eq '###') { $section, $Matches[2] } else { $Matches[2], '' }
        }
        if (-not $page.Contains($section)) { $page[$section] = [ordered]@{} }
        if (-not $page[$section].Contains($entry)) { $page[$section][$entry] = [Collections.Generic.List[string]]::new() }
        if ($line -notmatch '^#{1,3} ') { $page[$section][$entry].Add($line) }
    }
    $page
}

# Blank lines part the paragraphs.
function Get-Paragraph([string[]] $Line) {
    ($Line -join "`n").Trim() -split '\n{2,}' | Where-Object { $_ }
}

function Write-Para([string[]] $Text) {
    foreach ($paragraph in $Text) { $xml.WriteElementString('maml', 'para', $maml, $paragraph) }
}

function Write-Description([string[]] $Text) {
    $xml.WriteStartElement('maml', 'description', $maml)
    Write-Para -Text $Text
    $xml.WriteEndElement()
}

function Write-TypeName([string] $Name) {
    $xml.WriteStartElement('dev', 'type', $dev)
    $xml.WriteElementString('maml', 'name', $maml, $Name)
    $xml.WriteElementString('maml', 'uri', $maml, '')
    $xml.WriteEndElement()
}

# One parameter. The syntax needs no more than its name and value, and a switch has no value there.
function Write-Parameter($Parameter, [string[]] $Text, [switch] $InSyntax) {
    $type = $Parameter.ParameterType
    $pipeline = @(
        if ($Parameter.ValueFromPipeline) { 'ByValue' }
        if ($Parameter.ValueFromPipelineByPropertyName) { 'ByPropertyName' }
    ) -join ', '
    $default = @($Text) -match '^Default: (.+)\.$' -replace '^Default: (.+)\.$', '$1'
    $globbing = @($Parameter.Attributes).Where({ $_ -is [Management.Automation.SupportsWildcardsAttribute] }).Count -gt 0
    $xml.WriteStartElement('command', 'parameter', $command)
    $xml.WriteAttributeString('required', "$($Parameter.IsMandatory)".ToLowerInvariant())
    $xml.WriteAttributeString('variableLength', "$($type.IsArray)".ToLowerInvariant())
    $xml.WriteAttributeString('globbing', "$globbing".ToLowerInvariant())
    $xml.WriteAttributeString('pipelineInput', ($pipeline ? "True ($pipeline)" : 'False'))
    $xml.WriteAttributeString('position', ($Parameter.Position -ge 0 ? "$($Parameter.Position)" : 'named'))
    $xml.WriteAttributeString('aliases', ($Parameter.Aliases.Count -gt 0 ? $Parameter.Aliases -join ', ' : 'none'))
    $xml.WriteElementString('maml', 'name', $maml, $Parameter.Name)
    if (-not $InSyntax) { Write-Description -Text @($Text).Where({ $_ -notmatch '^Default: ' }) }
    if (-not ($InSyntax -and $type -eq [switch])) {
        $xml.WriteStartElement('command', 'parameterValue', $command)
        $xml.WriteAttributeString('required', "$($type -ne [switch])".ToLowerInvariant())
        $xml.WriteAttributeString('variableLength', "$($type.IsArray)".ToLowerInvariant())
        $xml.WriteString($type.Name)
        $xml.WriteEndElement()
    }
    if (-not $InSyntax) {
        Write-TypeName -Name $type.Name
        $xml.WriteElementString('dev', 'defaultValue', $dev, ($default ? $default[0] : $type -eq [switch] ? 'False' : 'None'))
    }
    $xml.WriteEndElement()
}

# As Get-Command shows them: by position, then the mandatory ones, then by name.
function Get-SortedParameter($Set) {
    $Set.Parameters | Where-Object Name -NotIn $common | Sort-Object -Culture '' -Property @(
        { $_.Position -ge 0 ? $_.Position : [int]::MaxValue }, { -not $_.IsMandatory }, { $shouldProcess.ContainsKey($_.Name) }, 'Name'
    )
}

function Get-ParameterText($Page, [string] $Name) {
    if ($shouldProcess.ContainsKey($Name)) { return $shouldProcess[$Name] }
    Get-Paragraph -Line $Page['Parameters']["-$Name"]
}

function Write-Syntax($Cmdlet) {
    $xml.WriteStartElement('command', 'syntax', $command)
    foreach ($set in $Cmdlet.ParameterSets | Sort-Object -Property @{ Expression = 'IsDefault'; Descending = $true }, Name) {
        $xml.WriteStartElement('command', 'syntaxItem', $command)
        $xml.WriteElementString('maml', 'name', $maml, $Cmdlet.Name)
        foreach ($parameter in Get-SortedParameter -Set $set) { Write-Parameter -Parameter $parameter -InSyntax }
        $xml.WriteEndElement()
    }
    $xml.WriteEndElement()
}

function Write-ParameterList($Cmdlet, $Page) {
    $xml.WriteStartElement('command', 'parameters', $command)
    $seen = @{}
    foreach ($parameter in $Cmdlet.ParameterSets | Sort-Object -Property @{ Expression = 'IsDefault'; Descending = $true }, Name |
            ForEach-Object { Get-SortedParameter -Set $_ }) {
        if ($seen.ContainsKey($parameter.Name)) { continue }
        $seen[$parameter.Name] = $true
        Write-Parameter -Parameter $parameter -Text (Get-ParameterText -Page $Page -Name $parameter.Name)
    }
    $xml.WriteEndElement()
}

function Write-Type($Section, [string] $List, [string] $Item) {
    $xml.WriteStartElement('command', $List, $command)
    foreach ($name in @($Section.Keys) -ne '') {
        $xml.WriteStartElement('command', $Item, $command)
        Write-TypeName -Name $name
        Write-Description -Text (Get-Paragraph -Line $Section[$name])
        $xml.WriteEndElement()
    }
    $xml.WriteEndElement()
}

function Write-Example($Section) {
    $xml.WriteStartElement('command', 'examples', $command)
    $number = 0
    foreach ($title in @($Section.Keys) -ne '') {
        $number++
        $code, $remarks = ($Section[$title] -join "`n").Trim() -replace '^```powershell\n' -split '\n```\n', 2
        $xml.WriteStartElement('command', 'example', $command)
        $xml.WriteElementString('maml', 'title', $maml, "Example ${number}: $title")
        $xml.WriteElementString('dev', 'code', $dev, $code)
        $xml.WriteStartElement('dev', 'remarks', $dev)
        # What a command prints stands in fences on the page; the help shows it as it is.
        Write-Para -Text @(Get-Paragraph -Line ($remarks -replace '(?m)^```.*\n?'); '')
        $xml.WriteEndElement()
        $xml.WriteEndElement()
    }
    $xml.WriteEndElement()
}

function Write-Note($Section) {
    $xml.WriteStartElement('maml', 'alertSet', $maml)
    $xml.WriteStartElement('maml', 'alert', $maml)
    Write-Para -Text (Get-Paragraph -Line $Section[''])
    $xml.WriteEndElement()
    $xml.WriteEndElement()
}

function Write-Related($Section) {
    $xml.WriteStartElement('command', 'relatedLinks', $command)
    foreach ($link in @($Section['']) -match '^- ' -replace '^- ') {
        $xml.WriteStartElement('maml', 'navigationLink', $maml)
        $xml.WriteElementString('maml', 'linkText', $maml, $link)
        $xml.WriteElementString('maml', 'uri', $maml, '')
        $xml.WriteEndElement()
    }
    $xml.WriteEndElement()
}

function Write-Command($Cmdlet, $Page) {
    $xml.WriteStartElement('command', 'command', $command)
    $xml.WriteAttributeString('xmlns', 'maml', $null, $maml)
    $xml.WriteAttributeString('xmlns', 'dev', $null, $dev)
    $xml.WriteStartElement('command', 'details', $command)
    $xml.WriteElementString('command', 'name', $command, $Cmdlet.Name)
    $xml.WriteElementString('command', 'verb', $command, $Cmdlet.Verb)
    $xml.WriteElementString('command', 'noun', $command, $Cmdlet.Noun)
    Write-Description -Text (Get-Paragraph -Line $Page[$Cmdlet.Name][''])
    $xml.WriteEndElement()
    Write-Description -Text (Get-Paragraph -Line $Page['Description'][''])
    Write-Syntax -Cmdlet $Cmdlet
    Write-ParameterList -Cmdlet $Cmdlet -Page $Page
    Write-Type -Section $Page['Inputs'] -List inputTypes -Item inputType
    Write-Type -Section $Page['Outputs'] -List returnValues -Item returnValue
    Write-Note -Section $Page['Notes']
    Write-Example -Section $Page['Examples']
    Write-Related -Section $Page['Related']
    $xml.WriteEndElement()
}

Import-Module -Name "$PSScriptRoot/../out/HsmBackup"
$file = $ExecutionContext.SessionState.Path.GetUnresolvedProviderPathFromPSPath($Path)
$null = New-Item -ItemType Directory -Path (Split-Path -Parent $file) -Force
$settings = [Xml.XmlWriterSettings]@{ Indent = $true; NewLineChars = "`n"; Encoding = [Text.UTF8Encoding]::new($false) }
$xml = [Xml.XmlWriter]::Create($file, $settings)
try {
    $xml.WriteStartElement('helpItems', 'http://msh')
    $xml.WriteAttributeString('schema', 'maml')
    foreach ($cmdlet in Get-Command -Module HsmBackup | Sort-Object -Culture '' -Property Name) {
        Write-Command -Cmdlet $cmdlet -Page (Read-Page -File "$PSScriptRoot/cmdlets/$($cmdlet.Name).md")
    }
    $xml.WriteEndElement()
    $xml.WriteWhitespace("`n")
}
finally {
    $xml.Dispose()
}
