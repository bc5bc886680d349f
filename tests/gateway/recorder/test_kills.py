"""`kill -9` at any moment: while it floods, while it seals, while the disk stalls. What was forwarded can be played."""

import asyncio
import sys
from pathlib import Path

import pytest

from doorward.base.clock import ManualClock
from doorward.domain.recording.digest import TreeDigest
from doorward.domain.recording.reader import recover
from doorward.gateway.recorder.files import DiskFiles
from doorward.gateway.recorder.spool import Spool

LINE_BYTES = 27 + 9
LETTERS = "abcdefghijklmnopqrstuvwxyz"
VICTIM = """
import asyncio, sys, time
from pathlib import Path
from doorward.base.clock import SystemClock
from doorward.domain.recording.levels import RecordingLevel, StreamKind
from doorward.gateway.recorder.files import DiskFile, DiskFiles
from doorward.gateway.recorder.spool import Spool
from tests.support.recordings import header

directory, kind = Path(sys.argv[1]), sys.argv[2]
if kind == "stalling":
    DiskFile.sync = lambda self: time.sleep(60)
spool = Spool(DiskFiles(directory), SystemClock())

def forward(letter, recorder, stream, count):
    for number in range(count):
        line = b"%s %08d" % (letter.encode() * 26, number)
        recorder.output(stream, line + b"\\n")
        sys.stdout.buffer.write(line + b"\\n")
        sys.stdout.flush()

async def main():
    syncing = asyncio.create_task(spool.syncer.run())
    for letter in "abcdefghijklmnopqrstuvwxyz":
        recorder = spool.open(header(letter * 26), print)
        stream = recorder.open_stream(StreamKind.SHELL, RecordingLevel.OUTPUT)
        forward(letter, recorder, stream, 100 if kind == "sealing" else 1000000)
        await spool.seal(recorder, "closed")

asyncio.run(main())
"""


@pytest.mark.parametrize("kind", ["flooding", "sealing", "stalling"])
@pytest.mark.parametrize("lines", [1, 101, 350, 999])
async def test_what_was_forwarded_can_be_played_whenever_the_gateway_is_killed(
    tmp_path: Path, kind: str, lines: int
) -> None:
    victim = await asyncio.create_subprocess_exec(
        sys.executable, "-c", VICTIM, str(tmp_path), kind, stdout=asyncio.subprocess.PIPE
    )
    assert victim.stdout is not None
    async with asyncio.timeout(30):
        forwarded = await victim.stdout.readexactly(LINE_BYTES * lines)
        victim.kill()
        forwarded += await victim.stdout.read()
        await victim.wait()
    spool = Spool(DiskFiles(tmp_path), ManualClock())
    await spool.recover("gateway_lost")
    for letter in LETTERS:
        seen = b"".join(line for line in forwarded.splitlines(keepends=True) if line.startswith(letter.encode()))
        if seen:
            data = await spool.read(letter * 26, 0, 1 << 30)
            manifest, _ = await spool.sealed_with_content(letter * 26, 0)
            tree = TreeDigest()
            tree.update(data)
            kept = recover(data)
            assert (manifest.size_bytes, manifest.digest_bytes) == (len(data), tree.digest())
            assert kept.ended
            assert b"".join(frame.data for frame in kept.frames).startswith(seen)
            assert manifest.end_reason in ("closed", "gateway_lost")
