#!/usr/bin/env bash
# Every benchmark, one after the other, and at the end one table of all that is compared with something else. It takes
# root for Samba, the Debian packages of tests/run.sh and wrk, a quiet machine, and patience.
#
# Usage: benches/run.sh [BENCHMARK...]      all of them unless some are named
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
PATH="$PATH:/usr/sbin:/sbin"
benchmarks=("$@")
[[ ${#benchmarks[@]} -gt 0 ]] || benchmarks=(startup http keys partitions schema import activities backup)
if ! command -v wrk >/dev/null; then
    echo "benches/run.sh: wrk is missing; it is the Debian package of that name" >&2
    exit 1
fi

table=$(mktemp "${TMPDIR:-/tmp}/jim-benches.XXXXXX")
trap 'rm -f "$table"' EXIT
failed=0
for benchmark in "${benchmarks[@]}"; do
    echo "## $benchmark"
    BENCH_TABLE=$table cargo bench --locked --bench "$benchmark" || failed=1
done
processor=$(sed -n '/^model name/ { s/^[^:]*: //p; q }' /proc/cpuinfo)
cat <<HEAD

## All of it, $(date -u +%Y-%m-%d), $(nproc) x ${processor:-$(uname -m)}, $(rustc --version | cut -d ' ' -f 1-2)

Medians, least and most in brackets; the ratio is that of the medians, in brackets the least and the most of ours to the
median of the other.

| | unit | jim | compared with | it | ratio |
|---|---|---|---|---|---|
HEAD
cat "$table"
exit "$failed"
