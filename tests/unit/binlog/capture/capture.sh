#!/usr/bin/env bash
#
# capture.sh - makes ../data anew: small binlog files of real servers, the tables they speak of and the rows as the
#              servers themselves show them. Run by hand when a server or the SQL here changes.
#
#   capture.sh DUMP_TOOL      the program binlog_dump_tool of a build
set -euo pipefail
here="$(cd "$(dirname "$0")" && pwd)"
tool="$1"
scratch="$here/../../../servers/scratch.sh"
root="$(mktemp -d)"
trap '"$scratch" stopall "$root"; rm -rf "$root"' EXIT

ask() { mariadb --no-defaults --default-character-set=utf8mb4 -uroot -h127.0.0.1 -P"$port" "$@"; }

for kind in mariadb mysql56 mysql97; do
    "$scratch" start "$kind" "$root/$kind" 0 77 --log-bin=bin --binlog-format=ROW
    port="$(cat "$root/$kind/port")"
    [ "$kind" = mysql56 ] || ask -e 'SET GLOBAL binlog_row_metadata=FULL'
    ask -e 'FLUSH LOGS'
    file="$(ask -Ne 'SHOW BINARY LOGS' | tail -n 1 | cut -f 1)"
    ask < "$here/common.sql"
    ask < "$here/$kind.sql"
    ask -e 'FLUSH LOGS'
    "$tool" 127.0.0.1 "$port" root '' "$file" capture "$here/../data/$kind" > "$root/$kind.out" || true
    grep -a '^!!' "$root/$kind.out" || true
    cp "$root/$kind/data/$file" "$here/../data/$kind.binlog"
done
ls -l "$here/../data"
