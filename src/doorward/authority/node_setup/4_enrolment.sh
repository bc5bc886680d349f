json_text() { printf '"%s"' "$(printf '%s' "$1" | tr -d '"\\\n\r')"; }
field() { sed -n 's/.*"'"$1"'":"\([^"]*\)".*/\1/p' "$WORK/answer"; }
list() { sed -n 's/.*"'"$1"'":\[\([^]]*\)\].*/\1/p' "$WORK/answer" | tr ',' '\n' | sed 's/^"//; s/"$//'; }

call_authority() {  # $WORK/body to path $1, $WORK/answer and $WORK/status back; the installation's own root is believed and no other
    # Under this name the authority shows the certificate of that root, whatever it shows under public ones. GNU wget can
    # not ask for another name than the host's: where the authority has a public certificate, it refuses.
    PINNED=authority.doorward.internal
    if command -v curl >/dev/null 2>&1; then
        curl -sS --proto '=https' --tlsv1.3 --max-time 30 --noproxy '*' --cacert "$WORK/new/root.pem" \
            --connect-to "$PINNED:443:$DOORWARD_HOST_PORT" -H 'Content-Type: application/json' \
            --data-binary @"$WORK/body" -o "$WORK/answer" -w '%{http_code}' "https://$PINNED$1" </dev/null > "$WORK/status"
    elif command -v python3 >/dev/null 2>&1; then
        python3 - "$WORK/new/root.pem" "$DOORWARD_HOST_PORT" "$PINNED" "$1" "$WORK" <<'PYTHON'
import http.client, socket, ssl, sys
root, place, name, path, work = sys.argv[1:]
host, _, port = place.rpartition(":")
context = ssl.create_default_context(cafile=root)
call = http.client.HTTPSConnection(name, timeout=30)
call.sock = context.wrap_socket(socket.create_connection((host.strip("[]"), int(port)), 30), server_hostname=name)
call.request("POST", path, open(work + "/body", "rb").read(), {"Content-Type": "application/json"})
answer = call.getresponse()
body, status = answer.read(), answer.status
open(work + "/answer", "wb").write(body)
open(work + "/status", "w").write(str(status))
PYTHON
    elif wget --version 2>/dev/null | grep -q '^GNU Wget'; then  # others do not check the other end
        mkdir -p "$WORK/no-other-root"
        wget -q -S --tries=1 --timeout=30 --ca-certificate="$WORK/new/root.pem" --ca-directory="$WORK/no-other-root" --content-on-error \
            --header='Content-Type: application/json' --post-file="$WORK/body" -O "$WORK/answer" "$DOORWARD_URL$1" </dev/null 2> "$WORK/wget" || true
        awk '$1 ~ /^HTTP\// {status = $2} END {print status}' "$WORK/wget" > "$WORK/status"
        [ -n "$(cat "$WORK/status")" ]
    else
        die "neither curl nor python3 nor GNU wget is here to reach the authority"
    fi
}

enrol() {  # shows the host's key with the token; TOKEN says whether that was good still
    mkdir "$WORK/new" "$WORK/new/principals"
    printf '%s' "$DOORWARD_ROOT_PEM" > "$WORK/new/root.pem"
    ssh-keygen -q -t ed25519 -N '' -C doorward-check -f "$WORK/check" </dev/null
    {
        printf '{"token": %s, ' "$(json_text "$DOORWARD_TOKEN")"
        printf '"host_public_key": %s, ' "$(json_text "$(cut -d' ' -f1,2 "$HOST_KEY.pub")")"
        printf '"check_address": %s, ' "$(json_text "$CHECK_ADDRESS")"
        printf '"check_public_key": %s}' "$(json_text "$(cut -d' ' -f1,2 "$WORK/check.pub")")"
    } > "$WORK/body"
    call_authority /v1/enrol-node || die "the authority at $DOORWARD_URL does not answer"
    case $(cat "$WORK/status") in
        20*) TOKEN=good ;;
        *)  [ "$(field code)" = token_refused ] || die "the authority refused: $(field detail)"
            TOKEN=spent ;;
    esac
}

write_principals() {  # a file for each account: whom sshd lets become it
    for login in $DOORWARD_LOGINS; do
        printf 'dw:%s:%s\n' "$DOORWARD_NODE_ID" "$login" > "$WORK/new/principals/$login"
    done
}

write_files() {
    field host_certificate > "$WORK/new/host_key-cert.pub"
    list session_authorities > "$WORK/new/session_authorities.pub"
    [ -s "$WORK/new/host_key-cert.pub" ] && [ -s "$WORK/new/session_authorities.pub" ] || die "the authority's answer can not be read"
    printf '%s\n' "$DOORWARD_NODE_ID" > "$WORK/new/node-id"
    write_principals
    # sshd takes them from nobody else: root's, and written by nobody else.
    chmod 755 "$WORK/new" "$WORK/new/principals"
    chmod 644 "$WORK"/new/*.pub "$WORK/new/root.pem" "$WORK/new/node-id" "$WORK"/new/principals/*
}

certificate_end() { ssh-keygen -L -f "$1" 2>/dev/null | sed -n 's/^ *Valid: .* to \(.*\)$/\1/p'; }

principals_text() { (cd "$1/principals" && for file in *; do printf '%s ' "$file"; cat "$file"; done) 2>/dev/null; }

in_place() {  # whether all that this script would write stands there already, in force for as long as one can see
    [ "$(cat "$DIR/node-id" 2>/dev/null)" = "$DOORWARD_NODE_ID" ] && [ -s "$DIR/session_authorities.pub" ] || return 1
    cmp -s "$WORK/new/root.pem" "$DIR/root.pem" || return 1
    write_principals
    [ "$(principals_text "$WORK/new")" = "$(principals_text "$DIR")" ] || return 1
    key=$(ssh-keygen -lf "$HOST_KEY.pub" 2>/dev/null | cut -d' ' -f2)
    ssh-keygen -L -f "$DIR/host_key-cert.pub" 2>/dev/null | grep -qF -e "-CERT $key" || return 1
    awk -v end="$(certificate_end "$DIR/host_key-cert.pub")" -v now="$(date +%Y-%m-%dT%H:%M:%S)" 'BEGIN {exit !(end > now)}' || return 1
    { block "$EXCLUSIVE"; cat "$WORK/base"; } | cmp -s - "$CONFIG"
}
