#!/usr/bin/env bash
# Breaks the code on purpose, one small change after another, and looks whether the unit tests notice: in the areas where
# a mistake costs most. What they do not notice is listed; the exit code says whether an area is below 90 percent.
#
# Usage: tests/mutants/run.sh [AREA]        dn, hierarchy, guard, keys or secrets; all of them unless one is named
#
# An area is built by itself: a package in target/mutants is made of copies of its files, with the crates of the program
# in the versions of its Cargo.lock, so that a mutant takes seconds and not the minute that the whole program takes to
# link. Of the tests only the unit tests beside the code count; the black-box tests are not run. A mutant that makes them
# hang is stopped and counts as not caught, because it names no mistake.
#
# Needs cargo-mutants: cargo install --locked cargo-mutants
set -euo pipefail

least=90
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
work=$root/target/mutants

if ! command -v cargo-mutants >/dev/null; then
    echo "cargo-mutants is missing; get it with: cargo install --locked cargo-mutants" >&2
    exit 2
fi
areas=(dn hierarchy guard keys secrets)
if [[ $# -gt 0 ]]; then
    if [[ $# -gt 1 || " ${areas[*]} " != *" $1 "* ]]; then
        echo "usage: tests/mutants/run.sh [${areas[*]}]" >&2
        exit 2
    fi
    areas=("$1")
fi

# A mutant that fills its memory ends by itself.
ulimit -v $((6 * 1024 * 1024))
export CARGO_INCREMENTAL=0

# Makes the package of the area at hand: the crates it needs, the files and folders of src that are in it. What its
# lib.rs says comes from the standard input.
assemble() { # "CRATE..." PATH...
    local room=$work/$area crates=$1 path crate
    shift
    mkdir -p "$room"
    rm -rf "$room/src"
    for path in "$@"; do
        mkdir -p "$room/src/$(dirname "$path")"
        cp -r "$root/src/$path" "$room/src/$path"
    done
    cat >"$room/src/lib.rs"
    {
        printf '[package]\nname = "jim"\nversion = "0.1.0"\nedition = "2024"\n\n[workspace]\n\n'
        printf '[lib]\ndoctest = false\n\n[dependencies]\n'
        for crate in $crates; do
            # The first line of a crate is the program's; tokio has a second one, for tests.
            grep -m 1 "^$crate = " "$root/Cargo.toml"
        done
        printf '\n[dev-dependencies]\n'
        for crate in $crates; do
            sed -n '/^\[dev-dependencies\]/,/^\[\[/p' "$root/Cargo.toml" | grep "^$crate = " || true
        done
        printf '\n[profile.dev]\ndebug = false\n'
        if [[ " $crates " == *" argon2 "* ]]; then
            # As the program's own tests have it, or one key takes longer than all the rest.
            grep -A 1 '^\[profile\.dev\.package\.' "$root/Cargo.toml" | grep -v '^--'
        fi
    } >"$room/Cargo.toml"
    cp "$root/Cargo.lock" "$room/Cargo.lock"
}

domain() { # PART...
    assemble "" "${@/#/domain/}" < <(printf 'pub mod domain {\n' && printf 'pub mod %s;\n' "$@" && echo '}')
}

ldap() {
    assemble "base64 lber ldap3 tokio-rustls" domain/dn \
        connectors/ldap/{ber,entry,guard,sample}.rs connectors/ldap/guard <<'END'
pub mod domain {
    pub mod dn;
}
pub mod connectors {
    pub mod ldap {
        pub mod ber;
        pub mod entry;
        pub mod guard;
        #[cfg(test)]
        mod sample;
    }
}
END
}

security() {
    assemble "argon2 base64 chacha20poly1305 crc32fast getrandom hkdf hmac parking_lot ring rustix rustls-native-certs \
        sha2 subtle tempfile thiserror time tokio tokio-rustls tracing uuid x509-parser zeroize" \
        security error.rs domain/role.rs ../tests/api/support/directory/certificate.rs <<'END'
pub mod domain {
    pub mod role;
}
pub mod error;
pub mod security;
END
}

count() { # FILE
    if [[ -f $1 ]]; then wc -l <"$1"; else echo 0; fi
}

# Mutates files of the area at hand and runs the tests of some modules for each mutant; adds a line to the table.
mutate() { # "MODULE..." FILE...
    local tests=($1) file room=$work/$area files=() figures=() status=0
    shift
    for file in "$@"; do files+=(-f "src/$file"); done
    # A mutant has ten times as long as the tests took before, and a minute at least. It ends with 2 or 3 where mutants
    # were missed or hung, which the figures below show. Everything else is a failure.
    cargo mutants --dir "$room" --in-place --no-config --output "$room" --colors never --no-times \
        --minimum-test-timeout 60 --timeout-multiplier 10 --build-timeout 600 "${files[@]}" -- --lib -- "${tests[@]}" || status=$?
    if [[ $status != 0 && $status != 2 && $status != 3 ]]; then
        echo "$area: cargo mutants ended with $status" >&2
        exit "$status"
    fi
    local list
    for list in caught missed timeout unviable; do figures+=("$(count "$room/mutants.out/$list.txt")"); done
    local viable=$((figures[0] + figures[1] + figures[2]))
    local tenths=$((viable > 0 ? figures[0] * 1000 / viable : 0))
    [[ $tenths -ge $((least * 10)) ]] || enough=no
    table+=$(printf '%-10s %7d %7d %7d %7d %8d %5d.%d %%' "$area" $((viable + figures[3])) "${figures[@]}" \
        $((tenths / 10)) $((tenths % 10)))$'\n'
}

enough=yes
table=$(printf '%-10s %7s %7s %7s %7s %8s %9s' area mutants caught missed timeout unviable caught)$'\n'
for area in "${areas[@]}"; do
    case $area in
    dn)
        domain dn
        mutate domain::dn:: 'domain/dn/*.rs'
        ;;
    hierarchy)
        domain dn hierarchy
        mutate domain::hierarchy:: 'domain/hierarchy/*.rs' 'domain/hierarchy/plan/*.rs'
        ;;
    guard)
        ldap
        mutate connectors::ldap:: connectors/ldap/{guard,ber}.rs
        ;;
    keys)
        security
        mutate 'security::api_key:: security::key_cache::' security/{api_key,key_cache}.rs
        ;;
    secrets)
        security
        mutate 'security::secret:: security::private_file:: security::tests::' security/{secret,private_file,mod}.rs
        ;;
    esac
done
printf '\n%s' "$table"
echo "The lists are in target/mutants/AREA/mutants.out. At least $least % of the viable mutants have to be caught."
[[ $enough == yes ]]
