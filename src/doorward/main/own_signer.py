"""A signer inside the operator's own process, for what has to be signed before one is served."""

import asyncio
import os
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from doorward.api.signer.client import SignerClient
from doorward.base.clock import Clock
from doorward.base.entropy import Entropy
from doorward.base.ids import InstallationId
from doorward.base.secret import Secret
from doorward.main.layout import Layout
from doorward.signer.process import run_signer
from doorward.stores.keys.key_files import open_keys


@asynccontextmanager
async def own_signer(
    layout: Layout, kek: Secret, installation_id: InstallationId, clock: Clock, entropy: Entropy
) -> AsyncIterator[SignerClient]:
    """A client of a signer over the installation's keys; both end with the block."""
    ring = open_keys(layout.keys, kek, installation_id)
    with tempfile.TemporaryDirectory(prefix="doorward-init-") as folder:
        socket = Path(folder) / "signer.sock"
        ready = asyncio.Event()
        async with asyncio.TaskGroup() as tasks:
            serving = tasks.create_task(
                run_signer(ring, socket, allowed_uids={os.geteuid()}, clock=clock, entropy=entropy, on_ready=ready.set)
            )
            await ready.wait()
            async with SignerClient(socket) as signer:
                yield signer
            serving.cancel()
