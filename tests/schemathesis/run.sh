#!/usr/bin/env bash
# Holds a running server against its own description of its API with schemathesis: generated requests, good and bad,
# one by one and in sequences, and every check that the tool has. Needs Python 3 and, the first time, a way to PyPI.
#
# Usage: tests/schemathesis/run.sh [CASES] [ARGUMENT...]     about so many cases, 10000 unless given; further arguments
#                                                            go to schemathesis, for example --include-tag Certificates
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/../.."

cases=10000
if [[ ${1:-} =~ ^[0-9]+$ ]]; then
    cases=$1
    shift
fi

venv=${JIM_SCHEMATHESIS_VENV:-${XDG_CACHE_HOME:-$HOME/.cache}/jim-schemathesis}
if [[ ! -x $venv/bin/schemathesis ]]; then
    python3 -m venv "$venv"
    "$venv/bin/pip" install --quiet 'schemathesis==4.32.5'
fi

cargo build --locked
folder=$(mktemp -d "${TMPDIR:-/tmp}/jim-schemathesis.XXXXXX")
server=""
clean_up() {
    [[ -z $server ]] || kill "$server" 2>/dev/null || true
    rm -rf "$folder"
}
trap clean_up EXIT

# The demonstration brings a directory of its own and a system with everything imported.
(cd "$folder" && exec "$OLDPWD/target/debug/jim" demo >"$folder/out" 2>"$folder/log") &
server=$!
for _ in $(seq 300); do
    if grep -q 'Ctrl-C' "$folder/out" 2>/dev/null; then break; fi
    sleep 0.1
done
base=$(sed -n 's/^ *JIM=//p' "$folder/out")
key=$(sed -n 's/^ *KEY=//p' "$folder/out")
[[ -n $base && -n $key ]] || { cat "$folder/log" >&2; exit 1; }

# Thousands of refusals from one address are the point.
set_to() { # KEY VALUE
    curl -sSf -o "$folder/answer" -X PUT "$base/api/v1/service-settings/RateLimiting.$1" -H "X-Api-Key: $key" \
        -H 'Content-Type: application/json' -d "{ \"value\": \"$2\" }"
}
set_to Enabled false
set_to UnauthenticatedPerMinute 1000000
set_to AuthenticatedPerMinute 1000000

operations=$(curl -sSf "$base/api/openapi/v1.json" | grep -o '"operationId"' | wc -l)
status=0
# It leaves a cache where it runs, from which it would repeat what failed last.
(cd "$folder" && "$venv/bin/schemathesis" --config-file "$OLDPWD/tests/schemathesis/schemathesis.toml" \
    run "$base/api/openapi/v1.json" --header "X-Api-Key: $key" --checks all --continue-on-failure \
    --max-examples $((cases / operations + 1)) --report-dir "$folder/report" "$@") | tee "$folder/said" || status=$?
if grep -E 'ERROR|panicked' "$folder/log" >"$folder/errors"; then
    echo "tests/schemathesis/run.sh: the server's log has errors:" >&2
    head -n 20 "$folder/errors" >&2
    status=1
fi
if [[ -n ${TESTS_FIGURES:-} ]]; then
    cases=$(grep -E '[0-9]+ generated' "$folder/said" | tail -n 1 | xargs || true)
    echo "tests/schemathesis/run.sh: status $status: $cases" >>"$TESTS_FIGURES"
fi
exit "$status"
