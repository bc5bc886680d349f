"""Signing in with password and time-based code, looking at oneself, and signing out.

A wrong name, a wrong password and a wrong code look alike and cost alike. Failures of the second factor are counted per
user in the store, whoever tries from wherever; failures before that only in memory, per account and network, and slowly
per account over all networks.
"""

import asyncio
from dataclasses import dataclass
from typing import Final

from doorward.api.bodies.sign_ins import SignedIn, SignInEntry, SignInWithPassword, Status, Trust
from doorward.authority.callers import Peer, UserCaller
from doorward.authority.endings import Ending, end_sign_ins
from doorward.authority.factor_failures import count_failure, is_blocked
from doorward.authority.operations.issue import Proven, client_keys, issue
from doorward.authority.policy import PolicyView
from doorward.authority.ports import StoredResource, Transaction
from doorward.authority.rights import require
from doorward.authority.services import Services
from doorward.base.errors import DoorwardError, Missing, Refused
from doorward.base.ids import SignInId, UserId, checked_id
from doorward.domain.access.levels import SecondFactor
from doorward.domain.access.locks import facts_of, locks_hit
from doorward.domain.access.question import Subject
from doorward.domain.audit.event import Actor
from doorward.domain.certificates.x509_check import to_pem
from doorward.domain.identity.factors import GivenFactor, Password, TotpFactor
from doorward.domain.identity.sign_in import SIGN_IN_LENGTH_DEFAULT, SignInEnd
from doorward.domain.kinds.user import User

VERSION: Final = "0.1.0"
METHOD: Final = "password+totp"
# One text for all causes. Its end is for those who typed a right code twice, and tells nobody that this is so.
WRONG: Final = "signing in: the name, the password or the code is wrong (each code counts once: wait for the next)"
REFUSAL_SECONDS: Final = 0.4  # several times what one password hash takes


class SignInRefused(Refused):
    """Name, password or code is wrong; which of them is not said."""

    code = "sign_in_refused"


class SlowDown(Refused):
    """Too many failures; right answers are refused as well until the time is over."""

    code = "slow_down"


@dataclass(frozen=True, slots=True)
class _Known:
    user: StoredResource
    may_sign_in: bool
    password: Password | None
    factors: tuple[TotpFactor, ...]


def trust(services: Services) -> Trust:
    """Public: what a client holds against its pin."""
    return Trust(services.installation_id, to_pem(services.keys.x509_root), services.keys.pin, VERSION)


async def sign_in(services: Services, peer: Peer, said: SignInWithPassword) -> SignedIn:
    """Certificates for a while, or `SignInRefused`."""
    throttle, name = services.throttle, said.user_name
    device = services.known_devices.known(said.device, name, services.clock.now())
    if (wait := throttle.wait_seconds(name, peer.source)) > 0:
        raise SlowDown(f"signing in: too many failures from here; try again in {wait:.0f} seconds")
    if (wait := throttle.wait_everywhere_seconds(name, device)) > 0:
        raise SlowDown(
            "signing in: too many failures under this name from everywhere; sign in where you have signed in before, "
            f"or try again in {wait:.0f} seconds"
        )
    throttle.begun(name, peer.source, device=device)
    loop = asyncio.get_running_loop()
    begun = loop.time()
    try:
        signed_in = await _sign_in(services, peer, said)
    except SignInRefused:
        # The same time for a wrong name, password or code: each of them asks more or less of signer and store.
        await asyncio.sleep(max(0.0, begun + REFUSAL_SECONDS - loop.time()))
        raise
    except DoorwardError:
        throttle.given_back(name, peer.source, device)
        raise
    throttle.succeeded(name, peer.source, device)
    return signed_in


async def _sign_in(services: Services, peer: Peer, said: SignInWithPassword) -> SignedIn:
    keys = client_keys(said.keys)
    known = await services.store.read(lambda tx: _look_up(services, tx, said.user_name))
    matches = await services.passwords.matches(known.password.hash if known and known.password else None, said.password)
    step = await _step(services, known, said.totp_code)
    if known is None or not known.may_sign_in or not matches:
        services.throttle.noted(peer.source, "password", said.user_name)
        raise SignInRefused(WRONG)
    if step is None:
        services.throttle.noted(peer.source, "code", said.user_name)
        user_id, name = UserId(known.user.id), known.user.name
        await services.store.write(lambda tx: count_failure(tx, user_id, name, peer.source))
        raise SignInRefused(WRONG)
    factor_id, number = step

    def spend(tx: Transaction) -> None:
        again = _look_up(services, tx, said.user_name)
        if again is None or again.user.id != known.user.id or not again.may_sign_in:
            raise SignInRefused(WRONG)
        if not tx.totp.advance(factor_id, number):
            raise SignInRefused(WRONG)
        tx.failures.clear(UserId(known.user.id))
        tx.recent_factors.put(GivenFactor(UserId(known.user.id), peer.source, SecondFactor.YES, tx.now))

    proven = Proven(known.user, METHOD, SIGN_IN_LENGTH_DEFAULT, said.client, peer)
    return await issue(services, proven, keys, spend)


def is_locked(tx: Transaction, view: PolicyView, stored: StoredResource, user: User) -> bool:
    """Whether a lock in force names the user, or a role that the user holds."""
    roles = tuple(view.roles[role] for role in user.roles if role in view.roles)
    return bool(locks_hit(view.locks, facts_of(Subject(stored.id, stored.name, roles)), tx.now))


def _look_up(services: Services, tx: Transaction, name: str) -> _Known | None:
    view = services.policy.view(tx)
    found = view.user_named(name.lower())
    if found is None:
        return None
    stored, user = found
    user_id = UserId(stored.id)
    return _Known(
        user=stored,
        may_sign_in=not user.disabled
        and not is_locked(tx, view, stored, user)
        and not is_blocked(tx, user_id)
        and not tx.identity_links.is_linked(user_id),
        password=tx.passwords.get(user_id),
        factors=tuple(factor for factor in tx.totp.list(user_id) if factor.confirmed is not None),
    )


async def _step(services: Services, known: _Known | None, code: str) -> tuple[str, int] | None:
    for factor in known.factors if known is not None else ():
        step = await services.signer.check_totp(
            user_id=factor.user_id, sealed=factor.sealed, code=code, after_step=factor.last_step
        )
        if step is not None:
            return factor.id, step
    return None


async def status(services: Services, caller: UserCaller) -> Status:
    """Who the caller is, and their own sign-ins."""
    return await services.store.read(lambda tx: _status(services, tx, caller))


def _status(services: Services, tx: Transaction, caller: UserCaller) -> Status:
    found = services.policy.view(tx).users.get(caller.user_id)
    entries = [
        SignInEntry(
            id=one.id,
            created=one.created.isoformat(),
            expires=one.expires.isoformat(),
            method=one.method,
            source=one.source,
            client=one.client,
            current=one.id == caller.sign_in_id,
        )
        for one in tx.sign_ins.live_of(caller.user_id, tx.now)
    ]
    current = next((one for one in entries if one.current), None)
    return Status(
        user_id=caller.user_id,
        user_name=caller.user_name,
        roles=list(found[1].roles) if found is not None else [],
        sign_in_id=caller.sign_in_id,
        expires=current.expires if current is not None else "",
        live_sessions=tx.sessions.live_count_of(caller.user_id),
        sign_ins=entries,
    )


async def sign_out(services: Services, caller: UserCaller, sign_in_id: str) -> Status:
    """End one sign-in (`current` is the caller's own), and every session under it. Another's needs `sign_in: end`."""
    wanted = caller.sign_in_id if sign_in_id == "current" else SignInId(checked_id(sign_in_id))

    def work(tx: Transaction) -> Status:
        ending = Ending.begin(tx)
        found = tx.sign_ins.get(wanted)
        own = found is not None and found.user_id == caller.user_id
        if not own:
            require(services, tx, caller, "sign_in", "end")
        if found is None:
            raise Missing("signing out: there is no such sign-in")
        reason = SignInEnd.SIGNED_OUT if own else SignInEnd.REVOKED
        end_sign_ins(ending, [found], reason, Actor.user(caller.user_id), caller.user_name if own else "")
        return _status(services, tx, caller)

    answer = await services.store.write(work)
    services.bell.ring()
    return answer
