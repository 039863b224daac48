#!/usr/bin/env bash
# install.sh build|test: installs the Debian packages that building, or building and testing, needs. Quiet; only what
# is missing. Works as root and as a user with sudo. docs/dependencies.md says what each is for.
set -euo pipefail

BUILD="gcc make cmake ninja-build pkg-config libmicrohttpd-dev libmariadb-dev libsqlite3-dev libjson-c-dev
       libcurl4-openssl-dev libsodium-dev zlib1g-dev libzstd-dev"
DEMO="python3 python3-pymysql python3-cryptography curl procps"   # servers: tests/servers/scratch.sh
TEST="libcmocka-dev clang clang-format clang-tidy libclang-rt-14-dev python3-yaml python3-jsonschema"

as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi
}

missing() {
    local name
    for name in "$@"; do
        [ "$(dpkg-query -W -f='${db:Status-Status}' "$name" 2>/dev/null)" = installed ] || echo "$name"
    done
}

case "${1:-build}" in
    build) wanted=$BUILD ;;
    demo) wanted="$BUILD $DEMO" ;;
    test) wanted="$BUILD $DEMO $TEST" ;;
    *) echo "usage: install.sh build|demo|test" >&2; exit 2 ;;
esac
# shellcheck disable=SC2086 # the lists are split on purpose
absent=$(missing $wanted)
[ -z "$absent" ] && exit 0
log=$(mktemp)
trap 'rm -f "$log"' EXIT
echo "installing:" $absent
# shellcheck disable=SC2086
if ! { as_root apt-get update -qq &&
       as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $absent; } >"$log" 2>&1; then
    cat "$log" >&2
    echo "the packages above could not be installed with apt-get" >&2
    exit 1
fi
