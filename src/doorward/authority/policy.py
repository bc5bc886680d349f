"""What is declared, parsed, as one consistent view; made anew when something changed.

Each operation asks for the view inside its own transaction, so that it decides on what that transaction sees. Parsed
values are kept per (id, revision), and a user's prepared roles per view, so that a change costs what changed.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from doorward.authority.ports import ResourceHead, StoredResource, Transaction
from doorward.base.errors import DoorwardError, Refused, Unavailable
from doorward.base.ids import SignInId, UserId
from doorward.domain.access.built_in import BUILT_IN_ROLES
from doorward.domain.access.locks import Lock
from doorward.domain.access.prepared import Prepared, prepare
from doorward.domain.access.question import Subject, Target
from doorward.domain.access.role import Role
from doorward.domain.kinds.node import Node
from doorward.domain.kinds.oidc_connector import OidcConnector
from doorward.domain.kinds.registry import KINDS, load_body
from doorward.domain.kinds.user import User

PREPARED_MAX: Final = 4096
FETCHED_ONE_BY_ONE_MAX: Final = 50  # beyond that one long read is quicker than many short ones
VIEWS_KEPT: Final = 2
BUILDS_MAX: Final = 8  # changes that come while one is read; more in a row means that something else is wrong


class UnknownSubject(Refused):
    """The user is gone, or disabled, or holds a role that does not exist: nothing opens."""

    code = "unknown_subject"


@dataclass(frozen=True, slots=True)
class LoadedResource:
    """A stored thing and its parsed value."""

    stored: StoredResource
    value: Any


Parsed = dict[tuple[str, str], LoadedResource]


@dataclass(frozen=True, slots=True)
class PolicyView:
    """Everything declared, at one value of the change counter."""

    counter: int
    users: Mapping[str, tuple[StoredResource, User]]
    user_names: Mapping[str, str]
    roles: Mapping[str, Role]
    nodes: Mapping[str, tuple[StoredResource, Node]]
    node_names: Mapping[str, str]
    locks: tuple[Lock, ...]
    targets: Mapping[str, Target]
    connectors: Mapping[str, tuple[StoredResource, OidcConnector]] = field(default_factory=dict)
    # Of these very roles: `replace` gives a changed view an empty one of its own.
    _prepared: dict[tuple[str, str], Prepared] = field(default_factory=dict, init=False)

    def user_named(self, name: str) -> tuple[StoredResource, User] | None:
        """The user of that name."""
        found = self.user_names.get(name)
        return self.users.get(found) if found else None

    def roles_of(self, user: User) -> tuple[Role, ...]:
        """The roles a user holds; `UnknownSubject` when one of them does not exist, since it may have held a deny."""
        try:
            return tuple(self.roles[name] for name in user.roles)
        except KeyError as error:
            raise UnknownSubject("deciding: the user holds a role that does not exist") from error

    def prepared(self, user_id: UserId, sign_in_id: SignInId) -> Prepared:
        """A user's roles with traits filled in; `UnknownSubject` for one who may do nothing at all."""
        ready = self._prepared.get((user_id, sign_in_id))
        if ready is not None:
            return ready
        found = self.users.get(user_id)
        if found is None or found[1].disabled:
            raise UnknownSubject("deciding: there is no such user, or not any more")
        stored, user = found
        subject = Subject(
            user_id=user_id,
            user_name=stored.name,
            roles=self.roles_of(user),
            traits=user.traits,
            sign_in_id=sign_in_id or None,
        )
        if len(self._prepared) >= PREPARED_MAX:
            self._prepared.clear()
        self._prepared[user_id, sign_in_id] = ready = prepare(subject)
        return ready


class PolicyCache:
    """Holds the newest views; for all units of work of one store.

    After a change many ask at once: one of them reads what changed while the others wait for the store's turn.
    """

    def __init__(self) -> None:
        self._parsed: Parsed = {}
        self._views: dict[int, PolicyView] = {}

    def view(self, tx: Transaction) -> PolicyView:
        """The view that belongs to what `tx` sees. Ask before `tx` changes anything declared: this one is kept."""
        for _ in range(BUILDS_MAX):
            counter = tx.resources.change_counter()
            ready = self._views.get(counter)
            if ready is not None:
                return ready
            with tx.turn:
                ready = self._views.get(counter) or self._make(tx, counter)
            if ready is not None:
                return ready
        raise Unavailable("reading the policy: it changes faster than it can be read")

    def fresh(self, tx: Transaction) -> PolicyView:
        """A view of uncommitted changes of `tx` itself, which hold off those of others; never kept."""
        return _view_of(self._read(tx), -1)

    def _make(self, tx: Transaction, counter: int) -> PolicyView | None:
        """None when somebody's change came between the first statement and the last: it may hold half of it."""
        try:
            found = self._read(tx)
        except _TornError:
            return None
        if tx.resources.change_counter() != counter:
            return None
        made = _view_of(found, counter)
        if not self._views or counter > max(self._views):
            self._parsed = {(kind, one.stored.id): one for kind, those in found.items() for one in those}
        # The one before stays for those that began before the change; whoever is still older makes their own.
        self._views = dict(sorted({**self._views, counter: made}.items())[-VIEWS_KEPT:])
        return made

    def _read(self, tx: Transaction) -> dict[str, list[LoadedResource]]:
        parsed = self._parsed  # one and the same while this reads, whatever others make meanwhile
        return {kind: _load(tx, kind, parsed) for kind in KINDS}


def _view_of(found: Mapping[str, list[LoadedResource]], counter: int) -> PolicyView:
    roles = dict(BUILT_IN_ROLES)
    roles.update({one.stored.name: one.value for one in found["role"]})
    return PolicyView(
        counter=counter,
        users={one.stored.id: (one.stored, one.value) for one in found["user"]},
        user_names={one.stored.name: one.stored.id for one in found["user"]},
        roles=roles,
        nodes={one.stored.id: (one.stored, one.value) for one in found["node"]},
        node_names={one.stored.name: one.stored.id for one in found["node"]},
        locks=tuple(one.value for one in found["lock"]),
        targets={one.stored.id: _target(one) for one in found["node"]},
        connectors={one.stored.name: (one.stored, one.value) for one in found["oidc_connector"]},
    )


class _TornError(Exception):
    """What was listed is not there any more: somebody's change came between two statements."""


def _load(tx: Transaction, kind: str, parsed: Parsed) -> list[LoadedResource]:
    heads = tx.resources.heads(kind)
    changed = [head for head in heads if not _is_parsed(parsed.get((kind, head.id)), head)]
    if len(changed) > FETCHED_ONE_BY_ONE_MAX:
        fetched = {one.id: one for one in tx.resources.list(kind)}
    else:
        found = (tx.resources.by_id(kind, head.id) for head in changed)
        fetched = {one.id: one for one in found if one is not None}
    if any(head.id not in fetched for head in changed):
        raise _TornError
    made = {head.id: LoadedResource(fetched[head.id], _parse(kind, fetched[head.id])) for head in changed}
    return [made.get(head.id) or parsed[kind, head.id] for head in heads]


def _is_parsed(known: LoadedResource | None, head: ResourceHead) -> bool:
    return known is not None and (known.stored.revision, known.stored.name) == (head.revision, head.name)


def _parse(kind: str, stored: StoredResource) -> Any:
    try:
        return load_body(kind, stored.body)
    except DoorwardError as error:
        # A stored policy that no longer loads must not be skipped: it may be a deny. All doors shut until it is mended.
        raise Refused(f"reading the stored {kind} {stored.name}: it does not load any more") from error


def _target(one: LoadedResource) -> Target:
    return Target(kind="node", id=one.stored.id, name=one.stored.name, labels=one.value.labels)
