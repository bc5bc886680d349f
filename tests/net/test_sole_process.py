"""One process at a time on a directory; the lock goes with its holder, however that ends."""

import asyncio
import os
import sys
from pathlib import Path

import pytest

from doorward.net import sole_process as module
from doorward.net.sole_process import AlreadyRunning, sole_process

HOLDER = """
import asyncio, sys
from pathlib import Path
from doorward.net.sole_process import sole_process
async def hold():
    async with sole_process(Path(sys.argv[1]), "a test"):
        print("held", flush=True)
        await asyncio.sleep(60)
asyncio.run(hold())
"""


async def test_the_second_is_told_whom_it_would_disturb(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "TRIES", 1)
    lock = tmp_path / "serve.lock"
    async with sole_process(lock, "doorward serve"):
        with pytest.raises(AlreadyRunning, match=f"doorward serve runs already on .*, as process {os.getpid()}"):
            async with sole_process(lock, "doorward serve"):
                raise AssertionError("two at once")
        assert lock.stat().st_mode & 0o077 == 0
    async with sole_process(lock, "doorward serve"):
        pass


async def test_a_killed_holder_holds_nothing(tmp_path: Path) -> None:
    lock = tmp_path / "serve.lock"
    holder = await asyncio.create_subprocess_exec(
        sys.executable, "-c", HOLDER, str(lock), stdout=asyncio.subprocess.PIPE
    )
    assert holder.stdout is not None
    async with asyncio.timeout(20):
        assert await holder.stdout.readline() == b"held\n"
    holder.kill()
    async with sole_process(lock, "a test"):
        pass
    await holder.wait()


async def test_a_link_at_its_place_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "serve.lock").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError, match=r"serve\.lock"):
        async with sole_process(tmp_path / "serve.lock", "a test"):
            raise AssertionError("followed")
    assert not (tmp_path / "elsewhere").exists()
