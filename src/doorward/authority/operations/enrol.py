"""Enrolment: who holds a code sets password and second factor of the one user it is for, and is signed in.

Beginning spends nothing; completing spends the code, in the transaction that stores the factors. A reset removes what
was there before. The first administrator's code is worth nothing once an administrator has enrolled.
"""

from typing import Final
from urllib.parse import quote

from doorward.api.bodies.sign_ins import BeginEnrolment, CompleteEnrolment, EnrolmentBegun, SignedIn
from doorward.authority.callers import Peer
from doorward.authority.noting import note
from doorward.authority.operations.issue import Proven, client_keys, issue
from doorward.authority.operations.sign_in import METHOD, is_locked
from doorward.authority.policy import PolicyView
from doorward.authority.ports import StoredResource, Transaction
from doorward.authority.services import Services
from doorward.authority.throttle import Way
from doorward.base.errors import Refused
from doorward.base.ids import UserId, new_id
from doorward.domain.audit.event import Actor, Subjects
from doorward.domain.audit.events_people import FACTOR_ENROLLED, USER_ENROLLED
from doorward.domain.identity.factors import Password, TotpFactor, checked_password
from doorward.domain.identity.invitation import STILL_GOOD, Invitation, InvitationPurpose, hash_code
from doorward.domain.identity.sign_in import SIGN_IN_LENGTH_DEFAULT

UNCONFIRMED_MAX: Final = 5


class CodeRefused(Refused):
    """No such code, spent, or too late; which of them is not said."""

    code = "code_refused"


async def begin_enrolment(services: Services, peer: Peer, said: BeginEnrolment) -> EnrolmentBegun:
    """Whom the code is for, and a fresh time-based secret, not yet in force."""
    invitation, user = await _invited(services, peer, said.code)
    enrolled = await services.signer.enrol_totp(user_id=invitation.user_id)
    factor_id = new_id(services.entropy)

    def work(tx: Transaction) -> None:
        again, _ = _open_invitation(services, tx, said.code)
        pending = [one for one in tx.totp.list(again.user_id) if one.confirmed is None]
        if len(pending) >= UNCONFIRMED_MAX:
            raise CodeRefused("enrolling: begun too often with this code; ask for a new one")
        factor = TotpFactor(
            id=factor_id,
            user_id=again.user_id,
            sealed=enrolled.sealed,
            last_step=0,
            created=tx.now,
            enrolled_by=str(again.purpose),
        )
        tx.totp.add(factor)

    await services.store.write(work)
    label = quote(f"Doorward:{user.name}")
    uri = f"otpauth://totp/{label}?secret={enrolled.secret}&issuer=Doorward&algorithm=SHA1&digits=6&period=30"
    return EnrolmentBegun(user.name, str(invitation.purpose), factor_id, enrolled.secret, uri)


async def complete_enrolment(services: Services, peer: Peer, said: CompleteEnrolment) -> SignedIn:
    """Spend the code; the user is signed in with the factors just set."""
    keys = client_keys(said.keys)
    checked_password(said.password)
    invitation, user = await _invited(services, peer, said.code)
    factor = await services.store.read(lambda tx: _pending(tx, invitation, said.factor_id))
    step = await services.signer.check_totp(
        user_id=invitation.user_id, sealed=factor.sealed, code=said.totp_code, after_step=factor.last_step
    )
    if step is None:
        services.throttle.failed(invitation.id, peer.source, "enrolment factor", Way.ENROLMENT)
        raise CodeRefused(f"enrolling: the time-based code is wrong; is the clock of your device right? {STILL_GOOD}")
    hashed = await services.passwords.hash(said.password)

    def spend(tx: Transaction) -> None:
        again, _ = _open_invitation(services, tx, said.code)
        pending = _pending(tx, again, said.factor_id)
        if not tx.invitations.spend(again.id, tx.now):
            raise CodeRefused("enrolling: this code was used already")
        tx.totp.delete_all(again.user_id)
        tx.totp.add(pending)
        tx.totp.confirm(pending.id, tx.now)
        tx.totp.advance(pending.id, step)
        tx.passwords.put(Password(again.user_id, hashed, tx.now))
        tx.failures.clear(again.user_id)
        tx.invitations.revoke_all(again.user_id, tx.now)
        _note(tx, again, user, pending, peer)

    proven = Proven(user, METHOD, SIGN_IN_LENGTH_DEFAULT, said.client, peer)
    return await issue(services, proven, keys, spend)


async def _invited(services: Services, peer: Peer, code: str) -> tuple[Invitation, StoredResource]:
    """Whom a code is for. A wrong one is noted and slows nobody: none can be guessed, and a network has many people."""
    try:
        invitation, user = await services.store.read(lambda tx: _open_invitation(services, tx, code))
    except CodeRefused:
        services.throttle.noted(peer.source, "enrolment code")
        raise
    wait = services.throttle.wait_seconds(invitation.id, peer.source, Way.ENROLMENT)
    if wait > 0:
        raise CodeRefused(f"enrolling: too many wrong time-based codes; try again in {wait:.0f} seconds")
    return invitation, user


def _open_invitation(services: Services, tx: Transaction, code: str) -> tuple[Invitation, StoredResource]:
    invitation = tx.invitations.by_code_hash(hash_code(code))
    view = services.policy.view(tx)
    found = view.users.get(invitation.user_id) if invitation is not None else None
    if invitation is None or found is None or found[1].disabled or not invitation.is_open(tx.now):
        raise CodeRefused("enrolling: there is no such code, or it was used, or it is too late")
    if is_locked(tx, view, *found):
        raise CodeRefused("enrolling: there is no such code, or it was used, or it is too late")
    if tx.identity_links.is_linked(invitation.user_id):  # who signs in at a provider does so nowhere else
        raise CodeRefused("enrolling: there is no such code, or it was used, or it is too late")
    if invitation.purpose is InvitationPurpose.FIRST_ADMIN and administrator_exists(tx, view):
        raise CodeRefused("enrolling: there is no such code, or it was used, or it is too late")
    return invitation, found[0]


def administrator_exists(tx: Transaction, view: PolicyView) -> bool:
    """Whether anyone who holds `admin` can sign in."""
    return any(
        "admin" in user.roles and not user.disabled and tx.passwords.get(UserId(stored.id)) is not None
        for stored, user in view.users.values()
    )


def _pending(tx: Transaction, invitation: Invitation, factor_id: str) -> TotpFactor:
    for one in tx.totp.list(invitation.user_id):
        if one.id == factor_id and one.confirmed is None:
            return one
    raise CodeRefused("enrolling: begin again with the code")


def _note(tx: Transaction, invitation: Invitation, user: StoredResource, factor: TotpFactor, peer: Peer) -> None:
    subjects = Subjects(user=invitation.user_id)
    actor = Actor.user(invitation.user_id)
    enrolled = {"purpose": str(invitation.purpose), "user_name": user.name, "source": peer.source}
    note(tx, USER_ENROLLED, actor, enrolled, subjects)
    added = {"factor": "totp", "factor_id": factor.id, "enrolled_by": str(invitation.purpose)}
    note(tx, FACTOR_ENROLLED, actor, added, subjects)
