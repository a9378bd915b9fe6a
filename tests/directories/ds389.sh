#!/usr/bin/env bash
# A real 389 Directory Server on loopback, for the tests. It needs no root.
#
#   ds389.sh prepare DIR PORT [LDIF]
#       Makes the configuration, the certificates and the naming context dc=ds389,dc=test below DIR. It may be
#       repeated while the server is stopped: the server's certificate is made anew, the data and the CA are kept.
#       The LDIF file, parents first, follows the naming context's own entries when these are made.
#   ds389.sh start DIR PORT [--until-eof [--remove]]
#       Becomes ns-slapd, in the foreground. With --until-eof it also ends when its standard input is closed, so that
#       the process that started it cannot leave it behind, however it ends; with --remove DIR goes too
#       when that happens.
#
# It answers on 127.0.0.1 only: LDAP and StartTLS on PORT, LDAPS on PORT+1; clients trust DIR/ca.pem.
# Accounts: cn=Directory Manager (admin-password), whom nothing binds; cn=svc,dc=ds389,dc=test (Svc-Passw0rd1), who
# reads everything but passwords and access rules; cn=weak,dc=ds389,dc=test (Weak-Passw0rd1), who has what anybody
# has in a naming context that is made with the vendor's tools: nothing but the naming attribute, the description
# and the object classes of organizational units, domains and nsContainers. An id is not among that.
#
# The vendor's dscreate is not used: it takes nine seconds and root, listens everywhere while it works, and spreads an
# instance over /etc, /var and /run. Its template of the configuration is, with every folder below DIR. One file lies
# elsewhere because the server has no setting for it, the semaphore of its statistics, which is named after DIR's
# last part: start removes a stale one, and so does --until-eof in the end.
#
# Environment, read by prepare:
#   DS389_CERT=good|wrong-name|expired|none   the certificate the server shows (good); none: it knows no TLS
set -euo pipefail

readonly script=ds389.sh
source "$(dirname "${BASH_SOURCE[0]}")/shared.sh"

# An ordinary account has no sbin in its path, and that is where Debian keeps ns-slapd.
PATH="$PATH:/usr/sbin:/sbin"

readonly SUFFIX="dc=ds389,dc=test"
readonly TEMPLATE=/usr/share/dirsrv/data/template-dse.ldif

usage() {
    echo "usage: ds389.sh prepare DIR PORT [LDIF] | ds389.sh start DIR PORT [--until-eof [--remove]]" >&2
    exit 2
}

# The configuration as the vendor begins it, and the naming context. The server itself rewrites this file, so that it
# is written once.
write_configuration() {
    local password
    mkdir -p "$dir"/{schema,lock,tmp,ldif,bak,run,log,db}
    # What the vendor has for these three lies where only root and the server's own account may look.
    printf 'dn: cn=schema\nobjectClass: top\nobjectClass: ldapSubentry\nobjectClass: subschema\ncn: schema\n' \
        >"$dir/schema/99user.ldif"
    printf 'certmap default default\n' >"$dir/certmap.conf"
    : >"$dir/slapd-collations.conf"
    password=$(pwdhash -s SSHA512 admin-password)
    {
        sed -e "s|%schema_dir%|$dir/schema|;s|%lock_dir%|$dir/lock|;s|%tmp_dir%|$dir/tmp|;s|%cert_dir%|$dir|" \
            -e "s|%ldif_dir%|$dir/ldif|;s|%bak_dir%|$dir/bak|;s|%run_dir%|$dir/run|;s|%inst_dir%|$dir|" \
            -e "s|%log_dir%|$dir/log|;s|%config_dir%|$dir|;s|%db_dir%|$dir/db|;s|%db_home_dir%|$dir/db|" \
            -e "s|%ldapi%|$dir/run/ldapi|;s|%ldapi_enabled%|off|;s|%ldapi_autobind%|off|;s|%db_lib%|bdb|" \
            -e "s|%fqdn%|localhost|;s|%ds_user%|$(id -un)|;s|%ds_suffix%|$SUFFIX|" \
            -e "s|%rootdn%|cn=Directory Manager|;s|%ds_passwd%|$password|" "$TEMPLATE"
        # Without a folder of its own the naming context would be looked for beside the others' files.
        cat <<CONF

dn: cn=userroot,cn=ldbm database,cn=plugins,cn=config
objectClass: top
objectClass: extensibleObject
objectClass: nsBackendInstance
nsslapd-suffix: $SUFFIX
nsslapd-directory: $dir/db/userroot
nsslapd-cachememsize: 50000000
nsslapd-dncachememsize: 20000000
cn: userroot

dn: cn="$SUFFIX",cn=mapping tree,cn=config
objectClass: top
objectClass: extensibleObject
objectClass: nsMappingTree
cn: $SUFFIX
nsslapd-state: backend
nsslapd-backend: userroot
CONF
        # Two empty lines in a row would make an entry without a name. Caches that fit, and no waiting for the disk: a
        # test's data is little and need not survive a power failure.
    } | cat -s | sed -e '/^nsslapd-backend-implement:/a nsslapd-cache-autosize: 0\
nsslapd-dbcachesize: 8000000\
nsslapd-import-cache-autosize: 0\
nsslapd-import-cachesize: 20000000\
nsslapd-db-durable-transaction: off' >"$dir/dse.new"
    mv "$dir/dse.new" "$dir/dse.ldif"
}

set_in_configuration() { # ATTRIBUTE VALUE, in cn=config; no other entry has these
    sed -i -e "/^$1:/Id" "$dir/dse.ldif"
    sed -i -e "0,/^dn: cn=config\$/Is|^dn: cn=config\$|&\n$1: $2|I" "$dir/dse.ldif"
}

# The server keeps its certificate in a database of its own kind.
write_certificate_database() {
    [[ -e $dir/cert9.db ]] || certutil -N -d "sql:$dir" --empty-password
    certutil -D -d "sql:$dir" -n Server-Cert 2>/dev/null || true
    openssl pkcs12 -export -inkey "$dir/srv.key" -in "$dir/srv.pem" -name Server-Cert -passout pass: -out "$dir/srv.p12"
    pk12util -i "$dir/srv.p12" -d "sql:$dir" -W '' >>"$dir/openssl.log" 2>&1
    certutil -A -d "sql:$dir" -n CA -t CT,, -i "$dir/ca.pem"
}

write_entries() { # FILE
    local anyone='(version 3.0; acl "anyone"; allow (read, search, compare) userdn="ldap:///anyone";)'
    cat >"$1" <<LDIF
dn: $SUFFIX
objectClass: domain
dc: ds389
aci: (targetattr="dc || description || objectClass")(targetfilter="(objectClass=domain)")$anyone
aci: (targetattr="ou || description || objectClass")(targetfilter="(objectClass=organizationalUnit)")$anyone
aci: (targetattr="cn || description || objectClass")(targetfilter="(objectClass=nsContainer)")$anyone
aci: (targetattr!="userPassword || aci")(version 3.0; acl "svc"; allow (read, search, compare) userdn="ldap:///cn=svc,$SUFFIX";)

dn: cn=svc,$SUFFIX
objectClass: organizationalRole
objectClass: simpleSecurityObject
cn: svc
userPassword: $(pwdhash -s SSHA512 Svc-Passw0rd1)

dn: cn=weak,$SUFFIX
objectClass: organizationalRole
objectClass: simpleSecurityObject
cn: weak
userPassword: $(pwdhash -s SSHA512 Weak-Passw0rd1)
LDIF
}

prepare() { # [LDIF]
    need ns-slapd pwdhash certutil pk12util openssl
    umask 077
    mkdir -p "$dir"
    dir=$(cd "$dir" && pwd)
    [[ $dir != *[\|\&\ ]* ]] || die "the path of DIR has a blank or another odd character: $dir"
    [[ -e $dir/dse.ldif ]] || write_configuration
    set_in_configuration nsslapd-port "$port"
    set_in_configuration nsslapd-listenhost 127.0.0.1
    set_in_configuration nsslapd-securePort "$((port + 1))"
    set_in_configuration nsslapd-securelistenhost 127.0.0.1
    if [[ ${DS389_CERT:-good} == none ]]; then
        set_in_configuration nsslapd-security off
    else
        write_certificates "${DS389_CERT:-good}" "DNS:localhost,IP:127.0.0.1"
        write_certificate_database
        set_in_configuration nsslapd-security on
    fi
    if [[ ! -e $dir/loaded ]]; then
        write_entries "$dir/ldif/entries.ldif"
        if [[ $# -gt 0 ]]; then
            { echo && cat "$1"; } >>"$dir/ldif/entries.ldif"
        fi
        (limit && ns-slapd ldif2db -D "$dir" -n userroot -i "$dir/ldif/entries.ldif" >"$dir/log/load" 2>&1) ||
            die "ns-slapd did not load the entries: $(tail -n 5 "$dir/log/errors")"
        : >"$dir/loaded"
    fi
}

# It sizes its tables by the limit on open files, and a huge one makes it slow and fat.
limit() {
    ulimit -n 4096
}

remove_semaphore() {
    local name=${dir##*/}
    rm -f "/dev/shm/sem.${name#slapd-}.stats"
}

tidy() { # [--remove]
    remove_semaphore
    [[ ${1:-} != --remove ]] || rm -rf "$dir"
}

start() { # [--until-eof [--remove]]
    need ns-slapd
    dir=$(cd "$dir" && pwd)
    [[ -e $dir/loaded ]] || die "$dir is not prepared"
    remove_semaphore
    case "$*" in
    "--until-eof --remove") end_at_eof tidy --remove ;;
    --until-eof) end_at_eof tidy ;;
    "") ;;
    *) usage ;;
    esac
    limit
    # A level keeps it in the foreground, and level 0 says only what goes wrong.
    exec ns-slapd -d 0 -D "$dir" -i "$dir/run/pid" </dev/null
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
