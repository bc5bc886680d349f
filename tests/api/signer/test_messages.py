"""Requests and answers survive the wire; what is out of bounds does not decode; secrets do not print."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.signers import signing_service

from doorward.api.signer import messages
from doorward.api.signer.messages import (
    CALL_BYTES_MAX,
    Call,
    CheckTotp,
    KnownKey,
    KnownKeys,
    NumberedRequest,
    Reply,
    Request,
    SignedSsh,
    SignSessionSsh,
    TotpEnrolled,
)
from doorward.domain.certificates.purposes import KeyState, Purpose

ID = "a" * 26
LONGEST = SignSessionSsh(ID, ID, "l" * 64, bytes(4096), ("e" * 64,) * 8, "\U0001f511" * 4096, ("s" * 64,) * 16)


@given(st.integers(0, 2**63 - 1), st.text(max_size=64), st.binary(max_size=4096))
def test_request_survives_the_wire(number: int, login: str, public_key: bytes) -> None:
    request = SignSessionSsh(ID, ID, login, public_key, ("permit-pty",))
    call = msgspec.msgpack.decode(msgspec.msgpack.encode(NumberedRequest(number, request)), type=Call)
    assert call.number == number
    decoded: object = msgspec.msgpack.decode(call.request, type=Request)
    assert decoded == request


def test_longest_request_fits_its_frame() -> None:
    wire = msgspec.msgpack.encode(NumberedRequest(2**63 - 1, LONGEST))
    assert len(wire) <= CALL_BYTES_MAX


@pytest.mark.parametrize(
    "change",
    [
        {"login": "l" * 65},
        {"session_id": "a" * 27},
        {"node_id": ""},
        {"public_key": bytes(4097)},
        {"extensions": ("e",) * 9},
        {"force_command": "x" * 4097},
        {"source_addresses": ("s",) * 17},
    ],
)
def test_field_out_of_bounds_does_not_decode(change: dict[str, Any]) -> None:
    wire = msgspec.msgpack.encode(msgspec.structs.replace(LONGEST, **change))
    with pytest.raises(msgspec.ValidationError):
        msgspec.msgpack.decode(wire, type=Request)


@pytest.mark.parametrize("step", [-1, 2**53])
def test_step_out_of_bounds_does_not_decode(step: int) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.msgpack.decode(msgspec.msgpack.encode(CheckTotp(ID, b"", "123456", step)), type=Request)


def test_there_is_no_request_to_sign_bytes() -> None:
    """Every type of request, so that a new one is a review: each names what is certified, none takes raw bytes."""
    fields = {
        kind.__name__: set(kind.__struct_fields__) - {"public_key", "lifetime_seconds"} for kind in Request.__args__
    }
    assert fields == {
        "PublicKeys": set(),
        "Status": set(),
        "SignUserSsh": {"user_id", "sign_in_id", "typed_code"},
        "SignSessionSsh": {"session_id", "node_id", "login", "extensions", "force_command", "source_addresses"},
        "SignFaceHost": {"gateway_id", "name"},
        "SignNodeHost": {"node_id"},
        "IssueUserX509": {"user_id", "sign_in_id", "typed_code"},
        "IssueGatewayX509": {"gateway_id"},
        "IssueAuthorityX509": {"names"},
        "SignCheckpoint": {"origin", "size", "root"},
        "SignManifest": {"session_id", "digest", "size_bytes", "manifest_digest"},
        "EnrolTotp": {"user_id"},
        "CheckTotp": {"user_id", "sealed", "code", "after_step"},
        "RotateKey": {"purpose", "step", "key_id"},
    }


def test_answer_survives_the_wire() -> None:
    reply = Reply(7, SignedSsh(b"certificate", 2**63 - 1, "dw:x", 1, 2))
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(reply), type=Reply) == reply


def test_shown_once_means_not_in_a_repr() -> None:
    assert "GEZDGNBV" not in repr(TotpEnrolled(b"sealed", "GEZDGNBV"))


def test_known_keys_are_sorted_by_purpose_in_every_state() -> None:
    keys = tuple(KnownKey(Purpose.USER_SSH, ID, state, state.encode()) for state in (KeyState.OLD, KeyState.CURRENT))
    known = KnownKeys(ID, keys)
    assert known.public_keys(Purpose.USER_SSH) == (b"old", b"current")
    assert known.public_keys(Purpose.SESSION_SSH) == ()
    assert known.certificates(Purpose.USER_SSH) == ()


def test_root_has_a_pin() -> None:
    known = signing_service().answer(messages.PublicKeys())
    assert isinstance(known, KnownKeys)
    assert known.root() == known.certificates(Purpose.X509_ROOT)[0]
    assert known.root_pin().startswith("sha256:")
