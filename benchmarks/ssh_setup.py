"""How long `ssh host true` takes over a new connection: direct, through ProxyJump, through the gateway, in turn.

Through the gateway the session is decided upon, logged, certified and recorded. `ssh_setup_vs_direct` and
`ssh_setup_vs_jump` are ratios of medians.
"""

import statistics

from benchmarks.scene import RECORDED, WAYS, Scene

WARM_UPS = 3


def measure(scene: Scene, rounds: int) -> dict[str, float]:
    """Both ratios, and the three medians beside them."""
    seconds: dict[str, list[float]] = {way: [] for way in WAYS}
    for turn in range(WARM_UPS + rounds):
        for way in WAYS:
            took = scene.run(*scene.ssh(way, "gcm", RECORDED, "true"))
            if turn >= WARM_UPS:
                seconds[way].append(took)
    direct, jumped, gateway = (statistics.median(seconds[way]) for way in WAYS)
    return {
        "ssh_setup_vs_direct": round(gateway / direct, 3),
        "ssh_setup_vs_jump": round(gateway / jumped, 3),
        "ssh_setup_direct_ms": round(direct * 1000, 1),
        "ssh_setup_jump_ms": round(jumped * 1000, 1),
        "ssh_setup_gateway_ms": round(gateway * 1000, 1),
    }
