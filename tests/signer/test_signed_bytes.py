"""A hostile authority chooses every field of every request: what each key signs still has the form of its one purpose.

The keys of the ring write down what they are asked to sign.
"""

import re
from dataclasses import dataclass, field, replace
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from hypothesis import example, given
from hypothesis import strategies as st
from tests.support.authorities import INSTALLATION, ed25519_key, key_ring
from tests.support.authority_lab import NO_LIMITS

from doorward.api.signer import messages
from doorward.api.signer.messages import Failed, Request
from doorward.base.clock import ManualClock
from doorward.base.entropy import SeededEntropy
from doorward.base.ids import new_id
from doorward.domain.audit.checkpoint import parse_checkpoint
from doorward.domain.certificates.purposes import SSH_PURPOSES, Purpose
from doorward.signer.service import SigningService
from doorward.wire.ssh.certificate import CertificateType, parse_certificate
from doorward.wire.ssh.fields import encode_string

ID = new_id(SeededEntropy(6))
KEY = ed25519_key(50)[1]
TYPES = {
    Purpose.USER_SSH: (CertificateType.USER, "dwu:"),
    Purpose.SESSION_SSH: (CertificateType.USER, "dw:"),
    Purpose.NODE_HOST: (CertificateType.HOST, "dwn:"),
    Purpose.FACE_HOST: (CertificateType.HOST, ""),
}
SECONDS_MAX = {
    Purpose.USER_SSH: 24 * 3600,
    Purpose.SESSION_SSH: 60,
    Purpose.NODE_HOST: 365 * 86_400,
    Purpose.FACE_HOST: 600,
}
MANIFEST = re.compile(rb"doorward/manifest/v2\n[a-z2-7]{26}\nsha256:[0-9a-f]{64} [0-9]+\nmanifest:[0-9a-f]{64}\n")
EXTENSIONS = {b"permit-pty", b"permit-port-forwarding", b"permit-agent-forwarding"}


@dataclass
class Writing:
    """Signs as its key does, and keeps what it signed."""

    key: Ed25519PrivateKey
    signed: list[bytes] = field(default_factory=list)

    def sign(self, data: bytes) -> bytes:
        self.signed.append(data)
        return self.key.sign(data)

    def public_key(self) -> Ed25519PublicKey:
        return self.key.public_key()


def watched() -> tuple[SigningService, dict[Purpose, Writing]]:
    ring: Any = key_ring()
    writing = {
        key.purpose: Writing(key.private_key)
        for key in ring.signing_keys
        if key.purpose in SSH_PURPOSES | {Purpose.CHECKPOINT, Purpose.MANIFEST}
    }
    keys = [replace(key, private_key=writing.get(key.purpose, key.private_key)) for key in ring.signing_keys]

    class Ring:
        installation_id = ring.installation_id
        signing_keys = keys
        sealing_keys = ring.sealing_keys

    held: Any = Ring()
    return SigningService(held, clock=ManualClock(), entropy=SeededEntropy(9), rates=NO_LIMITS), writing


texts = st.text(max_size=70) | st.sampled_from(
    [
        "root",
        "a.dw",
        "*",
        "dwu:" + ID,
        "x\n",
        "root,admin",
        INSTALLATION,
        f"doorward/{INSTALLATION}",
        f"{INSTALLATION}\n9",
    ]
)
ids = st.just(ID) | st.text(min_size=26, max_size=26)
blobs = st.just(KEY) | st.binary(max_size=80)
digests = st.binary(min_size=32, max_size=32)
lifetimes = st.none() | st.integers(1, 1 << 32)
requests: st.SearchStrategy[Request] = st.one_of(
    st.builds(messages.SignUserSsh, ids, ids, blobs, lifetimes),
    st.builds(
        messages.SignSessionSsh,
        ids,
        ids,
        texts,
        blobs,
        st.lists(texts | st.just("permit-pty"), max_size=4).map(tuple),
        st.none() | texts,
        st.lists(texts | st.just("192.0.2.1"), max_size=4).map(tuple),
    ),
    st.builds(messages.SignFaceHost, ids, texts, blobs),
    st.builds(messages.SignNodeHost, ids, blobs, lifetimes),
    st.builds(messages.SignCheckpoint, texts, st.integers(0, 2**53 - 1), digests),
    st.builds(messages.SignManifest, ids, digests, st.integers(0, 2**53 - 1), digests),
)


@given(request=requests)
@example(request=messages.SignUserSsh(ID, ID, KEY, 60))
@example(request=messages.SignSessionSsh(ID, ID, "root", KEY, ("permit-pty",), "true", ("192.0.2.1",)))
@example(request=messages.SignFaceHost(ID, "web.dw", KEY))
@example(request=messages.SignNodeHost(ID, KEY))
@example(request=messages.SignCheckpoint(f"doorward/{INSTALLATION}", 7, bytes(32)))
@example(request=messages.SignManifest(ID, bytes(32), 7, bytes(32)))
def test_each_key_signs_what_its_purpose_says_and_nothing_else(request: Request) -> None:
    service, writing = watched()
    answer = service.answer(request)
    signed = [(purpose, data) for purpose, one in writing.items() for data in one.signed]
    if isinstance(answer, Failed):
        assert signed == []
        return
    ((purpose, data),) = signed
    if purpose is Purpose.CHECKPOINT:
        assert INSTALLATION in parse_checkpoint(data).origin
    elif purpose is Purpose.MANIFEST:
        assert MANIFEST.fullmatch(data)
    else:
        check_certificate(purpose, data)


def check_certificate(purpose: Purpose, data: bytes) -> None:
    # A whole certificate is the signed part and a signature; what the signature is does not matter here.
    certificate = parse_certificate(data + encode_string(encode_string(b"ssh-ed25519") + encode_string(bytes(64))))
    fields = certificate.fields
    kind, prefix = TYPES[purpose]
    assert fields.type is kind
    (principal,) = fields.principals
    assert principal.startswith(prefix)
    assert not any(mark in principal for mark in " \n,*/")
    assert fields.key_id.isascii()
    assert fields.valid_before - fields.valid_after <= SECONDS_MAX[purpose] + 120
    assert {name.encode() for name, _ in fields.extensions} <= EXTENSIONS
    assert {name for name, _ in fields.critical_options} <= {"force-command", "source-address"}


def test_nonce_that_nobody_chose_stands_before_every_field_of_a_certificate() -> None:
    service, writing = watched()
    for _ in range(2):
        service.answer(messages.SignNodeHost(ID, KEY))
    first, second = writing[Purpose.NODE_HOST].signed
    start = len(encode_string(b"ssh-ed25519-cert-v01@openssh.com")) + 4
    assert first[:start] == second[:start]
    assert first[start : start + 32] != second[start : start + 32]
