#!/usr/bin/env bash
# The test suite: installs the real directories and the tools it needs if they are missing, then runs every test, also
# those that plain `cargo test` leaves out, and prints what was seen of each promise in bars/list.tsv. The installation
# needs Debian and root (or sudo). Some tests need root too: Samba can serve nowhere but on port 389 and makes its domain
# with rights, and a disk that is full is a small file system. Another account runs all the rest, and is told so.
#
# Usage: tests/run.sh [ARGUMENT...]             the quick tier, for every change: about seven minutes beside the build
#        tests/run.sh --full [ARGUMENT...]      the full tier, before a release: the same with the optimised program,
#                                               with larger amounts, what takes minutes, generated requests, fuzzing;
#                                               writes RESULTS.md. Takes far longer
#        tests/run.sh --full --again            what failed in the last of those, alone; RESULTS.md is of both
# Further arguments go to the test binaries, for example a test's name; then nothing is written.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."

# An ordinary account has no sbin in its path, and that is where Debian keeps slapd.
PATH="$PATH:/usr/sbin:/sbin"

tier=quick
left_out=(--skip _in_full)
again=""
if [[ ${1:-} == --full ]]; then
    tier=full
    left_out=()
    shift
    if [[ ${1:-} == --again ]]; then
        again=yes
        shift
    fi
fi
# The last run of the full tier: what it printed, the figures, the commit. It takes an hour, and a test that another
# seed breaks shall not cost another one.
last=target/full
if [[ -n $again ]]; then
    mapfile -t repeated < <(sed -nE 's/^test (.*) \.\.\. FAILED$/\1/p' "$last/log" | sort -u)
    if [[ $# -gt 0 || ${#repeated[@]} -eq 0 ]]; then
        echo "tests/run.sh: --again takes no arguments and a full run in which tests failed" >&2
        exit 2
    fi
fi

log=""
found=""
soak=""
policy=/usr/sbin/policy-rc.d
policy_is_ours=""
as_root=()

clean_up() {
    [[ -z $policy_is_ours ]] || "${as_root[@]}" rm -f "$policy"
    [[ -z $soak ]] || kill "$soak" 2>/dev/null || true
    [[ -z $log ]] || rm -f "$log"
    [[ -z $found ]] || rm -rf "$found"
}
trap clean_up EXIT
# A signal has to end the script by way of the trap above, or the policy would stay behind.
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

# Installers talk a lot, and only a failure makes it worth reading.
quietly() {
    if ! "$@" >>"$log" 2>&1 </dev/null; then
        echo "tests/run.sh: failed: $*" >&2
        echo "tests/run.sh: the end of $log:" >&2
        tail -n 30 "$log" >&2
        log="" # keep the file
        exit 1
    fi
}

missing_packages() {
    local needed package
    while read -r needed package; do
        case $needed in
        /*) compgen -G "$needed" >/dev/null || echo "$package" ;;
        *) command -v "$needed" >/dev/null || echo "$package" ;;
        esac
    done <<'NEEDS'
cc gcc
make make
slapd slapd
ldapsearch ldap-utils
strace strace
openssl openssl
curl curl
systemd-analyze systemd
setpriv util-linux
chromium chromium
ns-slapd 389-ds-base
certutil libnss3-tools
samba samba
ldbmodify ldb-tools
/usr/share/samba/setup/provision.ldif samba-ad-provision
/usr/lib/*/samba/ldb/samba_dsdb.so samba-dsdb-modules
/usr/lib/*/samba/vfs/acl_xattr.so samba-vfs-modules
NEEDS
    [[ $tier == full ]] || return 0
    # For fuzzing and for generated requests.
    command -v c++ >/dev/null || echo g++
    compgen -G '/usr/lib/python3*/ensurepip/__init__.py' >/dev/null || echo python3-venv
}

install() { # PACKAGE...
    local apt=(env DEBIAN_FRONTEND=noninteractive apt-get -q)
    if ! command -v apt-get >/dev/null; then
        echo "tests/run.sh: no apt-get here; install the equivalents of these Debian packages by hand: $*" >&2
        exit 1
    fi
    if [[ $(id -u) -ne 0 ]]; then
        if ! command -v sudo >/dev/null; then
            echo "tests/run.sh: these packages are missing, and installing them takes root or sudo: $*" >&2
            exit 1
        fi
        as_root=(sudo)
    fi
    log=$(mktemp "${TMPDIR:-/tmp}/jim-tests-install.XXXXXX")
    echo "tests/run.sh: installing $*"
    # Debian starts a service as it is installed. The tests start their own directories, so nothing else shall listen.
    # A policy that is already there is somebody's decision and stays.
    if [[ ! -e $policy ]]; then
        policy_is_ours=yes
        printf '#!/bin/sh\nexit 101\n' | "${as_root[@]}" tee "$policy" >/dev/null
        "${as_root[@]}" chmod 755 "$policy"
    fi
    # The package lists may be absent or out of date, and fetching them takes longer than trying without.
    if ! "${as_root[@]}" "${apt[@]}" install -y --no-install-recommends "$@" >>"$log" 2>&1 </dev/null; then
        quietly "${as_root[@]}" "${apt[@]}" update
        quietly "${as_root[@]}" "${apt[@]}" install -y --no-install-recommends "$@"
    fi
    if [[ -n $policy_is_ours ]]; then
        "${as_root[@]}" rm -f "$policy"
        policy_is_ours=""
    fi
}

mapfile -t missing < <(missing_packages)
if [[ ${#missing[@]} -gt 0 ]]; then
    install "${missing[@]}"
    mapfile -t missing < <(missing_packages)
    if [[ ${#missing[@]} -gt 0 ]]; then
        echo "tests/run.sh: still missing after the installation: ${missing[*]}" >&2
        exit 1
    fi
fi

without_root=() not_tried=()
if [[ $(id -u) -ne 0 ]]; then
    echo "tests/run.sh: not root: the tests that need Samba or mount a file system are left out" >&2
    without_root=(--skip ::samba --skip ::of_samba --skip ::a7_ --skip ::a8_)
    not_tried=(A7 A8 O7)
fi

found=$(mktemp -d "${TMPDIR:-/tmp}/jim-tests.XXXXXX")
export TESTS_TIER=$tier TESTS_FIGURES=$found/figures
touch "$TESTS_FIGURES"
for promise in "${not_tried[@]}"; do printf '%s\tuntried\tneeds root\n' "$promise" >>"$TESTS_FIGURES"; done

if [[ $tier == full ]]; then
    cargo build --locked --release
    export TESTS_PROGRAM=$PWD/target/release/jim
    if [[ -n $again ]]; then
        left_out=(--exact "${repeated[@]}")
    elif [[ $# -eq 0 ]]; then
        # Half an hour of a load that leaves the machine mostly idle: beside all the rest.
        cargo test --locked --no-run
        cargo test --locked --test api -- --include-ignored soak::c7_ >"$found/soak" 2>&1 &
        soak=$!
        left_out=(--skip soak::c7_)
    fi
fi

# What is no test of cargo's is told as one.
step() { # COMMAND...
    local verdict=ok
    "$@" || { verdict=FAILED && failed=1; }
    echo "test $* ... $verdict" >>"$found/log"
}

# One failing test binary must not hide the results of the next ones.
failed=0
cargo test --locked --no-fail-fast -- --include-ignored "${left_out[@]}" "${without_root[@]}" "$@" 2>&1 |
    tee "$found/log" || failed=$?
[[ $# -eq 0 ]] || exit "$failed"

history=$found/history
if [[ -n $again ]]; then
    for name in "${repeated[@]}"; do
        [[ $name != tests/* ]] || step $name
    done
    # Of the last run stays what did not fail, and what has failed and could not be repeated. A figure names the test
    # that told it in its last column.
    awk '{ test = $0 } sub(/ \.\.\. (ok|FAILED)$/, "", test) { if (NR == FNR) again[test]; else if (test in again) next }
        NR > FNR' "$found/log" "$last/log" | cat - "$found/log" >"$found/both"
    mv "$found/both" "$found/log"
    printf '%s\n' "${repeated[@]}" | awk -F '\t' 'NR == FNR { failed[$1]; next } !($4 in failed)' - "$last/figures" |
        cat - "$TESTS_FIGURES" >"$found/both"
    mv "$found/both" "$TESTS_FIGURES"
    cp "$last/history" "$history"
    printf '%s\n' "${repeated[@]}" >>"$history"
elif [[ $tier == full ]]; then
    step tests/schemathesis/run.sh 10000
    step tests/fuzz/run.sh
    wait "$soak" || failed=1
    soak=""
    tee -a "$found/log" <"$found/soak"
    git rev-parse --short HEAD >"$history" 2>/dev/null || echo none >"$history"
fi
tests/bars/report.sh "$tier" "$TESTS_FIGURES" "$found/log" "$history" >"$found/results"
if [[ $tier == full ]]; then
    cp "$found/results" tests/RESULTS.md
    mkdir -p "$last"
    cp "$found"/{log,figures,history} "$last"
fi
cat "$found/results"
exit "$failed"
