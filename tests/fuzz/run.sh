#!/usr/bin/env bash
#
# run.sh BUILD_DIR SECONDS [NAME…] - runs the fuzz targets of a build, each for so long, from the seeds in corpus/
set -euo pipefail
here="$(cd "$(dirname "$0")" && pwd)"
build="$1"
seconds="$2"
shift 2
[ $# -gt 0 ] || set -- $(cd "$build" && ls | sed -n 's/^fuzz_//p')
work="$(mktemp -d)"
trap 'rm -rf "$work"; [[ " $* " != *" segment "* ]] || rm -rf /dev/shm/segment_fuzz.*' EXIT
for name in "$@"; do
    mkdir -p "$work/$name"
    echo "== $name"
    "$build/fuzz_$name" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=3000 -max_len=65536 -close_fd_mask=1 \
        -print_final_stats=1 -artifact_prefix="$work/crash-" "$work/$name" "$here/corpus/$name" 2> "$work/log" || {
        tail -n 40 "$work/log"
        cp "$work"/crash-* /tmp/ 2> /dev/null || true
        echo "== $name FAILED; inputs in /tmp/crash-*"
        exit 1
    }
    tail -n 8 "$work/log" | grep -E 'number_of_executed|average_exec' || true
done
