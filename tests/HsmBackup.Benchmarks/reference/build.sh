#!/usr/bin/env bash
# Compiles the reference program: build.sh OUTPUT
set -euo pipefail
output=$(realpath -m "$1")
cd "$(dirname "${BASH_SOURCE[0]}")"

# Any header of PKCS#11 will do: only functions and constants of version 2.40 are used.
include=
for folder in /usr/include/p11-kit-1/p11-kit /usr/include/softhsm /usr/local/include/p11-kit-1/p11-kit /usr/include; do
    if [ -e "$folder/pkcs11.h" ]; then include=$folder && break; fi
done
if [ -z "$include" ]; then
    echo 'No pkcs11.h found; on Debian, it comes with libp11-kit-dev.' >&2
    exit 1
fi

mkdir -p "$(dirname "$output")"
gcc -std=gnu11 -O2 -Wall -Wextra -Werror -isystem "$include" -o "$output" ./*.c -ldl
