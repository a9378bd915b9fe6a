#!/usr/bin/env bash
# Runs every test against real directories; installs these and the tools that are missing, for which it needs Debian
# and root (or sudo). Samba and a full disk need root too: another account skips those tests, with a message.
#
# Usage: tests/run.sh [ARGUMENT...]             the quick tier, for every change: about seven minutes beside the build
#        tests/run.sh --full [ARGUMENT...]      the full tier, before a release: the optimised program, larger amounts,
#                                               a load of half an hour, generated requests, fuzzing; an hour and more
# Arguments go to the test binaries: tests/run.sh --full faults::crash. The output and the figures go to target/quick,
# target/full or, with arguments, target/part.
#
# A part alone, with the packages installed:
#   cargo test --test api connected_systems                              one module, or faults, load, directories
#   cargo test --test api faults::crash -- --include-ignored             crashes, failing calls and power losses
#   cargo test --test api faults::directory -- --include-ignored         hostile directories
#   SOAK_MINUTES=30 cargo test --test api soak -- --include-ignored      a steady load
#   tests/fuzz/run.sh, tests/schemathesis/run.sh                         fuzzing; generated requests
#   tests/mutants/run.sh                                                 what the unit tests notice
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."

# An ordinary account has no sbin in its path, and that is where Debian keeps slapd.
PATH="$PATH:/usr/sbin:/sbin"

tier=quick
left_out=(--skip _in_full)
if [[ ${1:-} == --full ]]; then
    tier=full
    left_out=()
    shift
fi

log=""
soak=""
policy=/usr/sbin/policy-rc.d
policy_is_ours=""
as_root=()

clean_up() {
    [[ -z $policy_is_ours ]] || "${as_root[@]}" rm -f "$policy"
    [[ -z $soak ]] || kill "$soak" 2>/dev/null || true
    [[ -z $log ]] || rm -f "$log"
}
trap clean_up EXIT
# A signal has to end the script by way of the trap above, or the policy would stay behind.
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

# The output of an installer is shown only if it fails.
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
    # A policy that is already there stays.
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

without_root=()
if [[ $(id -u) -ne 0 ]]; then
    echo "tests/run.sh: not root: the tests that need Samba or mount a file system are skipped" >&2
    without_root=(--skip ::samba --skip ::of_samba --skip full_disk)
fi

results=$PWD/target/$tier
[[ $# -eq 0 ]] || results=$PWD/target/part
mkdir -p "$results"
export TESTS_TIER=$tier TESTS_FIGURES=$results/figures
: >"$TESTS_FIGURES"

if [[ $tier == full ]]; then
    cargo build --locked --release
    export TESTS_PROGRAM=$PWD/target/release/jim
    if [[ $# -eq 0 ]]; then
        # Half an hour of a load that leaves the machine mostly idle: beside all the rest.
        cargo test --locked --no-run
        cargo test --locked --test api -- --include-ignored load::soak::nothing_grows >"$results/soak" 2>&1 &
        soak=$!
        left_out=(--skip load::soak::nothing_grows)
    fi
fi

# Runs a script of the full tier and logs it as one test.
step() { # COMMAND...
    local verdict=ok
    "$@" || { verdict=FAILED && failed=1; }
    echo "test $* ... $verdict" >>"$results/log"
}

# One failing test binary must not hide the results of the next ones.
failed=0
cargo test --locked --no-fail-fast -- --include-ignored "${left_out[@]}" "${without_root[@]}" "$@" 2>&1 |
    tee "$results/log" || failed=$?
if [[ $tier == full && $# -eq 0 ]]; then
    step tests/schemathesis/run.sh 10000
    step tests/fuzz/run.sh
    wait "$soak" || failed=1
    soak=""
    tee -a "$results/log" <"$results/soak"
fi

package() { dpkg-query -W -f '${Version}' "$1" 2>/dev/null || echo none; }
count() { grep -cE "^test .* \.\.\. $1\$" "$results/log" || true; }
{
    echo "$tier tier, $(date -u +'%Y-%m-%d %H:%M') UTC, commit $(git rev-parse --short HEAD 2>/dev/null || echo none)"
    echo "$(nproc) processors, $(awk '/^MemTotal/ { printf "%.0f GiB", $2 / 1048576 }' /proc/meminfo), $(rustc --version)"
    echo "OpenLDAP $(package slapd), Samba $(package samba), 389 Directory Server $(package 389-ds-base)"
    echo "$(count ok) tests passed, $(count FAILED) failed; figures are in $TESTS_FIGURES"
    grep -E 'over budget|not tried' "$TESTS_FIGURES" || true
} | tee "$results/summary"
exit "$failed"
