#!/usr/bin/env bash
# ./demo.sh          a real migration under live load, to watch: two scratch MariaDB servers, a shop that keeps selling, Causeway;
#                    then the way back beside it, the shop at both ends, conflicts on purpose and their records, and the
#                    verification of both ends while they are written: one row is spoilt on purpose, found and corrected
# ./demo.sh --once   the same, ends by itself; exit status 0 when the last verification says that both ends are equal
# BUILD_DIR          where to build (default: build/);  DEMO_ROWS  rows of the shop (default 300000)
#
# Installs what it needs, leaves nothing running; all scratch data lives in one folder that it removes.
set -euo pipefail
cd "$(dirname "$0")"

BUILD_DIR=$(realpath -m "${BUILD_DIR:-build}")
ROWS=${DEMO_ROWS:-300000}
ONCE=false
case ${1:-} in
    '') ;;
    --once) ONCE=true ;;
    *) sed -n '2,6s/^# //p' "$0"; exit 2 ;;
esac

WORK=$(mktemp -d "${TMPDIR:-/tmp}/causeway-demo.XXXXXX")
SERVERS=tests/servers/scratch.sh
DAEMON='' LOADS=()

say() { printf '\n\033[1m%s\033[0m\n' "$*"; }
step() { printf '  %-58s' "$1 …"; }
ok() { echo "${1:-ok}"; }

cleanup() {
    local status=$?
    trap - EXIT INT TERM
    set +e                      # whatever fails here, the rest is still to be cleared away
    for load in "${LOADS[@]}"; do kill "$load" 2>/dev/null && wait "$load" 2>/dev/null; done
    [ -n "$DAEMON" ] && kill "$DAEMON" 2>/dev/null && wait "$DAEMON" 2>/dev/null
    $SERVERS stopall "$WORK" >/dev/null 2>&1
    if [ $status -ne 0 ] && [ $status -ne 130 ]; then
        mkdir -p "$BUILD_DIR/demo-logs"
        cp "$WORK"/*.log "$WORK"/*/err.log "$BUILD_DIR/demo-logs/" 2>/dev/null
        echo "the demo failed; logs: $BUILD_DIR/demo-logs" >&2
    fi
    rm -rf "$WORK"
    exit $status
}
trap cleanup EXIT
trap 'exit 130' INT TERM

# quiet LOG COMMAND…: output only when it fails
quiet() {
    local log=$WORK/$1.log
    shift
    "$@" >"$log" 2>&1 || { echo failed; tail -n 20 "$log" >&2; return 1; }
}

# api ACTION BODY: the call as a person would make it, shown and made
api() {
    echo "  \$ curl -u admin:… -d '$2' '$URL/api/v2?Action=$1'" >&2
    curl -sS --netrc-file "$WORK/netrc" -H 'Content-Type: application/json' -d "$2" "$URL/api/v2?Action=$1" |
        tee "$WORK/answer.json"
    grep -q '"success": *true' "$WORK/answer.json" || { echo >&2; echo "the call failed: $(cat "$WORK/answer.json")" >&2; return 1; }
}
# load END PORT SHARE: customers of one end, in the background
load() {
    /usr/bin/python3 tests/tools/shop.py load --port "$2" --rate 200 --share "$3" >"$WORK/load-$1.log" 2>&1 &
    LOADS+=($!)
}
# verify: compares the tables of both ends by Causeway's own verification; status 0 when all are equal
verify() {
    local end=$((SECONDS + 300))
    api StartFullVerify "{\"projectId\":\"$PROJECT\"}" >/dev/null || return 2
    until curl -sS --netrc-file "$WORK/netrc" -H 'Content-Type: application/json' -d "{\"id\":\"$PROJECT\"}" \
            "$URL/api/v2?Action=DescribeProjectSteps" | /usr/bin/python3 tests/tools/shop.py through -; do
        [ $SECONDS -lt $end ] || { echo "the verification does not come to an end" >&2; return 2; }
        sleep 0.3
    done
    api ListProjectFullVerifyResult "{\"projectId\":\"$PROJECT\",\"pageNumber\":1,\"pageSize\":50}" >"$WORK/verified.json" || return 2
    /usr/bin/python3 tests/tools/shop.py verified "$WORK/verified.json"
}
watch() { "$BUILD_DIR/causeway" --data-dir "$WORK/data" watch "$@"; }
data() { /usr/bin/python3 -c 'import json,sys; print(json.load(sys.stdin)["data"])'; }

say "Preparing"
tests/install.sh demo
step "building Causeway"
quiet build sh -c "cmake -S . -B '$BUILD_DIR' -G Ninja && ninja -C '$BUILD_DIR' causewayd causeway-worker causeway"
ok
step "two scratch MariaDB servers"
quiet servers $SERVERS install mariadb
# each end gives every other number to new rows, so that both can sell
quiet start-source $SERVERS start mariadb "$WORK/source" 0 $((RANDOM + 1)) --auto-increment-increment=2 --auto-increment-offset=1
quiet start-target $SERVERS start mariadb "$WORK/target" 0 $((RANDOM + 40000)) --auto-increment-increment=2 --auto-increment-offset=2
SOURCE_PORT=$(cat "$WORK/source/port") TARGET_PORT=$(cat "$WORK/target/port")
ok "ports $SOURCE_PORT and $TARGET_PORT"
step "a shop with about $ROWS rows"
ok "$(/usr/bin/python3 tests/tools/shop.py create --port "$SOURCE_PORT" --rows "$ROWS")"
step "customers that keep buying, 200 transactions a second"
load source "$SOURCE_PORT" 0
ok
step "causewayd"
"$BUILD_DIR/causewayd" --data-dir "$WORK/data" --listen 127.0.0.1:0 --web-dir web >"$WORK/causewayd.log" 2>&1 &
DAEMON=$!
for _ in $(seq 200); do
    [ -s "$WORK/data/listen" ] && break
    kill -0 "$DAEMON" 2>/dev/null || { echo failed; tail "$WORK/causewayd.log" >&2; exit 1; }
    sleep 0.05
done
URL=http://$(cat "$WORK/data/listen")
ok "$URL"
# the credentials go to curl in a file, never in its arguments
/usr/bin/python3 - "$WORK" <<'PY'
import json, os, sys
c = json.load(open(sys.argv[1] + "/data/initial-credentials.json"))
with os.fdopen(os.open(sys.argv[1] + "/netrc", os.O_CREAT | os.O_WRONLY, 0o600), "w") as f:
    f.write(f"machine 127.0.0.1 login {c['username']} password {c['password']}\n")
PY
echo "  console: $URL/   account admin, password in $WORK/data/initial-credentials.json"

say "Four calls"
SOURCE=$(api CreateMySqlDataSource "{\"name\":\"old\",\"ip\":\"127.0.0.1\",\"port\":$SOURCE_PORT,\"userName\":\"root\",\"password\":\"\"}" | data)
TARGET=$(api CreateMySqlDataSource "{\"name\":\"new\",\"ip\":\"127.0.0.1\",\"port\":$TARGET_PORT,\"userName\":\"root\",\"password\":\"\"}" | data)
PROJECT=$(api CreateProject "{\"name\":\"shop\",\"type\":\"MIGRATION\",\"sourceEndpointId\":\"$SOURCE\",\"sinkEndpointId\":\"$TARGET\",\"enableStructTransfer\":true,\"enableFullTransfer\":true,\"enableIncrTransfer\":true,\"commonTransferConfig\":{\"activeActive\":true},\"incrTransferConfig\":{\"conflictStrategy\":\"OVERWRITE\"},\"transferMapping\":{\"mode\":\"SPECIFIC\",\"databases\":[{\"name\":\"shop\",\"mappedName\":\"shop\"}]}}" | data)
api StartProject "{\"id\":\"$PROJECT\"}" >/dev/null

say "The migration, while the shop goes on selling"
watch "$PROJECT" --until-monitoring

say "The way back: what is written at the new end goes to the old one, too"
REVERSE=$(api ConfigureReverseProject "{\"id\":\"$PROJECT\"}" | data)
api StartProject "{\"id\":\"$REVERSE\"}" >/dev/null
watch "$REVERSE" --until-monitoring
step "customers at the new end, too, 200 transactions a second"
load target "$TARGET_PORT" 1
ok

say "Both ends are written; conflicts on purpose (the old end's changes overwrite, the new end's give way)"
/usr/bin/python3 tests/tools/shop.py clash --port "$SOURCE_PORT" --target-port "$TARGET_PORT"
for id in "$PROJECT" "$REVERSE"; do
    api ListConflictRecords "{\"projectId\":\"$id\",\"pageSize\":20}" >"$WORK/conflicts.json"
    /usr/bin/python3 tests/tools/shop.py show "$WORK/conflicts.json"
done

say "In step both ways; the shop goes on selling for a few seconds"
timeout 6 "$BUILD_DIR/causeway" --data-dir "$WORK/data" watch "$REVERSE" || true

say "One row of the new end is spoilt behind everybody's back; both ends are verified, and the shop goes on selling"
/usr/bin/python3 tests/tools/shop.py spoil --target-port "$TARGET_PORT"
verdict=0; verify || verdict=$?
[ $verdict -eq 1 ] || { echo "the spoilt row was not found" >&2; exit 1; }
api ListFullVerifyInconsistenciesResult "{\"projectId\":\"$PROJECT\",\"schema\":\"shop\",\"table\":\"customer\",\"pageNumber\":1,\"pageSize\":10}" >"$WORK/rows.json"
/usr/bin/python3 tests/tools/shop.py differing "$WORK/rows.json"
api ListFullVerifyCorrectionsResult "{\"projectId\":\"$PROJECT\",\"schema\":\"shop\",\"table\":\"customer\",\"pageNumber\":1,\"pageSize\":10}" >"$WORK/corrections.json"
data <"$WORK/corrections.json"
api ApplyFullVerifyCorrections "{\"projectId\":\"$PROJECT\"}" >/dev/null
for _ in $(seq 100); do
    curl -sS --netrc-file "$WORK/netrc" -H 'Content-Type: application/json' -d "{\"projectId\":\"$PROJECT\"}" \
        "$URL/api/v2?Action=ListFullVerifyInconsistenciesResult" | grep -q '"APPLYING"' || break
    sleep 0.2
done

if ! $ONCE; then
    say "Both ends are in step. Look at $URL/, or at the ends: mariadb -h 127.0.0.1 -P $SOURCE_PORT (or $TARGET_PORT) -u root shop"
    echo "Ctrl-C ends the demo. It goes on showing the lag:"
    watch "$PROJECT" || true
fi

say "The shop closes; both ends are verified once more"
for load in "${LOADS[@]}"; do
    kill "$load" 2>/dev/null && wait "$load" || { echo "customers went away with an error:"; tail -n 5 "$WORK"/load-*.log; exit 1; } >&2
done
LOADS=()
for end in source target; do echo "  at the $end: $(tail -n 1 "$WORK/load-$end.log")"; done
if verify; then
    say "Equal."
else
    say "The ends differ."
    exit 1
fi
