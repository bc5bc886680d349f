check_host() {  # everything that can be known before anything is asked for or changed
    [ -f "$HOST_KEY.pub" ] || die "$HOST_KEY.pub is missing: run ssh-keygen -A"
    says "$CONFIG" hostkey | grep -qxF "$HOST_KEY" \
        || die "sshd does not use $HOST_KEY; name the Ed25519 key that it uses in DOORWARD_HOST_KEY"
    for login in $DOORWARD_LOGINS; do
        id "$login" >/dev/null 2>&1 || die "there is no account $login on this host"
    done
    find_way
    [ -n "$WAY" ] || die "no running sshd found; start it first, or say in DOORWARD_RELOAD how it is made to read its configuration"
    [ "$WAY" != socket ] || say "systemd starts sshd by $UNIT when somebody comes: nothing needs to be reloaded"
    [ "$EXCLUSIVE" = no ] || check_matches
    other=$(says "$WORK/base" trustedusercakeys)
    case $other in
        none|"") ;;
        *) [ "$EXCLUSIVE" = yes ] || die "another authority for users is in force ($other); --exclusive replaces it" ;;
    esac
}

find_door() {  # where a log-in is tried: an address of this host at which sshd listens, loopback if it may be
    if [ "$WAY" = socket ]; then doors=$(systemctl show --property=Listen --value "$UNIT" | sed 's/ (.*//; s/^\[::\]:/0.0.0.0:/')
    else doors=$("$SSHD" -T -f "$CONFIG" -C "$(connection root 127.0.0.1)" | awk '$1 == "listenaddress" && NF == 2 {print $2}'); fi
    door=$(printf '%s\n' "$doors" | awk '
        /%/ || !/:[0-9]+$/ {next}
        /^0\.0\.0\.0:/ {rank = 1; sub(/^0\.0\.0\.0/, "127.0.0.1")}
        /^\[::\]:/ {rank = 3; sub(/^\[::\]/, "[::1]")}
        /^127\./ {rank = 1} /^\[::1\]/ {rank = 3}
        !/^(127\.|\[::1\])/ {rank = 4}
        !best || rank < best {best = rank; found = $0}
        END {print found}')
    CHECK_PORT=${CHECK_PORT:-${door##*:}}
    if [ -z "$CHECK_ADDRESS" ]; then
        CHECK_ADDRESS=${door%:*} CHECK_ADDRESS=${CHECK_ADDRESS#\[} CHECK_ADDRESS=${CHECK_ADDRESS%\]}
    fi
    [ -n "$CHECK_ADDRESS" ] && [ -n "$CHECK_PORT" ] \
        || die "where sshd listens can not be told; name it in DOORWARD_CHECK_ADDRESS and DOORWARD_CHECK_PORT"
}

try_account() {  # the certificate opens from this address alone, and runs nothing but `true`
    ssh -n -F none -p "$CHECK_PORT" -b "$CHECK_ADDRESS" -i "$WORK/check" -o CertificateFile="$WORK/check-cert.pub" -o IdentitiesOnly=yes \
        -o IdentityAgent=none -o BatchMode=yes -o ConnectTimeout=10 -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null \
        -o ControlPath=none -o LogLevel=ERROR -l "$1" -- "$CHECK_ADDRESS" true
}

log_in() {
    number=0
    for login in $DOORWARD_LOGINS; do
        number=$((number + 1))
        list check_certificates | sed -n "${number}p" > "$WORK/check-cert.pub"
        # A second time, since sshd may still be about to listen again.
        try_account "$login" || { sleep 1; try_account "$login"; } || return 1
    done
}

use_config() {  # $1: whether other ways in are off in it
    { block "$1"; cat "$WORK/base"; } > "$WORK/config"
    put_config "$WORK/config"
    check_accounts
    [ "$1" = no ] || check_exclusive
    reload_sshd || die "sshd could not be made to read the new configuration"
}

set_up() {
    check_host
    find_door
    enrol
    if [ "$TOKEN" = spent ]; then
        if in_place; then say "this host is $DOORWARD_NODE_NAME already, as this script would make it; its token is spent, and nothing was changed"; return; fi
        die "this script's token is spent or too old, and something is to be changed here; get a fresh script: dw nodes setup $DOORWARD_NODE_NAME"
    fi
    write_files
    about_to_change
    put_files "$WORK/new"
    # Other ways that are off already stay off meanwhile: there is nothing to lose by a log-in that fails.
    if [ "$EXCLUSIVE" = no ] || ! grep -qx 'AuthorizedKeysFile none' "$WORK/block"; then
        use_config no
        log_in || die "a log-in with a certificate of Doorward does not work"
    fi
    if [ "$EXCLUSIVE" = yes ]; then
        use_config yes
        log_in || die "a log-in does not work with the other ways in turned off"
        say "other ways in are off"
    fi
    say "its host certificate is good until $(certificate_end "$DIR/host_key-cert.pub"); the same command gives it another"
    keep "this host is $DOORWARD_NODE_NAME ($DOORWARD_NODE_ID), for: $DOORWARD_LOGINS"
}

remove() {
    about_to_change
    put_config "$WORK/base"
    find_way
    if [ -z "$WAY" ]; then say "no running sshd was found to read it"; else reload_sshd || die "sshd could not be made to read the new configuration"; fi
    [ ! -d "$DIR" ] || mv "$DIR" "$WORK/old"
    keep "removed from $SSHD_CONFIG; this host no longer trusts Doorward"
}

main() {
    read_arguments "$@"
    check_tools
    begin
    split_config
    if [ "$REMOVE" = yes ]; then remove; else set_up; fi
}

{ main "$@"; exit; }
