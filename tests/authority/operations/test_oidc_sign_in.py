"""Signing in through the certified provider: code, PKCE, nonce, claims, and what must not happen."""

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest
from tests.support.authority_lab import PEER
from tests.support.oidc_lab import SECRET_NAME, OidcLab, open_oidc_lab
from tests.support.oidc_provider.browser import Browser
from tests.support.oidc_provider.running import CLIENT_SECRET, RunningProvider, client

from doorward.api.bodies.sign_ins import SignInWithPassword
from doorward.authority.operations.oidc_flows import FlowRefused
from doorward.authority.operations.oidc_users import EntryRefused
from doorward.authority.operations.sign_in import SignInRefused, sign_in
from doorward.authority.operations.users import invite_user, reset_user
from doorward.authority.throttle import NETWORK_FAILURES_MAX
from doorward.base.errors import Conflict, Refused, Unavailable
from doorward.base.ids import UserId
from doorward.domain.identity.factors import Password

ALGORITHMS = ("RS256", "PS256", "ES256", "EdDSA")
OTHERS = [client(client_id=f"by-{alg}", id_token_signed_response_alg=alg) for alg in ALGORITHMS]
POST = client(client_id="by-post", token_endpoint_auth_method="client_secret_post")
PUBLIC = client(client_id="public", client_secret=None, token_endpoint_auth_method="none")


@pytest.fixture(scope="module")
def provider() -> Iterator[RunningProvider]:
    with RunningProvider([client(), *OTHERS, POST, PUBLIC]) as running:
        yield running


@pytest.fixture
async def lab(provider: RunningProvider, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[OidcLab]:
    monkeypatch.setenv(SECRET_NAME, CLIENT_SECRET)
    provider.account("u1", preferred_username="Bob Ärger", groups=["engineers", "unmapped"], department="ops")
    async with open_oidc_lab(provider.issuer) as opened:
        yield opened


@pytest.fixture
def bob() -> Iterator[Browser]:
    someone = Browser("u1")
    yield someone
    someone.close()


async def test_the_first_sign_in_makes_user_person_and_link(lab: OidcLab, bob: Browser) -> None:
    signed_in = await lab.sign_in(bob)
    name, user = await lab.user(signed_in.user_id)
    assert (signed_in.user_name, name) == ("bob-arger", "bob-arger")
    assert (user.roles, dict(user.traits)) == (("eng",), {"department": ("ops",)})
    assert await lab.linked("u1") == signed_in.user_id
    assert await lab.lab.read(lambda tx: tx.persons.of_user(UserId(signed_in.user_id))) is not None
    row = await lab.row(signed_in)
    assert (row.method, row.client, row.source) == ("oidc", "laptop", PEER.source)
    (event,) = await lab.lab.events("user.signed_in")
    told = {name: event.fields[name] for name in ("method", "roles", "traits")}
    assert told == {"method": "oidc", "roles": ["eng"], "traits": {"department": ["ops"]}}
    assert len(await lab.lab.events("person.linked")) == 1


async def test_the_second_sign_in_is_of_the_same_user_with_the_claims_of_now(
    lab: OidcLab, bob: Browser, provider: RunningProvider
) -> None:
    first = await lab.sign_in(bob)
    provider.account("u1", preferred_username="other", groups=["leads"])
    second = await lab.sign_in(bob)
    assert (second.user_id, second.user_name) == (first.user_id, "bob-arger")
    _, user = await lab.user(first.user_id)
    assert (user.roles, dict(user.traits)) == (("eng", "lead"), {})
    provider.account("u1", preferred_username="other")
    await lab.sign_in(bob)
    assert (await lab.user(first.user_id))[1].roles == ()


async def test_a_name_that_is_taken_leads_to_nobody_who_has_it(
    lab: OidcLab, bob: Browser, provider: RunningProvider
) -> None:
    local = await lab.lab.user("admin", "eng")
    provider.account("u1", preferred_username="admin", email="admin@corp.example", groups=[])
    signed_in = await lab.sign_in(bob)
    assert (signed_in.user_name, signed_in.user_id == local) == ("admin-2", False)
    assert (await lab.user(local))[1].roles == ("eng",)


@pytest.mark.parametrize("client_id", [one["client_id"] for one in [*OTHERS, POST]])
async def test_every_accepted_algorithm_and_way_of_showing_the_secret_works(
    lab: OidcLab, bob: Browser, client_id: str
) -> None:
    await lab.connector(client_id=client_id)
    assert (await lab.sign_in(bob)).user_name == "bob-arger"


async def test_a_public_client_needs_no_secret(lab: OidcLab, bob: Browser) -> None:
    await lab.connector(client_id="public", client_secret=None)
    assert (await lab.sign_in(bob)).user_name == "bob-arger"


async def test_a_code_counts_once(lab: OidcLab, bob: Browser) -> None:
    begun = await lab.begin()
    callback = bob.sign_in(begun.answer.authorization_url)
    await lab.complete(begun, callback)
    with pytest.raises(FlowRefused):
        await lab.complete(begun, callback)
    other = await lab.begin()
    with pytest.raises(FlowRefused):  # the code of one sign-in, in another
        await lab.complete(other, callback, state=other.answer.state)


async def test_of_many_that_complete_at_once_one_is_signed_in(lab: OidcLab, bob: Browser) -> None:
    begun = await lab.begin()
    callback = bob.sign_in(begun.answer.authorization_url)
    outcomes: list[object] = []

    async def one() -> None:
        try:
            outcomes.append(await lab.complete(begun, callback))
        except Refused as error:
            outcomes.append(error)

    async with asyncio.TaskGroup() as group:
        for _ in range(5):
            group.create_task(one())
    assert sum(isinstance(outcome, FlowRefused) for outcome in outcomes) == 4


@pytest.mark.parametrize(
    "changes",
    [
        {"state": "x" * 43},
        {"state": ""},
        {"code_verifier": "x" * 43},
        {"code_verifier": ""},
        {"code": "made-up"},
        {"code": ""},
        {"iss": "https://elsewhere.example"},
        {"iss": ""},
        {"flow": "a" * 26},
    ],
    ids=str,
)
async def test_what_does_not_belong_together_signs_nobody_in(
    lab: OidcLab, bob: Browser, changes: dict[str, str]
) -> None:
    begun = await lab.begin()
    callback = bob.sign_in(begun.answer.authorization_url)
    with pytest.raises(FlowRefused):
        await lab.complete(begun, callback, **changes)
    assert await lab.linked("u1") is None


async def test_a_flow_is_over_after_five_minutes(lab: OidcLab, bob: Browser) -> None:
    begun = await lab.begin()
    callback = bob.sign_in(begun.answer.authorization_url)
    lab.lab.advance(minutes=5)
    with pytest.raises(FlowRefused):
        await lab.complete(begun, callback)


async def test_a_connector_that_changed_its_provider_ends_what_was_begun(lab: OidcLab, bob: Browser) -> None:
    begun = await lab.begin()
    callback = bob.sign_in(begun.answer.authorization_url)
    await lab.connector(issuer="https://elsewhere.example")
    with pytest.raises(FlowRefused):
        await lab.complete(begun, callback)


async def test_a_sign_in_lasts_as_long_as_the_connector_says_and_never_longer_than_a_day(
    lab: OidcLab, bob: Browser
) -> None:
    for asked, seconds in (("30m", 1800), ("1d", 86_400)):
        await lab.connector(max_sign_in=asked)
        row = await lab.row(await lab.sign_in(bob))
        assert (row.expires - row.created).total_seconds() == seconds


async def test_without_a_refresh_token_a_sign_in_ends_with_its_claims(lab: OidcLab, bob: Browser) -> None:
    await lab.connector(scopes=["openid", "profile", "groups"])
    row = await lab.row(await lab.sign_in(bob))
    assert (row.expires - row.created).total_seconds() == 60


async def test_who_is_disabled_or_locked_or_mapped_to_nothing_is_not_let_in(lab: OidcLab, bob: Browser) -> None:
    await lab.sign_in(bob)
    await lab.connector(groups_to_roles={"engineers": ["gone"]})
    with pytest.raises(EntryRefused, match="does not exist"):
        await lab.sign_in(bob)
    await lab.connector()
    await lab.lab.declare("kind: lock\nversion: v2\nmetadata: {name: l}\nspec: {target: {role: eng}, message: why}\n")
    with pytest.raises(EntryRefused, match="locked: why; ask an administrator"):
        await lab.sign_in(bob)
    await lab.lab.declare("kind: user\nversion: v1\nmetadata: {name: bob-arger}\nspec: {roles: [], disabled: true}\n")
    with pytest.raises(EntryRefused, match="disabled"):
        await lab.sign_in(bob)


async def test_a_removed_user_comes_back_as_another_user_and_the_same_person(lab: OidcLab, bob: Browser) -> None:
    first = await lab.sign_in(bob)
    await lab.lab.store.write(lambda tx: tx.resources.delete("user", first.user_id, expected_revision=1))
    second = await lab.sign_in(bob)
    assert second.user_id != first.user_id
    persons = [
        await lab.lab.read(lambda tx, one=one: tx.persons.of_user(UserId(one.user_id)))  # type: ignore[misc]
        for one in (first, second)
    ]
    assert persons[0] == persons[1]


async def test_nobody_who_signs_in_at_a_provider_does_so_with_a_password(lab: OidcLab, bob: Browser) -> None:
    signed_in = await lab.sign_in(bob)
    hashed = await lab.lab.services.passwords.hash("correct horse battery staple")
    password = Password(UserId(signed_in.user_id), hashed, lab.lab.clock.now())
    await lab.lab.store.write(lambda tx: tx.passwords.put(password))
    begun = await lab.begin()
    said = SignInWithPassword("bob-arger", "correct horse battery staple", "000000", begun.keys.public())
    with pytest.raises(SignInRefused):
        await sign_in(lab.lab.services, PEER, said)


async def test_a_wrong_or_missing_secret_signs_nobody_in(
    lab: OidcLab, bob: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    for value in ("wrong", ""):
        monkeypatch.setenv(SECRET_NAME, value)
        with pytest.raises((FlowRefused, Unavailable)):
            await lab.sign_in(bob)
    assert await lab.linked("u1") is None


async def test_claims_that_stand_at_the_userinfo_endpoint_alone_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(SECRET_NAME, CLIENT_SECRET)
    with RunningProvider(userinfo_only=True) as other:
        other.account("u9", preferred_username="carol", groups=["leads"])
        carol = Browser("u9")
        async with open_oidc_lab(other.issuer) as lab:
            signed_in = await lab.sign_in(carol)
            assert (await lab.user(signed_in.user_id))[1].roles == ("eng", "lead")
        carol.close()


async def test_signing_in_at_a_provider_buys_no_guesses_at_passwords(lab: OidcLab, bob: Browser) -> None:
    """The network's bucket of failures counts what was begun, and a provider's sign-in is none of it."""
    throttle = lab.lab.services.throttle
    for number in range(NETWORK_FAILURES_MAX):
        throttle.failed(f"user{number}", PEER.source, "password")
    waited = throttle.wait_seconds("carol", PEER.source)
    assert waited > 0
    await lab.sign_in(bob)
    assert throttle.wait_seconds("carol", PEER.source) == waited


async def test_bad_answers_of_a_stranger_shut_no_neighbour_out(lab: OidcLab, bob: Browser) -> None:
    begun = await lab.begin()
    for _ in range(60):
        with pytest.raises(FlowRefused):
            await lab.complete(begun, "http://127.0.0.1:1/callback?state=x&code=y", flow="a" * 26)
    await lab.sign_in(bob)
    (summary,) = lab.lab.services.throttle.take_summaries(everything=True)
    assert dict(summary.reasons) == {"oidc_refused": 60}


async def test_flows_are_few_for_each_network(lab: OidcLab) -> None:
    for _ in range(30):
        await lab.begin()
    with pytest.raises(Refused, match="begun"):
        await lab.begin()
    lab.lab.advance(minutes=6)
    await lab.begin()


async def test_a_code_for_factors_is_not_made_for_who_signs_in_elsewhere(lab: OidcLab, bob: Browser) -> None:
    admin = await lab.lab.signed_in("root", "admin", "auditor")
    await lab.sign_in(bob)
    for operation in (invite_user, reset_user):
        with pytest.raises(Conflict):
            await operation(lab.lab.services, admin.caller, "bob-arger")
