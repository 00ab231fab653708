#!/usr/bin/env bash
# Looks at the pages that the tests of the engine have left, in a headless Chromium. Where the two packages of npm are not to be had, it
# says so, and the pages count as skipped. The last line is "N passed, N failed, N skipped".
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

main() {
    local folder=tests/HsmBackup.Engine.Tests/bin/Release/net10.0/pages work=out/Accessibility chromium said status=0
    local pages=("$folder"/*.html)
    [ -e "${pages[0]}" ] || { echo "There are no pages in $folder: run the tests of the engine first." >&2 && exit 1; }
    chromium=$(command -v chromium || command -v chromium-browser || command -v google-chrome) || skip 'Chromium' "${#pages[@]}"
    command -v node >/dev/null || skip 'Node.js' "${#pages[@]}"
    command -v npm >/dev/null || skip 'npm' "${#pages[@]}"
    mkdir -p "$work"
    cp tests/Accessibility/{check.mjs,package.json,package-lock.json} "$work"
    npm ci --prefix "$work" --ignore-scripts --no-audit --no-fund >"$work/npm.log" 2>&1 ||
        skip 'the npm packages axe-core and playwright-core' "${#pages[@]}"
    said=$(node "$work/check.mjs" "$folder" "$chromium") || status=$?
    printf '%s\n' "$said" | sed '$d'
    [[ ${said##*$'\n'} =~ ^[0-9]+\ passed,\ [0-9]+\ failed$ ]] || { printf '%s\n0 passed, 1 failed, 0 skipped\n' "$said" && exit 1; }
    echo "${said##*$'\n'}, 0 skipped"
    exit "$status"
}

skip() {
    echo "Browser: not run (not to be had: $1; Debian: apt-get install chromium nodejs npm): $2 pages"
    echo "0 passed, 0 failed, $2 skipped"
    exit 0
}

main
