"""Runs one part in this process: `python -m benchmarks.parts PART [--quick] KEY ...` prints its figures in one line.

Each part gets a process of its own, so that none inherits another's memory or warm caches.
"""

import argparse
import json
import signal
import sys
from collections.abc import Callable

from benchmarks.figures import PARTS
from benchmarks.sizes import FULL, QUICK, Sizes

Figures = dict[str, float]


def _ssh(sizes: Sizes, keys: frozenset[str]) -> Figures:
    from benchmarks import ssh_bulk, ssh_echo, ssh_idle, ssh_naive, ssh_rate, ssh_setup
    from benchmarks.scene import open_scene

    figures: Figures = {}
    with open_scene(sizes.nodes) as scene:
        scene.settle()
        steps: list[tuple[set[str], Callable[[], Figures]]] = [
            ({"ssh_setup_vs_direct", "ssh_setup_vs_jump"}, lambda: ssh_setup.measure(scene, sizes.setup_rounds)),
            ({"ssh_echo_added_p99_ms"}, lambda: ssh_echo.measure(scene, sizes.keystrokes)),
            ({"ssh_sessions_per_core_s"}, lambda: ssh_rate.measure(scene, sizes.sessions)),
            ({"ssh_sessions_per_core_s"}, lambda: ssh_naive.measure(scene, sizes.sessions)),
            (set(ssh_bulk.ROWS), lambda: ssh_bulk.measure(scene, sizes.bulk_bytes, sizes.bulk_rounds, keys)),
            ({"ssh_idle_session_kib"}, lambda: ssh_idle.measure(scene, sizes.idle_sessions)),
        ]
        for measured, step in steps:
            if measured & keys:
                print(f"  {', '.join(sorted(measured & keys))} ...", file=sys.stderr, flush=True)
                figures |= step()
    return figures


def _startup(_sizes: Sizes, _keys: frozenset[str]) -> Figures:
    from benchmarks import startup

    return startup.measure()


def _decide(_sizes: Sizes, _keys: frozenset[str]) -> Figures:
    from benchmarks import decide

    figures = decide.measure()
    # The row is measured through the store; this is what the rules alone take of it.
    figures["list_10k_rules_ms"] = round(figures.pop("list_10k_ms"), 1)
    figures["decide_per_core_s"] = round(figures["decide_per_core_s"])
    return figures


def _sign(_sizes: Sizes, _keys: frozenset[str]) -> Figures:
    from benchmarks import sign

    return sign.measure()


def _audit(_sizes: Sizes, keys: frozenset[str]) -> Figures:
    from benchmarks import audit

    if "audit_append_pg_s" not in keys:
        return audit.measure()
    from tests.support.postgres import Postgres

    with Postgres() as server:
        return audit.measure(server.create_database("bench"))


def _authority(sizes: Sizes, _keys: frozenset[str]) -> Figures:
    from benchmarks import authority

    return authority.measure(sizes.nodes, sizes.lists, sizes.operations)


MEASURES: dict[str, Callable[[Sizes, frozenset[str]], Figures]] = {
    "ssh": _ssh,
    "startup": _startup,
    "decide": _decide,
    "sign": _sign,
    "audit": _audit,
    "authority": _authority,
}


def main() -> None:
    """Measure one part; the last line on stdout is the answer."""
    parser = argparse.ArgumentParser()
    parser.add_argument("part", choices=PARTS)
    parser.add_argument("keys", nargs="+")
    parser.add_argument("--quick", action="store_true")
    told = parser.parse_args()
    # So that every `finally` runs, and nothing that was started stays behind.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    figures = MEASURES[told.part](QUICK if told.quick else FULL, frozenset(told.keys))
    print(json.dumps(figures), flush=True)


if __name__ == "__main__":
    main()
