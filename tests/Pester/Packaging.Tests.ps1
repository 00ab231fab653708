#Requires -Version 7.6

BeforeAll {
    $root = (Get-Item -LiteralPath "$PSScriptRoot/../..").FullName
    $module = Join-Path $root out/HsmBackup
    $manifest = Import-PowerShellDataFile -LiteralPath (Join-Path $module HsmBackup.psd1)
    $assemblies = 'HsmBackup.Engine.dll', 'HsmBackup.PowerShell.dll'

    function Get-RelativeName([string] $Folder) {
        Get-ChildItem -LiteralPath $Folder -Recurse -File -Force |
            ForEach-Object { [IO.Path]::GetRelativePath($Folder, $_.FullName) }
    }

    function Get-ReferencedAssembly([string] $File) {
        $reader = [Reflection.PortableExecutable.PEReader]::new([IO.File]::OpenRead($File))
        try {
            $metadata = [Reflection.Metadata.PEReaderExtensions]::GetMetadataReader($reader)
            foreach ($handle in $metadata.AssemblyReferences) {
                $metadata.GetString($metadata.GetAssemblyReference($handle).Name)
            }
        }
        finally {
            $reader.Dispose()
        }
    }
}

Describe 'What ships' {
    It 'is the module folder and two assemblies, and nothing else' {
        $expected = @(Get-RelativeName -Folder (Join-Path $root module)) + $assemblies | Sort-Object
        Get-RelativeName -Folder $module | Sort-Object | Should -Be $expected
    }

    It 'has everything that the manifest names' {
        foreach ($file in @($manifest.RootModule) + $manifest.FormatsToProcess) {
            Join-Path $module $file | Should -Exist
        }
    }

    It 'exports by name only' {
        $manifest.CmdletsToExport | Should -Not -BeNullOrEmpty
        $manifest.CmdletsToExport + $manifest.FunctionsToExport + $manifest.AliasesToExport + $manifest.VariablesToExport |
            Should -Not -Match '[*?]'
    }

    It 'has one version' {
        $project = ([xml](Get-Content -LiteralPath $root/Directory.Build.props -Raw)).SelectSingleNode('//Version').InnerText
        $manifest.ModuleVersion | Should -Be $project
        foreach ($assembly in $assemblies) {
            [Reflection.AssemblyName]::GetAssemblyName((Join-Path $module $assembly)).Version | Should -Be ([version]"$project.0")
        }
    }

    It 'needs no assembly but its own and those of PowerShell' {
        $platform = [AppContext]::GetData('TRUSTED_PLATFORM_ASSEMBLIES').Split([IO.Path]::PathSeparator) | Split-Path -LeafBase
        $own = $assemblies | Split-Path -LeafBase
        foreach ($assembly in $assemblies) {
            Get-ReferencedAssembly -File (Join-Path $module $assembly) | Where-Object { $_ -notin $own } | Should -BeIn $platform
        }
    }

    It 'names no folder of the machine that it was built on' {
        foreach ($assembly in $assemblies) {
            $text = [Text.Encoding]::Latin1.GetString([IO.File]::ReadAllBytes((Join-Path $module $assembly)))
            $text.Contains($root, [StringComparison]::Ordinal) | Should -BeFalse
        }
    }
}
