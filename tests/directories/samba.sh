#!/usr/bin/env bash
# A real Samba Active Directory domain controller on loopback, for the tests. It needs root: it listens on port 389.
#
#   samba.sh prepare DIR IP [TEMPLATE [LDIF]]
#       Makes the domain, the configuration and the certificates below DIR. It may be repeated while Samba is
#       stopped: the configuration and the server's certificate are written anew, the domain and the CA are kept.
#       A new domain takes five seconds. With TEMPLATE it is copied from that folder, in a fraction of one; the
#       folder is made first if it does not exist, and any number of processes may do so at once. The LDIF file,
#       parents first, is added to a domain that is new in DIR.
#   samba.sh start DIR IP [--until-eof [--remove]]
#       Becomes samba, in the foreground. With --until-eof it also ends when its standard input is closed, so that
#       the process that started it cannot leave it behind, however it ends; with --remove DIR goes too
#       when that happens.
#
# It answers on IP only, with LDAP and StartTLS on 389 and LDAPS on 636 (and as global catalogue on 3268 and 3269).
# There is no setting for the ports, so each instance takes an address of its own: any that begins with 127. Clients
# trust DIR/ca.pem, whose server certificate covers dc1.lab.test, localhost and IP.
# The domain is DC=lab,DC=test. Accounts: Administrator@lab.test (Passw0rd!lab), and svc@lab.test (Svc-Passw0rd1),
# an ordinary user. All files of the instance are below DIR.
#
# Environment, read by prepare:
#   SAMBA_CERT=good|wrong-name|expired   the certificate the server shows (good)
#   SAMBA_CLASSES=all                    no class of the schema is hidden by default; nearly all are in a new domain
set -euo pipefail

readonly script=samba.sh
source "$(dirname "${BASH_SOURCE[0]}")/shared.sh"

# An ordinary account has no sbin in its path, and that is where Debian keeps samba.
PATH="$PATH:/usr/sbin:/sbin"

usage() {
    echo "usage: samba.sh prepare DIR IP [TEMPLATE [LDIF]] | samba.sh start DIR IP [--until-eof [--remove]]" >&2
    exit 2
}

write_configuration() { # FOLDER
    mkdir -p "$1"/{etc,private,state,cache,lock,run,log,ncalrpc}
    # Only the LDAP service: the file services would need more of the machine than a test may take.
    cat >"$1/etc/smb.conf" <<CONF
[global]
netbios name = DC1
realm = LAB.TEST
workgroup = LAB
server role = active directory domain controller
server services = ldap
interfaces = $ip/8
bind interfaces only = yes
ldap server require strong auth = no
tls enabled = yes
tls keyfile = $dir/srv.key
tls certfile = $dir/srv.pem
tls cafile = $dir/ca.pem
private dir = $1/private
state directory = $1/state
cache directory = $1/cache
lock directory = $1/lock
pid directory = $1/run
ncalrpc dir = $1/ncalrpc
log file = $1/log/samba
panic action =
CONF
}

# A new domain in the folder, which must not exist; it appears there complete or not at all.
provision() { # FOLDER
    local new password
    new=$(mktemp -d "$1.new.XXXXXX")
    mkdir -p "$new"/{etc,private,state,cache,lock,run,log,ncalrpc}
    # It writes a configuration of its own, in the style of a server that shares files.
    samba-tool domain provision --targetdir="$new" --realm=LAB.TEST --domain=LAB --server-role=dc --dns-backend=NONE \
        --host-name=dc1 --host-ip="$ip" --adminpass='Passw0rd!lab' --option="interfaces=$ip" \
        --option="bind interfaces only=yes" --option="vfs objects=" >"$new/log/provision" 2>&1 ||
        die "samba-tool made no domain: $(tail -n 5 "$new/log/provision")"
    write_configuration "$new"
    # Passwords of this domain last, as the template may be older than a month and a half.
    password=$(printf '"Svc-Passw0rd1"' | iconv -t UTF-16LE | base64)
    cat >"$new/svc.ldif" <<LDIF
dn: CN=svc,CN=Users,DC=lab,DC=test
changetype: add
objectClass: user
sAMAccountName: svc
userPrincipalName: svc@lab.test
userAccountControl: 512
unicodePwd:: $password

dn: DC=lab,DC=test
changetype: modify
replace: maxPwdAge
maxPwdAge: -9223372036854775808

LDIF
    ldbmodify -H "$new/private/sam.ldb" --configfile="$new/etc/smb.conf" "$new/svc.ldif" >"$new/log/svc" 2>&1 ||
        die "no service account: $(tail -n 5 "$new/log/svc")"
    # Another process may have made the same one meanwhile; it is as good.
    mv -T "$new" "$1" 2>/dev/null || rm -rf "$new"
    [[ -e $1/private/sam.ldb ]] || die "$1 is no domain"
}

# Every class of the schema becomes one that is not hidden by default.
show_classes() { # FOLDER
    local database=(-H "$1/private/sam.ldb" --configfile="$1/etc/smb.conf")
    ldbsearch "${database[@]}" -b CN=Schema,CN=Configuration,DC=lab,DC=test \
        '(&(objectClass=classSchema)(defaultHidingValue=TRUE))' dn 2>"$dir/classes.log" |
        awk '/^dn: / { print $0 "\nchangetype: modify\nreplace: defaultHidingValue\ndefaultHidingValue: FALSE\n" }' \
            >"$dir/classes.ldif"
    ldbmodify "${database[@]}" --option="dsdb:schema update allowed=yes" "$dir/classes.ldif" >>"$dir/classes.log" 2>&1 ||
        die "classes stay hidden: $(tail -n 5 "$dir/classes.log")"
}

prepare() { # [TEMPLATE [LDIF]]
    need samba samba-tool ldbadd ldbmodify openssl iconv
    [[ $(id -u) -eq 0 ]] || die "a Samba domain takes root: it is made with rights and served on port 389"
    umask 077
    mkdir -p "$dir"
    dir=$(cd "$dir" && pwd)
    if [[ ! -e $dir/domain ]]; then
        if [[ $# -gt 0 ]]; then
            [[ -e $1 ]] || provision "$1"
            rm -rf "$dir/domain.new"
            cp -a --sparse=always "$1" "$dir/domain.new"
            mv "$dir/domain.new" "$dir/domain"
        else
            provision "$dir/domain"
        fi
    fi
    write_configuration "$dir/domain"
    if [[ $# -gt 1 && ! -e $dir/loaded ]]; then
        ldbadd -H "$dir/domain/private/sam.ldb" --configfile="$dir/domain/etc/smb.conf" "$2" >"$dir/ldbadd.log" 2>&1 ||
            die "ldbadd refused $2: $(tail -n 5 "$dir/ldbadd.log")"
        : >"$dir/loaded"
    fi
    [[ ${SAMBA_CLASSES:-} != all ]] || show_classes "$dir/domain"
    write_certificates "${SAMBA_CERT:-good}" "DNS:dc1.lab.test,DNS:localhost,IP:$ip"
}

start() { # [--until-eof [--remove]]
    need samba
    dir=$(cd "$dir" && pwd)
    [[ -r $dir/domain/etc/smb.conf ]] || die "$dir is not prepared"
    case "$*" in
    "--until-eof --remove") end_at_eof rm -rf "$dir" ;;
    --until-eof) end_at_eof ;;
    "") ;;
    *) usage ;;
    esac
    # Samba ends by itself when a pipe at its standard input ends; that is the watcher's task.
    exec samba -i -M single --debug-stdout -s "$dir/domain/etc/smb.conf" </dev/null
}

[[ $# -ge 3 ]] || usage
command=$1 dir=$2 ip=$3
shift 3
[[ $ip =~ ^127\.[0-9]+\.[0-9]+\.[0-9]+$ ]] || die "IP is an address that begins with 127, not $ip"
case $command in
prepare) prepare "$@" ;;
start) start "$@" ;;
*) usage ;;
esac
