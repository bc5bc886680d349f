"""On what the figures were measured: processor, kernel, versions, event loop, and how fast the disk keeps bytes."""

import importlib.metadata
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.support.openssh import SSH
from tests.support.postgres import programs_directory

SYNCS = 200
PACKAGES = ("asyncssh", "cryptography", "litestar", "msgspec", "sqlalchemy", "uvicorn", "uvloop")


def facts() -> dict[str, Any]:
    """Plain values for results.json."""
    return {
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
        "cpu": _cpu(),
        "cores": len(os.sched_getaffinity(0)),
        "kernel": platform.release(),
        "event_loop": "gateway, authority, signer: uvloop; clients: asyncio",
        "fdatasync_p50_ms": round(fdatasync_p50_ms(), 3),
        "versions": {
            "python": platform.python_version(),
            "openssh": _said(SSH, "-V"),
            "postgresql": _said(str(programs_directory() / "postgres"), "--version"),
            **{name: importlib.metadata.version(name) for name in PACKAGES},
        },
    }


def fdatasync_p50_ms() -> float:
    """Of a page appended to a file where the databases and recordings of the benchmarks lie."""
    times: list[float] = []
    with tempfile.NamedTemporaryFile(dir="/tmp", prefix="dw-") as file:
        for _ in range(SYNCS):
            os.write(file.fileno(), bytes(4096))
            began = time.perf_counter()
            os.fdatasync(file.fileno())
            times.append(time.perf_counter() - began)
    return statistics.median(times) * 1000


def _cpu() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _said(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return (done.stdout + done.stderr).strip().splitlines()[0]


if __name__ == "__main__":
    print(facts(), file=sys.stdout)
