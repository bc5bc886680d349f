"""Hearing claims again while sign-ins live: a change counts at once, a refusal ends, and so does long silence.

Each authority asks with the refresh tokens that it holds; whichever notices it first ends what is too old.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import structlog

from doorward.authority.endings import Ending, end_sign_ins
from doorward.authority.oidc.tokens import TokenRefused
from doorward.authority.operations.oidc_flows import Connected, with_id
from doorward.authority.operations.oidc_users import apply_claims
from doorward.authority.ports import Transaction
from doorward.authority.services import Services
from doorward.base.errors import DoorwardError
from doorward.base.ids import SignInId
from doorward.base.secret import Secret
from doorward.domain.audit.event import SYSTEM
from doorward.domain.identity.oidc_claims import claimed
from doorward.domain.identity.oidc_sign_in import ROUND, OidcSignIn, claims_times
from doorward.domain.identity.oidc_signatures import BadToken
from doorward.domain.identity.sign_in import SignInEnd

CLAIMS_EACH_SECONDS: Final = ROUND.total_seconds()
AT_ONCE_MAX: Final = 8
EACH_ROUND_MAX: Final = 500
FORGOTTEN_MAX: Final = 500
# What the provider says of the grant itself; any other error (invalid_client ...) is about us, and counts as silence.
GRANT_REFUSED: Final = frozenset({"invalid_grant", "access_denied", "consent_required", "login_required"})
_log = structlog.get_logger("doorward.oidc")


async def refresh_claims(services: Services) -> None:
    """One round: end what is too old, ask for what is due, end what was refused, forget tokens of what is over."""
    await end_too_old(services)
    due = await services.store.read(lambda tx: list(tx.oidc_sign_ins.due(tx.now)))
    held = [(one, token) for one in due if (token := services.oidc.refresh_tokens.get(one.sign_in_id)) is not None]
    turns = asyncio.Semaphore(AT_ONCE_MAX)

    async def ask(one: OidcSignIn, token: Secret) -> None:
        async with turns:
            try:
                await _refresh(services, one, token)
            except DoorwardError as error:
                _log.warning("claims could not be stored", error=error.message)

    async with asyncio.TaskGroup() as group:
        for one, token in held[:EACH_ROUND_MAX]:
            group.create_task(ask(one, token), name="refresh claims")
    await _forget(services)


async def end_too_old(services: Services) -> None:
    """End what stands on claims that count no more: a job of its own, since asking waits for providers."""
    if await services.store.read(lambda tx: bool(tx.oidc_sign_ins.too_old(tx.now))):
        await end_oidc(services, lambda tx: tx.oidc_sign_ins.too_old(tx.now), SignInEnd.CLAIMS_TOO_OLD)


async def end_oidc(services: Services, find: Callable[[Transaction], Sequence[OidcSignIn]], reason: SignInEnd) -> int:
    """End the sign-ins that `find` answers, and their sessions; how many were live."""

    def work(tx: Transaction) -> list[SignInId]:
        ending = Ending.begin(tx)
        ended: list[SignInId] = []
        for one in find(tx):
            sign_in = tx.sign_ins.get(one.sign_in_id)
            user = tx.resources.by_id("user", one.user_id)
            name = user.name if user is not None else ""
            if sign_in is not None and end_sign_ins(ending, [sign_in], reason, SYSTEM, name):
                ended.append(sign_in.id)
        return ended

    ended = await services.store.write(work)
    services.oidc.refresh_tokens.forget(ended)
    if ended:
        services.bell.ring()
    return len(ended)


async def _refresh(services: Services, one: OidcSignIn, token: Secret) -> None:
    connected = await services.store.read(lambda tx: with_id(services, tx, one.connector_id))
    if connected is None or connected.connector.issuer != one.issuer:
        await end_oidc(services, lambda _: [one], SignInEnd.PROVIDER_REFUSED)  # nobody vouches for them any more
        return
    try:
        fresh = await services.oidc.tokens.refresh(connected.connector, token)
        services.oidc.refresh_tokens.keep(one.sign_in_id, fresh.refresh_token or token)
        identity = await services.oidc.identities.again(connected.connector, fresh, one.sub)
    except TokenRefused as error:
        if error.error in GRANT_REFUSED:
            await end_oidc(services, lambda _: [one], SignInEnd.PROVIDER_REFUSED)
        else:
            _log.warning("a provider refuses our client", connector=connected.connector.name, error=error.error)
    except BadToken as error:
        _log.warning("a provider's tokens do not count", connector=connected.connector.name, error=error.message)
    except DoorwardError as error:
        _log.info("a provider does not answer", connector=connected.connector.name, error=error.message)
    else:
        await _heard(services, one, connected, identity.claims)


async def _heard(services: Services, one: OidcSignIn, connected: Connected, claims: Mapping[str, Any]) -> None:
    got = claimed(connected.connector, claims)

    def work(tx: Transaction) -> bool:
        due, too_old = claims_times(connected.connector, tx.now)
        changed = apply_claims(services, tx, one.user_id, got)  # first: it may end access
        tx.oidc_sign_ins.checked(one.sign_in_id, tx.now, due, too_old)
        return changed

    if await services.store.write(work):
        services.bell.ring()


async def _forget(services: Services) -> None:
    # The ones kept longest come first, and those that live were kept anew within their claims' age.
    looked_at = services.oidc.refresh_tokens.held()[:FORGOTTEN_MAX]

    def over(tx: Transaction) -> list[SignInId]:
        return [one for one in looked_at if (row := tx.sign_ins.get(one)) is None or not row.is_live(tx.now)]

    if looked_at:
        services.oidc.refresh_tokens.forget(await services.store.read(over))
