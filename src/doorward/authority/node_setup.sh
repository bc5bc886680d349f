# Prepares an OpenSSH 8.4+ host for Doorward; run it as root. It may be run again, and undone:
#   sh setup.sh [--exclusive] [--remove]
# What it changes: one block at the top of sshd_config, and the folder named in DIR. Nothing else is touched, and the
# change is rolled back unless sshd accepts it, says for each account what was asked for, and lets a real log-in through.
# --exclusive also turns other ways in off (passwords, keys of users), after that log-in.
set -eu
umask 022

SSHD_CONFIG=${DOORWARD_SSHD_CONFIG:-/etc/ssh/sshd_config}
DIR=${DOORWARD_DIR:-/etc/ssh/doorward}
SSHD=${DOORWARD_SSHD:-/usr/sbin/sshd}
HOST_KEY=${DOORWARD_HOST_KEY:-/etc/ssh/ssh_host_ed25519_key}
CHECK_PORT=${DOORWARD_CHECK_PORT:-}
BEGIN='# BEGIN doorward (managed: dw nodes setup; setup.sh --remove undoes it)'
END='# END doorward'

say() { printf 'doorward: %s\n' "$*"; }
die() { printf 'doorward: %s\n' "$*" >&2; exit 1; }

address_list() {  # DOORWARD_GATEWAYS with names resolved here, comma between: sshd takes addresses only
    for name in $(printf '%s' "$DOORWARD_GATEWAYS" | tr ',' ' '); do
        case $name in
            *:*) printf '%s\n' "$name" ;;
            *[!0-9.]*) getent ahosts "$name" 2>/dev/null | awk '{print $1}' || true ;;
            *) printf '%s\n' "$name" ;;
        esac
    done | sort -u | paste -s -d , -
}

reload_sshd() {
    if [ -n "${DOORWARD_RELOAD:-}" ]; then sh -c "$DOORWARD_RELOAD"
    elif command -v systemctl >/dev/null 2>&1 && systemctl is-active --quiet ssh 2>/dev/null; then systemctl reload ssh
    elif command -v systemctl >/dev/null 2>&1 && systemctl is-active --quiet sshd 2>/dev/null; then systemctl reload sshd
    elif [ -r /run/sshd.pid ]; then kill -HUP "$(cat /run/sshd.pid)"
    elif [ -r /var/run/sshd.pid ]; then kill -HUP "$(cat /var/run/sshd.pid)"
    else die "no running sshd found to reload"; fi
    sleep 1
}

without_block() { awk -v b="$BEGIN" -v e="$END" '$0 == b {skip = 1} !skip {print} $0 == e {skip = 0}' "$SSHD_CONFIG"; }

install_config() {  # from standard input, keeping owner and mode
    cat > "$SSHD_CONFIG.doorward-new"
    "$SSHD" -t -f "$SSHD_CONFIG.doorward-new" || { rm -f "$SSHD_CONFIG.doorward-new"; die "sshd does not accept the new configuration; nothing was changed"; }
    cat "$SSHD_CONFIG.doorward-new" > "$SSHD_CONFIG"
    rm -f "$SSHD_CONFIG.doorward-new"
}

roll_back() {
    [ -f "$DIR/sshd_config.before" ] || return 0
    cat "$DIR/sshd_config.before" > "$SSHD_CONFIG"
    reload_sshd || true
    die "$1; the old configuration is back in force"
}

EXCLUSIVE=$DOORWARD_EXCLUSIVE
for argument in "$@"; do
    case $argument in
        --exclusive) EXCLUSIVE=yes ;;
        --remove)
            [ -f "$SSHD_CONFIG" ] || die "there is no $SSHD_CONFIG"
            without_block | install_config
            reload_sshd
            rm -rf "$DIR"
            say "removed from $SSHD_CONFIG; this host no longer trusts Doorward"
            exit 0 ;;
        *) die "unknown argument $argument; --exclusive and --remove are known" ;;
    esac
done

[ -w "$SSHD_CONFIG" ] || die "$SSHD_CONFIG can not be written: run this as root"
[ -x "$SSHD" ] || die "$SSHD is missing: install openssh-server"
[ -f "$HOST_KEY.pub" ] || die "$HOST_KEY.pub is missing: run ssh-keygen -A"
"$SSHD" -T -f "$SSHD_CONFIG" -C user=root,host=localhost,addr=127.0.0.1 | awk '$1 == "hostkey" {print $2}' | grep -qxF "$HOST_KEY" \
    || die "sshd does not use $HOST_KEY; name the Ed25519 key that it uses in DOORWARD_HOST_KEY"
for login in $DOORWARD_LOGINS; do
    id "$login" >/dev/null 2>&1 || die "there is no account $login on this host"
done
all_lines() {  # of the configuration and of the files that it includes, each after a line `doorward-file`
    without_block | tr '=\t' '  '
    without_block | tr '=\t' '  ' | awk 'tolower($1) == "include" {for (i = 2; i <= NF; i++) print $i}' | while read -r pattern; do
        case $pattern in /*) ;; *) pattern=/etc/ssh/$pattern ;; esac
        for file in $pattern; do
            [ ! -f "$file" ] || { echo; echo doorward-file; tr '=\t' '  ' < "$file"; }
        done
    done
}
if [ "$EXCLUSIVE" = yes ]; then
    # A Match block speaks for some accounts or addresses only, so asking sshd about ours does not tell what it opens.
    MATCHED=$(all_lines | awk '
        $1 == "doorward-file" {inside = 0; next}
        tolower($1) == "match" {inside = 1; next}
        inside && tolower($1) ~ /^(trustedusercakeys|authorizedprincipals(file|command)|authorizedkeys(file|command)|pubkeyauthentication|passwordauthentication|kbdinteractiveauthentication|challengeresponseauthentication|hostbasedauthentication|gssapiauthentication)$/ {print $1; exit}')
    [ -z "$MATCHED" ] || die "a Match block sets $MATCHED, which --exclusive is to decide; remove it there"
fi
OTHER_CA=$(without_block > "$SSHD_CONFIG.doorward-old"; "$SSHD" -T -f "$SSHD_CONFIG.doorward-old" -C "user=root,host=localhost,addr=127.0.0.1" | awk '$1 == "trustedusercakeys" {print $2}'; rm -f "$SSHD_CONFIG.doorward-old")
case $OTHER_CA in none|"") ;; *) [ "$EXCLUSIVE" = yes ] || die "another authority for users is in force ($OTHER_CA); --exclusive replaces it" ;; esac

mkdir -p "$DIR/principals"
chmod 755 "$DIR" "$DIR/principals"
printf '%s' "$DOORWARD_ROOT_PEM" > "$DIR/root.pem"
WORK=$(mktemp -d)
trap 'rm -rf "$WORK"' EXIT
ssh-keygen -q -t ed25519 -N '' -C doorward-check -f "$WORK/check"

json_text() { printf '"%s"' "$(printf '%s' "$1" | tr -d '"\\\n\r')"; }
{
    printf '{"token": %s, ' "$(json_text "$DOORWARD_TOKEN")"
    printf '"host_public_key": %s, ' "$(json_text "$(cut -d' ' -f1,2 "$HOST_KEY.pub")")"
    printf '"check_public_key": %s}' "$(json_text "$(cut -d' ' -f1,2 "$WORK/check.pub")")"
} > "$WORK/body"
if command -v curl >/dev/null 2>&1; then
    curl -sS --proto '=https' --tlsv1.3 --max-time 30 --cacert "$DIR/root.pem" -H 'Content-Type: application/json' --data-binary @"$WORK/body" -o "$WORK/answer" -w '%{http_code}' "$DOORWARD_URL/v1/enrol-node" > "$WORK/status" || die "the authority at $DOORWARD_URL does not answer"
elif command -v python3 >/dev/null 2>&1; then
    python3 - "$DIR/root.pem" "$DOORWARD_URL/v1/enrol-node" "$WORK" <<'PYTHON' || die "the authority at $DOORWARD_URL does not answer"
import ssl, sys, urllib.error, urllib.request
root, url, work = sys.argv[1:]
call = urllib.request.Request(url, open(work + "/body", "rb").read(), {"Content-Type": "application/json"})
try:
    with urllib.request.urlopen(call, timeout=30, context=ssl.create_default_context(cafile=root)) as answer:
        body, status = answer.read(), answer.status
except urllib.error.HTTPError as error:
    body, status = error.read(), error.code
open(work + "/answer", "wb").write(body)
open(work + "/status", "w").write(str(status))
PYTHON
else
    die "neither curl nor python3 is here to reach the authority"
fi
field() { sed -n 's/.*"'"$1"'":"\([^"]*\)".*/\1/p' "$WORK/answer"; }
list() { sed -n 's/.*"'"$1"'":\[\([^]]*\)\].*/\1/p' "$WORK/answer" | tr ',' '\n' | sed 's/^"//; s/"$//'; }
case $(cat "$WORK/status") in
    20*) ;;
    *)  if [ -f "$DIR/node-id" ] && [ "$(cat "$DIR/node-id")" = "$DOORWARD_NODE_ID" ]; then
            die "this host is enrolled already and the script's token is spent; get a fresh script: dw nodes setup $DOORWARD_NODE_NAME"
        fi
        die "the authority refused: $(field detail)" ;;
esac

field host_certificate > "$DIR/host_key-cert.pub"
list session_authorities > "$DIR/session_authorities.pub"
[ -s "$DIR/host_key-cert.pub" ] && [ -s "$DIR/session_authorities.pub" ] || die "the authority's answer can not be read"
printf '%s\n' "$DOORWARD_NODE_ID" > "$DIR/node-id"
rm -f "$DIR"/principals/*
for login in $DOORWARD_LOGINS; do
    printf 'dw:%s:%s\n' "$DOORWARD_NODE_ID" "$login" > "$DIR/principals/$login"
done
chmod 644 "$DIR"/*.pub "$DIR/root.pem" "$DIR/node-id" "$DIR"/principals/*
chmod go-w "$DIR"/principals/*

EXEMPT=$(address_list)
block() {  # $1: yes when other ways in are to be off
    printf '%s\n' "$BEGIN"
    printf 'TrustedUserCAKeys %s\n' "$DIR/session_authorities.pub"
    printf 'AuthorizedPrincipalsFile %s/principals/%%u\n' "$DIR"
    printf 'HostCertificate %s\n' "$DIR/host_key-cert.pub"
    printf 'PubkeyAuthentication yes\n'
    if "$SSHD" -T -f "$SSHD_CONFIG" -C user=root,host=localhost,addr=127.0.0.1 2>/dev/null | grep -qi '^persourcepenaltyexemptlist' && [ -n "$EXEMPT" ]; then
        printf 'PerSourcePenaltyExemptList %s\n' "$EXEMPT"
    fi
    if [ "$1" = yes ]; then
        printf 'PasswordAuthentication no\nKbdInteractiveAuthentication no\nHostbasedAuthentication no\nGSSAPIAuthentication no\n'
        printf 'AuthorizedKeysFile none\nAuthorizedKeysCommand none\n'
    fi
    printf '%s\n' "$END"
}

cp "$SSHD_CONFIG" "$DIR/sshd_config.before"
chmod 600 "$DIR/sshd_config.before"
{ block no; without_block; } > "$WORK/config"
install_config < "$WORK/config"

says() { "$SSHD" -T -f "$SSHD_CONFIG" -C "user=$1,host=localhost,addr=127.0.0.1" | awk -v key="$2" '$1 == key {print $2}'; }
check_accounts() {
    for login in $DOORWARD_LOGINS; do
        [ "$(says "$login" trustedusercakeys)" = "$DIR/session_authorities.pub" ] || roll_back "for $login another authority stays in force (a Match block?)"
        [ "$(says "$login" authorizedprincipalsfile)" = "$DIR/principals/%u" ] || roll_back "for $login another principals file stays in force (a Match block?)"
    done
}
check_exclusive() {
    for login in $DOORWARD_LOGINS; do
        for pair in authorizedkeysfile:none authorizedkeyscommand:none passwordauthentication:no kbdinteractiveauthentication:no hostbasedauthentication:no; do
            found=$(says "$login" "${pair%%:*}")
            [ "$found" = "${pair#*:}" ] || roll_back "for $login another way in stays open: ${pair%%:*} is ${found:-unset} (a Match block?)"
        done
    done
}
check_accounts
reload_sshd

PORT=${CHECK_PORT:-$("$SSHD" -T -f "$SSHD_CONFIG" -C user=root,host=localhost,addr=127.0.0.1 | awk '$1 == "port" {print $2; exit}')}
log_in() {
    number=0
    for login in $DOORWARD_LOGINS; do
        number=$((number + 1))
        list check_certificates | sed -n "${number}p" > "$WORK/check-cert.pub"
        ssh -F none -p "$PORT" -i "$WORK/check" -o CertificateFile="$WORK/check-cert.pub" -o IdentitiesOnly=yes -o IdentityAgent=none -o BatchMode=yes -o ConnectTimeout=10 -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR "$login@127.0.0.1" true || return 1
    done
}
log_in || roll_back "a log-in with a certificate of Doorward does not work"
if [ "$EXCLUSIVE" = yes ]; then
    { block yes; without_block; } > "$WORK/config"
    install_config < "$WORK/config"
    check_accounts
    check_exclusive
    reload_sshd
    log_in || roll_back "a log-in does not work with the other ways in turned off"
    say "other ways in are off"
fi
say "this host is $DOORWARD_NODE_NAME ($DOORWARD_NODE_ID), for: $DOORWARD_LOGINS"
