#!/usr/bin/env bash
# Writes the table of what a run of the tests saw, in Markdown: a row for each promise of list.tsv with the figures
# that the tests told and a verdict.
#
#   met       every test of this name passed, and every figure is within the promise
#   missed    the tests passed, and a figure that depends on the machine is beyond the promise
#   failed    a test of this name failed
#   in short  passed with small amounts; the figure of the promise is one of the benchmarks
#   in full   what ran of it passed; the promise itself takes the full tier
#   not run   nothing of it ran, or not what the promise is about: this account may not
#
# Usage: tests/bars/report.sh TIER FIGURES LOG HISTORY     the file of figures (TESTS_FIGURES), the output of `cargo
#        test`, and if there is one a list of the commit that ran all of it and of the tests that were run again since
set -euo pipefail

tier=$1 figures=$2 log=$3 history=$4
built="not optimised"
[[ $tier != full ]] || built="the program optimised as it is shipped, the tests not"
again=""
if [[ -f $history && $(wc -l <"$history") -gt 1 ]]; then
    again="; $(sed 1d "$history" | sort -u | wc -l) of them had failed at $(head -n 1 "$history") and were run again alone"
fi
here=$(dirname "${BASH_SOURCE[0]}")

package() { dpkg-query -W -f '${Version}' "$1" 2>/dev/null || echo none; }
processor=$(sed -n '/^model name/ { s/^[^:]*: //p; q }' /proc/cpuinfo)
memory=$(awk '/^MemTotal/ { printf "%.0f GiB", $2 / 1048576 }' /proc/meminfo)
system=$(. /etc/os-release && echo "$PRETTY_NAME")

cat <<HEAD
# What the tests saw

Written by \`tests/run.sh\`, $tier tier, $(date -u +'%Y-%m-%d %H:%M') UTC.

- Machine: $(nproc) × ${processor:-$(uname -m)}, $memory, $system, Linux $(uname -r)
- Built with $(rustc --version), $built; commit $(git rev-parse --short HEAD 2>/dev/null || echo none)
- OpenLDAP $(package slapd), Samba $(package samba), 389 Directory Server $(package 389-ds-base), strace $(package strace)
- $(grep -cE '^test .* \.\.\. ok$' "$log") tests passed, $(grep -cE '^test .* \.\.\. FAILED$' "$log") failed$again

| | Promise | Tests | Seen | Verdict |
|---|---|---:|---|---|
HEAD

# Nobody reads nanoseconds.
sed -E 's/([0-9]+\.[0-9])[0-9]+(ms|µs|s)\b/\1\2/g' "$figures" >"$figures.short"
# What takes too long for a run of the tests is measured by hand and kept.
mutants=$here/../mutants/RESULTS.md
if [[ -f $mutants ]]; then
    awk -v wanted=90 '/ %$/ { said = said (said == "" ? "" : ", ") $1 " " $(NF - 1) " %"; if ($(NF - 1) < wanted) short = 1 }
        END { print "O3\t" (short ? "missed" : "met") "\t" said ", see mutants/RESULTS.md" }' "$mutants" >>"$figures.short"
fi
awk -F '\t' -v figures="$figures.short" -v log_file="$log" -v tier="$tier" '
    BEGIN {
        most = 8
        while ((getline line < log_file) > 0) {
            if (line !~ /^test .* \.\.\. (ok|FAILED)/) continue
            split(line, words, " ")
            count = split(words[2], path, "::")
            name = path[count]
            # A name may begin with several bars.
            while (match(name, /^[a-z][0-9]+_/)) {
                id = toupper(substr(name, 1, RLENGTH - 1))
                name = substr(name, RLENGTH + 1)
                if (line ~ / \.\.\. ok/) passed[id]++; else failed[id]++
            }
        }
        while ((getline line < figures) > 0) {
            split(line, part, "\t")
            told[part[1]]++
            if (part[2] == "missed") missed[part[1]]++
            if (part[2] == "failed") failed[part[1]]++
            if (part[2] == "untried") untried[part[1]]++
            if (part[3] == "") continue
            gsub(/\|/, "\\|", part[3])
            if (part[2] == "missed") part[3] = "**" part[3] "**"
            said[part[1]]++
            if (said[part[1]] <= most) seen[part[1]] = seen[part[1]] (seen[part[1]] == "" ? "" : "; ") part[3]
        }
    }
    FNR > 1 {
        verdict = failed[$1] ? "**failed**" : missed[$1] ? "**missed**" : untried[$1] ? "not run" : passed[$1] || told[$1] ? "met" : "not run"
        if (verdict == "met" && $2 == "bench") verdict = "in short"
        if (verdict == "met" && $2 == "full" && tier == "quick") verdict = "in full"
        if (said[$1] > most) seen[$1] = seen[$1] "; and " said[$1] - most " more"
        print "| " $1 " | " $3 " | " passed[$1] + failed[$1] " | " seen[$1] " | " verdict " |"
    }
' "$here/list.tsv"
