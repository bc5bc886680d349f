"""What the signer does with one request: rate, ceilings, signature, answer. Everything by its own clock.

Each type of request has one method here; what has none is refused. Nothing else in the process touches a key.
"""

from collections import Counter
from collections.abc import Mapping
from datetime import timedelta
from typing import Final, assert_never

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from doorward.api.signer import messages
from doorward.api.signer.messages import Answer, Call, IssuedX509, Reply, Request, SignedSsh
from doorward.api.signer.refusals import BadRequest, ForeignOrigin, ForkedCheckpoint, StaleCheckpoint, to_failed
from doorward.base.clock import Clock
from doorward.base.entropy import Entropy
from doorward.base.errors import DoorwardError
from doorward.base.ids import GatewayId, NodeId, SessionId, SignInId, UserId
from doorward.domain.audit.checkpoint import Checkpoint
from doorward.domain.certificates import ssh_profiles, x509_issue
from doorward.domain.certificates.purposes import Purpose
from doorward.domain.certificates.ssh_signing import NONCE_BYTES
from doorward.domain.certificates.statements import SealedRecording, manifest_statement, signed_note
from doorward.domain.certificates.x509_names import X509Kind
from doorward.signer.authorities import Authorities
from doorward.signer.ports import KeyRing
from doorward.signer.rates import USUAL_RATES, Rate, RateLimits
from doorward.signer.rotation import rotate
from doorward.signer.totp import TotpSealer, accepted_step
from doorward.wire.errors import RemoteProtocolError
from doorward.wire.ssh.certificate import CertificateFields

ORIGINS_MAX: Final = 4
"""An installation has one log; a few more leave room for a log that was begun anew."""


class SigningService:
    """One frame in, one frame out; synchronous, since a signature takes less than a turn of the loop."""

    def __init__(
        self,
        ring: KeyRing,
        *,
        clock: Clock,
        entropy: Entropy,
        rates: Mapping[type[Request], Rate] = USUAL_RATES,
    ) -> None:
        self._ring = ring
        self._authorities = Authorities(ring)
        self._sealer = TotpSealer(ring.sealing_keys, ring.installation_id, entropy)
        self._clock = clock
        self._entropy = entropy
        self._rates = RateLimits(rates, clock)
        self._checkpoints: dict[str, Checkpoint] = {}
        self._answered: Counter[str] = Counter()
        self._refused: Counter[str] = Counter()
        self._calls = msgspec.msgpack.Decoder(Call)
        self._requests: msgspec.msgpack.Decoder[Request] = msgspec.msgpack.Decoder(Request)
        self._encoder = msgspec.msgpack.Encoder()

    def answer_frame(self, frame: bytes) -> bytes:
        """The reply to one frame; `RemoteProtocolError` when it has not even a number to answer to."""
        try:
            call = self._calls.decode(frame)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise RemoteProtocolError("reading a call: it is none") from error
        return self._encoder.encode(Reply(call.number, self._answer_raw(call.request)))

    def answer(self, request: Request) -> Answer:
        """The answer; a refusal is an answer too, and counted."""
        try:
            self._rates.spend(type(request))
            answer = self._dispatch(request)
        except DoorwardError as error:
            self._refused[error.code] += 1
            return to_failed(error)
        self._answered[str(request.__struct_config__.tag)] += 1
        return answer

    def _answer_raw(self, raw: msgspec.Raw) -> Answer:
        try:
            request = self._requests.decode(raw)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            # Not the decoder's own words: they may quote what was sent.
            self._refused[BadRequest.code] += 1
            return to_failed(BadRequest("asking the signer: an unknown request, or a field out of bounds"))
        return self.answer(request)

    def _dispatch(self, request: Request) -> Answer:
        match request:
            case messages.SignSessionSsh():
                return self._sign_session(request)
            case messages.SignUserSsh() | messages.SignFaceHost() | messages.SignNodeHost():
                return self._sign_other_ssh(request)
            case messages.IssueUserX509() | messages.IssueGatewayX509() | messages.IssueAuthorityX509():
                return self._issue_x509(request)
            case messages.SignCheckpoint():
                return self._sign_checkpoint(request)
            case messages.SignManifest():
                return self._sign_manifest(request)
            case messages.EnrolTotp() | messages.CheckTotp():
                return self._factor(request)
            case messages.RotateKey() | messages.PublicKeys():
                return self._known_keys(request)
            case messages.Status():
                return messages.SignerStatus(dict(self._answered), dict(self._refused))
        assert_never(request)

    def _known_keys(self, request: messages.RotateKey | messages.PublicKeys) -> messages.KnownKeys:
        if isinstance(request, messages.RotateKey) and rotate(
            self._ring, request.purpose, request.step, request.key_id, self._clock.now()
        ):
            self._authorities = Authorities(self._ring)
        return self._authorities.known

    def _sign_manifest(self, request: messages.SignManifest) -> messages.SignedManifest:
        statement = manifest_statement(
            SealedRecording(SessionId(request.session_id), request.digest, request.size_bytes, request.manifest_digest)
        )
        key = self._authorities.manifest
        return messages.SignedManifest(key.sign(statement), key.key_id)

    def _factor(self, request: messages.EnrolTotp | messages.CheckTotp) -> messages.TotpEnrolled | messages.TotpChecked:
        user_id = UserId(request.user_id)
        if isinstance(request, messages.EnrolTotp):
            sealed, fresh = self._sealer.enrol(user_id)
            return messages.TotpEnrolled(sealed, fresh.reveal_text())
        secret = self._sealer.open(user_id, request.sealed)
        now_seconds = int(self._clock.now().timestamp())
        return messages.TotpChecked(accepted_step(secret.reveal(), request.code, now_seconds, request.after_step))

    def _sign_session(self, request: messages.SignSessionSsh) -> SignedSsh:
        fields = ssh_profiles.session_fields(
            session_id=SessionId(request.session_id),
            node_id=NodeId(request.node_id),
            login=request.login,
            public_key=request.public_key,
            serial=self._ssh_serial(),
            now=self._clock.now(),
            extensions=request.extensions,
            force_command=request.force_command,
            source_addresses=request.source_addresses,
        )
        return self._signed(Purpose.SESSION_SSH, fields)

    def _sign_other_ssh(
        self, request: messages.SignUserSsh | messages.SignFaceHost | messages.SignNodeHost
    ) -> SignedSsh:
        now = self._clock.now()
        serial = self._ssh_serial()
        match request:
            case messages.SignUserSsh():
                fields = ssh_profiles.user_fields(
                    user_id=UserId(request.user_id),
                    sign_in_id=SignInId(request.sign_in_id),
                    public_key=request.public_key,
                    serial=serial,
                    now=now,
                    lifetime=_lifetime(request.lifetime_seconds),
                    typed_code=request.typed_code,
                )
                return self._signed(Purpose.USER_SSH, fields)
            case messages.SignFaceHost():
                fields = ssh_profiles.face_fields(
                    gateway_id=GatewayId(request.gateway_id),
                    name=request.name,
                    public_key=request.public_key,
                    serial=serial,
                    now=now,
                )
                return self._signed(Purpose.FACE_HOST, fields)
            case messages.SignNodeHost():
                fields = ssh_profiles.node_fields(
                    node_id=NodeId(request.node_id),
                    public_key=request.public_key,
                    serial=serial,
                    now=now,
                    lifetime=_lifetime(request.lifetime_seconds),
                )
                return self._signed(Purpose.NODE_HOST, fields)

    def _signed(self, purpose: Purpose, fields: CertificateFields) -> SignedSsh:
        blob = self._authorities.ssh[purpose].sign(fields, self._entropy.token(NONCE_BYTES))
        return SignedSsh(blob, fields.serial, fields.key_id, fields.valid_after, fields.valid_before)

    def _issue_x509(
        self, request: messages.IssueUserX509 | messages.IssueGatewayX509 | messages.IssueAuthorityX509
    ) -> IssuedX509:
        installation_id = self._authorities.installation_id
        now = self._clock.now()
        lifetime = _lifetime(request.lifetime_seconds)
        serial = int.from_bytes(self._entropy.token(16), "big") >> 1 | 1 << 127
        match request:
            case messages.IssueUserX509():
                kind = X509Kind.USER
                certificate = x509_issue.issue_user(
                    self._authorities.x509[kind],
                    installation_id=installation_id,
                    user_id=UserId(request.user_id),
                    sign_in_id=SignInId(request.sign_in_id),
                    public_key=request.public_key,
                    serial=serial,
                    now=now,
                    lifetime=lifetime,
                    typed_code=request.typed_code,
                )
            case messages.IssueGatewayX509():
                kind = X509Kind.GATEWAY
                certificate = x509_issue.issue_gateway(
                    self._authorities.x509[kind],
                    installation_id=installation_id,
                    gateway_id=GatewayId(request.gateway_id),
                    public_key=request.public_key,
                    serial=serial,
                    now=now,
                    lifetime=lifetime,
                )
            case messages.IssueAuthorityX509():
                kind = X509Kind.AUTHORITY
                certificate = x509_issue.issue_authority(
                    self._authorities.x509[kind],
                    installation_id=installation_id,
                    names=request.names,
                    public_key=request.public_key,
                    serial=serial,
                    now=now,
                    lifetime=lifetime,
                )
        return _issued(certificate, self._authorities.x509[kind].certificate)

    def _sign_checkpoint(self, request: messages.SignCheckpoint) -> messages.SignedCheckpoint:
        checkpoint = Checkpoint(request.origin, request.size, request.root)
        if self._authorities.installation_id not in checkpoint.origin:
            raise ForeignOrigin("signing a checkpoint: its origin does not hold this installation's id")
        before = self._checkpoints.get(checkpoint.origin)
        if before is None and len(self._checkpoints) >= ORIGINS_MAX:
            raise ForeignOrigin("signing a checkpoint: more logs than an installation has")
        if before is not None and checkpoint.size < before.size:
            raise StaleCheckpoint("signing a checkpoint: a larger one was signed before")
        if before is not None and checkpoint.size == before.size and checkpoint.root != before.root:
            raise ForkedCheckpoint("signing a checkpoint: one of this size with another root was signed before")
        self._checkpoints[checkpoint.origin] = checkpoint
        key = self._authorities.checkpoint
        body = checkpoint.to_bytes()
        return messages.SignedCheckpoint(
            signed_note(body, checkpoint.origin, key.public_key, key.sign(body)), key.key_id
        )

    def _ssh_serial(self) -> int:
        return int.from_bytes(self._entropy.token(8), "big") >> (64 - ssh_profiles.SERIAL_BITS) or 1


def _lifetime(seconds: int | None) -> timedelta | None:
    return None if seconds is None else timedelta(seconds=seconds)


def _issued(certificate: x509.Certificate, intermediate: x509.Certificate) -> IssuedX509:
    return IssuedX509(
        certificate=certificate.public_bytes(Encoding.DER),
        intermediate=intermediate.public_bytes(Encoding.DER),
        serial=f"{certificate.serial_number:x}",
        valid_before=int(certificate.not_valid_after_utc.timestamp()),
    )
