#!/usr/bin/env bash
# lint.sh: holds openapi.yaml against the rules in rules.yaml with Spectral (pinned in package-lock.json).
set -euo pipefail
here="$(cd "$(dirname "$0")" && pwd)"
folder="$("$here/../tools/npm_part.sh" openapi)"
"$folder/node_modules/.bin/spectral" lint "$here/../../openapi.yaml" --ruleset "$here/rules.yaml" --fail-severity hint
