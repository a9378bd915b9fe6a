#!/usr/bin/env bash
# A real OpenLDAP on loopback, for the tests and the benchmarks.
#
#   slapd.sh prepare DIR PORT [LDIF...]
#       Makes the configuration, the certificates and the databases below DIR. It may be repeated while slapd is
#       stopped: the configuration and the server's certificate are written anew, the data and the CA are kept.
#       Each LDIF file belongs to one naming context (that of its first entry), parents first; it is loaded on top
#       of what is there, so a file that was loaded before is refused.
#   slapd.sh start DIR PORT [--until-eof]
#       Becomes slapd, in the foreground. With --until-eof it also ends when its standard input is closed, so that
#       the process that started it cannot leave it behind, however it ends.
#
# It answers on 127.0.0.1 only: LDAP and StartTLS on PORT, LDAPS on PORT+1; clients trust DIR/ca.pem.
# Naming contexts: dc=example,dc=com and o=partners, each with the administrator cn=admin,<suffix>, password "admin".
# Accounts: cn=svc,dc=example,dc=com (Svc-Passw0rd1) without limits, and cn=limited,dc=example,dc=com
# (Limited-Passw0rd1), which slapd stops at 500 entries. Both read everything but passwords and the hidden entries.
# ou=Hidden,dc=example,dc=com is hidden whenever it exists.
#
# Environment, read by prepare:
#   SLAPD_CERT=good|wrong-name|expired|none   the certificate the server shows (good); none: it knows no TLS
#   SLAPD_HIDDEN                         more entries no account may read, one DN a line
#   SLAPD_LIMITS                         slapd's `limits` for cn=limited, for example "size.soft=50 size.hard=50"
#   SLAPD_EXTRA_SUFFIX                   a third naming context, for example "dc=third"
#   SLAPD_EXTRA_EMPTY=1                  ... without its root entry
#   SLAPD_ROOT=1|refused                 the root of the tree is a naming context too, which may or may not be listed;
#                                        LDIF of no other one belongs to it
#   SLAPD_SCHEMA=none|no-classes|no-attributes|unnamed   who asks finds no schema, half of it, or a root entry that does
#                                        not name it; all may read it otherwise
#   SLAPD_GLOBAL, SLAPD_DATABASE         more lines of slapd.conf: before the databases, and in the first of them
#   SLAPD_ACCESS                         access rules of each database, before the general one
# and by start:
#   SLAPD_DEBUG                          slapd's -d (0); 256 writes a line for each operation to standard error
set -euo pipefail

readonly script=slapd.sh
source "$(dirname "${BASH_SOURCE[0]}")/shared.sh"

# An ordinary account has no sbin in its path, and that is where Debian keeps slapd.
PATH="$PATH:/usr/sbin:/sbin"

readonly SUFFIX="dc=example,dc=com"
readonly PARTNERS="o=partners"
readonly SERVICE="cn=svc,$SUFFIX"
readonly LIMITED="cn=limited,$SUFFIX"

usage() {
    echo "usage: slapd.sh prepare DIR PORT [LDIF...] | slapd.sh start DIR PORT [--until-eof]" >&2
    exit 2
}

# An argument of slapd.conf: in quotes, where backslashes and quotes are escaped once more than in the DN itself.
quoted() {
    local text=${1//\\/\\\\}
    printf '"%s"' "${text//\"/\\\"}"
}

# The naming context that holds the DN; fails if none does. Suffixes are compared as text, ignoring case: enough
# for DNs written the way this file writes the suffixes.
context_of() {
    local dn=${1,,} suffix
    for suffix in "${suffixes[@]}"; do
        if [[ $dn == "${suffix,,}" || $dn == *",${suffix,,}" ]]; then
            printf '%s' "$suffix"
            return
        fi
    done
    # The root holds whatever no other context does.
    [[ -n ${SLAPD_ROOT:-} ]]
}

# Named after the suffix, so that a naming context that is taken away and given back finds its entries again.
database_folder() {
    printf '%s/data/%s' "$dir" "$(printf '%s' "${1:-root}" | tr 'A-Z' 'a-z' | tr -c 'a-z0-9' '-')"
}

write_configuration() {
    local suffix hidden dn tls="" schema=""
    case ${SLAPD_SCHEMA:-} in
    none) schema='access to dn.base="cn=Subschema" by * none' ;;
    no-classes) schema='access to dn.base="cn=Subschema" attrs=objectClasses by * none' ;;
    unnamed) schema='access to dn.base="" attrs=subschemaSubentry by * none' ;;
    no-attributes) schema='access to dn.base="cn=Subschema" attrs=attributeTypes by * none' ;;
    esac
    if [[ ${SLAPD_CERT:-good} != none ]]; then
        printf -v tls 'TLSCertificateFile %s\nTLSCertificateKeyFile %s' \
            "$(quoted "$dir/srv.pem")" "$(quoted "$dir/srv.key")"
    fi
    {
        cat <<CONF
include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/inetorgperson.schema
# Active Directory's class for the containers that are not organisational units; OpenLDAP has none of that name.
objectclass ( 1.2.840.113556.1.3.23 NAME 'container' SUP top STRUCTURAL MUST cn MAY description )
modulepath /usr/lib/ldap
moduleload back_mdb
${SLAPD_GLOBAL:-}
$tls
sizelimit 500
$schema
access to dn.base="" by * read
access to dn.base="cn=Subschema" by * read
CONF
        for suffix in "${suffixes[@]}"; do
            # dbnosync: a test's data need not survive a power failure, and without it each write waits for the disk.
            cat <<CONF

database mdb
suffix $(quoted "$suffix")
directory $(quoted "$(database_folder "$suffix")")
rootdn $(quoted "cn=admin${suffix:+,$suffix}")
rootpw admin
maxsize 4294967296
dbnosync
index objectClass,entryUUID eq
limits dn.exact="$SERVICE" size.soft=unlimited size.hard=unlimited size.pr=unlimited size.prtotal=unlimited
CONF
            if [[ -n ${SLAPD_LIMITS:-} ]]; then
                echo "limits dn.exact=\"$LIMITED\" $SLAPD_LIMITS"
            fi
            # The first rule that matches decides, so the general one comes last.
            echo 'access to attrs=userPassword by anonymous auth by * none'
            while IFS= read -r dn; do
                [[ -n $dn ]] || continue
                hidden=$(context_of "$dn") || die "SLAPD_HIDDEN: no naming context holds $dn"
                [[ $hidden != "$suffix" ]] || echo "access to dn.base=$(quoted "$dn") by * none"
            done <<<"ou=Hidden,$SUFFIX"$'\n'"${SLAPD_HIDDEN:-}"
            [[ -n $suffix || ${SLAPD_ROOT:-} != refused ]] || echo 'access to dn.base="" by * none'
            [[ -z ${SLAPD_ACCESS:-} ]] || printf '%s\n' "$SLAPD_ACCESS"
            echo 'access to * by users read'
            [[ $suffix != "$SUFFIX" ]] || printf '%s\n' "${SLAPD_DATABASE:-}"
        done
    } >"$dir/slapd.conf"
}

load() { # SUFFIX FILE
    # -q skips checks that only matter for a file which is not ours to repair, and is many times faster.
    slapadd -q -f "$dir/slapd.conf" -b "$1" -l "$2" >"$dir/slapadd.log" 2>&1 ||
        die "slapadd refused $2 for $1: $(head -n 20 "$dir/slapadd.log")"
}

# The root entry of a suffix whose first RDN is dc, o, ou, c or l; for our own suffix the accounts as well.
write_root() { # SUFFIX FILE
    local type=${1%%=*} value class
    value=${1#*=}
    value=${value%%,*}
    case ${type,,} in
    dc) class=domain ;;
    o) class=organization ;;
    ou) class=organizationalUnit ;;
    c) class=country ;;
    l) class=locality ;;
    *) die "no root entry for a suffix that begins with $type=; SLAPD_EXTRA_EMPTY=1 goes without" ;;
    esac
    printf 'dn: %s\nobjectClass: %s\n%s: %s\n' "$1" "$class" "$type" "$value" >"$2"
    [[ $1 == "$SUFFIX" ]] || return 0
    cat >>"$2" <<LDIF

dn: $SERVICE
objectClass: organizationalRole
objectClass: simpleSecurityObject
cn: svc
userPassword: $(slappasswd -s Svc-Passw0rd1)

dn: $LIMITED
objectClass: organizationalRole
objectClass: simpleSecurityObject
cn: limited
userPassword: $(slappasswd -s Limited-Passw0rd1)
LDIF
}

prepare() {
    local suffix folder file first
    need slapd slapadd slappasswd openssl
    # slapd would run for others too if its files were readable: keys, and the administrator's password.
    umask 077
    mkdir -p "$dir"
    dir=$(cd "$dir" && pwd)
    suffixes=("$SUFFIX" "$PARTNERS")
    if [[ -n ${SLAPD_EXTRA_SUFFIX:-} ]]; then
        suffixes+=("$SLAPD_EXTRA_SUFFIX")
    fi
    if [[ -n ${SLAPD_ROOT:-} ]]; then
        suffixes+=("")
    fi
    for suffix in "${suffixes[@]}"; do
        mkdir -p "$(database_folder "$suffix")"
    done
    [[ ${SLAPD_CERT:-good} == none ]] ||
        write_certificates "${SLAPD_CERT:-good}" "DNS:localhost,IP:127.0.0.1"
    write_configuration
    for suffix in "${suffixes[@]}"; do
        folder=$(database_folder "$suffix")
        # The mark is made last: a root entry is not written twice, and not forgotten after an interruption.
        [[ -n $suffix && ! -e $folder/rooted ]] || continue
        [[ $suffix != "${SLAPD_EXTRA_SUFFIX:-}" || ${SLAPD_EXTRA_EMPTY:-} != 1 ]] || continue
        write_root "$suffix" "$dir/root.ldif"
        load "$suffix" "$dir/root.ldif"
        : >"$folder/rooted"
    done
    for file in "$@"; do
        [[ -r $file ]] || die "cannot read $file"
        first=$(grep -m 1 -i '^dn: ' "$file") || die "$file names no entry (a line that begins with 'dn: ')"
        suffix=$(context_of "${first#*: }") || die "$file: no naming context holds ${first#*: }"
        load "$suffix" "$file"
    done
}

start() {
    need slapd
    dir=$(cd "$dir" && pwd)
    [[ -r $dir/slapd.conf ]] || die "$dir is not prepared"
    # slapd sizes its tables by the limit on open files: a huge one makes it slow and fat.
    ulimit -n 4096
    case ${1:-} in
    --until-eof) end_at_eof ;;
    "") ;;
    *) usage ;;
    esac
    local addresses="ldap://127.0.0.1:$port/"
    if grep -q '^TLSCertificateFile' "$dir/slapd.conf"; then
        addresses+=" ldaps://127.0.0.1:$((port + 1))/"
    fi
    exec slapd -f "$dir/slapd.conf" -h "$addresses" -d "${SLAPD_DEBUG:-0}" </dev/null
}

[[ $# -ge 3 ]] || usage
command=$1 dir=$2 port=$3
shift 3
[[ $port =~ ^[0-9]+$ && $port -ge 1 && $port -le 65534 ]] || die "PORT is a number from 1 to 65534, not $port"
case $command in
prepare) prepare "$@" ;;
start) start "$@" ;;
*) usage ;;
esac
