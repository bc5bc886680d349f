"""What the gateway adds to the echo of a keystroke, while somebody lists ten thousand nodes again and again.

Two terminals are open, one direct and one through the gateway; a key is pressed in each in turn and the node's terminal
echoes it. The figure is the difference of the two p99s, so that what else the machine does counts on both sides.
"""

import contextlib
import os
import select
import statistics
import subprocess
import threading
import time
from collections.abc import Iterator

from benchmarks.scene import RECORDED, Scene
from tests.support.people import DW
from tests.support.processes import end

PAUSE_SECONDS = 0.004
ECHO_SECONDS_MAX = 10.0
WARM_UPS = 20
# Neither lines nor signals: the terminal echoes each byte, and the program drops it.
COMMAND = "stty -icanon -isig; echo ready; exec cat >/dev/null"


class Terminal:
    """One `ssh -tt` whose echo is timed."""

    def __init__(self, scene: Scene, way: str) -> None:
        self._ssh = subprocess.Popen(
            [*scene.ssh(way, "gcm", RECORDED)[:1], "-tt", *scene.ssh(way, "gcm", RECORDED, COMMAND)[1:]],
            env=scene.environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            bufsize=0,
        )
        seen = b""
        while b"ready" not in seen:
            seen += self._read()

    def _read(self) -> bytes:
        assert self._ssh.stdout is not None
        ready, _, _ = select.select([self._ssh.stdout], [], [], ECHO_SECONDS_MAX)
        data = os.read(self._ssh.stdout.fileno(), 4096) if ready else b""
        if not data:
            raise RuntimeError("the terminal does not answer")
        return data

    def press(self) -> float:
        """Seconds until a key comes back."""
        assert self._ssh.stdin is not None
        began = time.perf_counter()
        os.write(self._ssh.stdin.fileno(), b"k")
        while b"k" not in self._read():
            pass
        return time.perf_counter() - began

    def close(self) -> None:
        """End it."""
        end(self._ssh)


@contextlib.contextmanager
def listing(scene: Scene) -> Iterator[list[float]]:
    """`dw ls` in a loop; the list fills with how long each took."""
    took: list[float] = []
    stop = threading.Event()

    def loop() -> None:
        while not stop.is_set():
            took.append(scene.run(*DW, "ls"))

    worker = threading.Thread(target=loop)
    worker.start()
    try:
        yield took
    finally:
        stop.set()
        worker.join()


def measure(scene: Scene, keystrokes: int) -> dict[str, float]:
    """`ssh_echo_added_p99_ms`, and what it is the difference of."""
    with contextlib.ExitStack() as stack:
        ways = ("direct", "gateway")
        terminals = {way: Terminal(scene, way) for way in ways}
        for terminal in terminals.values():
            stack.callback(terminal.close)
        seconds: dict[str, list[float]] = {way: [] for way in ways}
        with listing(scene) as lists:
            for turn in range(WARM_UPS + keystrokes):
                for way in ways:
                    took = terminals[way].press()
                    if turn >= WARM_UPS:
                        seconds[way].append(took)
                    time.sleep(PAUSE_SECONDS)
    p50 = {way: statistics.median(seconds[way]) * 1000 for way in ways}
    p99 = {way: statistics.quantiles(seconds[way], n=100)[98] * 1000 for way in ways}
    return {
        "ssh_echo_added_p99_ms": round(p99["gateway"] - p99["direct"], 2),
        "ssh_echo_added_p50_ms": round(p50["gateway"] - p50["direct"], 2),
        "ssh_echo_direct_p99_ms": round(p99["direct"], 2),
        "ssh_echo_gateway_p99_ms": round(p99["gateway"], 2),
        "ssh_echo_lists_run": len(lists),
    }
