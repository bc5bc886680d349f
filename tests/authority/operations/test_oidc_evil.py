"""Providers and answers that lie: nobody is signed in by any of them."""

import itertools
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest
from joserfc.jwk import OctKey
from tests.support.evil_provider import EvilProvider, Reply
from tests.support.minted_tokens import b64, ec_key, mint, public_jwk, rsa_key, unsigned
from tests.support.oidc_lab import OidcLab, open_oidc_lab

from doorward.authority.oidc import http as provider_http
from doorward.authority.oidc.addresses import ForbiddenAddress
from doorward.authority.oidc.discovery import WrongProvider
from doorward.authority.oidc.http import ANSWER_BYTES_MAX, ProviderUnavailable
from doorward.authority.operations.oidc_flows import FlowRefused
from doorward.domain.identity.oidc_signatures import BadToken


@pytest.fixture
def evil() -> Iterator[EvilProvider]:
    with EvilProvider() as provider:
        yield provider


@pytest.fixture
async def lab(evil: EvilProvider) -> AsyncIterator[OidcLab]:
    async with open_oidc_lab(evil.issuer) as opened:
        await opened.connector(client_secret=None)
        yield opened


async def test_it_signs_in_when_it_behaves(lab: OidcLab, evil: EvilProvider) -> None:
    signed_in = await lab.sign_in(evil)
    assert (await lab.user(signed_in.user_id))[1].roles == ("eng",)


CLAIMS: dict[str, dict[str, Any]] = {
    "another issuer": {"iss": "https://elsewhere.example"},
    "no issuer": {"iss": None},
    "another audience": {"aud": "somebody-else"},
    "no audience": {"aud": None},
    "an empty list of audiences": {"aud": []},
    "several audiences without a party": {"aud": ["doorward", "other"]},
    "another party": {"azp": "other"},
    "another nonce": {"nonce": "x" * 43},
    "no nonce": {"nonce": None},
    "a nonce that is no text": {"nonce": 7},
    "expired": {"exp": 1},
    "no expiry": {"exp": None},
    "an expiry as text": {"exp": "9999999999"},
    "an expiry out of all time": {"exp": 1e300},
    "no time of issue": {"iat": None},
    "issued long ago": {"iat": 1},
    "issued tomorrow": {"iat": 4_000_000_000},
    "not yet": {"nbf": 4_000_000_000},
    "no subject": {"sub": None},
    "an empty subject": {"sub": ""},
    "a subject that is no text": {"sub": 7},
    "a subject without end": {"sub": "s" * 256},
    "a subject that hides something": {"sub": "u1\u202e"},
    "a logout token": {"events": {"http://schemas.openid.net/event/backchannel-logout": {}}},
    "the hash of another access token": {"at_hash": "AAAAAAAAAAAAAAAAAAAAAA"},
}


@pytest.mark.parametrize("changes", CLAIMS.values(), ids=CLAIMS.keys())
async def test_wrong_claims_sign_nobody_in(lab: OidcLab, evil: EvilProvider, changes: dict[str, Any]) -> None:
    evil.claims = changes
    evil.tokens = {"access_token": "an-access-token"}
    with pytest.raises(BadToken):
        await lab.sign_in(evil)
    assert await lab.lab.events("user.signed_in", "person.linked") == []


def by_public_key(claims: dict[str, Any]) -> str:
    """HS256 with the public key as the secret (RFC 8725, 2.1)."""
    return mint(claims, OctKey.import_key(rsa_key().as_pem(private=False)), "HS256", kid="rsa-0")


def cut(claims: dict[str, Any]) -> str:
    head, body, _ = mint(claims, rsa_key()).split(".")
    return f"{head}.{body}."


def edited(claims: dict[str, Any]) -> str:
    head, _, signature = mint(claims, rsa_key()).split(".")
    return f"{head}.{b64(b'{}')}.{signature}"


SIGNERS: dict[str, Callable[[dict[str, Any]], str]] = {
    "none": unsigned,
    "none, in capitals": lambda claims: unsigned(claims, alg="NONE"),
    "HS256 by the public key": by_public_key,
    "another key of that name": lambda claims: mint(claims, rsa_key(7), kid="rsa-0"),
    "a key that is not published": lambda claims: mint(claims, rsa_key(7)),
    "an algorithm that is not of the key": lambda claims: mint(claims, ec_key(), "ES256", kid="rsa-0"),
    "an algorithm that we do not take": lambda claims: mint(claims, rsa_key(), "RS512"),
    "a critical header": lambda claims: mint(claims, rsa_key(), crit=["b64"], b64=True),
    "the attacker's key in the header": lambda claims: mint(
        claims, rsa_key(7), jwk=public_jwk(rsa_key(7)), kid="rsa-0"
    ),
    "no signature": cut,
    "claims edited": edited,
    "no token": lambda _: "",
    "no JSON": lambda _: "a.b.c",
    "padding": lambda claims: mint(claims, rsa_key()) + "==",
    "a list": lambda claims: mint([claims], rsa_key()),
    "too long": lambda claims: mint({**claims, "more": "x" * 70_000}, rsa_key()),
}


@pytest.mark.parametrize("sign", SIGNERS.values(), ids=SIGNERS.keys())
async def test_wrong_signatures_sign_nobody_in(
    lab: OidcLab, evil: EvilProvider, sign: Callable[[dict[str, Any]], str]
) -> None:
    evil.sign = sign
    with pytest.raises((BadToken, ProviderUnavailable)):
        await lab.sign_in(evil)
    assert await lab.linked("u1") is None


async def test_new_keys_are_looked_for_and_not_more_than_twice_a_minute(lab: OidcLab, evil: EvilProvider) -> None:
    await lab.sign_in(evil)
    evil.sign = lambda claims: mint(claims, rsa_key(1))
    evil.keys = [public_jwk(rsa_key(1))]
    for _ in range(3):
        with pytest.raises(BadToken):
            await lab.sign_in(evil)
    lab.lab.advance(seconds=31)
    await lab.sign_in(evil)
    assert [one for one, _ in evil.asked].count("GET /jwks") == 2


@pytest.mark.parametrize(
    "changes",
    [
        {"issuer": "https://elsewhere.example"},
        {"issuer": None},
        {"token_endpoint": None},
        {"token_endpoint": "http://10.0.0.1/token"},
        {"token_endpoint": "ftp://127.0.0.1/token"},
        {"jwks_uri": "file:///etc/passwd"},
        {"authorization_endpoint": "javascript:alert(1)"},
        {"authorization_endpoint": "https://user@127.0.0.1/auth"},
        {"authorization_endpoint": "https://x.example/auth\u202e"},
        {"userinfo_endpoint": 7},
    ],
    ids=str,
)
async def test_a_description_that_leads_elsewhere_is_refused(
    lab: OidcLab, evil: EvilProvider, changes: dict[str, Any]
) -> None:
    evil.discovery = changes
    with pytest.raises(WrongProvider):
        await lab.begin()


@pytest.mark.parametrize(
    "url",
    ["https://10.0.0.1/token", "https://169.254.169.254/latest", "https://[fe80::1]/", "https://[::ffff:10.0.0.1]/"],
)
async def test_an_endpoint_on_a_private_address_is_not_asked(lab: OidcLab, evil: EvilProvider, url: str) -> None:
    evil.discovery = {"token_endpoint": url}
    with pytest.raises(ForbiddenAddress):
        await lab.sign_in(evil)


async def test_a_provider_on_loopback_is_not_asked_unless_the_connector_lists_it(
    lab: OidcLab, evil: EvilProvider
) -> None:
    await lab.connector(client_secret=None, networks=None)
    with pytest.raises(ForbiddenAddress):
        await lab.begin()
    assert evil.asked == []


PATHS = ("/.well-known/openid-configuration", "/jwks", "/token")
REPLIES = {
    "elsewhere": Reply(302, headers=(("location", "http://127.0.0.1:1/"),)),
    "too long": Reply(body=b'{"a": "' + b"x" * ANSWER_BYTES_MAX + b'"}'),
    "no JSON": Reply(body=b"<html>"),
    "a list": Reply(body=b"[]"),
    "no text": Reply(body=b'{"a": "\xff"}'),
    "without bottom": Reply(body=b'{"a":' * 100_000),
    "broken": Reply(500),
    "packed": Reply(body=b"\x1f\x8b", headers=(("content-encoding", "gzip"),)),
}


@pytest.mark.parametrize(("path", "reply"), list(itertools.product(PATHS, REPLIES)))
async def test_answers_that_are_none_count_as_none(lab: OidcLab, evil: EvilProvider, path: str, reply: str) -> None:
    evil.replies[path] = REPLIES[reply]
    with pytest.raises(ProviderUnavailable):
        await lab.sign_in(evil)


@pytest.mark.parametrize("path", PATHS)
async def test_a_provider_that_trickles_is_left_at_the_deadline(
    lab: OidcLab, evil: EvilProvider, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(provider_http, "CALL_SECONDS", 0.3)
    evil.replies[path] = Reply(body=b" " * 1000, seconds_between_bytes=0.05)
    with pytest.raises(ProviderUnavailable, match="in time"):
        await lab.sign_in(evil)


async def test_an_answer_of_another_connectors_provider_completes_nothing(lab: OidcLab, evil: EvilProvider) -> None:
    begun = await lab.begin()
    callback = evil.sign_in(begun.answer.authorization_url)
    with pytest.raises(FlowRefused):  # a mixed-up answer names another issuer (RFC 9207)
        await lab.complete(begun, callback, iss="https://other.example")


async def test_a_provider_that_says_who_it_is_must_always_say_it(lab: OidcLab, evil: EvilProvider) -> None:
    evil.discovery = {"authorization_response_iss_parameter_supported": True}
    with pytest.raises(FlowRefused):
        await lab.sign_in(evil)
    evil.callback = {"iss": evil.issuer}
    await lab.sign_in(evil)


async def test_the_verifier_and_the_redirect_reach_the_provider_and_no_secret_that_is_not_there(
    lab: OidcLab, evil: EvilProvider
) -> None:
    begun = await lab.begin()
    await lab.complete(begun, evil.sign_in(begun.answer.authorization_url))
    assert begun.query["code_challenge_method"] == "S256"
    (form,) = [form for what, form in evil.asked if what == "POST /token"]
    assert form == {
        "grant_type": "authorization_code",
        "code": "the-code",
        "code_verifier": begun.verifier,
        "redirect_uri": "http://127.0.0.1:4242/callback",
        "client_id": "doorward",
    }


async def test_failures_are_counted_and_shut_no_neighbour_out(lab: OidcLab, evil: EvilProvider) -> None:
    evil.claims = {"aud": "other"}
    for _ in range(6):
        with pytest.raises(BadToken):
            await lab.sign_in(evil)
    evil.claims = {}
    await lab.sign_in(evil)
    (summary,) = lab.lab.services.throttle.take_summaries(everything=True)
    assert summary.attempts == 6


async def test_a_code_that_the_provider_refuses_signs_nobody_in(lab: OidcLab, evil: EvilProvider) -> None:
    evil.replies["/token"] = Reply(400, b'{"error": "invalid_grant", "error_description": "<script>\\u001b"}')
    with pytest.raises(FlowRefused) as refused:
        await lab.sign_in(evil)
    assert "script" not in refused.value.message
