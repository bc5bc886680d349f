"""Signed tokens are opened under published keys, by a listed algorithm that fits the key, or not at all."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.minted_tokens import b64, ec_key, ed_key, mint, public_jwk, rsa_key

from doorward.domain.identity.oidc_signatures import (
    KEYS_MAX,
    BadToken,
    UnknownKey,
    open_token,
    read_keys,
)

ALL = {"keys": [public_jwk(rsa_key()), public_jwk(ec_key()), public_jwk(ed_key())]}
KEYS = read_keys(ALL)
CLAIMS = {"sub": "u1"}
TOKEN = mint(CLAIMS, ec_key(), "ES256")


@pytest.mark.parametrize(
    ("key", "algorithm"),
    [(rsa_key(), "RS256"), (rsa_key(), "PS256"), (ec_key(), "ES256"), (ed_key(), "EdDSA"), (ed_key(), "Ed25519")],
)
def test_every_listed_algorithm_opens_with_its_own_key(key: Any, algorithm: str) -> None:
    opened = open_token(mint(CLAIMS, key, algorithm), KEYS)
    assert (opened.claims, opened.algorithm, opened.type) == (CLAIMS, algorithm, "jwt")


def test_a_token_without_a_key_id_is_tried_with_every_key_that_fits() -> None:
    keys = read_keys({"keys": [public_jwk(rsa_key(1)), public_jwk(rsa_key())]})
    assert open_token(mint(CLAIMS, rsa_key(), kid=None), keys).claims == CLAIMS


@settings(max_examples=60)
@given(place=st.integers(0, len(TOKEN) - 1), character=st.sampled_from("AQgw_-.0z=+/ \n\x00é"))
def test_one_changed_character_is_found(place: int, character: str) -> None:
    changed = TOKEN[:place] + character + TOKEN[place + 1 :]
    if changed == TOKEN:
        return
    # The last character of a part holds bits that no byte needs: those alone may differ without a meaning.
    last = place in {TOKEN.index(".") - 1, TOKEN.rindex(".") - 1, len(TOKEN) - 1}
    try:
        opened = open_token(changed, KEYS)
    except BadToken:
        return
    assert last
    assert opened.claims == CLAIMS


@given(text=st.text(max_size=200))
def test_noise_is_a_bad_token(text: str) -> None:
    with pytest.raises(BadToken):
        open_token(text, KEYS)


def test_a_header_without_bottom_is_a_bad_token() -> None:
    with pytest.raises(BadToken):
        open_token(f"{b64(b'[' * 4000)}.{b64(b'{}')}.{b64(b'x')}", KEYS)


def test_a_key_for_encryption_or_another_algorithm_signs_nothing() -> None:
    for changes in ({"use": "enc"}, {"alg": "RS384"}, {"alg": "PS256"}):
        keys = read_keys({"keys": [public_jwk(rsa_key(), **changes)]})
        with pytest.raises(UnknownKey):
            open_token(mint(CLAIMS, rsa_key()), keys)


@pytest.mark.parametrize(
    "jwk",
    [
        {"kty": "RSA", "e": "AQAB", "n": b64((2**1024 - 1).to_bytes(128))},
        {"kty": "RSA", "e": "AQAB", "n": b64((2**16384 - 1).to_bytes(2048))},
        {**public_jwk(rsa_key()), "e": "AQABAQABAQAB"},
        {**public_jwk(rsa_key()), "n": "AQ"},
        {**public_jwk(rsa_key()), "n": 7},
        {"kty": "RSA"},
        {"kty": "oct", "k": "c2VjcmV0"},
        {"kty": ["RSA"]},
        {"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA"},
        {**public_jwk(ec_key()), "kid": 7},
        "RSA",
        None,
    ],
    ids=range(12),
)
def test_weak_and_broken_keys_are_left_out(jwk: object) -> None:
    assert read_keys({"keys": [jwk]}) == ()


def test_private_members_in_a_published_key_are_not_read() -> None:
    (key,) = read_keys({"keys": [rsa_key().as_dict(private=True)]})
    assert not key.key.is_private


@pytest.mark.parametrize("document", [None, [], {}, {"keys": {}}, {"keys": [{}] * (KEYS_MAX + 1)}], ids=lambda _: "")
def test_what_is_no_key_set_is_refused(document: object) -> None:
    with pytest.raises(BadToken):
        read_keys(document)
