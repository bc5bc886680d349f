"""Measures every row of docs/benchmarks.md: `make bench`, or `python -m benchmarks.run [--only KEY] [--quick]`.

Exits with 0 when everything could be measured: a missed target is reported, not an error. Files are written by a full
run only, since rows of one table belong to one run; `--only` and `--quick` print.
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Sequence

from benchmarks.figures import PARTS, ROWS
from benchmarks.machine import facts
from benchmarks.report import PAGE, RESULTS, ROOT, results, table, write

PART_SECONDS_MAX = 900.0
STOP_SECONDS_MAX = 60.0


def measure_part(part: str, keys: Sequence[str], *, quick: bool) -> dict[str, float] | None:
    """The figures of one part, from a process of its own; None when it failed, its reason being on stderr."""
    command = [sys.executable, "-m", "benchmarks.parts", part, *keys, *(["--quick"] if quick else [])]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        try:
            said, _ = process.communicate(timeout=PART_SECONDS_MAX)
        except BaseException as error:
            process.terminate()
            process.wait(STOP_SECONDS_MAX)
            if isinstance(error, subprocess.TimeoutExpired):
                return None
            raise
    if process.returncode != 0:
        return None
    figures: dict[str, float] = json.loads(said.strip().splitlines()[-1])
    return figures


def main() -> int:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", action="append", metavar="KEY", choices=[row.key for row in ROWS])
    parser.add_argument("--quick", action="store_true", help="small counts: whether it runs, not how fast")
    told = parser.parse_args()
    wanted = [row for row in ROWS if not told.only or row.key in told.only]
    figures: dict[str, float] = {}
    failed: list[str] = []
    for part in PARTS:
        keys = [row.key for row in wanted if row.part == part]
        if not keys:
            continue
        print(f"measuring {part} ...", file=sys.stderr, flush=True)
        found = measure_part(part, keys, quick=told.quick)
        if found is None or not set(keys) <= set(found):
            failed += keys
        else:
            figures |= found
    whole = results(figures, facts())
    print(table(whole))
    if failed:
        print(f"not measured: {', '.join(failed)}", file=sys.stderr)
        return 1
    if not told.only and not told.quick:
        write(whole)
        print(f"\nwritten: {RESULTS}, {PAGE}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
