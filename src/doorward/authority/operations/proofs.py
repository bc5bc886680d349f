"""From the bytes that a user signed to a claim: who, in which SSH session, wants which account on which node.

The node stands in the signed user name, `account@node`, or in the face that was signed as well: a node's own, under
which the user name is the bare account. A gateway that lies (no proof, an old one, another node's, another gateway's)
ends here, with an event that names the gateway.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from doorward.api.bodies.gateway_calls import OpenJump, OpenSession, Proof
from doorward.authority.callers import GatewayCaller
from doorward.authority.noting import note
from doorward.authority.ports import Transaction
from doorward.authority.services import Services
from doorward.base.errors import Refused
from doorward.domain.audit.event import Actor, Subjects
from doorward.domain.audit.events_machines import PROOF_FAILED
from doorward.domain.certificates.face_names import node_in_face
from doorward.domain.certificates.proof import ProvenSignIn, check_sign_in_proof
from doorward.domain.certificates.refusals import CertificateExpired
from doorward.domain.certificates.ssh_check import FaceIdentity, UserIdentity, check_face_certificate
from doorward.domain.sessions.record import HOSTBOUND, PLAIN, UNBOUND
from doorward.wire.errors import RemoteProtocolError
from doorward.wire.ssh.certificate import parse_certificate
from doorward.wire.ssh.userauth import parse_userauth_publickey

NAME_CHARACTERS_MAX: Final = 255
NO_NODE: Final = ""
"""No node is called so."""
JUST_EXPIRED: Final = timedelta(minutes=4)
"""A gateway looks at the time when the user signs, and hands the same proof over again with the code that the user may
type two minutes later: a certificate that ran out in between is no lie of its. Else users who wait at the prompt until
their sign-in is over would shut the gateway out for everybody."""


class BadProof(Refused):
    """What the gateway handed over does not prove what it asks for."""

    code = "bad_proof"


@dataclass(frozen=True, slots=True)
class Claim:
    """What is proven. `node_name` and `login` are as the user signed them; nothing says yet that they exist."""

    identity: UserIdentity
    proof_digest: bytes
    proof_kind: str
    node_name: str
    login: str
    source: str
    session_key_digest: str


@dataclass(frozen=True, slots=True)
class _Place:
    """What a proof speaks of, and how well."""

    kind: str
    login: str = ""
    node: str = ""


def split_user_name(name: str) -> tuple[str, str]:
    """Account and node, split at the last `@`: `("root", "prod-web-01")`.

    A user may sign what names neither. The gateway does not lie when it hands that on: it leads to no node.
    """
    login, _, node = name.rpartition("@")
    if not login or len(name) > NAME_CHARACTERS_MAX:
        return name[:NAME_CHARACTERS_MAX], NO_NODE
    return login, node


async def proven_claim(services: Services, caller: GatewayCaller, wanted: OpenSession) -> Claim:
    """The claim to a session; a refusal is in the log, with the gateway that asked."""
    key_digest = hashlib.sha256(wanted.session_public_key).hexdigest()

    def place(proven: ProvenSignIn, names: frozenset[str]) -> _Place:
        return _session_place(services, caller, proven, wanted.face, names)

    return await _proven(services, caller, wanted.proof, place, source=wanted.source, key_digest=key_digest)


async def proven_jump(services: Services, caller: GatewayCaller, wanted: OpenJump) -> Claim:
    """The claim to a jump connection, which names no node; a refusal is in the log."""

    def place(proven: ProvenSignIn, names: frozenset[str]) -> _Place:
        if "@" in proven.user_name:
            raise BadProof("opening a jump: the user name is a session's")
        if proven.face is None:
            return _Place(UNBOUND)
        _check_gateway(proven.face, caller)
        if proven.face.name not in names:
            raise BadProof("opening a jump: the user saw another name")
        return _Place(HOSTBOUND)

    return await _proven(services, caller, wanted.proof, place, source=wanted.source)


async def _proven(
    services: Services,
    caller: GatewayCaller,
    proof: Proof,
    place: Callable[[ProvenSignIn, frozenset[str]], _Place],
    *,
    source: str,
    key_digest: str = "",
) -> Claim:
    try:
        proven = _check(services, proof, services.clock.now())
        found = place(proven, caller.names)
    except Refused as error:
        reason = error.code
        if _has_just_expired(services, error, proof):
            if services.gateway_limits.tells_of_expired(caller.gateway_id):
                await services.store.write(lambda tx: _note(tx, caller, reason, len(proof.signed)))
        else:
            await bad_proof(services, caller, reason, proof)
        raise BadProof("opening a session: the proof does not hold") from error
    return Claim(
        identity=proven.identity,
        proof_digest=hashlib.sha256(proven.session_id).digest(),
        proof_kind=found.kind,
        node_name=found.node,
        login=found.login,
        source=source,
        session_key_digest=key_digest,
    )


def _check(services: Services, proof: Proof, now: datetime) -> ProvenSignIn:
    user_keys, face_keys = services.keys.user_ssh, services.keys.face_host
    return check_sign_in_proof(proof.signed, proof.signature, user_ca_keys=user_keys, face_ca_keys=face_keys, now=now)


def _has_just_expired(services: Services, error: Refused, proof: Proof) -> bool:
    if not isinstance(error, CertificateExpired):
        return False
    try:
        certificate = parse_certificate(parse_userauth_publickey(proof.signed).key_blob)
        ended = datetime.fromtimestamp(certificate.fields.valid_before, UTC)
        if services.clock.now() - ended > JUST_EXPIRED:
            return False
        _check(services, proof, ended - timedelta(seconds=1))  # all else must hold, as it did when the user signed
    except (Refused, RemoteProtocolError, OverflowError, ValueError, OSError):
        return False
    return True


async def bad_proof(services: Services, caller: GatewayCaller, reason: str, proof: Proof) -> None:
    """Note, and count, that a gateway handed over what does not prove what it asks for."""
    if services.gateway_limits.failed(caller.gateway_id):
        reason = "too_many_failed_proofs"
    await services.store.write(lambda tx: _note(tx, caller, reason, len(proof.signed)))


def _session_place(
    services: Services, caller: GatewayCaller, proven: ProvenSignIn, shown: bytes | None, names: frozenset[str]
) -> _Place:
    has_node = "@" in proven.user_name
    face, kind = proven.face, HOSTBOUND
    if face is None and has_node:
        return _Place(PLAIN, *split_user_name(proven.user_name))
    if face is None:
        face, kind = _said_face(services, shown), UNBOUND
    _check_gateway(face, caller)
    if face.name in names and has_node and kind is HOSTBOUND:
        return _Place(kind, *split_user_name(proven.user_name))
    node = None if face.name in names else node_in_face(face.name, services.node_suffix)
    if node is None or has_node:
        raise BadProof("opening a session: user name and face do not say one account on one node")
    return _Place(kind, *split_user_name(f"{proven.user_name}@{node}"))


def _said_face(services: Services, shown: bytes | None) -> FaceIdentity:
    try:
        certificate = parse_certificate(shown or b"")
    except RemoteProtocolError as error:
        raise BadProof("opening a session: neither user name nor face says which node") from error
    return check_face_certificate(certificate, services.keys.face_host, services.clock.now())


def _check_gateway(face: FaceIdentity, caller: GatewayCaller) -> None:
    if face.gateway_id != caller.gateway_id:
        raise BadProof("opening a session: the user signed in at another gateway")


def _note(tx: Transaction, caller: GatewayCaller, reason: str, length: int) -> None:
    fields = {"reason": reason, "proof_kind": "unread", "claimed": f"{length} bytes"}
    actor = Actor.gateway(caller.gateway_id)
    note(tx, PROOF_FAILED, actor, fields, Subjects(gateway=caller.gateway_id))
