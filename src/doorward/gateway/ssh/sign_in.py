"""How a user signs in to a gateway by SSH: one state machine, without I/O.

Identity comes only from signed bytes whose signature was verified, and is then frozen: another user name or another
certificate on the way ends the connection. A key that is merely offered changes nothing. Certificates only, checked by
`domain.certificates`; a factor still owed is a state of its own, and only `accept` leads out of it (security.md 2).

The caller reads packets, asks the authority when a `Proven` or a `Code` comes out, and then calls `accept`, `owe_code`,
`refuse_code` or ends the connection. The authority verifies the same bytes again: what is believed here opens nothing.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Final

from doorward.domain.certificates.refusals import CertificateExpired, CertificateRefused, NotYetValid
from doorward.domain.certificates.signatures import verify_signature
from doorward.domain.certificates.ssh_check import UserIdentity, check_user_certificate
from doorward.wire.errors import LocalProtocolError, RemoteProtocolError
from doorward.wire.ssh.certificate import CERTIFICATE_BYTES_MAX, parse_certificate
from doorward.wire.ssh.fields import FieldReader, encode_string
from doorward.wire.ssh.public_key import ALGORITHM_BYTES_MAX
from doorward.wire.ssh.userauth import (
    METHOD_HOSTBOUND,
    METHOD_PLAIN,
    SERVICE,
    USER_NAME_BYTES_MAX,
    parse_userauth_publickey,
)

REQUESTS_MAX: Final = 20
"""An agent may hold many keys, each offered once; beyond this somebody is trying."""
CODE_TRIES_MAX: Final = 3
CODE_BYTES_MAX: Final = 16
SIGNATURE_BYTES_MAX: Final = 4096
METHODS_FIRST: Final = (METHOD_PLAIN,)
METHODS_OWED: Final = ("keyboard-interactive",)

EXPIRED: Final = "Your certificate has expired: sign in again with `dw login`."
NOT_YET_VALID: Final = "Your certificate is not valid yet: one of the clocks, yours or the gateway's, is wrong."


@dataclass(frozen=True, slots=True)
class Fail:
    """Not yet: `methods` may continue; `line`, when set, is shown to the user."""

    methods: tuple[str, ...] = METHODS_FIRST
    partial_success: bool = False
    line: str = ""


@dataclass(frozen=True, slots=True)
class AcceptOffer:
    """A signature by this key would be looked at."""

    algorithm: str
    key_blob: bytes


@dataclass(frozen=True, slots=True)
class Proven:
    """The user signed; `signed` and `signature` are the proof, byte for byte."""

    user_name: str
    identity: UserIdentity
    signed: bytes
    signature: bytes
    is_bound: bool


@dataclass(frozen=True, slots=True)
class AskCode:
    """Ask for the second factor."""


@dataclass(frozen=True, slots=True)
class Code:
    """What was typed; spent for this session only."""

    text: str


@dataclass(frozen=True, slots=True)
class Disconnect:
    """End the connection; `line` goes into the disconnect message."""

    line: str


Outcome = Fail | AcceptOffer | Proven | AskCode | Code | Disconnect


class Stage(Enum):
    """How far a sign-in has come."""

    UNPROVEN = "unproven"
    PROVEN = "proven"
    CODE_OWED = "code_owed"
    CODE_ASKED = "code_asked"
    ACCEPTED = "accepted"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class _Offer:
    """A publickey request taken apart; `signature` is None when the key is only offered."""

    algorithm: str
    key_blob: bytes
    signature: bytes | None
    signed_part: bytes


class SignIn:
    """One connection's sign-in.

    `session_id` and `shown_host_key` are the connection's own; `authorities` are the user-SSH key blobs.
    """

    def __init__(self, *, session_id: bytes, shown_host_key: bytes, authorities: Collection[bytes]) -> None:
        self._session_id = session_id
        self._shown_host_key = shown_host_key
        self._authorities = authorities
        self._stage = Stage.UNPROVEN
        self._user_name: str | None = None
        self._certificate: bytes | None = None
        self._requests = 0
        self._code_tries = 0
        self._hinted = False

    @property
    def stage(self) -> Stage:
        """How far it has come."""
        return self._stage

    def request(self, payload: bytes, now: datetime) -> Outcome:
        """A USERAUTH_REQUEST (RFC 4252 section 5), its message number included."""
        self._requests += 1
        if self._requests > REQUESTS_MAX:
            return Disconnect("too many authentication requests")
        if self._stage is Stage.REFUSED:
            return Fail()  # clients offer their other keys before they give up; a disconnect would hide our line
        try:
            return self._request(payload, now)
        except RemoteProtocolError:
            return Disconnect("an authentication request that can not be read")

    def response(self, payload: bytes) -> Outcome:
        """A USERAUTH_INFO_RESPONSE (RFC 4256 section 3.4), its message number included."""
        if self._stage is not Stage.CODE_ASKED:
            return Disconnect("an answer to a question that was not asked")
        try:
            reader = FieldReader(payload)
            reader.byte()
            if reader.uint32() != 1:
                raise RemoteProtocolError("reading an answer: one is expected")
            text = reader.text(CODE_BYTES_MAX)
            reader.expect_end()
        except RemoteProtocolError:
            return Disconnect("an answer that can not be read")
        self._stage = Stage.PROVEN
        return Code(text.strip())

    def owe_code(self) -> Outcome:
        """The authority wants a second factor before it opens this session."""
        self._expect(Stage.PROVEN)
        self._stage = Stage.CODE_OWED
        return Fail(METHODS_OWED, partial_success=True)

    def refuse_code(self) -> Outcome:
        """The code was wrong."""
        self._expect(Stage.PROVEN)
        self._code_tries += 1
        if self._code_tries >= CODE_TRIES_MAX:
            return Disconnect("too many wrong codes")
        self._stage = Stage.CODE_OWED
        return Fail(METHODS_OWED)

    def accept(self) -> None:
        """The authority has opened the session: nothing is owed any more."""
        self._expect(Stage.PROVEN)
        self._stage = Stage.ACCEPTED

    def refuse(self) -> None:
        """The authority said no: nothing more is looked at."""
        self._stage = Stage.REFUSED

    def _expect(self, stage: Stage) -> None:
        if self._stage is not stage:
            raise LocalProtocolError(f"a sign-in in stage {self._stage.value} can not do this")

    def _request(self, payload: bytes, now: datetime) -> Outcome:
        reader = FieldReader(payload)
        reader.byte()
        user_name = reader.text(USER_NAME_BYTES_MAX)
        service = reader.text(ALGORITHM_BYTES_MAX)
        method = reader.text(ALGORITHM_BYTES_MAX)
        if self._user_name is None:
            self._user_name = user_name
        if user_name != self._user_name or service != SERVICE:
            return Disconnect("the user name changed during authentication")
        if method in (METHOD_PLAIN, METHOD_HOSTBOUND):
            return self._key_request(_read_offer(reader, payload, method), now)
        if self._stage in (Stage.CODE_OWED, Stage.CODE_ASKED):
            if method not in METHODS_OWED:
                return Fail(METHODS_OWED)
            self._stage = Stage.CODE_ASKED
            return AskCode()
        return Fail()

    def _key_request(self, offer: _Offer, now: datetime) -> Outcome:
        if self._stage is not Stage.UNPROVEN:
            if offer.key_blob != self._certificate:
                return Disconnect("the certificate changed during authentication")
            return Fail(METHODS_OWED)
        try:
            certificate = parse_certificate(offer.key_blob)
            identity = check_user_certificate(certificate, self._authorities, now)
        except RemoteProtocolError:
            return Fail()  # a plain key, or one of a kind that is not accepted: the client goes on to its next
        except CertificateRefused as refusal:
            return self._hint(refusal)
        if offer.signature is None:
            return AcceptOffer(offer.algorithm, offer.key_blob)
        return self._proof(offer, offer.signature, identity)

    def _proof(self, offer: _Offer, signature: bytes, identity: UserIdentity) -> Outcome:
        signed = encode_string(self._session_id) + offer.signed_part
        proof = parse_userauth_publickey(signed)
        if proof.server_host_key is not None and proof.server_host_key != self._shown_host_key:
            return Disconnect("the host key that was signed is not the one that was shown")
        if not verify_signature(identity.public_key, proof.signature_algorithm, signature, signed):
            return Fail()
        self._stage = Stage.PROVEN
        self._certificate = proof.key_blob
        return Proven(proof.user_name, identity, signed, signature, proof.server_host_key is not None)

    def _hint(self, refusal: CertificateRefused) -> Fail:
        """Say why, once, but only what the certificate's holder can see in it anyway."""
        line = _HINTS.get(type(refusal), "")
        if not line or self._hinted:
            return Fail()
        self._hinted = True
        return Fail(line=line)


_HINTS: Final[dict[type[CertificateRefused], str]] = {CertificateExpired: EXPIRED, NotYetValid: NOT_YET_VALID}


def _read_offer(reader: FieldReader, payload: bytes, method: str) -> _Offer:
    has_signature = reader.boolean()
    algorithm = reader.text(ALGORITHM_BYTES_MAX)
    key_blob = reader.string(CERTIFICATE_BYTES_MAX)
    if method == METHOD_HOSTBOUND:
        reader.string(CERTIFICATE_BYTES_MAX)
    signed_part = payload[: reader.position()]
    signature = reader.string(SIGNATURE_BYTES_MAX) if has_signature else None
    reader.expect_end()
    return _Offer(algorithm, key_blob, signature, signed_part)
