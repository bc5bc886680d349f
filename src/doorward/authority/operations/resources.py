"""Declared things: validated whole, then stored whole, in one transaction with their events; or not at all.

Every change is decided on what it would make of the whole policy: who would gain rights that the caller does not hold,
whether an administrator is left, which live sessions lose their ground. A lock cuts what it names here.
"""

import asyncio
import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from doorward.api.bodies.resources import Applied, Apply, Change, ResourceView, SourceFile
from doorward.authority.callers import UserCaller
from doorward.authority.changes import check_change, check_removal, lock_warnings
from doorward.authority.endings import Ending, cut_node, end_sign_ins, redecide
from doorward.authority.factor_removal import remove_factors
from doorward.authority.giving import check_administrator_left
from doorward.authority.noting import note
from doorward.authority.policy import PolicyView
from doorward.authority.ports import StoredResource, Transaction
from doorward.authority.rights import require, require_any, require_in
from doorward.authority.services import Services
from doorward.base.clock import to_micros
from doorward.base.errors import Conflict, Invalid, Missing
from doorward.base.ids import NodeId, PersonId, UserId, new_id
from doorward.domain.access.lint import lint
from doorward.domain.audit.event import Actor, Subjects
from doorward.domain.audit.events_people import USER_DISABLED, USER_ENABLED
from doorward.domain.audit.events_policy import (
    LOCK_CREATED,
    LOCK_DELETED,
    RESOURCE_CREATED,
    RESOURCE_DELETED,
    RESOURCE_UPDATED,
)
from doorward.domain.identity.sign_in import SignInEnd
from doorward.domain.kinds.positioned import InvalidDocuments, Placed, Problem
from doorward.domain.kinds.registry import KINDS, Declared, dump, parse_documents

DOCUMENTS_MAX: Final = 2000
BYTES_MAX: Final = 1 << 20
"""Of all files of one call together."""
_REVISION: Final = "metadata.revision"


class StaleRevision(Placed, Conflict):
    """The thing was changed since the caller read it."""

    code = "stale_revision"


class RevisionNeeded(Placed, Conflict):
    """The thing is there already, and the caller does not say that it was looked at."""

    code = "revision_needed"


class TargetStays(Placed, Conflict):
    """What a lock names is what it was made for."""

    code = "target_stays"


async def apply(services: Services, caller: UserCaller, said: Apply) -> Applied:
    """Every document of every file, or none. Nothing is read of who may declare nothing at all."""
    await services.store.read(lambda tx: require_any(services, tx, caller, sorted(KINDS), ("create", "update")))
    if sum(len(one.text.encode()) for one in said.files) > BYTES_MAX:
        raise Invalid(f"applying: at most {BYTES_MAX} bytes at once")
    async with services.reading:  # a megabyte takes seconds: two at once would slow everybody else down
        documents = await asyncio.to_thread(parse_files, said.files)

    def work(tx: Transaction) -> list[Change]:
        return store_documents(services, tx, caller, documents, overwrite=said.overwrite)

    if said.dry_run:
        return Applied(await _rehearse(services, work))
    changes = await services.store.write(work)
    services.bell.ring()
    return Applied(changes)


class _Rehearsed(Exception):
    def __init__(self, changes: list[Change]) -> None:
        super().__init__("rehearsed")
        self.changes = changes


async def _rehearse(services: Services, work: Any) -> list[Change]:
    def undo(tx: Transaction) -> None:
        raise _Rehearsed(work(tx))

    try:
        await services.store.write(undo)
    except _Rehearsed as done:
        return done.changes
    raise AssertionError("a rehearsal always undoes itself")


def parse_files(files: Sequence[SourceFile]) -> tuple[Declared, ...]:
    """All documents, with every problem of every file reported at once by `InvalidDocuments`."""
    documents: list[Declared] = []
    problems: list[Problem] = []
    for one in files:
        try:
            documents.extend(parse_documents(one.text, one.name))
        except InvalidDocuments as error:
            problems.extend(error.problems)
    seen: dict[tuple[str, str], Declared] = {}
    for declared in documents:
        first = seen.setdefault((declared.kind, declared.name), declared)
        if first is not declared:
            text = f"{declared.kind} {declared.name} stands in {first.file}:{first.line} as well"
            problems.append(Problem(declared.file, declared.line, "metadata.name", text))
    if problems:
        raise InvalidDocuments(problems)
    if len(documents) > DOCUMENTS_MAX:
        raise Invalid(f"applying: at most {DOCUMENTS_MAX} documents at once")
    return tuple(documents)


def store_documents(
    services: Services, tx: Transaction, caller: UserCaller, documents: Sequence[Declared], *, overwrite: bool = False
) -> list[Change]:
    """Inside a transaction: rights, revisions, rows, events, then what the changes mean for what is live."""
    ending = Ending.begin(tx)
    before = services.policy.view(tx)
    for one in documents:
        verb = "create" if tx.resources.get(one.kind, one.name) is None else "update"
        require_in(before, caller, one.kind, verb)
    _check_revisions(tx, documents, overwrite=overwrite)
    changes = [_store(services, ending, caller, one, before) for one in documents]
    after = services.policy.fresh(tx)
    check_change(before, after, caller, documents)
    check_administrator_left(after, tx.now, documents)
    actor = Actor.user(caller.user_id)
    for one in documents:
        if one.kind == "user":
            _note_disabling(ending, before, after, actor, one)
    changes = [_warned(change, one, after, caller) for change, one in zip(changes, documents, strict=True)]
    _cut_moved(ending, before, after, actor)
    if any(change.action != "unchanged" for change in changes):
        redecide(ending, after, actor)
    return changes


def _note_disabling(ending: Ending, before: PolicyView, after: PolicyView, actor: Actor, one: Declared) -> None:
    """Say that a user was disabled, and end what is live; or that one may come in again."""
    stored, user = after.users[after.user_names[one.name]]
    earlier = before.users.get(stored.id)
    was_disabled = earlier is not None and earlier[1].disabled
    subjects = Subjects(resource=stored.id, user=stored.id)
    if user.disabled:
        live = ending.tx.sign_ins.live_of(UserId(stored.id), ending.tx.now)
        ended = end_sign_ins(ending, live, SignInEnd.USER_DISABLED, actor, stored.name)
        if not was_disabled:
            fields = {"sign_ins_ended": ended, "user_name": stored.name}
            note(ending.tx, USER_DISABLED, actor, fields, subjects)
    elif was_disabled:
        note(ending.tx, USER_ENABLED, actor, {"user_name": stored.name}, subjects)


def _check_revisions(tx: Transaction, documents: Sequence[Declared], *, overwrite: bool) -> None:
    """Every document must be built on what is there, unless it changes nothing."""
    stale: list[Problem] = []
    blind: list[Problem] = []
    moved: list[Problem] = []
    for one in documents:
        earlier = tx.resources.get(one.kind, one.name)
        if earlier is None:
            if one.revision not in {None, 0}:
                stale.append(one.problem(_REVISION, f"there is none any more (you read revision {one.revision})"))
            continue
        body = dump(one.value)
        if one.revision is not None and one.revision != earlier.revision:
            text = f"you read revision {one.revision}, it is {earlier.revision} now"
            stale.append(one.problem(_REVISION, text))
        elif one.revision is None and not overwrite and dict(earlier.body) != body:
            text = f"{one.kind}/{one.name} is there, at revision {earlier.revision}: look at it with dw get and name "
            blind.append(one.problem(_REVISION, text + "the revision that you change, or apply with --overwrite"))
        elif one.kind == "lock" and earlier.body["spec"]["target"] != body["spec"]["target"]:
            text = "what a lock names does not change; remove it and make another"
            moved.append(one.problem("spec.target", text))
    for kind, problems in ((StaleRevision, stale), (RevisionNeeded, blind), (TargetStays, moved)):
        if problems:
            raise kind.among(problems)


def _warned(change: Change, one: Declared, after: PolicyView, caller: UserCaller) -> Change:
    if one.kind == "role":
        return msgspec.structs.replace(change, warnings=[f"{each.field}: {each.message}" for each in lint(one.value)])
    if one.kind == "lock":
        return msgspec.structs.replace(change, warnings=lock_warnings(after, one.value, caller))
    return change


def _cut_moved(ending: Ending, before: PolicyView, after: PolicyView, actor: Actor) -> None:
    """What is open on a node was opened to its address; under another one it is another machine."""
    for node_id, (_, node) in after.nodes.items():
        earlier = before.nodes.get(node_id)
        if earlier is not None and earlier[1] is not node and earlier[1].address != node.address:
            cut_node(ending, NodeId(node_id), "the node has another address now", actor)


def _store(services: Services, ending: Ending, caller: UserCaller, one: Declared, before: PolicyView) -> Change:
    tx = ending.tx
    body = dump(one.value)
    digest = hashlib.sha256(msgspec.json.encode(body, order="deterministic")).hexdigest()
    earlier = tx.resources.get(one.kind, one.name)
    actor = Actor.user(caller.user_id)
    if earlier is None:
        stored = StoredResource(one.kind, one.name, new_id(services.entropy), 1, body, tx.now)
        if not tx.resources.insert(stored):
            raise Conflict(f"applying {one.kind}/{one.name}: somebody created it just now")
        if one.kind == "user":
            tx.persons.add(PersonId(new_id(services.entropy)), UserId(stored.id))
        _note(tx, actor, RESOURCE_CREATED, stored, digest)
        if one.kind == "lock":
            _note_lock(ending, actor, stored, one, before)
        return Change(one.kind, one.name, stored.id, 1, "created")
    if dict(earlier.body) == body:
        return Change(one.kind, one.name, earlier.id, earlier.revision, "unchanged")
    stored = StoredResource(one.kind, one.name, earlier.id, earlier.revision + 1, body, tx.now)
    if not tx.resources.update(stored, expected_revision=earlier.revision):
        raise StaleRevision(f"applying {one.kind}/{one.name}: somebody changed it just now")
    _note(tx, actor, RESOURCE_UPDATED, stored, digest)
    return Change(one.kind, one.name, stored.id, stored.revision, "updated")


def _note(tx: Transaction, actor: Actor, kind: Any, stored: StoredResource, digest: str) -> None:
    fields: dict[str, Any] = {"kind": stored.kind, "name": stored.name, "revision": stored.revision}
    if digest:
        fields["body_sha256"] = digest
    note(tx, kind, actor, fields, _subjects(stored))


def _subjects(stored: StoredResource) -> Subjects:
    if stored.kind == "user":
        return Subjects(resource=stored.id, user=stored.id)
    if stored.kind == "node":
        return Subjects(resource=stored.id, node=stored.id)
    return Subjects(resource=stored.id)


def _lock_subjects(view: PolicyView, stored: StoredResource, target: Mapping[str, str]) -> Subjects:
    """A lock that names a user or a node is about them: found by them, and erased with the user."""
    named, node = target.get("user", ""), target.get("node", "")
    user_id = named if named in view.users else view.user_names.get(named, "")
    node_id = node if node in view.nodes else view.node_names.get(node, "")
    return Subjects(resource=stored.id, user=user_id, node=node_id)


def _note_lock(ending: Ending, actor: Actor, stored: StoredResource, one: Declared, view: PolicyView) -> None:
    """What was open at an older epoch and is named was cut; what opened later saw the lock."""
    lock = one.value
    fields: dict[str, Any] = {"name": stored.name, "target": dict(lock.target), "message": lock.message}
    fields["epoch"] = ending.epoch
    if lock.expires is not None:
        fields["expires_micros"] = to_micros(lock.expires)
    note(ending.tx, LOCK_CREATED, actor, fields, _lock_subjects(view, stored, fields["target"]))


def revision_of(text: str) -> int | None:
    """The revision that a call names, None for the word `any`."""
    if text == "any":
        return None
    if not text.isascii() or not text.isdigit() or len(text) > 16:
        raise Invalid("reading the revision: the number that you read is expected, or the word any")
    return int(text)


async def delete_resource(services: Services, caller: UserCaller, kind: str, name: str, revision: int | None) -> Change:
    """Remove one thing and whatever stands on it alone; its id is never given again.

    `revision` is the one that the caller read, None for any: the caller must say that, it is never the default.
    """
    _known_kind(kind)

    def work(tx: Transaction) -> Change:
        ending = Ending.begin(tx)
        require(services, tx, caller, kind, "delete")
        before = services.policy.view(tx)
        stored = tx.resources.get(kind, name)
        if stored is None:
            raise Missing(f"removing {kind}/{name}: there is none")
        if revision is not None and revision != stored.revision:
            raise StaleRevision(f"removing {kind}/{name}: it is revision {stored.revision} now")
        actor = Actor.user(caller.user_id)
        if kind == "user":
            live = tx.sign_ins.live_of(UserId(stored.id), tx.now)
            end_sign_ins(ending, live, SignInEnd.USER_DISABLED, actor, stored.name)
            tx.passwords.delete(UserId(stored.id))
            remove_factors(tx, UserId(stored.id), actor)
            tx.invitations.revoke_all(UserId(stored.id), tx.now)
        if not tx.resources.delete(kind, stored.id, expected_revision=stored.revision):
            raise StaleRevision(f"removing {kind}/{name}: somebody changed it just now")
        after = services.policy.fresh(tx)
        check_removal(before, after, caller, kind, name)
        check_administrator_left(after, tx.now)
        _note(tx, actor, RESOURCE_DELETED, stored, "")
        if kind == "lock":
            target = _lock_target(before, name)
            fields = {"name": stored.name, "target": target}
            note(tx, LOCK_DELETED, actor, fields, _lock_subjects(before, stored, target))
        redecide(ending, after, actor)
        return Change(kind, name, stored.id, stored.revision, "deleted")

    change = await services.store.write(work)
    services.bell.ring()
    return change


def _lock_target(view: Any, name: str) -> dict[str, str]:
    return next((dict(lock.target) for lock in view.locks if lock.name == name), {})


async def list_resources(services: Services, caller: UserCaller, kind: str) -> list[ResourceView]:
    """Everything of a kind, by name."""
    _known_kind(kind)

    def work(tx: Transaction) -> list[ResourceView]:
        require(services, tx, caller, kind, "list")
        return [view_of(one) for one in sorted(tx.resources.list(kind), key=lambda one: one.name)]

    return await services.store.read(work)


async def get_resource(services: Services, caller: UserCaller, kind: str, name: str) -> ResourceView:
    """One thing."""
    _known_kind(kind)

    def work(tx: Transaction) -> ResourceView:
        require(services, tx, caller, kind, "read")
        found = tx.resources.get(kind, name)
        if found is None:
            raise Missing(f"looking for {kind}/{name}: there is none")
        return view_of(found)

    return await services.store.read(work)


def view_of(stored: StoredResource) -> ResourceView:
    """The document with its revision in metadata, so that it can be edited and applied as it is."""
    body: Mapping[str, Any] = stored.body
    document = {**body, "metadata": {**body["metadata"], "revision": stored.revision}}
    return ResourceView(stored.kind, stored.name, stored.id, stored.revision, document)


def _known_kind(kind: str) -> None:
    if kind not in KINDS:
        raise Missing(f"looking for {kind}: there is no such kind; known are {', '.join(sorted(KINDS))}")
