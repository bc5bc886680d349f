"""What an ID token and a logout token must say before they count.

OpenID Connect Core 1.0, 3.1.3.7, and Back-Channel Logout 1.0, 2.6.
Signatures were verified before. Every check that can be made is made; a claim that is missing counts as wrong.
"""

import base64
import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from doorward.domain.identity.oidc_signatures import BadToken, SignedToken

SKEW: Final = timedelta(minutes=1)
ID_TOKEN_AGE_MAX: Final = timedelta(minutes=10)
LOGOUT_TOKEN_AGE_MAX: Final = timedelta(minutes=5)
SUB_CHARACTERS_MAX: Final = 255  # OpenID Connect Core 2
SID_CHARACTERS_MAX: Final = 255
JTI_CHARACTERS_MAX: Final = 512
AUDIENCES_MAX: Final = 32
LOGOUT_EVENT: Final = "http://schemas.openid.net/event/backchannel-logout"
_SECONDS_MAX: Final = 253_402_300_799  # 9999-12-31, the last that a datetime holds
# Which hash a signature algorithm implies for `at_hash` (Core 3.1.3.6; Ed25519's own is SHA-512).
_HASHES: Final = {"EdDSA": hashlib.sha512, "Ed25519": hashlib.sha512}


@dataclass(frozen=True, slots=True)
class Expected:
    """What a token is held against: whose it must be, and for whom. `nonce` None: the flow has none."""

    issuer: str
    client_id: str
    nonce: str | None = None
    access_token: str = ""


@dataclass(frozen=True, slots=True)
class Identity:
    """Who the provider says it is; `sid` is the provider's own session, empty when it does not say."""

    issuer: str
    sub: str
    sid: str
    claims: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class LogoutOrder:
    """Whose sign-ins the provider wants ended: a session's, a subject's, or a session's of a subject."""

    issuer: str
    sub: str
    sid: str
    jti: str
    issued: datetime


def check_id_token(token: SignedToken, expected: Expected, now: datetime) -> Identity:
    """The identity of a verified token; `BadToken` unless everything in it fits `expected` at `now`."""
    claims = token.claims
    _check_origin(claims, expected)
    _check_times(claims, now, ID_TOKEN_AGE_MAX)
    if token.type == "logout+jwt" or "events" in claims:
        raise BadToken("checking the ID token: it is a token of another kind")
    nonce = claims.get("nonce")
    if expected.nonce is not None and not (isinstance(nonce, str) and _same(nonce, expected.nonce)):
        raise BadToken("checking the ID token: it was not made for this sign-in")
    _check_access_token(token, expected.access_token)
    sub = _text(claims, "sub", SUB_CHARACTERS_MAX)
    if not sub:
        raise BadToken("checking the ID token: it names nobody")
    return Identity(expected.issuer, sub, _text(claims, "sid", SID_CHARACTERS_MAX), claims)


def check_logout_token(token: SignedToken, expected: Expected, now: datetime) -> LogoutOrder:
    """The order of a verified token; `BadToken` otherwise. Whether its `jti` came before is the caller's question."""
    claims = token.claims
    _check_origin(claims, expected)
    issued = _check_times(claims, now, LOGOUT_TOKEN_AGE_MAX)
    if token.type not in {"", "jwt", "logout+jwt"}:
        raise BadToken("checking a logout token: it is a token of another kind")
    events = claims.get("events")
    # An ID token has a nonce and no events: neither may ever stand in for the other.
    if not isinstance(events, dict) or not isinstance(events.get(LOGOUT_EVENT), dict) or "nonce" in claims:
        raise BadToken("checking a logout token: it is a token of another kind")
    sub, sid = _text(claims, "sub", SUB_CHARACTERS_MAX), _text(claims, "sid", SID_CHARACTERS_MAX)
    jti = _text(claims, "jti", JTI_CHARACTERS_MAX)
    if not jti or not (sub or sid):
        raise BadToken("checking a logout token: it names nobody, or can not be told from others")
    return LogoutOrder(expected.issuer, sub, sid, jti, issued)


def _check_origin(claims: Mapping[str, Any], expected: Expected) -> None:
    if claims.get("iss") != expected.issuer:
        raise BadToken("checking a token: it is of another issuer")
    audience = claims.get("aud")
    named = [audience] if isinstance(audience, str) else audience
    if not isinstance(named, list) or len(named) > AUDIENCES_MAX or expected.client_id not in named:
        raise BadToken("checking a token: it is for somebody else")
    party = claims.get("azp")
    if (party is not None or len(named) > 1) and party != expected.client_id:
        raise BadToken("checking a token: it was given to somebody else")


def _check_times(claims: Mapping[str, Any], now: datetime, age_max: timedelta) -> datetime:
    issued, expires = _moment(claims, "iat"), _moment(claims, "exp")
    if now >= expires + SKEW:
        raise BadToken("checking a token: it has expired")
    if issued > now + SKEW or issued < now - age_max - SKEW:
        raise BadToken("checking a token: it was not made just now; are both clocks right?")
    if "nbf" in claims and _moment(claims, "nbf") > now + SKEW:
        raise BadToken("checking a token: it does not count yet")
    return issued


def _check_access_token(token: SignedToken, access_token: str) -> None:
    found = token.claims.get("at_hash")
    if found is None:
        return
    digest = _HASHES.get(token.algorithm, hashlib.sha256)(access_token.encode()).digest()
    wanted = base64.urlsafe_b64encode(digest[: len(digest) // 2]).rstrip(b"=").decode()
    if not access_token or not isinstance(found, str) or not _same(found, wanted):
        raise BadToken("checking the ID token: it does not belong to the access token beside it")


def _moment(claims: Mapping[str, Any], name: str) -> datetime:
    value = claims.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= _SECONDS_MAX:
        raise BadToken(f"checking a token: its {name} is missing or no time")
    return datetime.fromtimestamp(value, UTC)


def _text(claims: Mapping[str, Any], name: str, longest: int) -> str:
    value = claims.get(name, "")
    if not isinstance(value, str) or len(value) > longest or not value.isprintable():
        raise BadToken(f"checking a token: its {name} is no plain text, or too long")
    return value


def _same(one: str, other: str) -> bool:
    return hmac.compare_digest(one.encode(), other.encode())
