"""A provider is asked by one caller at a time, its description is kept for a while, and so is its failure."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from ipaddress import ip_network

import pytest
from tests.support.evil_provider import EvilProvider, Reply
from tests.support.minted_tokens import mint, public_jwk, rsa_key

from doorward.authority.oidc.addresses import ForbiddenAddress
from doorward.authority.oidc.discovery import FAILED_SECONDS, KEPT_SECONDS, KEYS_AGAIN_SECONDS, Providers
from doorward.authority.oidc.http import ProviderHttp, ProviderUnavailable
from doorward.base.clock import ManualClock
from doorward.domain.identity.oidc_signatures import UnknownKey
from doorward.domain.kinds.oidc_connector import OidcConnector

DESCRIPTION = "GET /.well-known/openid-configuration"


@pytest.fixture
def evil() -> Iterator[EvilProvider]:
    with EvilProvider() as provider:
        yield provider


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
async def providers(clock: ManualClock) -> AsyncIterator[Providers]:
    http = ProviderHttp()
    yield Providers(http, clock)
    await http.close()


def connector(evil: EvilProvider) -> OidcConnector:
    return OidcConnector("corp", evil.issuer, "doorward", networks=(ip_network("127.0.0.0/8"),))


def asked(evil: EvilProvider, what: str) -> int:
    return [one for one, _ in evil.asked].count(what)


async def test_many_at_once_ask_once_and_the_answer_is_kept(
    evil: EvilProvider, providers: Providers, clock: ManualClock
) -> None:
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(providers.of(connector(evil))) for _ in range(20)]
    assert {task.result().token_endpoint for task in tasks} == {f"{evil.issuer}/token"}
    assert asked(evil, DESCRIPTION) == 1
    clock.advance(timedelta(seconds=KEPT_SECONDS))
    await providers.of(connector(evil))
    assert asked(evil, DESCRIPTION) == 2


async def test_a_failure_is_everyones_answer_for_some_seconds(
    evil: EvilProvider, providers: Providers, clock: ManualClock
) -> None:
    evil.replies["/.well-known/openid-configuration"] = Reply(500)
    for _ in range(10):
        with pytest.raises(ProviderUnavailable):
            await providers.of(connector(evil))
    assert asked(evil, DESCRIPTION) == 1
    evil.replies.clear()
    clock.advance(timedelta(seconds=FAILED_SECONDS))
    assert (await providers.of(connector(evil))).issuer == evil.issuer


async def test_a_connector_with_other_networks_learns_nothing_from_the_first(
    evil: EvilProvider, providers: Providers
) -> None:
    await providers.of(connector(evil))
    with pytest.raises(ForbiddenAddress):
        await providers.of(OidcConnector("other", evil.issuer, "doorward"))


async def test_strange_tokens_at_once_make_us_ask_for_keys_once(
    evil: EvilProvider, providers: Providers, clock: ManualClock
) -> None:
    await providers.of(connector(evil))
    clock.advance(timedelta(seconds=KEYS_AGAIN_SECONDS))
    strange = mint({}, rsa_key(1))

    async def one() -> None:
        with pytest.raises(UnknownKey):
            await providers.opened(connector(evil), strange)

    async with asyncio.TaskGroup() as group:
        for _ in range(10):
            group.create_task(one())
    assert asked(evil, "GET /jwks") == 2
    evil.keys.append(public_jwk(rsa_key(1)))
    clock.advance(timedelta(seconds=KEYS_AGAIN_SECONDS))
    assert (await providers.opened(connector(evil), strange)).claims == {}
