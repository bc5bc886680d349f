"""Which SSH certificates count: the right one, and one refusal with its own code for each thing that can be wrong."""

import dataclasses
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.authorities import ed25519_key, ssh_authority

from doorward.base.entropy import SeededEntropy
from doorward.base.errors import Refused
from doorward.base.ids import GatewayId, NodeId, SignInId, UserId, new_id
from doorward.domain.certificates import refusals
from doorward.domain.certificates.purposes import Purpose
from doorward.domain.certificates.ssh_check import (
    check_face_certificate,
    check_host_certificate,
    check_user_certificate,
)
from doorward.domain.certificates.ssh_profiles import face_fields, node_fields, user_fields
from doorward.wire.errors import RemoteProtocolError
from doorward.wire.ssh.certificate import CertificateFields, CertificateType, SshCertificate, parse_certificate

ENTROPY = SeededEntropy(8)
USER, SIGN_IN, NODE, GATEWAY = (new_id(ENTROPY) for _ in range(4))
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
_, KEY = ed25519_key(9)
USER_CA, NODE_CA, FACE_CA, SESSION_CA = (
    ssh_authority(purpose) for purpose in (Purpose.USER_SSH, Purpose.NODE_HOST, Purpose.FACE_HOST, Purpose.SESSION_SSH)
)
TRUSTED = {USER_CA.public_blob}
GOOD = user_fields(
    user_id=UserId(USER), sign_in_id=SignInId(SIGN_IN), public_key=KEY, serial=77, now=NOW, lifetime=timedelta(hours=1)
)


def signed(fields: CertificateFields, authority: Any = USER_CA) -> SshCertificate:
    return parse_certificate(authority.sign(fields, bytes(32)))


def changed(**changes: Any) -> SshCertificate:
    return signed(dataclasses.replace(GOOD, **changes))


def test_good_certificate_says_who() -> None:
    identity = check_user_certificate(signed(GOOD), TRUSTED, NOW)
    assert (identity.user_id, identity.sign_in_id, identity.serial) == (USER, SIGN_IN, 77)
    assert identity.key_id == f"dw:sign-in:{SIGN_IN}"
    assert identity.valid_before == NOW + timedelta(hours=1)
    assert identity.public_key == KEY


@pytest.mark.parametrize(
    ("certificate", "refusal"),
    [
        (changed(principals=()), refusals.WrongPrincipals),
        (changed(principals=("",)), refusals.WrongPrincipals),
        (changed(principals=(f"dwu:{USER}", f"dwu:{USER}")), refusals.WrongPrincipals),
        (changed(principals=(f"dwu:{USER}", "root")), refusals.WrongPrincipals),
        (changed(principals=("root",)), refusals.WrongPrincipals),
        (changed(principals=(f"dwn:{USER}",)), refusals.WrongPrincipals),
        (changed(principals=(f"dwu:{USER} ",)), refusals.WrongPrincipals),
        (changed(type=CertificateType.HOST), refusals.WrongCertificateType),
        (changed(critical_options=(("force-command", b"\0\0\0\1a"),)), refusals.UnknownCriticalOption),
        (changed(critical_options=(("verify-required", b""),)), refusals.UnknownCriticalOption),
        (changed(critical_options=(("x@example", b""),)), refusals.UnknownCriticalOption),
        (changed(key_id=""), refusals.WrongKeyId),
        (changed(key_id=f"dw:session:{SIGN_IN}"), refusals.WrongKeyId),
        (changed(valid_after=GOOD.valid_before - 1), refusals.NotYetValid),
        (changed(valid_before=GOOD.valid_after + 120), refusals.CertificateExpired),
        (changed(valid_before=2**64 - 1), refusals.LifetimeTooLong),
        (changed(valid_after=0, valid_before=2**64 - 1), refusals.LifetimeTooLong),
        (changed(valid_after=0), refusals.LifetimeTooLong),
        (signed(GOOD, SESSION_CA), refusals.UntrustedAuthority),
        (signed(GOOD, NODE_CA), refusals.UntrustedAuthority),
        (signed(GOOD, ssh_authority(Purpose.USER_SSH, seed=1)), refusals.UntrustedAuthority),
    ],
)
def test_each_fault_is_refused_for_its_own_reason(
    certificate: SshCertificate, refusal: type[refusals.CertificateRefused]
) -> None:
    with pytest.raises(refusals.CertificateRefused) as caught:
        check_user_certificate(certificate, TRUSTED, NOW)
    assert type(caught.value) is refusal


def test_reasons_have_codes_of_their_own() -> None:
    kinds: list[type[refusals.CertificateRefused]] = [
        refusals.CertificateRefused,
        *refusals.CertificateRefused.__subclasses__(),
    ]
    assert len({kind.code for kind in kinds}) == len(kinds)


def test_nobody_is_trusted_by_an_empty_list() -> None:
    with pytest.raises(refusals.UntrustedAuthority):
        check_user_certificate(signed(GOOD), (), NOW)


def test_old_and_new_authority_are_trusted_together() -> None:
    new = ssh_authority(Purpose.USER_SSH, seed=1)
    trusted = (USER_CA.public_blob, new.public_blob)
    assert check_user_certificate(signed(GOOD), trusted, NOW) == check_user_certificate(signed(GOOD, new), trusted, NOW)


def test_validity_begins_with_its_first_second_and_ends_before_its_last() -> None:
    begins = NOW - timedelta(minutes=2)
    check_user_certificate(signed(GOOD), TRUSTED, begins)
    with pytest.raises(refusals.NotYetValid):
        check_user_certificate(signed(GOOD), TRUSTED, begins - timedelta(microseconds=1))
    ends = NOW + timedelta(hours=1)
    check_user_certificate(signed(GOOD), TRUSTED, ends - timedelta(microseconds=1))
    with pytest.raises(refusals.CertificateExpired):
        check_user_certificate(signed(GOOD), TRUSTED, ends)


@given(st.data())
def test_no_flipped_bit_leaves_a_certificate_that_counts(data: st.DataObject) -> None:
    blob = bytearray(signed(GOOD).blob)
    bit = data.draw(st.integers(0, 8 * len(blob) - 1))
    blob[bit // 8] ^= 1 << bit % 8
    with pytest.raises((RemoteProtocolError, Refused)):
        check_user_certificate(parse_certificate(bytes(blob)), TRUSTED, NOW)


def test_signature_by_a_key_that_is_not_the_named_one_is_refused() -> None:
    good = signed(GOOD)
    other = signed(dataclasses.replace(GOOD, serial=78))
    with pytest.raises(refusals.BadCertificateSignature):
        check_user_certificate(dataclasses.replace(good, signature=other.signature), TRUSTED, NOW)


NODE_FIELDS = node_fields(node_id=NodeId(NODE), public_key=KEY, serial=5, now=NOW)


def test_host_certificate_counts_for_its_node() -> None:
    check_host_certificate(signed(NODE_FIELDS, NODE_CA), {NODE_CA.public_blob}, f"dwn:{NODE}", NOW)


@pytest.mark.parametrize(
    ("fields", "authority", "principal", "refusal"),
    [
        (NODE_FIELDS, NODE_CA, f"dwn:{USER}", refusals.WrongPrincipals),
        (NODE_FIELDS, NODE_CA, "", refusals.WrongPrincipals),
        (NODE_FIELDS, FACE_CA, f"dwn:{NODE}", refusals.UntrustedAuthority),
        (
            dataclasses.replace(NODE_FIELDS, type=CertificateType.USER),
            NODE_CA,
            f"dwn:{NODE}",
            refusals.WrongCertificateType,
        ),
        (dataclasses.replace(NODE_FIELDS, principals=()), NODE_CA, f"dwn:{NODE}", refusals.WrongPrincipals),
        (
            dataclasses.replace(NODE_FIELDS, valid_before=NODE_FIELDS.valid_after + 1),
            NODE_CA,
            f"dwn:{NODE}",
            refusals.CertificateExpired,
        ),
    ],
)
def test_host_certificate_that_is_not_exactly_this_nodes_is_refused(
    fields: CertificateFields, authority: Any, principal: str, refusal: type[Exception]
) -> None:
    with pytest.raises(refusal):
        check_host_certificate(signed(fields, authority), {NODE_CA.public_blob}, principal, NOW)


def test_face_certificate_says_which_name_and_gateway() -> None:
    fields = face_fields(gateway_id=GatewayId(GATEWAY), name="prod-web-01.dw", public_key=KEY, serial=6, now=NOW)
    face = check_face_certificate(signed(fields, FACE_CA), {FACE_CA.public_blob}, NOW)
    assert (face.name, face.gateway_id, face.serial) == ("prod-web-01.dw", GATEWAY, 6)


def test_face_certificate_of_no_gateway_or_older_than_ten_minutes_is_refused() -> None:
    fields = face_fields(gateway_id=GatewayId(GATEWAY), name="prod-web-01.dw", public_key=KEY, serial=6, now=NOW)
    nobody = dataclasses.replace(fields, key_id="dw:face:")
    with pytest.raises(refusals.WrongKeyId):
        check_face_certificate(signed(nobody, FACE_CA), {FACE_CA.public_blob}, NOW)
    with pytest.raises(refusals.CertificateExpired):
        check_face_certificate(signed(fields, FACE_CA), {FACE_CA.public_blob}, NOW + timedelta(minutes=10))
