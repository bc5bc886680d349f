"""Back-channel log-out: only what the provider signed, just now, once, ends anything."""

from collections.abc import AsyncIterator, Iterator
from typing import Any
from urllib.parse import urlencode

import pytest
from tests.support.authority_lab import PEER
from tests.support.evil_provider import EvilProvider
from tests.support.minted_tokens import mint, rsa_key, unsigned
from tests.support.oidc_lab import CONNECTOR, OidcLab, open_oidc_lab

from doorward.authority.operations.oidc_logout import FORM_BYTES_MAX, LogoutRefused, backchannel_logout
from doorward.domain.identity.oidc_tokens import LOGOUT_EVENT
from doorward.domain.identity.sign_in import SignInEnd
from doorward.domain.sessions.states import EndReason, SessionState

JTI = "a-token-id"


@pytest.fixture
def provider() -> Iterator[EvilProvider]:
    with EvilProvider(claims={"sid": "s1"}) as running:
        yield running


@pytest.fixture
async def lab(provider: EvilProvider) -> AsyncIterator[OidcLab]:
    async with open_oidc_lab(provider.issuer) as opened:
        await opened.connector(client_secret=None)
        yield opened


def order(provider: EvilProvider, **changes: Any) -> dict[str, Any]:
    """The claims of a logout token; None removes one."""
    plain: dict[str, Any] = {"nonce": None, "sid": None, "events": {LOGOUT_EVENT: {}}, "jti": JTI, "groups": None}
    return provider.id_claims(**{**plain, **changes})


async def log_out(lab: OidcLab, token: str, connector: str = CONNECTOR) -> int:
    return await backchannel_logout(lab.lab.services, PEER, connector, urlencode({"logout_token": token}).encode())


async def test_an_order_ends_the_sign_ins_of_a_subject_and_cuts_their_sessions(
    lab: OidcLab, provider: EvilProvider
) -> None:
    signed_in, session = await lab.with_session(provider)
    provider.sub = "u2"
    other = await lab.sign_in(provider)
    provider.sub = "u1"
    assert await log_out(lab, mint(order(provider), rsa_key(), typ="logout+jwt")) == 1
    assert (await lab.row(signed_in)).end_reason is SignInEnd.PROVIDER_LOGGED_OUT
    found = await lab.lab.session(session)
    assert (found.state, found.end_reason) == (SessionState.ENDING, EndReason.REVOKED)
    assert found.end_message == "you signed out at your identity provider"
    assert await lab.live(other)


async def test_an_order_for_a_session_of_the_provider_ends_that_one_alone(lab: OidcLab, provider: EvilProvider) -> None:
    first = await lab.sign_in(provider)
    provider.claims = {"sid": "s2"}
    second = await lab.sign_in(provider)
    assert await log_out(lab, mint(order(provider, sid="s1"), rsa_key())) == 1
    assert (await lab.live(first), await lab.live(second)) == (False, True)
    assert await log_out(lab, mint(order(provider, sid="s2", sub=None, jti="b"), rsa_key())) == 1
    assert not await lab.live(second)


async def test_both_subject_and_session_must_fit(lab: OidcLab, provider: EvilProvider) -> None:
    signed_in = await lab.sign_in(provider)
    assert await log_out(lab, mint(order(provider, sid="s1", sub="u2"), rsa_key())) == 0
    assert await lab.live(signed_in)


async def test_an_order_for_nobody_here_is_no_error(lab: OidcLab, provider: EvilProvider) -> None:
    assert await log_out(lab, mint(order(provider), rsa_key())) == 0


async def test_an_order_counts_once(lab: OidcLab, provider: EvilProvider) -> None:
    token = mint(order(provider), rsa_key())
    await log_out(lab, token)
    signed_in = await lab.sign_in(provider)
    with pytest.raises(LogoutRefused, match="came before"):
        await log_out(lab, token)
    assert await lab.live(signed_in)


WRONG: dict[str, dict[str, Any]] = {
    "no events": {"events": None},
    "events of something else": {"events": {"http://schemas.openid.net/event/other": {}}},
    "an event that is no object": {"events": {LOGOUT_EVENT: True}},
    "events as a list": {"events": [LOGOUT_EVENT]},
    "a nonce": {"nonce": "n"},
    "nobody": {"sub": None, "sid": None},
    "no id": {"jti": None},
    "an id without end": {"jti": "j" * 513},
    "another issuer": {"iss": "https://elsewhere.example"},
    "another audience": {"aud": "other"},
    "old": {"iat": 1},
    "of tomorrow": {"iat": 4_000_000_000},
    "expired": {"exp": 1},
    "no expiry": {"exp": None},
}


@pytest.mark.parametrize("changes", WRONG.values(), ids=WRONG.keys())
async def test_what_is_no_fresh_order_ends_nothing(
    lab: OidcLab, provider: EvilProvider, changes: dict[str, Any]
) -> None:
    signed_in = await lab.sign_in(provider)
    with pytest.raises(LogoutRefused):
        await log_out(lab, mint(order(provider, **changes), rsa_key()))
    assert await lab.live(signed_in)


async def test_what_the_provider_did_not_sign_ends_nothing(lab: OidcLab, provider: EvilProvider) -> None:
    signed_in = await lab.sign_in(provider)
    claims = order(provider)
    for token in (unsigned(claims), mint(claims, rsa_key(7), kid="rsa-0"), mint(claims, rsa_key(), typ="at+jwt")):
        with pytest.raises(LogoutRefused):
            await log_out(lab, token)
    assert await lab.live(signed_in)


async def test_an_id_token_is_no_order(lab: OidcLab, provider: EvilProvider) -> None:
    signed_in = await lab.sign_in(provider)
    with pytest.raises(LogoutRefused):
        await log_out(lab, mint(provider.id_claims(), rsa_key()))
    assert await lab.live(signed_in)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"logout_token=",
        b"logout_token=a&logout_token=b",
        b"\xff",
        b"x" * (FORM_BYTES_MAX + 1),
        b"other=x",
        b"&" * 99,
    ],
)
async def test_what_is_no_form_is_refused(lab: OidcLab, body: bytes) -> None:
    with pytest.raises(LogoutRefused):
        await backchannel_logout(lab.lab.services, PEER, CONNECTOR, body)


async def test_an_unknown_connector_looks_like_a_bad_order(lab: OidcLab, provider: EvilProvider) -> None:
    with pytest.raises(LogoutRefused):
        await log_out(lab, mint(order(provider), rsa_key()), "nowhere")


async def test_bad_orders_keep_no_real_one_out(lab: OidcLab, provider: EvilProvider) -> None:
    signed_in = await lab.sign_in(provider)
    for _ in range(60):
        with pytest.raises(LogoutRefused):
            await log_out(lab, "a.b.c")
    assert await log_out(lab, mint(order(provider), rsa_key())) == 1
    assert not (await lab.row(signed_in)).is_live(lab.lab.clock.now())
    assert lab.lab.services.throttle.take_summaries(everything=True)[0].attempts == 60
