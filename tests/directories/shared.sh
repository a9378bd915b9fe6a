# What the scripts of this folder have in common; each of them reads it. It needs `dir`, the folder of the directory
# server, and the name of the script in `script`.

die() {
    echo "$script: $*" >&2
    exit 1
}

need() {
    local program
    for program in "$@"; do
        command -v "$program" >/dev/null || die "$program is not installed; tests/run.sh installs what the tests need"
    done
}

# DIR/ca.pem, kept once it is made, and DIR/srv.pem with DIR/srv.key, made anew each time.
write_certificates() { # good|wrong-name|expired SUBJECTALTNAME
    local names=$2 expiry=()
    if [[ ! -e $dir/ca.pem ]]; then
        openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 3650 -subj "/CN=Test CA" \
            -keyout "$dir/ca.key" -out "$dir/ca.pem.new" \
            -addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign 2>"$dir/openssl.log" ||
            die "openssl made no CA: $(tail -n 5 "$dir/openssl.log")"
        mv "$dir/ca.pem.new" "$dir/ca.pem"
    fi
    case $1 in
    good) ;;
    wrong-name) names="DNS:wrong.example" ;;
    expired) expiry=(-startdate 20200101000000Z -enddate 20210101000000Z) ;;
    *) die "a certificate is good, wrong-name or expired, not $1" ;;
    esac
    # `openssl ca`, because `openssl x509` of OpenSSL 3.0 cannot date a certificate in the past.
    cat >"$dir/ca.conf" <<CONF
[ca]
default_ca = test
[test]
database = $dir/ca.index
new_certs_dir = $dir/issued
rand_serial = yes
unique_subject = no
default_md = sha256
default_days = 825
policy = any
x509_extensions = server
[any]
commonName = supplied
[server]
basicConstraints = CA:FALSE
extendedKeyUsage = serverAuth
subjectAltName = $names
CONF
    mkdir -p "$dir/issued"
    : >"$dir/ca.index"
    openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=directory" \
        -keyout "$dir/srv.key" -out "$dir/srv.csr" 2>"$dir/openssl.log" &&
        openssl ca -batch -notext -config "$dir/ca.conf" -cert "$dir/ca.pem" -keyfile "$dir/ca.key" \
            -in "$dir/srv.csr" -out "$dir/srv.pem" "${expiry[@]}" >>"$dir/openssl.log" 2>&1 ||
        die "openssl made no server certificate: $(tail -n 5 "$dir/openssl.log")"
    chmod 600 "$dir/srv.key" "$dir/ca.key"
}

# Starts a watcher that ends this process, or what it becomes by `exec`, when standard input reaches its end; then it
# runs the command, if one is given, which may tidy up.
end_at_eof() { # [COMMAND ARGUMENT...]
    # Bash gives a background job an empty standard input unless it is told otherwise. The rest of what the job
    # inherits is closed, or a reader of the server's output would wait for the watcher too.
    exec 3<&0
    watch $$ "$@" <&3 3<&- >/dev/null 2>&1 &
    exec 3<&-
}

# It runs as a child of the process that becomes the server, and asks before each signal whether that is still its
# parent: a process number may be another process's by now.
watch() { # THE SERVER'S PID, [COMMAND ARGUMENT...]
    local server=$1 _ i
    shift
    # Some servers end their whole process group as they end; the watcher has work left then.
    trap '' TERM INT HUP
    while read -r _; do :; done
    for i in {1..50}; do
        is_my_parent "$server" || break
        kill -TERM "$server" 2>/dev/null || break
        sleep 0.1
    done
    if is_my_parent "$server"; then
        kill -KILL "$server" 2>/dev/null || true
        for i in {1..50}; do
            is_my_parent "$server" || break
            sleep 0.1
        done
    fi
    [[ $# -eq 0 ]] || "$@"
}

is_my_parent() {
    local name value
    while read -r name value; do
        if [[ $name == PPid: ]]; then
            [[ $value == "$1" ]]
            return
        fi
    done <"/proc/$BASHPID/status" 2>/dev/null
    return 1
}
