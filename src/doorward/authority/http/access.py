"""Who may call which route: one word on each route, looked at by one guard.

Every route says `access` in its `opt`: `OPEN` (nobody needs to be known), `SIGNED_IN` (any user), `GATEWAY`, or a
`Right`. A route that says nothing is refused at start, and a test finds all of them in the table of the documentation.
"""

from enum import Enum
from typing import Any, Final

from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler

from doorward.authority.callers import Peer
from doorward.authority.http.protocol import PEER_KEY
from doorward.authority.identify import Identifier
from doorward.authority.rights import require
from doorward.base.errors import Refused
from doorward.domain.access.rights import Right

ACCESS: Final = "access"
CALLER_KEY: Final = "doorward_caller"
IDENTIFIER_KEY: Final = "identifier"
_UNKNOWN: Final = Peer("unknown")


class Access(Enum):
    """What a route asks of its caller, other than a right."""

    OPEN = "open"
    SIGNED_IN = "signed in"
    GATEWAY = "gateway"


def peer_of(connection: ASGIConnection[Any, Any, Any, Any]) -> Peer:
    """The other end, as the listener saw it."""
    found = connection.scope["state"].get(PEER_KEY, _UNKNOWN)
    return found if isinstance(found, Peer) else _UNKNOWN


async def admit_caller(connection: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler) -> None:
    """Identify the caller as the route asks, and put them into the request's state; refuse otherwise."""
    wanted = handler.opt.get(ACCESS)
    identifier: Identifier = connection.app.state[IDENTIFIER_KEY]
    peer = peer_of(connection)
    state = connection.scope["state"]
    if wanted is Access.OPEN:
        return
    if wanted is Access.GATEWAY:
        state[CALLER_KEY] = await identifier.gateway(peer)
        return
    caller = await identifier.user(peer)
    state[CALLER_KEY] = caller
    if isinstance(wanted, Right):
        services = identifier.services
        await services.store.read(lambda tx: require(services, tx, caller, wanted.resource, wanted.verb))
    elif wanted is not Access.SIGNED_IN:
        raise Refused("this route does not say who may call it")
