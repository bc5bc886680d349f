"""How fast one recorder stores output in the page cache, on one core, and what an idle recorder costs.

`python -m benchmarks.recorder` prints the figures; `measure()` gives them to the bench.
"""

import asyncio
import json
import tempfile
import time
import tracemalloc
import zlib
from pathlib import Path

from doorward.base.clock import SystemClock
from doorward.base.entropy import SystemEntropy
from doorward.base.ids import new_id
from doorward.domain.recording.frames import Header
from doorward.domain.recording.levels import RecordingLevel, StreamKind
from doorward.gateway.recorder.budget import RecorderLimits
from doorward.gateway.recorder.files import DiskFiles
from doorward.gateway.recorder.recorder import Recorder
from doorward.gateway.recorder.spool import Spool

TOTAL_BYTES = 512 * 1024 * 1024
IDLE_SESSIONS = 500


def _open(spool: Spool) -> Recorder:
    session_id = new_id(SystemEntropy())
    header = Header(session_id, "i" * 26, "g" * 26, "u" * 26, "alice", "n" * 26, "web-01", "root", "output", 0)
    return spool.open(header, print)


def _bulk(directory: Path, frame_bytes: int) -> float:
    """Gigabytes per second of CPU time of this thread."""
    limits = RecorderLimits(stall_seconds=1e9)
    spool = Spool(DiskFiles(directory), SystemClock(), limits)
    recorder = _open(spool)
    stream = recorder.open_stream(StreamKind.EXEC, RecordingLevel.OUTPUT)
    data = bytes(range(256)) * (frame_bytes // 256)
    began = time.perf_counter()
    for _ in range(TOTAL_BYTES // frame_bytes):
        recorder.output(stream, data)
    seconds = time.perf_counter() - began
    recorder.file.close()
    for path in directory.iterdir():
        path.unlink()
    return TOTAL_BYTES / seconds / 1e9


def _keystrokes(directory: Path) -> float:
    """Microseconds for one small frame."""
    recorder = _open(Spool(DiskFiles(directory), SystemClock(), RecorderLimits(stall_seconds=1e9)))
    stream = recorder.open_stream(StreamKind.SHELL, RecordingLevel.OUTPUT)
    count = 50_000
    began = time.perf_counter()
    for _ in range(count):
        recorder.output(stream, b"x")
    micros = (time.perf_counter() - began) / count * 1e6
    recorder.file.close()
    return micros


def _idle(directory: Path) -> float:
    """KiB of Python memory per idle recorded session."""
    spool = Spool(DiskFiles(directory), SystemClock())
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    recorders = [_open(spool) for _ in range(IDLE_SESSIONS)]
    for recorder in recorders:
        recorder.open_stream(StreamKind.SHELL, RecordingLevel.OUTPUT)
    after = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    for recorder in recorders:
        recorder.file.close()
    return (after - before) / IDLE_SESSIONS / 1024


async def _sealing(directory: Path) -> float:
    """Gigabytes per second of syncing, hashing and sealing one recording."""
    spool = Spool(DiskFiles(directory), SystemClock())
    async with asyncio.TaskGroup() as tasks:
        syncer = tasks.create_task(spool.syncer.run())
        recorder = _open(spool)
        stream = recorder.open_stream(StreamKind.EXEC, RecordingLevel.OUTPUT)
        data = bytes(65536)
        for _ in range(TOTAL_BYTES // len(data)):
            recorder.output(stream, data)
            await recorder.room()
        began = time.perf_counter()
        manifest = await spool.seal(recorder, "closed")
        seconds = time.perf_counter() - began
        syncer.cancel()
    return manifest.size_bytes / seconds / 1e9


def measure() -> dict[str, float]:
    """The figures by name."""
    block = bytes(range(256)) * 128
    began = time.perf_counter()
    for _ in range(8192):
        zlib.crc32(block)
    figures = {"recorder_crc32_gb_s": 8192 * len(block) / (time.perf_counter() - began) / 1e9}
    for kib in (32, 64, 1024):
        with tempfile.TemporaryDirectory() as name:
            figures[f"recorder_{kib}k_gb_s"] = _bulk(Path(name), kib * 1024)
    with tempfile.TemporaryDirectory() as name:
        figures["recorder_keystroke_us"] = _keystrokes(Path(name))
    with tempfile.TemporaryDirectory() as name:
        figures["recorder_idle_kib"] = _idle(Path(name))
    with tempfile.TemporaryDirectory() as name:
        figures["recorder_seal_gb_s"] = asyncio.run(_sealing(Path(name)))
    return {name: round(value, 3) for name, value in figures.items()}


if __name__ == "__main__":
    print(json.dumps(measure(), indent=2))
