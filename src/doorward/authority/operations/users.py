"""Codes for users: inviting someone, and resetting someone who lost a factor.

A reset ends every sign-in and session of the user, removes all factors, and answers a fresh code. Nobody gets a code
for a user whose roles give more than the giver holds.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from doorward.api.bodies.administration import AddUser, IssuedCode
from doorward.authority.callers import UserCaller
from doorward.authority.endings import Ending, end_sign_ins
from doorward.authority.factor_removal import remove_factors
from doorward.authority.giving import check_gives
from doorward.authority.noting import note
from doorward.authority.operations.resources import store_documents
from doorward.authority.policy import PolicyView
from doorward.authority.ports import StoredResource, Transaction
from doorward.authority.services import Services
from doorward.base.clock import to_micros
from doorward.base.entropy import Entropy
from doorward.base.errors import Conflict, Missing
from doorward.base.ids import UserId, new_id
from doorward.domain.audit.event import Actor, Subjects
from doorward.domain.audit.events_people import USER_INVITED, USER_RESET
from doorward.domain.identity.invitation import (
    INVITATION_LIFETIME,
    Invitation,
    InvitationPurpose,
    hash_code,
    new_code,
)
from doorward.domain.identity.sign_in import SignInEnd
from doorward.domain.kinds.registry import parse_body
from doorward.domain.kinds.user import User

RESET_LIFETIME: Final = timedelta(hours=1)


class AlreadyEnrolled(Conflict):
    """The user has factors; a new code would replace them, which is a reset."""

    code = "already_enrolled"


class SignsInElsewhere(Conflict):
    """The user signs in at an identity provider, and has no factors here."""

    code = "signs_in_elsewhere"


class UserExists(Conflict):
    """There is a user of this name; adding is for new ones."""

    code = "user_exists"


@dataclass(frozen=True, slots=True)
class NewCode:
    """A code about to be given: the row's id, the code itself, what it does and for how long."""

    id: str
    code: str
    purpose: InvitationPurpose
    lifetime: timedelta


def add_invitation(tx: Transaction, user: StoredResource, new: NewCode, actor: Actor) -> Invitation:
    """Store a code's hash and note it; open codes of the user are spent, and what was begun with them is dropped."""
    user_id = UserId(user.id)
    tx.invitations.revoke_all(user_id, tx.now)
    tx.totp.delete_all(user_id)  # only factors that nobody confirmed: codes are for users who have none in force
    invitation = Invitation(
        id=new.id,
        code_hash=hash_code(new.code),
        user_id=user_id,
        purpose=new.purpose,
        expires=tx.now + new.lifetime,
        created_by=actor.id or str(actor.kind),
    )
    tx.invitations.add(invitation)
    fields = {
        "purpose": str(new.purpose),
        "expires_micros": to_micros(invitation.expires),
        "user_name": user.name,
    }
    note(tx, USER_INVITED, actor, fields, Subjects(user=user_id))
    return invitation


def draw_code(entropy: Entropy, purpose: InvitationPurpose, lifetime: timedelta) -> NewCode:
    """A fresh code."""
    return NewCode(new_id(entropy), new_code(entropy), purpose, lifetime)


async def invite_user(services: Services, caller: UserCaller, name: str) -> IssuedCode:
    """A code for a user without factors."""
    return await services.store.write(lambda tx: invite(services, tx, caller, name))


def invite(services: Services, tx: Transaction, caller: UserCaller, name: str) -> IssuedCode:
    """The same, inside a transaction that has just declared the user."""
    view = services.policy.fresh(tx)
    stored, user = _found(view, name)
    check_gives(view, caller, user)
    _check_local(tx, UserId(stored.id), name)
    if tx.passwords.get(UserId(stored.id)) is not None:
        raise AlreadyEnrolled(f"inviting {name}: they have signed up already; dw users reset {name} starts over")
    new = draw_code(services.entropy, InvitationPurpose.ENROL, INVITATION_LIFETIME)
    invitation = add_invitation(tx, stored, new, Actor.user(caller.user_id))
    return IssuedCode(stored.name, new.code, invitation.expires.isoformat(), services.keys.pin)


async def reset_user(services: Services, caller: UserCaller, name: str) -> IssuedCode:
    """Remove all factors, end everything that is live, and answer a code to start over with."""

    def work(tx: Transaction) -> IssuedCode:
        ending = Ending.begin(tx)
        view = services.policy.view(tx)
        stored, user = _found(view, name)
        check_gives(view, caller, user)
        user_id = UserId(stored.id)
        _check_local(tx, user_id, name)
        actor = Actor.user(caller.user_id)
        live = tx.sign_ins.live_of(user_id, tx.now)
        ended = end_sign_ins(ending, live, SignInEnd.USER_RESET, actor, stored.name)
        tx.passwords.delete(user_id)
        removed = remove_factors(tx, user_id, actor)
        tx.failures.clear(user_id)
        tx.recent_factors.forget(user_id)
        new = draw_code(services.entropy, InvitationPurpose.RESET, RESET_LIFETIME)
        invitation = add_invitation(tx, stored, new, actor)
        fields = {"sign_ins_ended": ended, "factors_removed": removed, "user_name": stored.name}
        note(tx, USER_RESET, actor, fields, Subjects(user=user_id))
        return IssuedCode(stored.name, new.code, invitation.expires.isoformat(), services.keys.pin)

    issued = await services.store.write(work)
    services.bell.ring()
    return issued


def _found(view: PolicyView, name: str) -> tuple[StoredResource, User]:
    found = view.user_named(name.lower())
    if found is None:
        raise Missing(f"looking for a user: there is no {name}")
    return found


def _check_local(tx: Transaction, user_id: UserId, name: str) -> None:
    if tx.identity_links.is_linked(user_id):
        raise SignsInElsewhere(f"making a code for {name}: they sign in at their identity provider")


async def add_user(services: Services, caller: UserCaller, said: AddUser) -> IssuedCode:
    """Declare a user with roles, and answer the code with which they sign up."""
    document = {"kind": "user", "version": "v1", "metadata": {"name": said.name}, "spec": {"roles": said.roles}}
    declared = parse_body(document, "the call")

    def work(tx: Transaction) -> IssuedCode:
        if tx.resources.get("user", declared.name) is not None:
            raise UserExists(
                f"adding {declared.name}: there is such a user already; "
                "a new code comes of dw users invite, or of dw users reset when they have enrolled"
            )
        store_documents(services, tx, caller, [declared])
        return invite(services, tx, caller, declared.name)

    return await services.store.write(work)
