#!/bin/sh
# Writes requirements/lock.txt anew: the exact versions of what pyproject.toml asks for, with hashes.
#
# No index address and no header goes into it, so that the same file serves behind any mirror and two people who run
# this get the same bytes. `--universal` keeps the lines of other platforms, each under its marker. `--upgrade` is
# passed on: `setup/lock.sh --upgrade` takes the newest versions, without it the present ones stay where they satisfy.

set -eu

cd "$(dirname "$0")/.."
.venv/bin/uv pip compile pyproject.toml --extra server --group dev --universal --generate-hashes \
    --no-emit-index-url --no-emit-find-links --no-header --no-annotate --quiet "$@" --output-file requirements/lock.txt
