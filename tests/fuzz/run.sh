#!/usr/bin/env bash
# Fuzzes the code that reads what strangers send, two targets at a time. What a target has to hold is in src/; the
# inputs that are kept are in ../corpus and are replayed by every `cargo test`.
#
# Usage: tests/fuzz/run.sh [-s SECONDS] [TARGET...]     600 seconds each; all targets unless some are named
#        tests/fuzz/run.sh -m [TARGET...]               puts what runs found into the kept corpus, as little as will do
#
# A stable toolchain is enough: without a sanitiser the coverage of libFuzzer needs nothing unstable. The program has no
# unsafe code of its own and its allocator replaces malloc, so AddressSanitizer would have little to see; it is left out.
# Needs a C++ compiler, and installs cargo-fuzz where it is missing. An input that breaks something is left in
# target/fuzz/artifacts; `run.sh TARGET` runs it again once it is copied into the corpus.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")"
root=$(cd ../.. && pwd)

seconds=600
minimise=""
while getopts s:m option; do
    case $option in
    s) seconds=$OPTARG ;;
    m) minimise=yes ;;
    *) exit 2 ;;
    esac
done
shift $((OPTIND - 1))
targets=("$@")
[[ ${#targets[@]} -gt 0 ]] || targets=(dn guard hierarchy key schema)

command -v cargo-fuzz >/dev/null || cargo install --locked cargo-fuzz

# Beside the program's own build, where nothing looks for source files.
export CARGO_TARGET_DIR=$root/target/fuzz
work=$root/target/fuzz
fuzz() { # COMMAND TARGET ARGUMENT...
    local command=$1 target=$2
    shift 2
    cargo fuzz "$command" -s none --fuzz-dir . "$target" "$@"
}

# More than a second for one input, or more than 512 MiB, is worth a look too: what is slow is logged and kept. Only ten
# seconds end a run, because a busy machine may well stop for one.
limits=(-max_len=1024 -report_slow_units=1 -timeout=10 -rss_limit_mb=512)

search() { # TARGET
    local target=$1 said=$work/$1.log verdict=ok
    fuzz run "$target" "$work/corpus/$target" "$root/tests/corpus/$target" -- "-max_total_time=$seconds" \
        -print_final_stats=1 "${limits[@]}" "-artifact_prefix=$work/artifacts/$target/" >"$said" 2>&1 || verdict=failed
    local stat
    stat() { sed -n "s/^stat::$1: *//p" "$said" | tail -n 1; }
    local line="$target: $(stat number_of_executed_units) runs in $seconds s, slowest $(stat slowest_unit_time_sec) s"
    line+=", at most $(stat peak_rss_mb) MiB"
    [[ $verdict == ok ]] || tail -n 40 "$said"
    # An input that takes longer than a second is no failure of the run: the machine may have been busy.
    [[ $verdict == failed || $(stat slowest_unit_time_sec) -le 1 ]] || verdict="over budget"
    echo "$line: $verdict"
    figure "$verdict" "$line"
    [[ $verdict != failed ]]
}

figure() { # VERDICT WHAT
    [[ -z ${TESTS_FIGURES:-} ]] || echo "tests/fuzz/run.sh: $1: $2" >>"$TESTS_FIGURES"
}

for target in "${targets[@]}"; do
    kept=$root/tests/corpus/$target
    mkdir -p "$work/corpus/$target" "$work/artifacts/$target" "$kept"
    [[ -n $minimise ]] || fuzz build "$target" || { figure failed "$target: does not build" && exit 1; }
done
if [[ -n $minimise ]]; then
    for target in "${targets[@]}"; do
        kept=$root/tests/corpus/$target
        # Into an empty folder, so that what is no longer needed goes.
        fresh=$(mktemp -d "$work/fresh.XXXXXX")
        # One input for each place in the code, and not for each number of visits: dozens instead of a thousand.
        fuzz run "$target" "$fresh" "$kept" "$work/corpus/$target" -- \
            -set_cover_merge=1 -use_counters=0 "${limits[@]}" "-artifact_prefix=$work/artifacts/$target/"
        rm -rf "$kept"
        mv "$fresh" "$kept"
        chmod 755 "$kept"
        echo "$target: $(find "$kept" -type f | wc -l) inputs kept"
    done
    exit
fi
# Two at a time: one alone leaves all but one core idle.
failed=0
for ((n = 0; n < ${#targets[@]}; n += 2)); do
    running=()
    for target in "${targets[@]:n:2}"; do
        search "$target" &
        running+=($!)
    done
    for pid in "${running[@]}"; do
        wait "$pid" || failed=1
    done
done
exit "$failed"
