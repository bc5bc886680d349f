begin() {  # the folder of this run; what an earlier one left half done is taken back first
    if ! mkdir -m 700 "$WORK" 2>/dev/null; then
        [ -d "$WORK" ] || die "$WORK can not be made: run this as root"
        other=$(cat "$WORK/pid" 2>/dev/null || true)
        if [ -n "$other" ] && kill -0 "$other" 2>/dev/null; then
            die "another set-up is at work on this host (process $other); if that is none, remove $WORK/pid"
        fi
        say "an earlier run was cut off"
        restore || exit 1
        mkdir -m 700 "$WORK" || die "$WORK can not be made"
    fi
    trap finish EXIT
    trap 'exit 129' HUP
    trap 'exit 130' INT
    trap 'exit 141' PIPE
    trap 'exit 143' TERM
    echo $$ > "$WORK/pid"
    mkdir "$WORK/before"
    cp -a "$CONFIG" "$WORK/before/sshd_config"
    [ ! -d "$DIR" ] || cp -a "$DIR" "$WORK/before/files"
}

about_to_change() { : > "$WORK/ready"; }

keep() {  # the point of no return; a connection that is lost by now is found out by the line
    say "$1"
    rm -f "$WORK/ready"
}

finish() {
    status=$?
    set +e
    trap - EXIT
    trap '' HUP INT PIPE TERM
    restore || status=1
    exit "$status"
}

restore() {  # all that was changed; it may be cut off itself, and run again
    if [ -f "$WORK/ready" ]; then
        {
            cp -a "$WORK/before/sshd_config" "$CONFIG.doorward-new" && mv -f "$CONFIG.doorward-new" "$CONFIG" \
                && rm -rf "$DIR" && { [ ! -d "$WORK/before/files" ] || cp -a "$WORK/before/files" "$DIR"; }
        } || {
            printf 'doorward: the old files can not be put back; they are in %s\n' "$WORK/before" >&2
            return 1
        }
        if reload_sshd; then printf 'doorward: the old configuration is back in force\n' >&2
        else printf 'doorward: the old configuration is back, but sshd was not made to read it\n' >&2; fi
        rm -f "$WORK/ready"
    fi
    rm -rf "$CONFIG.doorward-new" "$WORK"
}

put_config() {  # the file $1, once sshd accepts it, in one step: sshd reads the old text or the new, never a half
    "$SSHD" -t -f "$1" || die "sshd does not accept the new configuration"
    cp -a "$CONFIG" "$CONFIG.doorward-new"
    cat "$1" > "$CONFIG.doorward-new"
    mv -f "$CONFIG.doorward-new" "$CONFIG"
}

put_files() {  # the folder $1 takes the place of DIR
    if command -v restorecon >/dev/null 2>&1; then restorecon -R "$1" >/dev/null 2>&1 || true; fi
    [ ! -d "$DIR" ] || mv "$DIR" "$WORK/old"
    mv "$1" "$DIR"
}

active() { command -v systemctl >/dev/null 2>&1 && systemctl is-active --quiet "$1" 2>/dev/null; }

find_way() {  # how sshd is made to read its configuration; looked at anew each time, since a socket may start sshd
    WAY='' PID_FILE=$("$SSHD" -T -f "$CONFIG" -C "$(connection root 127.0.0.1)" 2>/dev/null | awk '$1 == "pidfile" {print $2}')
    if [ -n "${DOORWARD_RELOAD:-}" ]; then WAY=command; return; fi
    for unit in ssh.service sshd.service; do
        if active "$unit"; then WAY=service UNIT=$unit; return; fi
    done
    for unit in ssh.socket sshd.socket; do
        if active "$unit"; then WAY=socket UNIT=$unit; return; fi
    done
    if [ -r "$PID_FILE" ] && kill -0 "$(cat "$PID_FILE")" 2>/dev/null; then WAY=process PID=$(cat "$PID_FILE"); fi
}

reload_sshd() {
    find_way
    case $WAY in
        command) sh -c "$DOORWARD_RELOAD" </dev/null || return 1 ;;
        service) systemctl reload "$UNIT" || return 1 ;;
        process) kill -HUP "$PID" || return 1 ;;
        socket) return 0 ;;  # sshd is started when somebody comes, and reads its configuration then
        *) return 1 ;;
    esac
    sleep 1
}
