"""What the signer answers: each kind of request, each ceiling, by its own clock, and every refusal counted."""

import base64
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st
from tests.support.authorities import INSTALLATION, ed25519_key
from tests.support.signers import signing_service
from tests.support.x509_values import spki

from doorward.api.signer import messages
from doorward.api.signer.messages import Call, Failed, KnownKeys, NumberedRequest, Reply, Request
from doorward.base.clock import ManualClock
from doorward.base.entropy import SeededEntropy
from doorward.base.ids import GatewayId, NodeId, SessionId, UserId, new_id
from doorward.domain.certificates.purposes import KeyState, Purpose
from doorward.domain.certificates.ssh_check import (
    check_face_certificate,
    check_host_certificate,
    check_user_certificate,
)
from doorward.domain.certificates.statements import SealedRecording, check_manifest, open_note
from doorward.domain.certificates.x509_check import check_x509
from doorward.domain.certificates.x509_names import INTERMEDIATE_PURPOSES, X509Kind
from doorward.signer.rates import Rate
from doorward.signer.totp import hotp
from doorward.wire.errors import RemoteProtocolError
from doorward.wire.ssh.certificate import parse_certificate

ENTROPY = SeededEntropy(6)
USER, SIGN_IN, SESSION, NODE, GATEWAY = (new_id(ENTROPY) for _ in range(5))
START = datetime(2026, 1, 1, tzinfo=UTC)
PRIVATE, KEY = ed25519_key(50)
SPKI = spki(PRIVATE)
P256 = spki(ec.derive_private_key(99, ec.SECP256R1()))
ORIGIN = f"doorward/{INSTALLATION}/log"
known = signing_service().answer(messages.PublicKeys())
assert isinstance(known, KnownKeys)
KNOWN = known


def ssh(request: Request) -> Any:
    answer = signing_service().answer(request)
    assert isinstance(answer, messages.SignedSsh)
    certificate = parse_certificate(answer.certificate)
    assert (answer.serial, answer.key_id) == (certificate.fields.serial, certificate.fields.key_id)
    assert answer.valid_after == certificate.fields.valid_after
    assert answer.valid_before == certificate.fields.valid_before
    return certificate


def failure(request: Request, service: Any = None) -> str:
    answer = (service or signing_service()).answer(request)
    assert isinstance(answer, Failed)
    return answer.code


def test_user_certificate_passes_the_gateways_check() -> None:
    certificate = ssh(messages.SignUserSsh(USER, SIGN_IN, KEY, 3600))
    identity = check_user_certificate(certificate, KNOWN.public_keys(Purpose.USER_SSH), START)
    assert (identity.user_id, identity.sign_in_id) == (USER, SIGN_IN)
    assert identity.valid_before == START + timedelta(hours=1)


def test_session_certificate_is_signed_by_the_sessions_authority_for_a_minute() -> None:
    certificate = ssh(messages.SignSessionSsh(SESSION, NODE, "root", KEY, ("permit-pty",), "/bin/true", ("::1",)))
    assert certificate.signature_key in KNOWN.public_keys(Purpose.SESSION_SSH)
    assert certificate.fields.principals == (f"dw:{NODE}:root",)
    assert certificate.fields.valid_before == int(START.timestamp()) + 60
    assert [name for name, _ in certificate.fields.critical_options] == ["force-command", "source-address"]


def test_host_certificates_pass_their_checks_and_not_each_others() -> None:
    node = ssh(messages.SignNodeHost(NODE, KEY))
    check_host_certificate(node, KNOWN.public_keys(Purpose.NODE_HOST), f"dwn:{NODE}", START)
    face = ssh(messages.SignFaceHost(GATEWAY, "prod-web-01.dw", KEY))
    shown = check_face_certificate(face, KNOWN.public_keys(Purpose.FACE_HOST), START)
    assert (shown.name, shown.gateway_id) == ("prod-web-01.dw", GATEWAY)
    assert node.signature_key != face.signature_key


def test_serials_differ_and_fit_a_signed_column() -> None:
    service = signing_service()
    answers = [service.answer(messages.SignFaceHost(GATEWAY, "a.dw", KEY)) for _ in range(100)]
    serials = {answer.serial for answer in answers if isinstance(answer, messages.SignedSsh)}
    assert len(serials) == 100
    assert all(0 < serial < 2**63 for serial in serials)


@pytest.mark.parametrize(
    ("request_", "kind", "identity"),
    [
        (messages.IssueUserX509(USER, SIGN_IN, SPKI), X509Kind.USER, USER),
        (messages.IssueGatewayX509(GATEWAY, SPKI), X509Kind.GATEWAY, GATEWAY),
        (messages.IssueAuthorityX509(("door.example",), P256), X509Kind.AUTHORITY, INSTALLATION),
    ],
)
def test_x509_certificate_passes_the_check_of_its_kind(request_: Request, kind: X509Kind, identity: str) -> None:
    answer = signing_service().answer(request_)
    assert isinstance(answer, messages.IssuedX509)
    intermediates = KNOWN.certificates(INTERMEDIATE_PURPOSES[kind])
    assert answer.intermediate in intermediates
    who = check_x509(
        answer.certificate, kind=kind, intermediates=intermediates, installation_id=INSTALLATION, now=START
    )
    assert who.id == identity


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        (messages.SignUserSsh(USER, SIGN_IN, KEY, 24 * 3600 + 1), "lifetime_refused"),
        (messages.SignNodeHost(NODE, KEY, 366 * 86_400), "lifetime_refused"),
        (messages.IssueUserX509(USER, SIGN_IN, SPKI, 24 * 3600 + 1), "lifetime_refused"),
        (messages.IssueGatewayX509(GATEWAY, SPKI, 31 * 86_400), "lifetime_refused"),
        (messages.IssueAuthorityX509(("a.example",), P256, 91 * 86_400), "lifetime_refused"),
        (messages.SignSessionSsh(SESSION, NODE, "root", KEY, ("permit-X11-forwarding",)), "extension_refused"),
        (messages.SignSessionSsh(SESSION, NODE, "a:b", KEY), "bad_certificate_subject"),
        (messages.SignSessionSsh(SESSION, NODE, "", KEY), "bad_certificate_subject"),
        (messages.SignSessionSsh(SESSION, "x" * 26, "root", KEY, ("no",)), "extension_refused"),
        (messages.SignSessionSsh(SESSION, "X" * 26, "root", KEY), "invalid"),
        (messages.SignUserSsh("1" * 26, SIGN_IN, KEY), "invalid"),
        (messages.SignUserSsh(USER, SIGN_IN, b"noise"), "bad_public_key"),
        (messages.SignFaceHost(GATEWAY, "*", KEY), "bad_certificate_subject"),
        (messages.SignFaceHost(GATEWAY, "dwn:" + NODE, KEY), "bad_certificate_subject"),
        (messages.IssueUserX509(USER, SIGN_IN, b"noise"), "bad_public_key"),
        (messages.IssueAuthorityX509(("a.example",), SPKI), "bad_public_key"),
        (messages.IssueAuthorityX509(("*.example",), P256), "bad_certificate_subject"),
        (messages.SignCheckpoint("elsewhere/log", 1, bytes(32)), "foreign_origin"),
        (messages.SignCheckpoint("a b", 1, bytes(32)), "bad_checkpoint"),
        (messages.SignManifest("1" * 26, bytes(32), 1, bytes(32)), "invalid"),
        (messages.EnrolTotp("1" * 26), "invalid"),
        (messages.CheckTotp(USER, b"noise", "123456", 0), "totp_sealed_elsewhere"),
    ],
)
def test_request_outside_the_ceilings_is_refused_by_code_and_counted(request_: Request, code: str) -> None:
    service = signing_service()
    assert failure(request_, service) == code
    status = service.answer(messages.Status())
    assert isinstance(status, messages.SignerStatus)
    assert status.refused == {code: 1}
    assert status.answered == {}


def test_answers_are_counted_by_kind() -> None:
    service = signing_service()
    service.answer(messages.SignNodeHost(NODE, KEY))
    service.answer(messages.SignNodeHost(NODE, KEY))
    status = service.answer(messages.Status())
    assert isinstance(status, messages.SignerStatus)
    assert status.answered == {"node-host": 2}


def test_rate_is_enforced_by_the_signers_own_clock() -> None:
    clock = ManualClock()
    service = signing_service(clock, rates={messages.SignNodeHost: Rate(1, 2)})
    request = messages.SignNodeHost(NODE, KEY)
    assert not isinstance(service.answer(request), Failed)
    assert not isinstance(service.answer(request), Failed)
    assert failure(request, service) == "signer_rate_exceeded"
    clock.advance(timedelta(seconds=1))
    assert not isinstance(service.answer(request), Failed)


def test_times_come_from_the_signers_clock() -> None:
    clock = ManualClock()
    service = signing_service(clock)
    clock.advance(timedelta(days=3))
    answer = service.answer(messages.SignSessionSsh(SESSION, NODE, "root", KEY))
    assert isinstance(answer, messages.SignedSsh)
    assert answer.valid_before == int((START + timedelta(days=3)).timestamp()) + 60


def test_checkpoint_is_a_note_of_the_checkpoint_key() -> None:
    answer = signing_service().answer(messages.SignCheckpoint(ORIGIN, 5, b"r" * 32))
    assert isinstance(answer, messages.SignedCheckpoint)
    body = open_note(answer.note, ORIGIN, KNOWN.public_keys(Purpose.CHECKPOINT)[0])
    assert body.decode() == f"{ORIGIN}\n5\n{base64.b64encode(b'r' * 32).decode()}\n"


def test_log_that_shrank_or_forked_gets_no_checkpoint() -> None:
    service = signing_service()
    assert not isinstance(service.answer(messages.SignCheckpoint(ORIGIN, 5, b"r" * 32)), Failed)
    assert not isinstance(service.answer(messages.SignCheckpoint(ORIGIN, 5, b"r" * 32)), Failed)
    assert failure(messages.SignCheckpoint(ORIGIN, 5, b"s" * 32), service) == "forked_checkpoint"
    assert failure(messages.SignCheckpoint(ORIGIN, 4, b"r" * 32), service) == "stale_checkpoint"
    assert not isinstance(service.answer(messages.SignCheckpoint(ORIGIN, 6, b"s" * 32)), Failed)


def test_origins_are_bounded() -> None:
    service = signing_service()
    for number in range(4):
        assert not isinstance(service.answer(messages.SignCheckpoint(f"{ORIGIN}{number}", 1, bytes(32))), Failed)
    assert failure(messages.SignCheckpoint(ORIGIN, 1, bytes(32)), service) == "foreign_origin"


def test_manifest_is_signed_by_the_manifest_key() -> None:
    answer = signing_service().answer(messages.SignManifest(SESSION, b"d" * 32, 100, b"m" * 32))
    assert isinstance(answer, messages.SignedManifest)
    key = KNOWN.public_keys(Purpose.MANIFEST)[0]
    check_manifest(SealedRecording(SessionId(SESSION), b"d" * 32, 100, b"m" * 32), answer.signature, key)


def test_second_factor_is_enrolled_checked_and_spent_by_the_signers_clock() -> None:
    clock = ManualClock()
    service = signing_service(clock)
    enrolled = service.answer(messages.EnrolTotp(USER))
    assert isinstance(enrolled, messages.TotpEnrolled)
    step = int(START.timestamp()) // 30
    code = hotp(base64.b32decode(enrolled.secret), step)
    ask = messages.CheckTotp(USER, enrolled.sealed, code, 0)
    assert service.answer(ask) == messages.TotpChecked(step)
    assert service.answer(msgspec.structs.replace(ask, after_step=step)) == messages.TotpChecked(None)
    clock.advance(timedelta(seconds=90))
    assert service.answer(ask) == messages.TotpChecked(None)


def test_second_factor_moved_to_another_user_is_refused() -> None:
    service = signing_service()
    enrolled = service.answer(messages.EnrolTotp(USER))
    assert isinstance(enrolled, messages.TotpEnrolled)
    other = new_id(SeededEntropy(77))
    assert failure(messages.CheckTotp(other, enrolled.sealed, "000000", 0), service) == "totp_sealed_elsewhere"


def test_public_keys_are_all_there_and_no_private_part_is() -> None:
    assert {key.purpose for key in KNOWN.keys} == set(Purpose) - {Purpose.TOTP_SEALING}
    assert all(key.state is KeyState.CURRENT for key in KNOWN.keys)
    assert KnownKeys.__struct_fields__ == ("installation_id", "keys")
    assert messages.KnownKey.__struct_fields__ == ("purpose", "key_id", "state", "public_key", "certificate", "since")


@pytest.mark.parametrize(
    "raw",
    [
        ["sign-bytes", b"x"],
        ["user-ssh"],
        ["user-ssh", USER, SIGN_IN, KEY, 0],
        ["user-ssh", USER, SIGN_IN, "text", None],
        ["user-ssh", USER, SIGN_IN, b"x" * 5000],
        [],
        {},
        None,
        7,
    ],
)
def test_unknown_or_misshaped_request_is_answered_by_its_number(raw: object) -> None:
    service = signing_service()
    reply = msgspec.msgpack.decode(service.answer_frame(msgspec.msgpack.encode([41, raw])), type=Reply)
    assert reply.number == 41
    assert isinstance(reply.answer, Failed)
    assert reply.answer.code == "signer_bad_request"


def test_text_that_is_not_utf8_is_answered_too() -> None:
    raw = msgspec.msgpack.encode(NumberedRequest(5, messages.SignFaceHost(GATEWAY, "abc", KEY)))
    reply = msgspec.msgpack.decode(signing_service().answer_frame(raw.replace(b"abc", b"\xff\xfe\xfd")), type=Reply)
    assert isinstance(reply.answer, Failed)


@given(st.binary(min_size=1, max_size=200))
def test_noise_is_refused_or_answered_and_never_signed(noise: bytes) -> None:
    try:
        frame = SERVICE.answer_frame(noise)
    except RemoteProtocolError:
        return
    assert isinstance(msgspec.msgpack.decode(frame, type=Reply).answer, Failed)


SERVICE = signing_service()


def test_call_without_a_number_has_no_answer() -> None:
    for raw in (b"", b"\xc1", msgspec.msgpack.encode([-1, None]), msgspec.msgpack.encode(["a", None])):
        with pytest.raises(RemoteProtocolError):
            SERVICE.answer_frame(raw)
    assert Call.__struct_fields__ == ("number", "request")


def test_types_of_ids_do_not_leak_between_kinds() -> None:
    """One principal for each kind, from ids alone."""
    shapes = {
        ssh(messages.SignUserSsh(USER, SIGN_IN, KEY)).fields.principals[0],
        ssh(messages.SignNodeHost(USER, KEY)).fields.principals[0],
        ssh(messages.SignSessionSsh(SESSION, USER, "root", KEY)).fields.principals[0],
    }
    assert shapes == {f"dwu:{UserId(USER)}", f"dwn:{NodeId(USER)}", f"dw:{NodeId(USER)}:root"}
    assert GatewayId(GATEWAY)
