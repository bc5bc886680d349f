connection() { printf 'user=%s,host=%s,addr=%s,laddr=%s,lport=%s' "$1" "$2" "$2" "${CHECK_ADDRESS:-127.0.0.1}" "${CHECK_PORT:-22}"; }

# What sshd says of the configuration $1: the value of $2, for the account $3 that comes from the address $4.
says() { "$SSHD" -T -f "$1" -C "$(connection "${3:-root}" "${4:-127.0.0.1}")" | awk -v key="$2" '$1 == key {print $2}'; }

knows() { "$SSHD" -T -f "$WORK/base" -C "$(connection root 127.0.0.1)" | grep -qi "^$1 "; }

split_config() {  # sshd_config without our block in $WORK/base, the block in $WORK/block
    awk -v b="$BEGIN" -v e="$END" '
        $0 == b {if (inside || seen++) exit 1; inside = 1}
        $0 == e && !inside {exit 1}
        $0 == e {inside = 0}
        END {if (inside) exit 1}' "$CONFIG" \
        || die "the lines '$BEGIN' and '$END' in $SSHD_CONFIG are not one pair: mend it by hand; nothing was changed"
    awk -v b="$BEGIN" -v e="$END" '$0 == b {skip = 1} !skip {print} $0 == e {skip = 0}' "$CONFIG" > "$WORK/base"
    awk -v b="$BEGIN" -v e="$END" '$0 == b {show = 1} show {print} $0 == e {show = 0}' "$CONFIG" > "$WORK/block"
    if grep -qx 'AuthorizedKeysFile none' "$WORK/block" && [ "$REMOVE" = no ] && [ "$EXCLUSIVE" = no ]; then
        EXCLUSIVE=yes
        say "other ways in stay off, as an earlier run said; --remove turns them on again"
    fi
}

directives() {  # of the file $1 a line each: `match`, `set KEYWORD`, `include PATTERN`, or `lost LINE`
    awk '
        {
            line = $0
            gsub(/[\t\r\f]/, " ", line)
            sub(/^ +/, "", line)
            if (line == "" || line ~ /^#/) next
            if (match(line, /^"[^"]*"/)) { word = substr(line, 2, RLENGTH - 2); rest = substr(line, RLENGTH + 1) }
            else { match(line, /^[^ ="]*/); word = substr(line, 1, RLENGTH); rest = substr(line, RLENGTH + 1) }
            sub(/^ *=? */, "", rest)
            word = tolower(word)
            if (word == "match") print "match"
            else if (word != "include") print "set " word
            else while (rest != "" && rest !~ /^#/) {
                if (match(rest, /^"[^ "\\=~]([^"\\=]*[^ "\\=])?"( |$)/)) { end = RLENGTH; pattern = substr(rest, 2); sub(/".*/, "", pattern) }
                else if (match(rest, /^[^ "\047\\=~#][^ "\047\\=#]*( |$)/)) { end = RLENGTH; pattern = substr(rest, 1, end); sub(/ $/, "", pattern) }
                else { print "lost " line; break }
                print "include " pattern
                rest = substr(rest, end + 1)
                sub(/^ +/, "", rest)
            }
        }' "$1"
}

# What the file $1 and all that it includes set inside a Match block of the ways to log in, a line each; `lost` for what
# can not be followed. $2: whether the file is included by a Match block, $3: how deep. sshd goes 16 deep, and relative
# names are below /etc/ssh for it, wherever the file lies.
open_matches() {
    if [ "$3" -gt 16 ]; then echo "lost more than 16 files deep"; return; fi
    directives "$1" | {
        unset IFS
        inside=$2
        while read -r kind value; do
            case $kind in
                match) inside=yes ;;
                lost) echo "lost $value" ;;
                set) [ "$inside" = no ] || case $value in
                    trustedusercakeys|authorizedprincipalsfile|authorizedprincipalscommand|authorizedkeysfile|authorizedkeyscommand) echo "$value" ;;
                    pubkeyauthentication|passwordauthentication|kbdinteractiveauthentication|challengeresponseauthentication) echo "$value" ;;
                    skeyauthentication|hostbasedauthentication|gssapiauthentication) echo "$value" ;;
                esac ;;
                include)
                    case $value in /*) ;; *) value=/etc/ssh/$value ;; esac
                    IFS='
'
                    for file in $value; do
                        [ ! -f "$file" ] || open_matches "$file" "$inside" $(($3 + 1))
                    done
                    unset IFS ;;
            esac
        done
    }
}

check_matches() {  # such a block speaks for some accounts or addresses, so asking sshd about ours does not tell what it opens
    found=$(open_matches "$WORK/base" no 0 | sed -n 1p)
    case $found in
        "") ;;
        "lost "*) die "an Include that this script can not follow may open another way in, which --exclusive is to decide: ${found#lost }" ;;
        *) die "a Match block sets $found, which --exclusive is to decide; remove it there" ;;
    esac
}

address_list() {  # DOORWARD_GATEWAYS, a line each, with names resolved here: sshd takes addresses and networks only
    for name in $(printf '%s' "$DOORWARD_GATEWAYS" | tr ',' ' '); do
        case $name in
            *:*) printf '%s\n' "$name" ;;
            *[!0-9./]*) getent ahosts "$name" 2>/dev/null | awk '{print $1}' || true ;;
            *) printf '%s\n' "$name" ;;
        esac
    done | sort -u
}

exempt_list() {  # the host's own list with the gateways added to it, comma between; our line stands first and would hide theirs
    theirs=$(says "$WORK/base" persourcepenaltyexemptlist)
    { [ "$theirs" = none ] || printf '%s\n' "$theirs" | tr ',' '\n'; address_list; } | awk 'NF && !seen[$0]++' | paste -s -d , -
}

block() {  # $1: yes when other ways in are to be off
    printf '%s\n' "$BEGIN"
    printf 'TrustedUserCAKeys %s\n' "$DIR/session_authorities.pub"
    printf 'AuthorizedPrincipalsFile %s/principals/%%u\n' "$DIR"
    printf 'HostCertificate %s\n' "$DIR/host_key-cert.pub"
    printf 'PubkeyAuthentication yes\n'
    if knows persourcepenaltyexemptlist; then  # OpenSSH 9.8
        exempt=$(exempt_list)
        [ -z "$exempt" ] || printf 'PerSourcePenaltyExemptList %s\n' "$exempt"
    fi
    if [ "$1" = yes ]; then
        printf 'PasswordAuthentication no\nKbdInteractiveAuthentication no\nHostbasedAuthentication no\nGSSAPIAuthentication no\n'
        # Before OpenSSH 8.7 this one turned keyboard-interactive on again; since then it is another name of that.
        ! knows challengeresponseauthentication || printf 'ChallengeResponseAuthentication no\n'
        printf 'AuthorizedKeysFile none\nAuthorizedKeysCommand none\n'
    fi
    printf '%s\n' "$END"
}

check_accounts() {  # for each account, from here and from where the gateways come
    for address in $CHECK_ADDRESS $(address_list | grep -v / || true); do
        for login in $DOORWARD_LOGINS; do
            [ "$(says "$CONFIG" trustedusercakeys "$login" "$address")" = "$DIR/session_authorities.pub" ] \
                || die "for $login from $address another authority stays in force (a Match block?)"
            [ "$(says "$CONFIG" authorizedprincipalsfile "$login" "$address")" = "$DIR/principals/%u" ] \
                || die "for $login from $address another principals file stays in force (a Match block?)"
        done
    done
}

check_exclusive() {
    pairs='authorizedkeysfile:none authorizedkeyscommand:none passwordauthentication:no kbdinteractiveauthentication:no hostbasedauthentication:no'
    ! knows challengeresponseauthentication || pairs="$pairs challengeresponseauthentication:no"
    ! knows gssapiauthentication || pairs="$pairs gssapiauthentication:no"
    for login in $DOORWARD_LOGINS; do
        for pair in $pairs; do
            found=$(says "$CONFIG" "${pair%%:*}" "$login" "$CHECK_ADDRESS")
            [ "$found" = "${pair#*:}" ] || die "for $login another way in stays open: ${pair%%:*} is ${found:-unset} (a Match block?)"
        done
    done
}
