"""A gateway hears of another trust on its watch stream and asks for it at once; without a word, now and then."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest
from tests.support.fake_control_plane import SPLICE_KEY

from doorward.api.bodies.gateway_calls import GatewayTrust, WatchMessage
from doorward.base.clock import ManualClock
from doorward.base.errors import Unavailable
from doorward.gateway import control
from doorward.gateway.control import TrustKeeper, keep_watch
from doorward.gateway.sessions import Sessions

TRUST = GatewayTrust("a" * 26, "b" * 26, [b"old"], ["gw"], [], "dw", SPLICE_KEY, [], "one")


@dataclass
class Authority:
    """Answers the trust that the test set, and counts; says on the watch stream what the test gives it."""

    answer: GatewayTrust = TRUST
    asked: int = 0
    said: list[WatchMessage] = field(default_factory=list)
    was_asked: asyncio.Event = field(default_factory=asyncio.Event)

    async def trust(self) -> GatewayTrust:
        self.asked += 1
        self.was_asked.set()
        return self.answer

    async def watch(self, after_epoch: int) -> AsyncIterator[WatchMessage]:
        for message in self.said:
            yield message


@asynccontextmanager
async def kept(authority: Authority) -> AsyncIterator[tuple[TrustKeeper, Any]]:
    parts: Any = SimpleNamespace(trust=TRUST, control_plane=authority)
    keeper = TrustKeeper(parts)
    task = asyncio.create_task(keeper.keep())
    try:
        yield keeper, parts
    finally:
        task.cancel()


async def answered(authority: Authority) -> None:
    async with asyncio.timeout(5):
        await authority.was_asked.wait()
    await asyncio.sleep(0)


async def test_another_trust_is_fetched_at_once_and_our_own_is_not() -> None:
    authority = Authority()
    async with kept(authority) as (keeper, parts):
        for _ in range(3):
            keeper.hear("one")
            await asyncio.sleep(0)
        assert authority.asked == 0
        authority.answer = msgspec.structs.replace(TRUST, user_authorities=[b"old", b"new"], trust="two")
        keeper.hear("two")
        await answered(authority)
        assert parts.trust.trust == "two"
        assert parts.trust.user_authorities == [b"old", b"new"]
        keeper.hear("two")
        await asyncio.sleep(0)
        assert authority.asked == 1


async def test_trust_is_fetched_without_a_word_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(control, "TRUST_EVERY_SECONDS", 0.0)
    authority = Authority(msgspec.structs.replace(TRUST, names=["other"]))
    async with kept(authority) as (_, parts):
        await answered(authority)
        assert parts.trust.names == ["other"]


async def test_every_message_of_the_stream_says_which_trust_holds() -> None:
    heard: list[str] = []
    authority: Any = Authority(said=[WatchMessage(1, [], "one"), WatchMessage(1, [], "two")])
    with pytest.raises(Unavailable):
        await keep_watch(authority, Sessions(ManualClock()), heard.append)
    assert heard == ["one", "two"]
