"""How fast bytes come through one session, beside ProxyJump with the same cipher on every leg.

The node sends zeros (nothing compresses on any way), the client drops them. After each recorded transfer the recording
is let leave the spool, so that one way does not pay for another.
"""

import statistics
from collections.abc import Mapping

from benchmarks.scene import EVENTS, RECORDED, Scene

# Result key -> (cipher, account on the gateway's way).
ROWS: Mapping[str, tuple[str, str]] = {
    "ssh_bulk_chacha_vs_jump": ("chacha", EVENTS),
    "ssh_bulk_gcm_vs_jump": ("gcm", EVENTS),
    "ssh_bulk_recorded_vs_jump": ("gcm", RECORDED),
}


def measure(scene: Scene, size_bytes: int, rounds: int, keys: frozenset[str]) -> dict[str, float]:
    """A ratio for each of `keys`, and MB/s beside it."""
    wanted = {key: row for key, row in ROWS.items() if key in keys}
    command = f"exec head -c {size_bytes} /dev/zero"
    ours: dict[str, list[float]] = {key: [] for key in wanted}
    jumped: dict[str, list[float]] = {cipher: [] for cipher, _ in wanted.values()}
    for _ in range(rounds):
        for cipher, seconds in jumped.items():
            seconds.append(scene.run(*scene.ssh("jumped", cipher, EVENTS, command)))
        for key, (cipher, login) in wanted.items():
            ours[key].append(scene.run(*scene.ssh("gateway", cipher, login, command)))
            scene.settle()
    figures: dict[str, float] = {}
    for key, (cipher, _) in wanted.items():
        took, peer = statistics.median(ours[key]), statistics.median(jumped[cipher])
        figures[key] = round(peer / took, 3)
        figures[key.replace("_vs_jump", "_mb_s")] = round(size_bytes / took / 1e6)
        figures[f"ssh_bulk_{cipher}_jump_mb_s"] = round(size_bytes / peer / 1e6)
    return figures
