"""A job goes on whatever a round of it fails with."""

import asyncio

import pytest
from structlog.testing import capture_logs

from doorward.authority.jobs.runner import each
from doorward.base.errors import Unavailable


@pytest.mark.parametrize(
    "error",
    [Unavailable("storing: away"), OSError("disk"), ExceptionGroup("several", [ValueError("one")]), KeyError("ours")],
)
async def test_round_that_fails_is_logged_and_tried_again(error: Exception) -> None:
    rounds = 0
    enough = asyncio.Event()

    async def failing() -> None:
        nonlocal rounds
        rounds += 1
        if rounds == 3:
            enough.set()
        raise error

    with capture_logs() as logs:
        job = asyncio.create_task(each(0.0, "leases", failing))
        async with asyncio.timeout(5):
            await enough.wait()
        assert not job.done()
        job.cancel()
        await asyncio.wait([job])
    assert job.cancelled()
    assert logs[0]["job"] == "leases"
    assert logs[0]["kind"] == type(error).__name__
