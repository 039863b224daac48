#!/usr/bin/env bash
# ./bench.sh                the product beside what people use today: installs what it needs, builds a release in
#                           build-bench, runs every area and prints the table of targets with what was measured beside them
# ./bench.sh --only AREA    this area only (several times: several); --list prints them. AREA:CASE: that case of it only
# ./bench.sh --scale F      of the data (1.0);  --rounds N  turns of each, product and peers alternating (3)
# ./bench.sh --smoke        all of it at the smallest scale, one round: whether it runs, not how fast (about two minutes)
# ./bench.sh --reference    keeps the run as bench/results/reference.md and .json, which are committed
# BUILD_DIR                 where to build (default: build-bench/);  CAUSEWAY_BENCH_LOCK  a file that is locked for each turn
#
# Markdown and JSON go to bench/results (BENCH_RESULTS: elsewhere). Nothing else should run on the machine meanwhile.
# docs/performance.md tells the method. A missed target is shown, it does not change the exit status; a case that fails does.
set -uo pipefail
cd "$(dirname "$0")" || exit 1

AREAS=(copy incr verify api)
BUILD_DIR=$(realpath -m "${BUILD_DIR:-build-bench}")
RESULTS=$(realpath -m "${BENCH_RESULTS:-bench/results}")
export BUILD_DIR
SCALE=1.0 ROUNDS=3 ONLY=() CHILD='' REFERENCE=false

usage() { sed -n '2,12s/^# \{0,1\}//p' "$0"; }

list() {
    local area
    for area in "${AREAS[@]}"; do "bench/$area/run.py" --list | sed "s/^/$area:/"; done
    exit 0
}

while [ $# -gt 0 ]; do
    case $1 in
        --scale) SCALE=${2:?--scale F}; shift ;;
        --rounds) ROUNDS=${2:?--rounds N}; shift ;;
        --only) ONLY+=("${2:?--only AREA}"); shift ;;
        --smoke) SCALE=0.01 ROUNDS=1 ;;
        --reference) REFERENCE=true ;;
        --list) list ;;
        -h | --help) usage; exit 0 ;;
        *) usage >&2; exit 2 ;;
    esac
    shift
done
for only in "${ONLY[@]}"; do
    [[ " ${AREAS[*]} " == *" ${only%%:*} "* ]] || { echo "no such area: $only (--list)" >&2; exit 2; }
done

# Whoever stops this script stops what it waits for; an area stops its servers itself.
interrupted() {
    trap '' INT TERM HUP
    echo "interrupted: stopping what runs" >&2
    [ -n "$CHILD" ] && kill -TERM "$CHILD" 2>/dev/null && wait "$CHILD"
    exit 130
}
trap interrupted INT TERM HUP

waited() {   # COMMAND…: in the background, so that a signal is seen at once
    "$@" &
    CHILD=$!
    wait "$CHILD"
}

build() {
    local log=$BUILD_DIR.log
    echo "building in $BUILD_DIR" >&2
    { cmake -S . -B "$BUILD_DIR" -G Ninja -DCMAKE_BUILD_TYPE=Release -DCAUSEWAY_FAULTS=OFF &&
        ninja -C "$BUILD_DIR" causewayd causeway-worker bench_api_load bench_api_bare bench_incr_probe bench_incr_delay; } >"$log" 2>&1 && return
    tail -n 40 "$log" >&2
    echo "the build failed: $log" >&2
    exit 1
}

# The cases of an area that were asked for, as its arguments; 1 when the area was not asked for.
asked() {   # AREA
    local only found=1
    CASES=()
    [ ${#ONLY[@]} -eq 0 ] && return 0
    for only in "${ONLY[@]}"; do
        [ "${only%%:*}" = "$1" ] || continue
        found=0
        [[ $only == *:* ]] && CASES+=(--only "${only#*:}")
    done
    return $found
}

tests/install.sh bench || exit 1
tests/servers/scratch.sh install mariadb >/dev/null || exit 1
build
STATUS=0 RAN=()
for area in "${AREAS[@]}"; do
    asked "$area" || continue
    from=$SECONDS
    echo "$area" >&2
    if waited "bench/$area/run.py" --scale "$SCALE" --rounds "$ROUNDS" --output "$RESULTS" --json "${CASES[@]}" >/dev/null; then
        RAN+=("$area")
        echo "$area: $((SECONDS - from)) s" >&2
    else
        STATUS=1
        echo "$area FAILED" >&2
    fi
done
[ ${#RAN[@]} -gt 0 ] && { /usr/bin/python3 bench/summary.py "$RESULTS" "${RAN[@]}" || STATUS=1; }
if $REFERENCE && [ $STATUS -eq 0 ]; then
    for ending in md json; do cp "$RESULTS/summary.$ending" "bench/results/reference.$ending"; done
fi
exit $STATUS
