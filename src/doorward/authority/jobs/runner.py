"""Runs a job's rounds for as long as the process lives.

A round that fails is logged and tried again at the next, whatever it failed with: a job that stopped would be missed by
nobody until leases no longer run out.
"""

import asyncio
from collections.abc import Awaitable, Callable

import structlog

_log = structlog.get_logger("doorward.jobs")


async def each(seconds: float, name: str, round_of: Callable[[], Awaitable[object]]) -> None:
    """Run one round now and then again after each pause, until cancelled."""
    while True:
        try:
            await round_of()
        except Exception as error:  # one round ends, and not the job
            _log.warning("a round failed", job=name, error=str(error), kind=type(error).__name__)
        await asyncio.sleep(seconds)
