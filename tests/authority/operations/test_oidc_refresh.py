"""Claims heard again while a sign-in lives: changes count, refusals end, silence ends when it lasts."""

from collections.abc import AsyncIterator, Iterator

import pytest
from tests.support.oidc_lab import SECRET_NAME, OidcLab, open_oidc_lab
from tests.support.oidc_provider.browser import Browser
from tests.support.oidc_provider.running import CLIENT_SECRET, RunningProvider

from doorward.authority.oidc.refresh_tokens import RefreshTokens
from doorward.authority.operations.oidc_refresh import end_too_old, refresh_claims
from doorward.base.ids import SignInId
from doorward.domain.identity.sign_in import SignInEnd
from doorward.domain.sessions.states import EndReason, SessionState


@pytest.fixture(scope="module")
def provider() -> Iterator[RunningProvider]:
    with RunningProvider() as running:
        yield running


@pytest.fixture
async def lab(provider: RunningProvider, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[OidcLab]:
    monkeypatch.setenv(SECRET_NAME, CLIENT_SECRET)
    provider.silence(silent=False)
    provider.account("u1", preferred_username="bob", groups=["engineers"], department="ops")
    async with open_oidc_lab(provider.issuer) as opened:
        yield opened


@pytest.fixture
def bob() -> Iterator[Browser]:
    someone = Browser("u1")
    yield someone
    someone.close()


async def test_changed_claims_change_the_user_and_cut_what_they_no_longer_allow(
    lab: OidcLab, bob: Browser, provider: RunningProvider
) -> None:
    signed_in, session = await lab.with_session(bob)
    provider.account("u1", preferred_username="bob", groups=[])
    await refresh_claims(lab.lab.services)  # not due yet
    assert (await lab.user(signed_in.user_id))[1].roles == ("eng",)
    lab.lab.advance(seconds=40)
    await refresh_claims(lab.lab.services)
    assert (await lab.user(signed_in.user_id))[1].roles == ()
    found = await lab.lab.session(session)
    assert (found.state, found.end_reason) == (SessionState.ENDING, EndReason.POLICY_CHANGED)
    assert await lab.live(signed_in)


async def test_claims_that_stay_leave_everything_as_it_is_and_are_asked_for_again(lab: OidcLab, bob: Browser) -> None:
    signed_in, session = await lab.with_session(bob)
    for _ in range(3):  # the provider gives another refresh token at each use
        lab.lab.advance(seconds=40)
        await refresh_claims(lab.lab.services)
        assert await lab.live(signed_in)
    assert (await lab.lab.session(session)).end_reason is None
    assert await lab.lab.events("resource.updated") == []


async def test_a_missing_groups_claim_at_a_refresh_takes_every_role(
    lab: OidcLab, bob: Browser, provider: RunningProvider
) -> None:
    signed_in = await lab.sign_in(bob)
    provider.account("u1", preferred_username="bob", department="ops")
    lab.lab.advance(seconds=40)
    await refresh_claims(lab.lab.services)
    assert (await lab.user(signed_in.user_id))[1].roles == ()


async def test_a_refused_refresh_ends_the_sign_in_and_its_sessions(
    lab: OidcLab, bob: Browser, provider: RunningProvider
) -> None:
    signed_in, session = await lab.with_session(bob)
    provider.remove("u1")
    lab.lab.advance(seconds=40)
    await refresh_claims(lab.lab.services)
    row = await lab.row(signed_in)
    assert row.end_reason is SignInEnd.PROVIDER_REFUSED
    found = await lab.lab.session(session)
    assert (found.state, found.end_message) == (SessionState.ENDING, "your identity provider ended your sign-in")
    assert lab.lab.services.oidc.refresh_tokens.get(row.id) is None


async def test_a_silent_provider_is_no_refusal_but_nothing_stands_on_older_claims(
    lab: OidcLab, bob: Browser, provider: RunningProvider
) -> None:
    signed_in, session = await lab.with_session(bob)
    provider.silence()
    for seconds in (30, 10, 9):  # asked from the half on, at every round
        lab.lab.advance(seconds=seconds)
        await refresh_claims(lab.lab.services)
        assert await lab.live(signed_in)
    lab.lab.advance(seconds=1)  # one round before a minute: the next one would come too late
    await end_too_old(lab.lab.services)
    assert (await lab.row(signed_in)).end_reason is SignInEnd.CLAIMS_TOO_OLD
    assert (await lab.lab.session(session)).state is SessionState.ENDING


async def test_a_provider_that_answers_again_in_time_keeps_the_sign_in(
    lab: OidcLab, bob: Browser, provider: RunningProvider
) -> None:
    signed_in = await lab.sign_in(bob)
    provider.silence()
    lab.lab.advance(seconds=30)
    await refresh_claims(lab.lab.services)
    provider.silence(silent=False)
    lab.lab.advance(seconds=10)
    await refresh_claims(lab.lab.services)
    lab.lab.advance(seconds=49)
    await refresh_claims(lab.lab.services)
    assert await lab.live(signed_in)


async def test_an_authority_that_forgot_its_tokens_lets_sign_ins_end_when_their_claims_are_too_old(
    lab: OidcLab, bob: Browser
) -> None:
    signed_in = await lab.sign_in(bob)
    held: RefreshTokens = lab.lab.services.oidc.refresh_tokens
    held.forget(held.held())
    lab.lab.advance(seconds=49)
    await refresh_claims(lab.lab.services)
    assert await lab.live(signed_in)
    lab.lab.advance(seconds=1)
    await refresh_claims(lab.lab.services)
    assert (await lab.row(signed_in)).end_reason is SignInEnd.CLAIMS_TOO_OLD


async def test_our_own_wrong_secret_is_no_refusal(lab: OidcLab, bob: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    signed_in = await lab.sign_in(bob)
    monkeypatch.setenv(SECRET_NAME, "rotated-at-the-provider")
    lab.lab.advance(seconds=40)
    await refresh_claims(lab.lab.services)
    assert await lab.live(signed_in)


async def test_a_removed_connector_vouches_for_nobody(lab: OidcLab, bob: Browser) -> None:
    signed_in = await lab.sign_in(bob)
    (row,) = await lab.lab.read(lambda tx: list(tx.resources.list("oidc_connector")))
    await lab.lab.store.write(lambda tx: tx.resources.delete("oidc_connector", row.id, expected_revision=1))
    lab.lab.advance(seconds=40)
    await refresh_claims(lab.lab.services)
    assert (await lab.row(signed_in)).end_reason is SignInEnd.PROVIDER_REFUSED


async def test_tokens_of_sign_ins_that_are_over_are_forgotten(lab: OidcLab, bob: Browser) -> None:
    signed_in = await lab.sign_in(bob)
    sign_in_id = SignInId(signed_in.sign_in_id)
    await lab.lab.store.write(lambda tx: tx.sign_ins.end(sign_in_id, SignInEnd.SIGNED_OUT, tx.now))
    await refresh_claims(lab.lab.services)
    assert lab.lab.services.oidc.refresh_tokens.held() == ()
