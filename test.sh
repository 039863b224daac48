#!/usr/bin/env bash
# ./test.sh            installs what it needs, builds, runs every test
# ./test.sh --quick    what a developer runs before each commit (under 5 minutes)
# ./test.sh --nightly  that and the long ones: each fuzz target for 10 minutes, every file of the servers' own
#                      replication tests, random tests at full length (hours)
# ./test.sh NAME…      only the tests whose name contains NAME
# ./test.sh --list     names only
# BUILD_DIR            where to build (default: build/)
#
# The last line is "N passed, N failed, N skipped"; the exit status is 1 when something failed.
set -uo pipefail
cd "$(dirname "$0")" || exit 1

ROOT=$PWD
BUILD_DIR=$(realpath -m "${BUILD_DIR:-build}")
export BUILD_DIR
LOGS=$BUILD_DIR/test-logs
JOBS=$(nproc)
SYSTEM_JOBS=${CAUSEWAY_TEST_JOBS:-3}     # system tests at a time: they wait more than they compute; each has up to eight servers
NICE=0
MODE=all
NAMES=()
STARTED=$SECONDS

for argument in "$@"; do
    case $argument in
        --quick) MODE=quick ;;
        --nightly) MODE=nightly ;;
        --list) MODE=list ;;
        -h | --help) sed -n '2,10s/^# //p' "$0"; exit 0 ;;
        -*) echo "unknown option $argument" >&2; exit 2 ;;
        *) NAMES+=("$argument") ;;
    esac
done

# FUZZ_SECONDS: of each target. CAUSEWAY_TEST_LENGTH: the part of their full length that random tests run (0.1).
# CAUSEWAY_TEST_SCALE: random rows of each table of types (tests/system/test_types.py).
if [ $MODE = nightly ]; then
    FUZZ_SECONDS=${FUZZ_SECONDS:-600}
    export CAUSEWAY_TEST_LENGTH=${CAUSEWAY_TEST_LENGTH:-1} CAUSEWAY_TEST_SCALE=${CAUSEWAY_TEST_SCALE:-100000}
fi
FUZZ_SECONDS=${FUZZ_SECONDS:-30}

# wanted NAME: whether this part was asked for.
wanted() {
    local name
    [ ${#NAMES[@]} -eq 0 ] && return 0
    for name in "${NAMES[@]}"; do [[ $1 == *"$name"* ]] && return 0; done
    return 1
}

# What is slow runs in two lanes side by side: one waits for servers most of the time, the other one computes. A lane is
# a process group of its own, so that all it has started can be told to stop. Results are printed one at a time.
LANES=()

lane() {   # COMMAND…
    set -m
    (set +m; trap 'exit 143' TERM; trap - INT; "$@") &
    set +m
    LANES+=($!)
}

interrupted() {
    local pid
    trap '' INT TERM HUP
    echo "interrupted: stopping what runs"
    for pid in "${LANES[@]}"; do kill -TERM -- "-$pid" 2>/dev/null; done
    for pid in "${LANES[@]}"; do wait "$pid"; done
    exit 130
}

emit() { flock "$CAUSEWAY_TEST_LOCK" cat; }

count() { echo "$@" >>"$COUNTS"; }     # PASSED FAILED SKIPPED

# part NAME COMMAND…: one test of its own; output goes to a log that is named when it fails.
part() {
    local name=$1 log=$LOGS/$1.log from=$SECONDS
    shift
    wanted "$name" || return 0
    if [ $MODE = list ]; then echo "$name"; return 0; fi
    if "$@" >"$log" 2>&1; then
        count 1 0 0
        echo "ok   $name $((SECONDS - from))" | emit
    else
        count 0 1 0
        { echo "FAIL $name $((SECONDS - from))"
          tail -n 25 "$log" | sed 's/^/    /'
          echo "    all of it: $log"; } | emit
        return 1
    fi
}

# counted LOG COMMAND…: a runner that leaves its output in LOG, "N passed, N failed, N skipped" as its last line; the
# counts are added. It prints what it has to say by itself.
counted() {
    local log=$1 line
    shift
    rm -f "$log"
    "$@"
    line=$(grep -sE '^[0-9]+ passed, [0-9]+ failed, [0-9]+ skipped$' "$log" | tail -n 1)
    if [ -z "$line" ]; then
        count 0 1 0
        echo "FAIL $(basename "$log" .log): it ended without its closing line: $log" | emit
        return
    fi
    read -r p _ f _ s _ <<<"${line//,/}"
    count "$p" "$f" "$s"
}

configure_and_build() {   # DIR CMAKE-OPTIONS…
    local dir=$1
    shift
    cmake -S "$ROOT" -B "$dir" -G Ninja -DCAUSEWAY_REQUIRE_TESTS=ON "$@" && nice -n "$NICE" ninja -C "$dir" -j "$JOBS"
}

# ctest as a runner with our closing line in LOG; names are printed as "<label>.<test>".
run_ctest() {   # LOG LABEL DIR [CTEST-OPTIONS…]
    local log=$1 label=$2 dir=$3 out=$1.ctest
    shift 3
    (cd "$dir" && ctest -j "$JOBS" --output-on-failure "$@") >"$out" 2>&1
    awk -v label="$label" '
        /^ *[0-9]+\/[0-9]+ Test +#/ {
            name = $4; seconds = $(NF - 1)
            if (/   Passed /) { p++; print "ok   " label "." name " " seconds }
            else if (/\*\*\*Skipped|Not Run/) { s++; print "skip " label "." name " (ctest says it was not run)" }
            else { f++; print "FAIL " label "." name " " seconds }
        }
        END { print (p + 0) " passed, " (f + 0) " failed, " (s + 0) " skipped" }' "$out" >"$log"
    { if grep -q ^FAIL "$log"; then cat "$out"; fi
      sed '$d' "$log"; } | emit
}

unit() {   # LABEL DIR [CTEST-OPTIONS…]
    local filter=()
    if [ ${#NAMES[@]} -gt 0 ]; then filter=(-R "$(IFS='|'; echo "${NAMES[*]#*.}")"); fi
    if [ $MODE = list ]; then
        (cd "$2" && ctest -N "${filter[@]}") | sed -n "s/^ *Test *#[0-9]*: /$1./p"
        return
    fi
    counted "$LOGS/$1.log" run_ctest "$LOGS/$1.log" "$@" "${filter[@]}"
}

check_format() {
    git ls-files '*.c' '*.h' | xargs clang-format --dry-run -Werror
}

check_tidy() {
    # the tree of the plain build; files of the tests are held to the compiler's warnings only
    # gcc's own warning flags are unknown to clang: it is told not to mind
    # the analyzer's deep mode takes six times as long for the same findings so far: at night only
    local depth=(--extra-arg=-Xclang --extra-arg=-analyzer-config --extra-arg=-Xclang --extra-arg=mode=shallow)
    [ $MODE = nightly ] && depth=()
    git ls-files 'base/*.c' 'store/*.c' 'flow/*.c' 'api/*.c' 'server/*.c' 'cli/*.c' 'workers/*.c' |
        nice -n "$NICE" xargs -P "$JOBS" -n 4 clang-tidy --quiet -p "$BUILD_DIR" --extra-arg=-Wno-unknown-warning-option "${depth[@]}"
}

check_layers() {
    tests/tools/check_layers.sh
}

build_fuzz() {
    CC=clang cmake -S . -B "$BUILD_DIR-fuzz" -G Ninja -DCAUSEWAY_FUZZ=ON -DCAUSEWAY_TESTS=OFF &&
        nice -n "$NICE" ninja -C "$BUILD_DIR-fuzz" -j "$JOBS" $(fuzz_targets | sed 's/^/fuzz_/')
}

fuzz_targets() {
    sed -n 's/^causeway_fuzz(\([a-z_]*\) .*/\1/p' tests/fuzz/CMakeLists.txt
}

# Each for so long, as many at a time as there are processors.
fuzz() {
    local target
    for target in $(fuzz_targets); do
        while [ "$(jobs -rp | wc -l)" -ge "$JOBS" ]; do wait -n; done
        part "fuzz.$target" tests/fuzz/run.sh "$BUILD_DIR-fuzz" "$FUZZ_SECONDS" "$target" &
        [ $MODE = list ] && wait
    done
    wait
}

# LABEL BUILD_DIR RUNNER-OPTIONS…
system() {
    local label=$1 dir=$2
    shift 2
    if [ $MODE = list ]; then
        /usr/bin/python3 tests/system/harness/runner.py --list "$@" "${NAMES[@]}"
    else
        BUILD_DIR=$dir counted "$LOGS/$label.log" /usr/bin/python3 tests/system/harness/runner.py \
            --jobs "$SYSTEM_JOBS" --log "$LOGS/$label.log" "$@" "${NAMES[@]}"
    fi
}

# What computes: the plain build's unit tests first, then the sanitizers' builds, which the other lane waits for.
computing() {
    part format check_format
    part layers check_layers
    part openapi-lint tests/openapi/lint.sh
    unit unit "$BUILD_DIR"
    [ $MODE = quick ] && return
    NICE=10     # the servers of the other lane go first; unit tests have limits of time and get their share
    part build-asan configure_and_build "$BUILD_DIR-asan" -DCAUSEWAY_FAULTS=ON -DCAUSEWAY_SANITIZE=address \
        -DCMAKE_BUILD_TYPE=Debug
    [ $MODE = list ] || touch "$LOGS/asan-built"
    [ -d "$BUILD_DIR-asan" ] && unit asan "$BUILD_DIR-asan"
    part build-tsan configure_and_build "$BUILD_DIR-tsan" -DCAUSEWAY_FAULTS=ON -DCAUSEWAY_SANITIZE=thread \
        -DCMAKE_BUILD_TYPE=Debug && [ -d "$BUILD_DIR-tsan" ] && unit tsan "$BUILD_DIR-tsan"
    part build-fuzz build_fuzz && fuzz
    part tidy check_tidy
}

# What waits: the system tests, then the quick ones once more with daemon and workers under ASan and UBSan.
waiting() {   # PID of the computing lane
    case $MODE in
        quick) system system "$BUILD_DIR" --quick; return ;;
        nightly) system system "$BUILD_DIR" --nightly ;;
        *) system system "$BUILD_DIR" ;;
    esac
    [ $MODE = list ] && return
    until [ -e "$LOGS/asan-built" ] || ! kill -0 "$1" 2>/dev/null; do sleep 1; done
    if [ -x "$BUILD_DIR-asan/causewayd" ]; then system system-asan "$BUILD_DIR-asan" --quick; fi
}

finish() {
    [ $MODE = list ] && exit 0
    read -r PASSED FAILED SKIPPED < <(awk '{ p += $1; f += $2; s += $3 } END { print p + 0, f + 0, s + 0 }' "$COUNTS")
    echo "total $((SECONDS - STARTED)) s"
    if [ "$FAILED" -gt 0 ]; then echo "logs: $LOGS"; fi
    echo "$PASSED passed, $FAILED failed, $SKIPPED skipped"
    [ "$FAILED" -eq 0 ] && [ "$PASSED" -gt 0 ]
    exit
}

mkdir -p "$LOGS"
COUNTS=$LOGS/counts
export CAUSEWAY_TEST_LOCK=$LOGS/lock
[ $MODE = list ] || rm -f "$COUNTS" "$LOGS/asan-built"
touch "$COUNTS"
[ $MODE = list ] || tests/install.sh test || exit 1

# The plain build has the fault points in: the kill tests need them. A release (README) has not.
if ! { configure_and_build "$BUILD_DIR" -DCAUSEWAY_FAULTS=ON >"$LOGS/build.log" 2>&1; }; then
    tail -n 40 "$LOGS/build.log"
    echo "the build failed: $LOGS/build.log"
    count 0 1 0
    finish
fi

if [ $MODE = list ]; then
    computing
    waiting
else
    trap interrupted INT TERM HUP
    lane computing
    lane waiting "${LANES[0]}"
    wait "${LANES[@]}"
fi
finish
