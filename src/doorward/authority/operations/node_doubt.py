"""A node of which there seem to be two: a known one is enrolled with another key that nobody announced.

Which of the machines is the node can not be told from here. So neither is believed: the node is locked until an
administrator has looked, and then either removes the lock, or forgets the known key and sets the node up anew.
"""

import hashlib
from dataclasses import replace

import msgspec

from doorward.authority.endings import Ending, redecide
from doorward.authority.noting import note
from doorward.authority.ports import StoredResource, Transaction
from doorward.authority.services import Services
from doorward.base.errors import Conflict
from doorward.base.ids import new_id
from doorward.domain.access.locks import Lock
from doorward.domain.audit.event import Actor, Subjects
from doorward.domain.audit.events_machines import NODE_KEY_MISMATCH
from doorward.domain.audit.events_policy import LOCK_CREATED, RESOURCE_CREATED, RESOURCE_UPDATED
from doorward.domain.identity.machines import NodeHost
from doorward.domain.kinds.registry import dump, load_body


class AnotherKey(Conflict):
    """The node is known by another key, and nobody said that it would change."""

    code = "another_key"


def lock_name(node_id: str) -> str:
    """The lock that a second key puts on a node."""
    return f"second-key-{node_id}"


def lock_doubted(services: Services, ending: Ending, node: StoredResource, known: NodeHost, shown: str) -> None:
    """Lock the node, cut what is open on it, and note why; where it is locked for this already, that stands."""
    tx = ending.tx
    actor = Actor.node(known.node_id)
    subjects = Subjects(node=node.id, resource=node.id)
    fields = {"name": node.name, "expected": known.fingerprint, "shown": shown, "address": ""}
    note(tx, NODE_KEY_MISMATCH, actor, fields, subjects)
    message = "another machine was set up as this node; an administrator must look"
    lock = Lock(lock_name(node.id), (("node", node.id),), message)
    if not _put(services, tx, lock, actor):
        return
    locked = {"name": lock.name, "target": dict(lock.target), "message": message, "epoch": ending.epoch}
    note(tx, LOCK_CREATED, actor, locked, subjects)
    redecide(ending, services.policy.fresh(tx), actor)


def _put(services: Services, tx: Transaction, lock: Lock, actor: Actor) -> bool:
    """Whether there is something new to lock: not while the same lock is in force, for as long as this one would be."""
    earlier = tx.resources.get("lock", lock.name)
    if earlier is not None and _stands(load_body("lock", earlier.body), lock):
        return False
    body = dump(lock)
    digest = hashlib.sha256(msgspec.json.encode(body, order="deterministic")).hexdigest()
    fields = {"kind": "lock", "name": lock.name, "body_sha256": digest}
    if earlier is None:
        stored = StoredResource("lock", lock.name, new_id(services.entropy), 1, body, tx.now)
        if not tx.resources.insert(stored):
            raise Conflict("locking a node: somebody else is at it")
        note(tx, RESOURCE_CREATED, actor, {**fields, "revision": 1}, Subjects(resource=stored.id))
        return True
    # It has run out, or an administrator gave it an end or another aim: it is put back as it was made.
    renewed = replace(earlier, revision=earlier.revision + 1, body=body, updated=tx.now)
    if not tx.resources.update(renewed, expected_revision=earlier.revision):
        raise Conflict("locking a node: somebody else is at it")
    note(tx, RESOURCE_UPDATED, actor, {**fields, "revision": renewed.revision}, Subjects(resource=renewed.id))
    return True


def _stands(earlier: Lock, wanted: Lock) -> bool:
    return earlier.target == wanted.target and earlier.expires is None
