"""One try to sign in: its secret, its verifier, its time."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from doorward.base.clock import EPOCH
from doorward.base.entropy import SeededEntropy, SystemEntropy
from doorward.domain.identity.oidc_flow import (
    FlowKind,
    OidcFlow,
    challenge_of,
    hash_secret,
    is_challenge,
    new_secret,
    redirect_uri,
)

# RFC 7636, appendix B.
VERIFIER = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
CHALLENGE = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
STATE = new_secret(SeededEntropy(1))
FLOW = OidcFlow(
    id="f" * 26,
    kind=FlowKind.CODE,
    connector_id="c" * 26,
    issuer="https://id.example",
    secret_hash=hash_secret(STATE),
    nonce="n",
    challenge=CHALLENGE,
    redirect_uri=redirect_uri(4242),
    ssh_key=b"s",
    x509_key=b"x",
    client="",
    source="192.0.2.7",
    network="192.0.2.0/24",
    created=EPOCH,
    expires=EPOCH + timedelta(minutes=5),
)


def test_the_challenge_is_that_of_the_standard() -> None:
    assert challenge_of(VERIFIER) == CHALLENGE
    assert is_challenge(CHALLENGE)
    assert FLOW.proven_by(VERIFIER)


@given(text=st.text(max_size=140))
def test_no_other_text_is_the_verifier(text: str) -> None:
    assert FLOW.proven_by(text) == (text == VERIFIER)


@pytest.mark.parametrize("text", ["", "a" * 42, "a" * 44, "a" * 42 + "=", "a" * 42 + "+", "ä" * 43, VERIFIER + "\n"])
def test_what_can_not_be_a_challenge_is_none(text: str) -> None:
    assert not is_challenge(text)


def test_a_flow_knows_its_state_and_no_other() -> None:
    assert FLOW.knows(STATE)
    assert not any(FLOW.knows(text) for text in ("", STATE[:-1], STATE + "x", STATE.swapcase()))


def test_a_flow_is_open_until_it_expires_or_is_used() -> None:
    assert FLOW.is_open(EPOCH)
    assert not FLOW.is_open(FLOW.expires)
    assert not FLOW.is_open(EPOCH - timedelta(seconds=1))
    assert not replace(FLOW, used=EPOCH).is_open(EPOCH)


def test_secrets_are_long_and_never_the_same() -> None:
    drawn = {new_secret(SystemEntropy()) for _ in range(100)}
    assert len(drawn) == 100
    assert {len(secret) for secret in drawn} == {43}


def test_the_redirect_goes_to_loopback_by_number() -> None:
    assert redirect_uri(80) == "http://127.0.0.1:80/callback"  # a name could be made to lead elsewhere (RFC 8252, 8.3)
