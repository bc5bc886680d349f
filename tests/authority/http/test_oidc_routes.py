"""The calls through a provider over HTTP: open to all, problem documents for what is wrong, nothing kept by caches."""

from collections.abc import AsyncIterator, Iterator
from urllib.parse import urlencode

import pytest
from litestar.testing import AsyncTestClient
from tests.support.evil_provider import EvilProvider
from tests.support.minted_tokens import mint, rsa_key
from tests.support.oidc_lab import CONNECTOR, OidcLab, open_oidc_lab

from doorward.authority.http.app import create_app
from doorward.domain.identity.oidc_tokens import LOGOUT_EVENT

LOGOUT = f"/v1/oidc/{CONNECTOR}/backchannel-logout"
FORM = {"content-type": "application/x-www-form-urlencoded"}


@pytest.fixture
def evil() -> Iterator[EvilProvider]:
    with EvilProvider() as provider:
        yield provider


@pytest.fixture
async def lab(evil: EvilProvider) -> AsyncIterator[OidcLab]:
    async with open_oidc_lab(evil.issuer) as opened:
        await opened.connector(client_secret=None)
        yield opened


@pytest.fixture
async def http(lab: OidcLab) -> AsyncIterator[AsyncTestClient]:  # type: ignore[type-arg]
    async with AsyncTestClient(create_app(lab.lab.services)) as client:
        yield client


async def test_the_names_of_connectors_are_public_and_nothing_else_of_them_is(
    http: AsyncTestClient,  # type: ignore[type-arg]
) -> None:
    assert (await http.get("/v1/oidc/connectors")).json() == {"names": [CONNECTOR]}
    assert (await http.get(f"/v1/resources/oidc_connector/{CONNECTOR}")).status_code == 401


async def test_a_good_order_is_answered_as_the_standard_says(
    http: AsyncTestClient,  # type: ignore[type-arg]
    lab: OidcLab,
    evil: EvilProvider,
) -> None:
    signed_in = await lab.sign_in(evil)
    token = mint(evil.id_claims(nonce=None, events={LOGOUT_EVENT: {}}, jti="j"), rsa_key(), typ="logout+jwt")
    answer = await http.post(LOGOUT, content=urlencode({"logout_token": token}), headers=FORM)
    assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-store")
    assert not await lab.live(signed_in)


@pytest.mark.parametrize("content", [b"", b"logout_token=a.b.c", b"\xff"])
async def test_a_bad_order_is_400(http: AsyncTestClient, content: bytes) -> None:  # type: ignore[type-arg]
    answer = await http.post(LOGOUT, content=content, headers=FORM)
    assert (answer.status_code, answer.json()["code"]) == (400, "logout_refused")


@pytest.mark.parametrize(
    "body",
    [
        {"connector": CONNECTOR, "redirect_port": 0, "code_challenge": "c" * 43, "keys": {}},
        {"connector": CONNECTOR, "redirect_port": 65_536, "code_challenge": "c" * 43, "keys": {}},
        {"connector": CONNECTOR, "redirect_port": 1, "code_challenge": "c" * 43, "keys": {}, "redirect_uri": "x"},
        {},
    ],
)
async def test_what_is_malformed_begins_nothing(
    http: AsyncTestClient,  # type: ignore[type-arg]
    lab: OidcLab,
    body: dict[str, object],
) -> None:
    assert (await http.post("/v1/oidc/begin", json=body)).status_code == 400
    assert await lab.lab.read(lambda tx: tx.oidc_flows.open_count()) == 0
