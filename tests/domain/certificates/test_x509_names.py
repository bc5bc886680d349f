"""Identities as SAN URIs: one form each, and no other text names anybody."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from doorward.base.entropy import SeededEntropy
from doorward.base.errors import Invalid
from doorward.base.ids import GatewayId, InstallationId, SignInId, UserId, new_id
from doorward.domain.certificates.refusals import WrongPrincipals
from doorward.domain.certificates.x509_names import (
    X509Identity,
    X509Kind,
    authority_uri,
    gateway_uri,
    parse_identity_uri,
    user_uri,
)

ENTROPY = SeededEntropy(1)
INST, U, S, G = (new_id(ENTROPY) for _ in range(4))


def test_uris_have_their_shape_and_read_back() -> None:
    user = user_uri(InstallationId(INST), UserId(U), SignInId(S))
    assert user == f"doorward://{INST}/user/{U}/sign-in/{S}"
    assert parse_identity_uri(user) == X509Identity(X509Kind.USER, InstallationId(INST), U, SignInId(S))
    gateway = gateway_uri(InstallationId(INST), GatewayId(G))
    assert gateway == f"doorward://{INST}/gateway/{G}"
    assert parse_identity_uri(gateway) == X509Identity(X509Kind.GATEWAY, InstallationId(INST), G)
    assert parse_identity_uri(authority_uri(InstallationId(INST))) == X509Identity(
        X509Kind.AUTHORITY, InstallationId(INST), INST
    )


@pytest.mark.parametrize(
    "uri",
    [
        "",
        "doorward://",
        f"doorward://{INST}",
        f"doorward://{INST}/user/{U}",
        f"doorward://{INST}/user/{U}/sign-in/",
        f"doorward://{INST}/user/{U}/sign-in/{S}/",
        f"doorward://{INST}/user/{U}/sign-in/{S}?x",
        f"doorward://{INST}/user/{U}/sign-in/{S}/typed",
        f"doorward://{INST}/user/{U}/sign-in/{S}/typed-code/",
        f"doorward://{INST}/user/{U}/sign-in//typed-code",
        f"doorward://{INST}/gateway/{G}/user/{U}",
        f"doorward://{INST}/gateway/",
        f"doorward://{INST}/authority/",
        f"doorward://{INST.upper()}/authority",
        f"DOORWARD://{INST}/authority",
        f"doorward:/{INST}/authority",
        f"https://{INST}/authority",
        f"doorward://{INST}//authority",
        f"{INST}/authority",
    ],
)
def test_any_other_uri_names_nobody(uri: str) -> None:
    with pytest.raises(WrongPrincipals):
        parse_identity_uri(uri)


@given(st.text(max_size=80))
def test_noise_names_nobody(text: str) -> None:
    with pytest.raises(WrongPrincipals):
        parse_identity_uri(text)


@given(st.text(max_size=30))
def test_no_uri_is_made_of_what_is_no_id(text: str) -> None:
    with pytest.raises(Invalid):
        user_uri(InstallationId(INST), UserId(text), SignInId(S))
    with pytest.raises(Invalid):
        gateway_uri(InstallationId(INST), GatewayId(text))


def test_sign_in_on_a_typed_code_is_marked_and_read_back() -> None:
    uri = user_uri(InstallationId(INST), UserId(U), SignInId(S), typed_code=True)
    assert uri == f"doorward://{INST}/user/{U}/sign-in/{S}/typed-code"
    assert parse_identity_uri(uri).typed_code
    assert not parse_identity_uri(user_uri(InstallationId(INST), UserId(U), SignInId(S))).typed_code
