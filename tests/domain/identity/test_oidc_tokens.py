"""The checks of ID tokens that need a hash or a clock at its limits; wrong claims are tried in the sign-in itself."""

import base64
import hashlib
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from doorward.domain.identity.oidc_signatures import BadToken, SignedToken
from doorward.domain.identity.oidc_tokens import (
    ID_TOKEN_AGE_MAX,
    LOGOUT_EVENT,
    LOGOUT_TOKEN_AGE_MAX,
    SKEW,
    Expected,
    check_id_token,
    check_logout_token,
)

NOW = datetime(2026, 1, 1, tzinfo=UTC)
SECONDS = int(NOW.timestamp())
EXPECTED = Expected("https://id.example", "doorward", "n", "access")
CLAIMS = {
    "iss": "https://id.example",
    "aud": "doorward",
    "sub": "u1",
    "iat": SECONDS,
    "exp": SECONDS + 60,
    "nonce": "n",
}
ORDER = {
    **{name: CLAIMS[name] for name in ("iss", "aud", "sub", "iat", "exp")},
    "jti": "j",
    "events": {LOGOUT_EVENT: {}},
}


def token(claims: dict[str, Any], algorithm: str = "RS256", kind: str = "jwt") -> SignedToken:
    return SignedToken(algorithm, kind, claims)


def half(digest: bytes) -> str:
    return base64.urlsafe_b64encode(digest[: len(digest) // 2]).rstrip(b"=").decode()


@pytest.mark.parametrize(
    ("algorithm", "digest"),
    [
        ("RS256", hashlib.sha256(b"access").digest()),
        ("ES256", hashlib.sha256(b"access").digest()),
        ("EdDSA", hashlib.sha512(b"access").digest()),
    ],
)
def test_the_hash_of_the_access_token_is_checked_by_the_hash_of_the_algorithm(algorithm: str, digest: bytes) -> None:
    claims = {**CLAIMS, "at_hash": half(digest)}
    assert check_id_token(token(claims, algorithm), EXPECTED, NOW).sub == "u1"
    for wrong in (
        Expected("https://id.example", "doorward", "n", "other"),
        Expected("https://id.example", "doorward", "n"),
    ):
        with pytest.raises(BadToken):
            check_id_token(token(claims, algorithm), wrong, NOW)


def test_several_audiences_are_accepted_with_our_party_alone() -> None:
    for party, counts in (("doorward", True), ("other", False), (None, False)):
        claims = {**CLAIMS, "aud": ["doorward", "other"], **({"azp": party} if party else {})}
        if counts:
            assert check_id_token(token(claims), EXPECTED, NOW)
        else:
            with pytest.raises(BadToken):
                check_id_token(token(claims), EXPECTED, NOW)


def counts(claims: dict[str, Any], now: datetime) -> bool:
    try:
        check_id_token(token(claims), EXPECTED, now)
    except BadToken:
        return False
    return True


def test_clocks_may_differ_by_the_skew_and_no_more() -> None:
    second = timedelta(seconds=1)
    expires = NOW + timedelta(seconds=60)
    assert counts(CLAIMS, expires + SKEW - second)
    assert not counts(CLAIMS, expires + SKEW)
    assert counts(CLAIMS, NOW - SKEW)
    assert not counts(CLAIMS, NOW - SKEW - second)
    long = {**CLAIMS, "exp": SECONDS + 86_400}
    assert counts(long, NOW + ID_TOKEN_AGE_MAX + SKEW)
    assert not counts(long, NOW + ID_TOKEN_AGE_MAX + SKEW + second)


@pytest.mark.parametrize("kind", ["", "jwt", "logout+jwt"])
def test_an_order_counts_under_the_types_that_providers_give_it(kind: str) -> None:
    order = check_logout_token(token(ORDER, kind=kind), EXPECTED, NOW)
    assert (order.sub, order.sid, order.jti) == ("u1", "", "j")


def test_an_order_is_fresh_for_minutes_only() -> None:
    long = {**ORDER, "exp": SECONDS + 86_400}
    at = NOW + LOGOUT_TOKEN_AGE_MAX + SKEW
    assert check_logout_token(token(long), EXPECTED, at)
    with pytest.raises(BadToken):
        check_logout_token(token(long), EXPECTED, at + timedelta(seconds=1))


def test_neither_token_stands_in_for_the_other() -> None:
    with pytest.raises(BadToken):
        check_logout_token(token(CLAIMS), EXPECTED, NOW)
    with pytest.raises(BadToken):
        check_id_token(token({**ORDER, "nonce": "n"}), EXPECTED, NOW)
    with pytest.raises(BadToken):
        check_id_token(token(CLAIMS, kind="logout+jwt"), EXPECTED, NOW)
