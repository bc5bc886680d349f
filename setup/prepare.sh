#!/bin/sh
# Prepares a checkout: Debian packages that the tests and the demo start by hand, and .venv from the lock file.
#
# Run it as `make setup`; it costs milliseconds when nothing is to be done. It writes nowhere but into the checkout,
# except for Debian packages, which it installs only as root or with password-less sudo; otherwise one line names
# what is missing. Services that come with the packages are neither started now nor left to start at the next boot:
# the tests run their own copies on loopback.
#
# PYTHON=/path/to/python3 chooses the interpreter for a new .venv.

set -eu

cd "$(dirname "$0")/.."

# Where runuser, update-rc.d and their like stand; not on every PATH.
PATH=$PATH:/usr/sbin:/sbin

VENV=.venv
LOCK=requirements/lock.txt
PYTHON=${PYTHON:-python3}
DEBIAN_PACKAGES="git make openssh-client openssh-server openssh-sftp-server postgresql rsync util-linux curl wget"
# Units that installing the packages above would otherwise enable.
SERVICES="ssh postgresql"
POLICY=/usr/sbin/policy-rc.d

say() { printf 'setup: %s\n' "$*" >&2; }
fail() { say "$*"; exit 1; }

check_python() {
    command -v "$PYTHON" >/dev/null 2>&1 || fail "python3 is missing; Doorward needs Python 3.11 or later"
    "$PYTHON" -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
        || fail "$("$PYTHON" --version) is too old; Doorward needs Python 3.11 or later"
}

# Prints the Debian packages that are needed and not installed, on one line.
missing_packages() {
    for package in $DEBIAN_PACKAGES; do
        # shellcheck disable=SC2016  # the format is dpkg-query's own
        case "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true)" in
            installed) ;;
            *) printf '%s ' "$package" ;;
        esac
    done
    # Debian's python3 comes without ensurepip; other builds of Python bring it along.
    "$PYTHON" -c 'import ensurepip, venv' 2>/dev/null || printf 'python3-venv '
}

# On another system than Debian packages have other names: look for the programs instead.
check_programs() {
    lacking=""
    for program in git make rsync runuser ssh ssh-keygen; do
        command -v "$program" >/dev/null 2>&1 || lacking="$lacking $program"
    done
    [ -x /usr/sbin/sshd ] || lacking="$lacking /usr/sbin/sshd"
    [ -z "$lacking" ] || fail "this is not Debian; install what brings these programs:$lacking"
}

as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"; else sudo -n "$@"; fi
}

restore_policy() {
    [ -z "${policy_is_ours:-}" ] || as_root rm -f "$POLICY"
    policy_is_ours=""
}

# Debian starts a service as it installs it, unless policy-rc.d answers 101 (forbidden by policy). A policy that is
# already there belongs to the machine's owner and stays as it is.
forbid_service_starts() {
    [ ! -e "$POLICY" ] || return 0
    policy_is_ours=yes
    trap restore_policy EXIT
    trap 'exit 130' HUP INT TERM
    printf '#!/bin/sh\nexit 101\n' | as_root tee "$POLICY" >/dev/null
    as_root chmod 0755 "$POLICY"
}

install_packages() {
    say "installing Debian packages: $*"
    forbid_service_starts
    log=$(mktemp)
    as_root env DEBIAN_FRONTEND=noninteractive apt-get update -qq >"$log" 2>&1 || say "apt-get update failed; going on"
    as_root env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 \
        apt-get install -y -qq --no-install-recommends "$@" >>"$log" 2>&1 || { cat "$log" >&2; fail "apt-get failed"; }
    rm -f "$log"
    restore_policy
    for service in $SERVICES; do
        case " $* " in
            *"$service"*) as_root update-rc.d "$service" disable >/dev/null 2>&1 || true ;;
        esac
    done
}

prepare_system() {
    command -v dpkg-query >/dev/null 2>&1 || { check_programs; return 0; }
    wanted=$(missing_packages)
    [ -n "$wanted" ] || return 0
    if [ "$(id -u)" = 0 ] || sudo -n true 2>/dev/null; then
        # shellcheck disable=SC2086  # a list of words
        install_packages $wanted
    else
        fail "missing Debian packages, please install them: apt-get install $wanted"
    fi
}

# What .venv was made from: the lock, the project file (entry points) and where the checkout stands.
venv_key() {
    { cat "$LOCK" pyproject.toml; pwd; } | sha256sum | cut -d ' ' -f 1
}

prepare_venv() {
    stamp="$VENV/.prepared-$(venv_key)"
    if [ -e "$stamp" ] && "$VENV/bin/python" -c '' 2>/dev/null; then return 0; fi
    if ! "$VENV/bin/python" -m pip --version >/dev/null 2>&1; then
        say "making $VENV with $("$PYTHON" --version)"
        rm -rf "$VENV"
        "$PYTHON" -m venv "$VENV"
    fi
    say "installing what $LOCK names (a few minutes the first time)"
    "$VENV/bin/python" -m pip install --quiet --no-input --disable-pip-version-check --require-hashes -r "$LOCK"
    "$VENV/bin/python" -m pip install --quiet --no-input --disable-pip-version-check \
        --no-deps --no-build-isolation --no-index --editable .
    rm -f "$VENV"/.prepared-*
    : >"$stamp"
    say "ready"
}

check_python
prepare_system
prepare_venv
