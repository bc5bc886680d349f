"""From the bytes that a user signed to a claim: who, in which SSH session, wants which account on which node.

A gateway that lies (no proof, an old one, another node's, another gateway's) ends here, with an event that
names the gateway.
"""

import hashlib
from dataclasses import dataclass
from typing import Final

from doorward.api.bodies.gateway_calls import OpenSession
from doorward.authority.callers import GatewayCaller
from doorward.authority.noting import note
from doorward.authority.ports import Transaction
from doorward.authority.services import Services
from doorward.base.errors import Refused
from doorward.domain.audit.event import Actor, Subjects
from doorward.domain.audit.events_machines import PROOF_FAILED
from doorward.domain.certificates.proof import ProvenSignIn, check_sign_in_proof
from doorward.domain.certificates.ssh_check import UserIdentity

NAME_CHARACTERS_MAX: Final = 255


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


def split_user_name(name: str) -> tuple[str, str]:
    """Account and node, split at the last `@`: `("root", "prod-web-01")`; `BadProof` for any other form."""
    login, at, node = name.rpartition("@")
    if not at or not login or not node or len(name) > NAME_CHARACTERS_MAX:
        raise BadProof("opening a session: the user name does not say account@node")
    return login, node


async def proven_claim(services: Services, caller: GatewayCaller, wanted: OpenSession) -> Claim:
    """The claim; a refusal is in the log, with the gateway that asked."""
    try:
        return _claim(services, caller, wanted, await _names_of(services, caller))
    except Refused as error:
        reason = error.code
        if services.gateway_limits.failed(caller.gateway_id):
            reason = "too_many_failed_proofs"
        await services.store.write(lambda tx: _note(tx, caller, reason, len(wanted.proof.signed)))
        raise BadProof("opening a session: the proof does not hold") from error


async def _names_of(services: Services, caller: GatewayCaller) -> frozenset[str]:
    gateway = await services.store.read(lambda tx: tx.gateways.get(caller.gateway_id))
    return frozenset(gateway.names) if gateway is not None else frozenset()


def _claim(services: Services, caller: GatewayCaller, wanted: OpenSession, names: frozenset[str]) -> Claim:
    proven = check_sign_in_proof(
        wanted.proof.signed,
        wanted.proof.signature,
        user_ca_keys=services.keys.user_ssh,
        face_ca_keys=services.keys.face_host,
        now=services.clock.now(),
    )
    login, node_name = split_user_name(proven.user_name)
    return Claim(
        identity=proven.identity,
        proof_digest=hashlib.sha256(proven.session_id).digest(),
        proof_kind=_kind(proven, caller, names),
        node_name=node_name,
        login=login,
        source=wanted.source,
        session_key_digest=hashlib.sha256(wanted.session_public_key).hexdigest(),
    )


def _kind(proven: ProvenSignIn, caller: GatewayCaller, names: frozenset[str]) -> str:
    if proven.face is None:
        return "plain"
    if proven.face.gateway_id != caller.gateway_id or proven.face.name not in names:
        raise BadProof("opening a session: the user signed in at another gateway")
    return "hostbound"


def _note(tx: Transaction, caller: GatewayCaller, reason: str, length: int) -> None:
    fields = {"reason": reason, "proof_kind": "unread", "claimed": f"{length} bytes"}
    actor = Actor.gateway(caller.gateway_id)
    note(tx, PROOF_FAILED, actor, fields, Subjects(gateway=caller.gateway_id))
