#!/usr/bin/env bash
# npm_part.sh NAME: installs what tests/NAME/package-lock.json pins, under BUILD_DIR, unless it is there already, and
# prints the folder that holds node_modules. No package runs a script of its own.
set -euo pipefail
root="$(cd "$(dirname "$0")/../.." && pwd)"
name="$1"
folder="$(realpath -m "${BUILD_DIR:-$root/build}")/npm/$name"
mkdir -p "$folder"
exec 9>"$folder.lock"
flock 9
if ! cmp -s "$root/tests/$name/package-lock.json" "$folder/installed.json"; then
    rm -rf "$folder/node_modules" "$folder/installed.json"
    cp "$root/tests/$name/package.json" "$root/tests/$name/package-lock.json" "$folder/"
    if ! (cd "$folder" && npm ci --ignore-scripts --no-audit --no-fund >"$folder/npm.log" 2>&1); then
        tail -n 15 "$folder/npm.log" >&2
        echo "npm could not install what tests/$name needs: $folder/npm.log" >&2
        exit 1
    fi
    cp "$root/tests/$name/package-lock.json" "$folder/installed.json"
fi
echo "$folder"
