"""The gateway process is told what its file says, and says that it is ready when it may open sessions."""

import asyncio
import os
from pathlib import Path

import pytest

from doorward.gateway.health import GatewayHealth
from doorward.gateway.process import RunningGateway
from doorward.gateway.recorder.budget import MIB, RecorderLimits
from doorward.main import gateway_role
from doorward.main.gateway_role import announce, settings_from
from doorward.main.gateway_settings import GatewayFacts
from doorward.main.settings import Address
from doorward.main.supervisor import READY_FD_VARIABLE


def test_a_gateway_keeps_the_limits_that_its_file_says(tmp_path: Path) -> None:
    limits = RecorderLimits(session_bytes_max=64 * MIB)
    probed = Address("localhost", 3)
    settings = settings_from(
        GatewayFacts((Address("localhost", 1),), Address("localhost", 2), limits, probed), tmp_path
    )
    assert settings.recorder is limits
    assert (settings.listen, settings.authority) == ((("localhost", 1),), ("localhost", 2))
    assert settings.metrics_listen == ("localhost", 3)
    assert settings.spool == tmp_path / "spool"


def nothing() -> GatewayHealth:
    raise AssertionError("nobody asked")


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> int:
    """What the supervisor reads; closed with the writer."""
    reader, writer = os.pipe()
    os.set_blocking(reader, False)
    monkeypatch.setenv(READY_FD_VARIABLE, str(writer))
    return reader


async def test_it_is_ready_only_once_the_authority_was_in_sight(said: int) -> None:
    ready: asyncio.Future[RunningGateway] = asyncio.get_running_loop().create_future()
    sighted = asyncio.Event()
    announcing = asyncio.create_task(announce(ready))
    ready.set_result(RunningGateway((("127.0.0.1", 1),), nothing, sighted.wait))
    for _ in range(20):
        await asyncio.sleep(0)
    with pytest.raises(BlockingIOError):
        os.read(said, 1)
    sighted.set()
    await announcing
    assert os.read(said, 2) == b"1"
    os.close(said)


async def test_an_authority_that_stays_away_delays_it_for_a_while_only(
    said: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gateway_role, "SIGHT_SECONDS_MAX", 0.05)
    ready: asyncio.Future[RunningGateway] = asyncio.get_running_loop().create_future()
    ready.set_result(RunningGateway((("127.0.0.1", 1),), nothing, asyncio.Event().wait))
    async with asyncio.timeout(5):
        await announce(ready)
    assert os.read(said, 2) == b"1"
    os.close(said)
