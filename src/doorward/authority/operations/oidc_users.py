"""The users behind identities: found by (issuer, sub), made at the first sign-in, changed whenever their claims did.

Roles and traits of such a user are the provider's word through the connector's maps, and nothing else; a change of them
decides every live session anew.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import msgspec

from doorward.authority.endings import Ending, redecide
from doorward.authority.noting import note
from doorward.authority.policy import PolicyView
from doorward.authority.ports import StoredResource, Transaction
from doorward.authority.services import Services
from doorward.base.errors import Conflict, Refused
from doorward.base.ids import PersonId, UserId
from doorward.domain.access.locks import facts_of, locked_text, locks_hit
from doorward.domain.access.question import Subject
from doorward.domain.audit.event import SYSTEM, Subjects
from doorward.domain.audit.event_types import EventType
from doorward.domain.audit.events_people import PERSON_LINKED
from doorward.domain.audit.events_policy import RESOURCE_CREATED, RESOURCE_UPDATED
from doorward.domain.identity.oidc_claims import Claimed, name_of, unique_name
from doorward.domain.identity.oidc_tokens import Identity
from doorward.domain.kinds.registry import dump
from doorward.domain.kinds.user import User


class EntryRefused(Refused):
    """The identity is proven, and not let in."""

    code = "entry_refused"


@dataclass(frozen=True, slots=True)
class FreshIds:
    """What a user who is not there yet will get; drawn before the transaction, which may run twice."""

    user: UserId
    person: PersonId


@dataclass(frozen=True, slots=True)
class Arrival:
    """Who comes, what the connector's maps give them, and the ids that a new user takes."""

    identity: Identity
    got: Claimed
    ids: FreshIds


@dataclass(frozen=True, slots=True)
class Entrant:
    """A user as it is, or will be; `is_new` without a row, `gone` the removed user whose link is left over."""

    stored: StoredResource
    user: User
    is_new: bool
    gone: UserId | None = None


def entrant(services: Services, tx: Transaction, arrival: Arrival) -> Entrant:
    """The user of an identity; `EntryRefused` for who is disabled, locked, or mapped to a role that is not there."""
    view, identity, ids = services.policy.view(tx), arrival.identity, arrival.ids
    linked = tx.identity_links.user_of(identity.issuer, identity.sub)
    found = view.users.get(linked) if linked is not None else None
    if found is not None:
        one = Entrant(*found, is_new=False)
    else:
        name = unique_name(name_of(identity.claims), lambda text: view.user_named(text) is not None, ids.user)
        user = User(name)
        one = Entrant(StoredResource("user", name, ids.user, 0, dump(user), tx.now), user, is_new=True, gone=linked)
    _check(view, one, arrival.got, tx)
    return one


def _check(view: PolicyView, one: Entrant, got: Claimed, tx: Transaction) -> None:
    if one.user.disabled:
        raise EntryRefused("signing in: your user is disabled")
    if any(role not in view.roles for role in got.roles):
        # It may be the role that denies: nobody enters without it.
        raise EntryRefused("signing in: the connector gives a role that does not exist; ask your administrator")
    subject = Subject(one.stored.id, one.stored.name, tuple(view.roles[role] for role in got.roles))
    if hit := locks_hit(view.locks, facts_of(subject), tx.now):
        raise EntryRefused(f"signing in: {locked_text(hit)}")


def store_entrant(services: Services, tx: Transaction, one: Entrant, arrival: Arrival) -> None:
    """Make the user, person and link of a new one, in the caller's transaction; set roles and traits of a known one."""
    identity, got, ids = arrival.identity, arrival.got, arrival.ids
    user_id = UserId(one.stored.id)
    if not one.is_new:
        apply_claims(services, tx, user_id, got)
        return
    body = dump(replace(one.user, roles=got.roles, traits=got.traits))
    stored = StoredResource("user", one.stored.name, user_id, 1, body, tx.now)
    if not tx.resources.insert(stored):
        raise Conflict("signing in: two new users met; try again")
    # A removed user's identity comes back as a new user, and stays the same person: quorums count persons.
    person = tx.persons.of_user(one.gone) if one.gone is not None else None
    tx.persons.add(person or ids.person, user_id)
    if one.gone is None:
        tx.identity_links.add(identity.issuer, identity.sub, user_id)
    elif not tx.identity_links.move(identity.issuer, identity.sub, user_id, one.gone):
        raise Conflict("signing in: two sign-ins met; try again")
    _note(tx, RESOURCE_CREATED, stored, body)
    linked = {"issuer": identity.issuer, "identity": identity.sub}
    note(tx, PERSON_LINKED, SYSTEM, linked, Subjects(user=user_id, person=person or ids.person))


def apply_claims(services: Services, tx: Transaction, user_id: UserId, got: Claimed) -> bool:
    """Set a user's roles and traits to what the provider says; True when that changed anything, live sessions too.

    What it may end comes first in `tx`, so call it before `tx` writes anything; most sign-ins change nothing and hold
    nobody off.
    """
    if _change(services, tx, user_id, got) is None:
        return False
    ending = Ending.begin(tx)
    change = _change(services, tx, user_id, got)  # looked at again: the wait may have been for who changed it
    if change is None:
        return False
    earlier, body = change
    stored = StoredResource("user", earlier.name, earlier.id, earlier.revision + 1, body, tx.now)
    if not tx.resources.update(stored, expected_revision=earlier.revision):
        raise Conflict("setting what the provider says: somebody changed the user just now")
    _note(tx, RESOURCE_UPDATED, stored, body)
    redecide(ending, services.policy.fresh(tx), SYSTEM)
    return True


def _change(
    services: Services, tx: Transaction, user_id: UserId, got: Claimed
) -> tuple[StoredResource, dict[str, Any]] | None:
    """The user as stored and the body that it should have, when they differ."""
    found = services.policy.view(tx).users.get(user_id)
    if found is None:
        return None
    earlier, user = found
    body = dump(replace(user, roles=got.roles, traits=got.traits))
    return None if dict(earlier.body) == body else (earlier, body)


def _note(tx: Transaction, kind: EventType, stored: StoredResource, body: Mapping[str, Any]) -> None:
    digest = hashlib.sha256(msgspec.json.encode(body, order="deterministic")).hexdigest()
    fields = {"kind": "user", "name": stored.name, "revision": stored.revision, "body_sha256": digest}
    note(tx, kind, SYSTEM, fields, Subjects(resource=stored.id, user=stored.id))
