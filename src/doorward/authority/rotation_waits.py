"""Whom the next step of a rotation would lock out: while there is anyone, it is not taken.

    user-SSH     switch: gateways in contact that were not told of the new key; retire: sign-ins under the old one
    session-SSH  switch: nodes whose last set-up did not carry the new key
    node-host    retire: nodes that show a certificate of the old one
    face-host    switch: sign-ins whose client was not told of the new key; retire: the last face's ten minutes

All of it is read from rows that were written when each of them was told.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Final

from doorward.api.bodies.administration import RotationWait
from doorward.api.signer.messages import KnownKeys
from doorward.authority.ports import Transaction
from doorward.authority.services import PublicKeys
from doorward.base.ids import NodeId
from doorward.domain.certificates.purposes import KeyState, Purpose
from doorward.domain.certificates.rotation import RotationStep, TooEarly, check_rest
from doorward.domain.identity.machines import HostVerification, NodeHost
from doorward.domain.identity.sign_in import SignIn
from doorward.wire.ssh.public_key import fingerprint

Look = Callable[[Transaction, KnownKeys], Iterator[RotationWait]]


def waits_for(tx: Transaction, known: KnownKeys, purpose: Purpose, step: RotationStep) -> Sequence[RotationWait]:
    """What has to happen before `step`; empty when it may be taken."""
    look = _LOOKS.get((purpose, step))
    return [] if look is None else list(look(tx, known))


def leftovers(tx: Transaction, known: KnownKeys) -> Sequence[str]:
    """The nodes that still trust a session-SSH key which is gone: to be set up again."""
    ours = {fingerprint(key) for key in known.public_keys(Purpose.SESSION_SSH)}
    return [name for name, host in _set_up_nodes(tx) if not ours.issuperset(host.session_authorities)]


def _gateways(tx: Transaction, known: KnownKeys) -> Iterator[RotationWait]:
    trust = PublicKeys.of(known).trust
    for gateway in tx.gateways.list():
        in_contact = gateway.lease_until is not None and gateway.lease_until > tx.now
        if in_contact and not gateway.disabled and gateway.trust != trust:
            yield RotationWait("gateway", gateway.name, "it has not heard of the new key yet; it will in a moment")


def _nodes_without_the_key(tx: Transaction, known: KnownKeys) -> Iterator[RotationWait]:
    wanted = _fingerprint(known, Purpose.SESSION_SSH, KeyState.NEXT)
    for name, host in _set_up_nodes(tx):
        if wanted not in host.session_authorities:
            if host.verified_by is HostVerification.TOKEN:
                yield RotationWait("node", name, f"it lacks the new key; run dw nodes setup {name}, or remove it")
            else:
                advice = f"install dw ca export session-ssh there, then dw nodes host-key {name} ... --authorities"
                yield RotationWait("node", name, f"nobody said that it has the new key; {advice}")


def _nodes_under_the_old_key(tx: Transaction, known: KnownKeys) -> Iterator[RotationWait]:
    current = _fingerprint(known, Purpose.NODE_HOST, KeyState.CURRENT)
    for name, host in _set_up_nodes(tx):
        if host.verified_by is HostVerification.TOKEN and host.host_authority != current:
            advice = f"run dw nodes setup {name}, or remove it"
            yield RotationWait("node", name, f"its host certificate is of the old key; {advice}")


def _sign_ins_under_the_old_key(tx: Transaction, known: KnownKeys) -> Iterator[RotationWait]:
    current = _fingerprint(known, Purpose.USER_SSH, KeyState.CURRENT)
    yield from _sign_ins(tx, lambda one: one.ssh_authority != current, "are under the old key")


def _sign_ins_without_the_face(tx: Transaction, known: KnownKeys) -> Iterator[RotationWait]:
    following = _fingerprint(known, Purpose.FACE_HOST, KeyState.NEXT)
    yield from _sign_ins(tx, lambda one: following not in one.face_authorities, "do not know the new key")


def _sign_ins(tx: Transaction, is_waited_for: Callable[[SignIn], bool], what: str) -> Iterator[RotationWait]:
    found = [one for one in tx.sign_ins.live(tx.now) if is_waited_for(one)]
    if found:
        last = max(one.expires for one in found)
        yield RotationWait("sign_in", str(len(found)), f"so many {what}; the last of them ends at {last.isoformat()}")


def _last_face(tx: Transaction, known: KnownKeys) -> Iterator[RotationWait]:
    old = known.in_state(Purpose.FACE_HOST, KeyState.OLD)
    try:
        check_rest(Purpose.FACE_HOST, datetime.fromtimestamp(old.since if old is not None else 0, UTC), tx.now)
    except TooEarly as error:
        yield RotationWait("time", "", error.message)


def _set_up_nodes(tx: Transaction) -> Sequence[tuple[str, NodeHost]]:
    hosts: Mapping[NodeId, NodeHost] = {host.node_id: host for host in tx.node_hosts.list()}
    nodes = ((head.name, hosts.get(NodeId(head.id))) for head in tx.resources.heads("node"))
    return sorted(((name, host) for name, host in nodes if host is not None), key=lambda pair: pair[0])


def _fingerprint(known: KnownKeys, purpose: Purpose, state: KeyState) -> str:
    found = known.in_state(purpose, state)
    return fingerprint(found.public_key) if found is not None else ""


_LOOKS: Final[Mapping[tuple[Purpose, RotationStep], Look]] = {
    (Purpose.USER_SSH, RotationStep.SWITCH): _gateways,
    (Purpose.USER_SSH, RotationStep.RETIRE): _sign_ins_under_the_old_key,
    (Purpose.SESSION_SSH, RotationStep.SWITCH): _nodes_without_the_key,
    (Purpose.NODE_HOST, RotationStep.RETIRE): _nodes_under_the_old_key,
    (Purpose.FACE_HOST, RotationStep.SWITCH): _sign_ins_without_the_face,
    (Purpose.FACE_HOST, RotationStep.RETIRE): _last_face,
}
