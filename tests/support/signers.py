"""A signer for tests: its service without a socket, or its server on a real unix socket in this loop."""

import asyncio
import os
from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from tests.support.authorities import key_ring

from doorward.api.signer.messages import Request
from doorward.base.clock import Clock, ManualClock
from doorward.base.entropy import Entropy, SeededEntropy
from doorward.signer.ports import KeyRing
from doorward.signer.process import run_signer
from doorward.signer.rates import USUAL_RATES, Rate
from doorward.signer.service import SigningService


def signing_service(
    clock: Clock | None = None, *, rates: Mapping[type[Request], Rate] = USUAL_RATES, seed: int = 0
) -> SigningService:
    """The service over the test ring; by default at 2026-01-01."""
    return SigningService(key_ring(seed), clock=clock or ManualClock(), entropy=SeededEntropy(seed), rates=rates)


@asynccontextmanager
async def running_signer(
    socket_path: Path,
    *,
    clock: Clock | None = None,
    entropy: Entropy | None = None,
    allowed_uids: Collection[int] | None = None,
    rates: Mapping[type[Request], Rate] = USUAL_RATES,
    seed: int = 0,
    ring: KeyRing | None = None,
) -> AsyncIterator[None]:
    """`run_signer` as a task, stopped at the end. A rotation needs a `ring` of its own (`own_key_ring`)."""
    ready = asyncio.Event()
    task = asyncio.create_task(
        run_signer(
            ring or key_ring(seed),
            socket_path,
            allowed_uids={os.getuid()} if allowed_uids is None else allowed_uids,
            clock=clock or ManualClock(),
            entropy=entropy or SeededEntropy(seed),
            rates=rates,
            on_ready=ready.set,
        )
    )
    waiting = asyncio.create_task(ready.wait())
    await asyncio.wait({task, waiting}, return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    try:
        if task.done():
            task.result()
        yield
    finally:
        task.cancel()
        await asyncio.wait({task})
