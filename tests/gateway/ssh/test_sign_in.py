"""The state machine of signing in, by playbook: what attackers send, and what comes of it."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from doorward.base.clock import ManualClock
from doorward.base.entropy import SeededEntropy
from doorward.base.ids import SignInId, UserId, new_id
from doorward.domain.certificates.proof import check_sign_in_proof
from doorward.domain.certificates.ssh_profiles import user_fields
from doorward.domain.certificates.ssh_signing import SshAuthority
from doorward.gateway.ssh.sign_in import (
    EXPIRED,
    NOT_YET_VALID,
    REQUESTS_MAX,
    AcceptOffer,
    AskCode,
    Code,
    Disconnect,
    Fail,
    Proven,
    SignIn,
    Stage,
)
from doorward.wire.errors import LocalProtocolError
from doorward.wire.ssh.certificate import CertificateFields, CertificateType
from doorward.wire.ssh.fields import encode_string, encode_text, encode_uint32
from doorward.wire.ssh.public_key import ed25519_blob
from doorward.wire.ssh.userauth import METHOD_HOSTBOUND, METHOD_PLAIN, SERVICE

ENTROPY = SeededEntropy(7)
NOW = datetime(2026, 1, 1, tzinfo=UTC)
CA = SshAuthority(Ed25519PrivateKey.from_private_bytes(ENTROPY.token(32)))
OTHER_CA = SshAuthority(Ed25519PrivateKey.from_private_bytes(ENTROPY.token(32)))
KEY = Ed25519PrivateKey.from_private_bytes(ENTROPY.token(32))
KEY_BLOB = ed25519_blob(KEY.public_key().public_bytes_raw())
SESSION_ID = bytes(range(32))
HOST_KEY = b"the host certificate that was shown"
USER = UserId(new_id(ENTROPY))
CERTIFICATE_NAME = "ssh-ed25519-cert-v01@openssh.com"
NAME = "root@prod-web-01"


def fields(**changes: object) -> CertificateFields:
    made = user_fields(user_id=USER, sign_in_id=SignInId(new_id(ENTROPY)), public_key=KEY_BLOB, serial=1, now=NOW)
    return replace(made, **changes)  # type: ignore[arg-type]


GOOD = CA.sign(fields(), ENTROPY.token(32))
SECOND = CA.sign(fields(), ENTROPY.token(32))


def machine() -> SignIn:
    return SignIn(session_id=SESSION_ID, shown_host_key=HOST_KEY, authorities=[CA.public_blob])


def head(name: str, method: str) -> bytes:
    return b"\x32" + encode_text(name) + encode_text(SERVICE) + encode_text(method)


def offer(certificate: bytes = GOOD, name: str = NAME) -> bytes:
    return head(name, METHOD_PLAIN) + b"\0" + encode_text(CERTIFICATE_NAME) + encode_string(certificate)


def signed(
    certificate: bytes = GOOD,
    name: str = NAME,
    *,
    host_key: bytes | None = HOST_KEY,
    session_id: bytes = SESSION_ID,
    signer: Ed25519PrivateKey = KEY,
    algorithm: str = CERTIFICATE_NAME,
) -> bytes:
    method = METHOD_PLAIN if host_key is None else METHOD_HOSTBOUND
    body = head(name, method) + b"\1" + encode_text(algorithm) + encode_string(certificate)
    body += b"" if host_key is None else encode_string(host_key)
    signature = signer.sign(encode_string(session_id) + body)
    return body + encode_string(encode_text("ssh-ed25519") + encode_string(signature))


def answer(text: str) -> bytes:
    return b"\x3d" + encode_uint32(1) + encode_text(text)


def test_a_signed_request_is_a_proof_byte_for_byte() -> None:
    outcome = machine().request(signed(), NOW)
    assert isinstance(outcome, Proven)
    assert (outcome.user_name, outcome.identity.user_id, outcome.is_bound) == (NAME, USER, True)
    assert outcome.signed == encode_string(SESSION_ID) + signed()[: len(outcome.signed) - 4 - len(SESSION_ID)]


def test_a_plain_signature_is_a_proof_too_but_unbound() -> None:
    outcome = machine().request(signed(host_key=None), NOW)
    assert isinstance(outcome, Proven)
    assert not outcome.is_bound
    proven = check_sign_in_proof(
        outcome.signed, outcome.signature, user_ca_keys=[CA.public_blob], face_ca_keys=[], now=NOW
    )
    assert proven.identity.user_id == USER


def test_an_offer_proves_nothing() -> None:
    sign_in = machine()
    assert sign_in.request(offer(), NOW) == AcceptOffer(CERTIFICATE_NAME, GOOD)
    assert sign_in.stage is Stage.UNPROVEN


@pytest.mark.parametrize(
    "certificate",
    [
        KEY_BLOB,
        CA.sign(fields(principals=()), ENTROPY.token(32)),
        CA.sign(fields(principals=(f"dwu:{USER}", "dwu:" + new_id(ENTROPY))), ENTROPY.token(32)),
        CA.sign(fields(principals=("root",)), ENTROPY.token(32)),
        CA.sign(fields(type=CertificateType.HOST), ENTROPY.token(32)),
        CA.sign(fields(critical_options=(("force-command", encode_text("true")),)), ENTROPY.token(32)),
        CA.sign(fields(critical_options=(("no-such-option", b""),)), ENTROPY.token(32)),
        OTHER_CA.sign(fields(), ENTROPY.token(32)),
        GOOD[:-1] + bytes((GOOD[-1] ^ 1,)),
        b"",
        b"\0\0\0\x07ssh-rsa",
    ],
    ids=[
        "plain key",
        "no principals",
        "two principals",
        "another kind of principal",
        "host certificate",
        "critical option",
        "unknown critical option",
        "another authority",
        "broken signature",
        "empty",
        "cut",
    ],
)
def test_what_is_no_user_certificate_is_refused_offered_or_signed(certificate: bytes) -> None:
    for payload in (offer(certificate), signed(certificate), signed(certificate, host_key=None)):
        outcome = machine().request(payload, NOW)
        assert isinstance(outcome, Fail | Disconnect)
        assert not (isinstance(outcome, Fail) and outcome.line)


@pytest.mark.parametrize(
    ("now", "line"), [(NOW + timedelta(hours=9), EXPIRED), (NOW - timedelta(minutes=3), NOT_YET_VALID)]
)
def test_a_certificate_outside_its_time_is_refused_with_the_reason_once(now: datetime, line: str) -> None:
    sign_in = machine()
    assert sign_in.request(offer(), now) == Fail(line=line)
    assert sign_in.request(signed(), now) == Fail()


@pytest.mark.parametrize(
    "payload",
    [
        signed(session_id=bytes(32)),
        signed(signer=Ed25519PrivateKey.from_private_bytes(bytes(range(32)))),
        signed()[:-1] + b"\0",
    ],
    ids=["of another connection", "by another key", "altered"],
)
def test_a_wrong_signature_proves_nothing(payload: bytes) -> None:
    sign_in = machine()
    assert sign_in.request(payload, NOW) == Fail()
    assert sign_in.stage is Stage.UNPROVEN


def test_a_signature_over_another_host_key_ends_the_connection() -> None:
    assert isinstance(machine().request(signed(host_key=b"a gateway in between"), NOW), Disconnect)


def test_a_changed_user_name_ends_the_connection_before_and_after_the_proof() -> None:
    sign_in = machine()
    assert sign_in.request(offer(), NOW) == AcceptOffer(CERTIFICATE_NAME, GOOD)
    assert isinstance(sign_in.request(signed(name="root@prod-db-01"), NOW), Disconnect)
    sign_in = proven()
    sign_in.owe_code()
    assert isinstance(sign_in.request(head("root@prod-db-01", "keyboard-interactive"), NOW), Disconnect)


def test_another_certificate_after_the_proof_ends_the_connection() -> None:
    sign_in = proven()
    sign_in.owe_code()
    assert isinstance(sign_in.request(signed(SECOND), NOW), Disconnect)


@pytest.mark.parametrize("method", ["none", "password", "hostbased", "gssapi-with-mic", "keyboard-interactive"])
def test_other_methods_are_refused(method: str) -> None:
    sign_in = machine()
    assert sign_in.request(head(NAME, method) + b"\0\0\0\0\0\0\0\0", NOW) == Fail()
    assert sign_in.stage is Stage.UNPROVEN


def test_a_code_is_asked_for_only_after_the_proof_and_only_when_owed() -> None:
    sign_in = proven()
    assert sign_in.owe_code() == Fail(("keyboard-interactive",), partial_success=True)
    assert sign_in.request(head(NAME, "password"), NOW) == Fail(("keyboard-interactive",))
    assert sign_in.request(head(NAME, "keyboard-interactive"), NOW) == AskCode()
    assert sign_in.response(answer("123456")) == Code("123456")
    sign_in.accept()
    assert sign_in.stage is Stage.ACCEPTED


def test_the_third_wrong_code_ends_the_connection() -> None:
    sign_in = proven()
    sign_in.owe_code()
    outcomes = []
    for _ in range(3):
        assert sign_in.request(head(NAME, "keyboard-interactive"), NOW) == AskCode()
        assert sign_in.response(answer("000000")) == Code("000000")
        outcomes.append(sign_in.refuse_code())
    assert [type(outcome) for outcome in outcomes] == [Fail, Fail, Disconnect]


def test_an_answer_that_nobody_asked_for_ends_the_connection() -> None:
    assert isinstance(machine().response(answer("123456")), Disconnect)
    assert isinstance(proven().response(answer("123456")), Disconnect)


def test_nothing_is_looked_at_after_a_refusal() -> None:
    sign_in = proven()
    sign_in.refuse()
    assert sign_in.request(signed(), NOW) == Fail()


def test_requests_are_counted() -> None:
    sign_in = machine()
    outcomes = [sign_in.request(offer(KEY_BLOB), NOW) for _ in range(REQUESTS_MAX + 1)]
    assert outcomes[:-1] == [Fail()] * REQUESTS_MAX
    assert isinstance(outcomes[-1], Disconnect)


def test_nobody_is_accepted_who_has_proven_nothing() -> None:
    with pytest.raises(LocalProtocolError):
        machine().accept()
    sign_in = proven()
    sign_in.owe_code()
    with pytest.raises(LocalProtocolError):
        sign_in.accept()


@given(cut=st.integers(min_value=0, max_value=len(signed()) - 1))
def test_a_prefix_of_a_request_proves_nothing(cut: int) -> None:
    assert isinstance(machine().request(signed()[:cut], NOW), Disconnect | Fail)


@given(position=st.integers(min_value=1, max_value=len(signed()) - 1), bit=st.integers(min_value=0, max_value=7))
def test_a_request_with_one_flipped_bit_proves_nothing(position: int, bit: int) -> None:
    payload = bytearray(signed())
    payload[position] ^= 1 << bit
    assert not isinstance(machine().request(bytes(payload), NOW), Proven)


@given(noise=st.binary(max_size=300))
def test_noise_proves_nothing(noise: bytes) -> None:
    sign_in = machine()
    assert isinstance(sign_in.request(noise, NOW), Disconnect | Fail)
    assert isinstance(sign_in.response(noise), Disconnect)


@given(
    steps=st.lists(
        st.sampled_from(
            [offer(), offer(SECOND), offer(KEY_BLOB), head(NAME, "none"), head(NAME, "keyboard-interactive")]
        ),
        max_size=REQUESTS_MAX,
    )
)
def test_without_a_signature_no_order_of_requests_gets_anywhere(steps: Sequence[bytes]) -> None:
    sign_in = machine()
    for step in steps:
        assert isinstance(sign_in.request(step, NOW), Fail | AcceptOffer)
    assert sign_in.stage is Stage.UNPROVEN


def proven() -> SignIn:
    sign_in = machine()
    assert isinstance(sign_in.request(signed(), ManualClock(NOW).now()), Proven)
    return sign_in
