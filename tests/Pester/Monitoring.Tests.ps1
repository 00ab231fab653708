#Requires -Version 7.6

# The rules and the dashboard for Prometheus and Grafana: they are what their own tools take, and ask for series that there are.

BeforeAll {
    $root = (Get-Item -LiteralPath "$PSScriptRoot/../..").FullName
    $examples = "$root/examples"
    $known = @(Select-String -LiteralPath $root/docs/metrics.md -Pattern '^\| `(hsmbackup_\w+)`' | ForEach-Object { $_.Matches[0].Groups[1].Value })

    function Get-Unknown([string[]] $Expression) {
        @([regex]::Matches($Expression -join "`n", '\bhsmbackup_\w+').Value | Where-Object { $_ -notin $known } | Select-Object -Unique)
    }
}

Describe 'The alert rules' {
    It 'are what promtool takes' {
        $said = promtool check rules $examples/prometheus-rules.yml 2>&1 | Out-String
        $LASTEXITCODE | Should -Be 0 -Because $said
        $said | Should -Match 'SUCCESS: 3\d rules found'
    }

    It 'fire when they should, and only then' {
        $said = promtool test rules $examples/prometheus-rules.test.yml 2>&1 | Out-String
        $LASTEXITCODE | Should -Be 0 -Because $said
    }

    It 'ask for series that there are' {
        $known.Count | Should -BeGreaterOrEqual 25
        $expressions = Get-Content -LiteralPath $examples/prometheus-rules.yml | Where-Object { $_ -notmatch '^\s*#' -and $_ -match 'hsmbackup_' }
        $expressions.Count | Should -BeGreaterThan 25
        Get-Unknown -Expression $expressions | Should -BeNullOrEmpty
    }
}

Describe 'The dashboard' {
    It 'is JSON whose every panel asks for series that there are' {
        $dashboard = Get-Content -LiteralPath $examples/grafana-dashboard.json -Raw | ConvertFrom-Json -AsHashtable
        $panels = $dashboard.panels.Where({ $_.type -ne 'row' })
        $panels.Count | Should -BeGreaterThan 15
        foreach ($panel in $panels) {
            $expressions = @($panel.targets.ForEach({ $_.expr }))
            $expressions -match '\bhsmbackup_\w+\{cluster=~"\$cluster"\}' | Should -HaveCount $expressions.Count -Because "the panel '$($panel.title)' is about the chosen cluster"
            Get-Unknown -Expression $expressions | Should -BeNullOrEmpty
        }
        Get-Unknown -Expression $dashboard.templating.list[1].definition | Should -BeNullOrEmpty
    }

    It 'has panels that do not overlap' {
        $panels = (Get-Content -LiteralPath $examples/grafana-dashboard.json -Raw | ConvertFrom-Json).panels
        @($panels.id | Select-Object -Unique).Count | Should -Be $panels.Count
        $cells = foreach ($panel in $panels) {
            foreach ($column in 0..($panel.gridPos.w - 1)) {
                foreach ($line in 0..($panel.gridPos.h - 1)) { "$($panel.gridPos.x + $column),$($panel.gridPos.y + $line)" }
            }
        }
        @($cells | Select-Object -Unique).Count | Should -Be $cells.Count
    }
}
