#!/usr/bin/env bash
# Builds, tests, packs and rehearses HsmBackup on Linux.
#
# The tasks are written in build.ps1. This script brings what they need, finds a PowerShell to run them with, and where
# there is none does as much as can be done without: everything but the cmdlets.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

export DOTNET_NOLOGO=1 DOTNET_CLI_TELEMETRY_OPTOUT=1 POWERSHELL_TELEMETRY_OPTOUT=1 POWERSHELL_UPDATECHECK=Off
powershell=()

main() {
    local task=${1:-build}
    case $task in
        build | test | drill | bench | pack | lint | install) ;;
        -h | --help | help) usage && exit 0 ;;
        *) usage >&2 && exit 2 ;;
    esac
    bring_packages "$task"
    bring_browser "$task"
    if [ "$task" = install ]; then exit 0; fi
    check_sdk
    find_powershell
    if ((${#powershell[@]} > 0)); then
        exec "${powershell[@]}" -NoProfile -NonInteractive -File ./build.ps1 -Task "$task"
    fi
    without_powershell "$task"
}

usage() {
    cat <<'END'
Usage: ./build.sh [build | test | drill | bench | pack | lint | install]

  build     compile, and put the module into out/HsmBackup (the default)
  test      build, then run every test; ends with "N passed, N failed, N skipped"
  drill     lose a throw-away token and bring it back, with a table of times
  bench     compare capture, restore and the look at a cluster with a bare C program
  pack      make out/HsmBackup-<version>.zip and its checksum
  lint      check the formatting and the scripts
  install   only bring what test, drill and bench need (Debian packages, as root)
END
}

fail() {
    printf 'build.sh: %s\n' "$*" >&2
    exit 1
}

# --- What the machine must have -------------------------------------------------------------------------------------

# Each line is a package and what shows that it is there: a command, or a pattern of files.
readonly token_packages='
softhsm2         softhsm2-util
libsofthsm2      /usr/lib/softhsm/libsofthsm2.so
opensc           pkcs11-tool
openssl          openssl
jq               jq'
readonly compiler_packages='
gcc              gcc
libc6-dev        /usr/include/stdio.h
libp11-kit-dev   /usr/include/p11-kit-1/p11-kit/pkcs11.h'
# systemd looks at units, and cron at crontabs; neither is started.
readonly scheduler_packages='
systemd          systemd-analyze
cron             crontab
tzdata           /usr/share/zoneinfo/Europe/Zurich'
readonly second_token_packages='
libnss3          /usr/lib/*/libsoftokn3.so
p11-kit          p11-kit
p11-kit-modules  /usr/lib/*/pkcs11/p11-kit-client.so
gnutls-bin       p11tool
libengine-pkcs11-openssl /usr/lib/*/engines-3/pkcs11.so'
readonly store_packages='
apache2-bin      /usr/sbin/apache2
rclone           rclone'
# promtool judges metrics and rules; exim takes mail on a loopback port. Neither service is needed.
readonly monitoring_packages='
prometheus       promtool
exim4-daemon-light /usr/sbin/exim4'

# Reports and runbooks are looked at as their readers do; npm brings the rules of accessibility. Where they are not to be had, that is said.
readonly browser_packages='
chromium         chromium
nodejs           node
npm              npm'

packages_for() {
    case $1 in
        drill) echo "$token_packages" ;;
        bench) echo "$token_packages$compiler_packages" ;;
        test | install) echo "$token_packages$compiler_packages$second_token_packages$store_packages$scheduler_packages$monitoring_packages" ;;
        browser) echo "$browser_packages" ;;
    esac
}

missing_packages() {
    local package sign
    while read -r package sign; do
        case $sign in
            '') ;;
            /*) compgen -G "$sign" >/dev/null || echo "$package" ;;
            *) command -v "$sign" >/dev/null || echo "$package" ;;
        esac
    done <<<"$(packages_for "$1")"
}

bring_packages() {
    local missing
    mapfile -t missing < <(missing_packages "$1")
    if ((${#missing[@]} == 0)); then return; fi
    if ! command -v apt-get >/dev/null; then
        fail "this machine lacks (by their Debian names): ${missing[*]}. Install them, then run this again."
    fi
    if ((EUID != 0)); then
        printf 'build.sh: "%s" needs packages that are not installed. Run this once, then try again:\n' "$1" >&2
        printf '  sudo sh -c "apt-get update && apt-get install -y --no-install-recommends %s"\n' "${missing[*]}" >&2
        exit 1
    fi
    install_packages "${missing[@]}"
    mapfile -t missing < <(missing_packages "$1")
    ((${#missing[@]} == 0)) || fail "still missing after the installation: ${missing[*]}"
}

# The tests say what they did without it, so nothing is demanded.
bring_browser() {
    local missing
    case $1 in
        test | install) ;;
        *) return ;;
    esac
    mapfile -t missing < <(missing_packages browser)
    if ((${#missing[@]} == 0 || EUID != 0)) || ! command -v apt-get >/dev/null; then return; fi
    (install_packages "${missing[@]}") || echo 'Without a browser, reports and runbooks will not be looked at.'
}

install_packages() {
    local log=out/apt.log
    local -x DEBIAN_FRONTEND=noninteractive
    echo "Installing $*"
    mkdir -p out
    if apt-get -qq update >"$log" 2>&1 </dev/null &&
        apt-get -qq install -y --no-install-recommends -o DPkg::Lock::Timeout=300 "$@" >>"$log" 2>&1 </dev/null; then
        return
    fi
    tail -n 20 "$log" >&2
    fail "apt could not install $*; all that it said is in $log."
}

check_sdk() {
    command -v dotnet >/dev/null || fail 'the .NET 10 SDK is needed, and there is no "dotnet" on the PATH.'
    dotnet --version >/dev/null 2>&1 || fail "the .NET SDK cannot be used here: $(dotnet --version 2>&1 | head -n 3)"
}

# Sets `powershell` to the command that runs PowerShell 7.6 or newer; leaves it empty where there is none.
find_powershell() {
    if is_powershell pwsh; then
        powershell=(pwsh)
    elif timeout 120 dotnet tool restore >/dev/null 2>&1 </dev/null && is_powershell dotnet tool run pwsh; then
        powershell=(dotnet tool run pwsh)
    fi
}

is_powershell() {
    local said
    said=$("$@" --version 2>/dev/null </dev/null) || return 1
    [[ $said =~ ^PowerShell\ ([0-9]+)\.([0-9]+) ]] || return 1
    ((BASH_REMATCH[1] > 7 || (BASH_REMATCH[1] == 7 && BASH_REMATCH[2] >= 6)))
}

# --- Without PowerShell: the same steps as in build.ps1, less the cmdlets --------------------------------------------

without_powershell() {
    case $1 in
        build)
            build
            echo 'No PowerShell 7.6 on this machine: the module in out/HsmBackup was not imported.'
            ;;
        test) run_tests ;;
        drill)
            build_project examples/EngineDrill
            dotnet examples/EngineDrill/bin/Release/net10.0/EngineDrill.dll </dev/null
            echo 'No PowerShell 7.6 on this machine: the drill was run by the engine; the cmdlets were not run.'
            ;;
        bench)
            tests/HsmBackup.Benchmarks/reference/build.sh out/bench/pkcs11bench
            build_project tests/HsmBackup.Benchmarks
            dotnet tests/HsmBackup.Benchmarks/bin/Release/net10.0/HsmBackup.Benchmarks.dll \
                --reference out/bench/pkcs11bench </dev/null
            ;;
        *) fail "\"$1\" needs PowerShell 7.6 or newer, and there is none on this machine." ;;
    esac
}

build() {
    # Build servers would outlive a CI job. File names inside the DLLs must not depend on whose machine this is.
    dotnet build HsmBackup.sln -c Release -p:ContinuousIntegrationBuild=true -warnaserror --disable-build-servers \
        -v:minimal --nologo </dev/null
    assemble_module
}

build_project() {
    dotnet build "$1" -c Release -warnaserror --disable-build-servers -v:quiet --nologo </dev/null
}

# The module comes to its place by renaming, so that nobody imports a half-made one.
assemble_module() {
    local staging=out/.staging.$$ old=out/.old.$$
    mkdir -p "$staging"
    cp -R module/. "$staging"
    cp src/HsmBackup.PowerShell/bin/Release/net10.0/HsmBackup.{Engine,PowerShell}.dll "$staging"
    if diff -rq "$staging" out/HsmBackup >/dev/null 2>&1; then
        rm -rf "$staging"
        return
    fi
    if [ -e out/HsmBackup ]; then mv out/HsmBackup "$old"; fi
    mv "$staging" out/HsmBackup
    rm -rf "$old"
}

run_tests() {
    local project name status passed=0 failed=0 skipped=0
    build
    rm -rf out/TestResults
    for project in tests/*.Tests/*.Tests.csproj; do
        name=$(basename "$project" .csproj)
        status=0
        # A native call that hangs must end the run; a dump of the process would hold the secrets of the tests.
        dotnet test "$project" -c Release --no-build --nologo --results-directory out/TestResults \
            --logger "trx;LogFileName=$name.trx" --blame-hang-timeout 30m --blame-hang-dump-type none \
            </dev/null || status=$?
        add_results "$name" "$status"
    done
    look_at_pages
    skip_pester
    echo "$passed passed, $failed failed, $skipped skipped"
    ((failed == 0 && passed > 0))
}

# Adds the totals of one test project to those of run_tests.
add_results() {
    local trx=out/TestResults/$1.trx total executed good bad
    total=$(counter total "$trx")
    executed=$(counter executed "$trx")
    good=$(counter passed "$trx")
    bad=$((executed - good))
    if ((bad == 0 && ($2 != 0 || total == 0))); then
        echo "$1: the test runner ended without a result for every test (exit code $2)." >&2
        bad=1
    fi
    passed=$((passed + good))
    failed=$((failed + bad))
    skipped=$((skipped + total - executed))
}

# A number from the Counters element of a TRX file; 0 where there is no such file.
counter() {
    local number=
    if [ -e "$2" ]; then number=$(sed -nE "s/.*<Counters[^>]* $1=\"([0-9]+)\".*/\1/p" "$2"); fi
    echo "${number:-0}"
}

look_at_pages() {
    local said status=0
    said=$(tests/Accessibility/run.sh) || status=$?
    printf '%s\n' "$said"
    if [[ ${said##*$'\n'} =~ ^([0-9]+)\ passed,\ ([0-9]+)\ failed,\ ([0-9]+)\ skipped$ ]] && ((status == 0 || BASH_REMATCH[2] > 0)); then
        passed=$((passed + BASH_REMATCH[1]))
        failed=$((failed + BASH_REMATCH[2]))
        skipped=$((skipped + BASH_REMATCH[3]))
    else
        echo "Browser: it ended without a result (exit code $status)." >&2
        failed=$((failed + 1))
    fi
}

skip_pester() {
    local files
    mapfile -t files < <(find tests/Pester -name '*.Tests.ps1')
    echo "Pester: not run (no PowerShell 7.6 on this machine): ${#files[@]} test files"
    skipped=$((skipped + ${#files[@]}))
}

main "$@"
