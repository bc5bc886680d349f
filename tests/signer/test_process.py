"""The signer as a real process: hardened, killed, restarted; and its one client that comes back to it."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from tests.support.authorities import key_ring

from doorward.api.signer.client import SignerClient
from doorward.api.signer.refusals import SignerAway
from doorward.base.clock import ManualClock, SystemClock
from doorward.base.entropy import SeededEntropy
from doorward.base.ids import InstallationId, new_id
from doorward.signer.process import SocketPathRefused, run_signer
from doorward.stores.keys.creation import create_keys
from doorward.stores.keys.kek import create_kek_file

INSTALLATION = InstallationId(new_id(SeededEntropy(1)))
SCRIPT = """
import asyncio, ctypes, os, resource, sys
from pathlib import Path
from doorward.base.clock import SystemClock
from doorward.base.entropy import SystemEntropy
from doorward.signer.process import harden_process, run_signer
from doorward.stores.keys.kek import KekFile, load_kek
from doorward.stores.keys.key_files import open_keys

directory, installation_id = Path(sys.argv[1]), sys.argv[2]
harden_process()
prctl = ctypes.CDLL(None).prctl
hardened = (prctl(3, 0, 0, 0, 0), prctl(39, 0, 0, 0, 0), resource.getrlimit(resource.RLIMIT_CORE), os.umask(0o077))
ring = open_keys(directory / "keys", load_kek(KekFile(directory / "kek"), os.environ), installation_id)
asyncio.run(run_signer(
    ring, directory / "signer", allowed_uids={os.getuid()}, clock=SystemClock(), entropy=SystemEntropy(),
    on_ready=lambda: print(hardened, flush=True),
))
"""


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    kek = create_kek_file(tmp_path / "kek", SeededEntropy(3))
    create_keys(tmp_path / "keys", kek, INSTALLATION, clock=SystemClock(), entropy=SeededEntropy(2))
    return tmp_path


@asynccontextmanager
async def signer_process(directory: Path) -> AsyncIterator[tuple[asyncio.subprocess.Process, str]]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", SCRIPT, str(directory), INSTALLATION, stdout=asyncio.subprocess.PIPE
    )
    try:
        assert process.stdout is not None
        async with asyncio.timeout(20):
            line = (await process.stdout.readline()).decode().strip()
        yield process, line
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def test_process_leaves_no_core_and_lets_nobody_read_it(directory: Path) -> None:
    async with signer_process(directory) as (_, hardened):
        assert hardened == "(0, 1, (0, 0), 63)"  # not dumpable, no new privileges, no core, umask 077
        assert (directory / "signer").stat().st_mode & 0o077 == 0


async def test_killed_signer_is_away_and_the_client_finds_its_successor(directory: Path) -> None:
    client = SignerClient(directory / "signer", call_seconds=20)
    async with signer_process(directory) as (process, _):
        before = await client.public_keys()
        process.kill()
        await process.wait()
    hasty = SignerClient(directory / "signer", call_seconds=0.05)
    with pytest.raises(SignerAway):
        await hasty.public_keys()
    waiting = asyncio.create_task(client.public_keys())
    await asyncio.sleep(0)
    async with signer_process(directory):
        assert await waiting == before
        client.close()


async def test_wrong_installation_stops_the_start(directory: Path) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", SCRIPT, str(directory), "a" * 26, stderr=asyncio.subprocess.PIPE
    )
    _, complaint = await process.communicate()
    assert process.returncode != 0
    assert b"belongs to installation" in complaint
    assert not (directory / "signer").exists()


async def test_socket_path_that_the_system_would_cut_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SocketPathRefused):
        await run_signer(
            key_ring(),
            tmp_path / ("x" * 108),
            allowed_uids={os.getuid()},
            clock=ManualClock(),
            entropy=SeededEntropy(1),
        )
