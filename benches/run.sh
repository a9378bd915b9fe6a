#!/usr/bin/env bash
# Every benchmark, one after the other, and one table of all that is compared with something else. It takes root for
# Samba, the Debian packages of tests/run.sh and wrk, and hours on a quiet machine.
#
# Usage: benches/run.sh                     all of them; the table replaces that of FIGURES.md
#        benches/run.sh BENCHMARK...        some of them; the table is printed
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
PATH="$PATH:/usr/sbin:/sbin"
benchmarks=("$@")
figures=/dev/null
if [[ ${#benchmarks[@]} -eq 0 ]]; then
    benchmarks=(startup http keys partitions schema import objects activities backup)
    figures=benches/FIGURES.md
fi
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
remarks=$(sed -n '/^## Remarks/,$p' "$figures")
# What failed must not replace good figures.
[[ $failed -eq 0 ]] || figures=/dev/null
{
    cat <<HEAD
# Figures

Medians, minimum and maximum in brackets. The ratio is that of the medians; in brackets, our minimum and maximum to the
median of the other. Measured on $(date -u +%Y-%m-%d), $(nproc) x ${processor:-$(uname -m)}, $(rustc --version | cut -d ' ' -f 1-2).

| | unit | jim | compared with | it | ratio |
|---|---|---|---|---|---|
HEAD
    cat "$table"
    printf '\n%s\n' "$remarks"
} | tee "$figures"
exit "$failed"
