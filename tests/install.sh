#!/usr/bin/env bash
# install.sh build|demo|test|bench: installs the Debian packages that building, and what comes on top of it, needs. Quiet; only what
# is missing. Works as root and as a user with sudo. docs/dependencies.md says what each is for.
set -euo pipefail

BUILD="gcc make cmake ninja-build pkg-config libmicrohttpd-dev libmariadb-dev libsqlite3-dev libjson-c-dev
       libcurl4-openssl-dev libsodium-dev libgnutls28-dev zlib1g-dev libzstd-dev"
DEMO="python3 python3-pymysql python3-cryptography curl procps"   # servers: tests/servers/scratch.sh
BENCH="python3-yaml python3-jsonschema mydumper percona-toolkit iproute2 git"
TEST="libcmocka-dev clang clang-format clang-tidy libclang-rt-14-dev python3-yaml python3-jsonschema percona-toolkit
      man-db mandoc zsh libxml2-utils"

as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi
}

missing() {
    local name
    for name in "$@"; do
        [ "$(dpkg-query -W -f='${db:Status-Status}' "$name" 2>/dev/null)" = installed ] || echo "$name"
    done
}

# The servers' own replication tests, which tests/system/test_workload.py plays. The package mariadb-test would bring a
# server that starts by itself; all that is needed is data of another one, 20 MB to fetch and 40 MB of it unpacked.
SUITES="${CAUSEWAY_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/causeway}/mariadb-test"

fetch_suites() {
    local tmp part=./usr/share/mysql/mysql-test
    [ -f "$SUITES/version" ] && return 0
    mkdir -p "$(dirname "$SUITES")"
    tmp=$(mktemp -d "$SUITES.XXXXXX")
    if (cd "$tmp" && apt-get download -qq mariadb-test-data && dpkg-deb --fsys-tarfile ./*.deb |
            tar -x --no-same-owner --strip-components=5 --wildcards "$part/suite/rpl/*" "$part/suite/binlog/*" \
                "$part/include/*" "$part/std_data/*") >"$tmp/log" 2>&1; then
        dpkg-deb -f "$tmp"/*.deb Version >"$tmp/version"
        rm -f "$tmp"/*.deb "$tmp/log"
        mv -T "$tmp" "$SUITES" 2>/dev/null || rm -rf "$tmp"     # somebody else was quicker
    else
        echo "mariadb-test-data could not be fetched; test_workload will be skipped: $(tail -n 1 "$tmp/log")" >&2
        rm -rf "$tmp"
    fi
}

command -v npm >/dev/null || TEST="$TEST npm"       # of Debian or any other, from Node.js 18.18 on

case "${1:-build}" in
    build) wanted=$BUILD ;;
    demo) wanted="$BUILD $DEMO" ;;
    test) wanted="$BUILD $DEMO $TEST" ;;
    bench) wanted="$BUILD $DEMO $BENCH" ;;
    *) echo "usage: install.sh build|demo|test|bench" >&2; exit 2 ;;
esac
# shellcheck disable=SC2086 # the lists are split on purpose
absent=$(missing $wanted)
if [ -z "$absent" ]; then
    [ "${1:-build}" = test ] && fetch_suites
    exit 0
fi
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
[ "${1:-build}" = test ] && fetch_suites
exit 0
