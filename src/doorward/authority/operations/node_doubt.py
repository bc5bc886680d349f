"""A node of which there seem to be two: a known one is enrolled with another key that nobody announced.

Which of the machines is the node can not be told from here. So neither is believed: the node is locked until an
administrator has looked, and then either removes the lock, or forgets the known key and sets the node up anew.
"""

import hashlib

import msgspec

from doorward.authority.endings import redecide
from doorward.authority.noting import note
from doorward.authority.ports import StoredResource, Transaction
from doorward.authority.services import Services
from doorward.base.errors import Conflict
from doorward.base.ids import new_id
from doorward.domain.access.locks import Lock
from doorward.domain.audit.event import Actor, Subjects
from doorward.domain.audit.events_machines import NODE_KEY_MISMATCH
from doorward.domain.audit.events_policy import LOCK_CREATED, RESOURCE_CREATED
from doorward.domain.identity.machines import NodeHost
from doorward.domain.kinds.registry import dump


class AnotherKey(Conflict):
    """The node is known by another key, and nobody said that it would change."""

    code = "another_key"


def lock_name(node_id: str) -> str:
    """The lock that a second key puts on a node."""
    return f"second-key-{node_id}"


def lock_doubted(services: Services, tx: Transaction, node: StoredResource, known: NodeHost, shown: str) -> None:
    """Lock the node, cut what is open on it, and note why; a lock that is there already stands."""
    actor = Actor.node(known.node_id)
    subjects = Subjects(node=node.id, resource=node.id)
    fields = {"name": node.name, "expected": known.fingerprint, "shown": shown, "address": ""}
    note(tx, NODE_KEY_MISMATCH, actor, fields, subjects)
    message = "another machine was set up as this node; an administrator must look"
    lock = Lock(lock_name(node.id), (("node", node.id),), message)
    body = dump(lock)
    stored = StoredResource("lock", lock.name, new_id(services.entropy), 1, body, tx.now)
    if not tx.resources.insert(stored):
        return
    digest = hashlib.sha256(msgspec.json.encode(body, order="deterministic")).hexdigest()
    created = {"kind": "lock", "name": lock.name, "revision": 1, "body_sha256": digest}
    note(tx, RESOURCE_CREATED, actor, created, Subjects(resource=stored.id))
    locked = {"name": lock.name, "target": dict(lock.target), "message": message}
    note(tx, LOCK_CREATED, actor, locked, Subjects(resource=stored.id, node=node.id))
    redecide(tx, services.policy.fresh(tx), actor)
