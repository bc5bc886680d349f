"""What `dw ssh` adds to `ssh`, in milliseconds: the key `dw_startup_ms`.

Both are started with a program in ssh's place that exits at once, in turn, so that whatever else the machine does hits
both alike. `python -m benchmarks.startup` prints the figures; `measure()` gives them to the bench.
"""

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from doorward.cli.ssh_start import Door, door_text

ROUNDS = 60
WARM_UPS = 5
YEAR_SECONDS = 31_536_000


def _milliseconds(command: list[str], environment: dict[str, str]) -> float:
    began = time.perf_counter()
    subprocess.run(command, env=environment, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    return (time.perf_counter() - began) * 1000


def _prepare(directory: Path) -> dict[str, str]:
    """A sign-in that is good for a year, and an `ssh` that does nothing."""
    (directory / "door").write_text(
        door_text(
            Door(
                int(time.time()) + YEAR_SECONDS,
                "gateway.example",
                3443,
                name="gateway.example",
                suffix="dw",
                installation="a" * 26,
            )
        )
    )
    programs = directory / "bin"
    programs.mkdir()
    true = shutil.which("true")
    if true is None:
        raise RuntimeError("this machine has no program `true`")
    (programs / "ssh").symlink_to(true)
    return {"PATH": str(programs), "HOME": str(directory), "DOORWARD_HOME": str(directory)}


def measure() -> dict[str, float]:
    """`dw_startup_ms`: p50 of `dw ssh root@node` minus p50 of the program alone; both beside it."""
    dw = Path(sys.executable).with_name("dw")
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        environment = _prepare(directory)
        alone, through = [], []
        for turn in range(WARM_UPS + ROUNDS):
            samples = (
                _milliseconds([str(directory / "bin" / "ssh"), "root@node"], environment),
                _milliseconds([os.fspath(dw), "ssh", "root@node"], environment),
            )
            if turn >= WARM_UPS:
                alone.append(samples[0])
                through.append(samples[1])
    ssh, all_of_it = statistics.median(alone), statistics.median(through)
    return {
        "dw_startup_ms": round(all_of_it - ssh, 2),
        "dw_ssh_ms": round(all_of_it, 2),
        "ssh_stand_in_ms": round(ssh, 2),
    }


if __name__ == "__main__":
    print(json.dumps(measure(), indent=2))
