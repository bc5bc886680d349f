# Prepares an OpenSSH 8.4+ host for Doorward; run it as root. It may be run again, and undone:
#   sh setup.sh [--exclusive] [--remove]
# What it changes: one block at the top of sshd_config, and the folder named in DIR; while it runs there is a folder
# DIR.work beside that one. It is all or nothing: whatever stops it (a check that fails, a signal, a lost connection)
# puts every byte back and makes sshd read it. What it keeps was accepted by sshd, says for each account what was asked
# for, and let a real log-in through. What can not be put back is the spent token, and that the authority knows the key.
# --exclusive also turns other ways in off (passwords, keys of users), after that log-in.
set -eu
umask 022

SSHD_CONFIG=${DOORWARD_SSHD_CONFIG:-/etc/ssh/sshd_config}
DIR=${DOORWARD_DIR:-/etc/ssh/doorward}
SSHD=${DOORWARD_SSHD:-/usr/sbin/sshd}
HOST_KEY=${DOORWARD_HOST_KEY:-/etc/ssh/ssh_host_ed25519_key}
CHECK_ADDRESS=${DOORWARD_CHECK_ADDRESS:-}
CHECK_PORT=${DOORWARD_CHECK_PORT:-}
WORK=$DIR.work
BEGIN='# BEGIN doorward (managed: dw nodes setup; setup.sh --remove undoes it)'
END='# END doorward'
EXCLUSIVE=$DOORWARD_EXCLUSIVE
REMOVE=no

# Only functions from here to the last line: a script of which a part got lost on the way does nothing.

say() { printf 'doorward: %s\n' "$*"; }
die() { printf 'doorward: %s\n' "$*" >&2; exit 1; }

read_arguments() {
    for argument in "$@"; do
        case $argument in
            --exclusive) EXCLUSIVE=yes ;;
            --remove) REMOVE=yes ;;
            *) die "unknown argument $argument; --exclusive and --remove are known" ;;
        esac
    done
}

check_tools() {
    for tool in awk cat chmod cmp cp cut date grep id mkdir mv paste readlink rm sed sleep sort ssh ssh-keygen tr; do
        command -v "$tool" >/dev/null 2>&1 || die "$tool is missing on this host"
    done
    [ -x "$SSHD" ] || die "$SSHD is missing: install openssh-server"
    [ -f "$SSHD_CONFIG" ] || die "there is no $SSHD_CONFIG"
    [ -w "$SSHD_CONFIG" ] || die "$SSHD_CONFIG can not be written: run this as root"
    CONFIG=$(readlink -f "$SSHD_CONFIG")
}
