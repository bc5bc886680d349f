"""What every way through a provider shares: finding the connector, keeping a flow, and spending it once.

Nobody is known yet, so rows are few: some for each network, a bounded number in all, gone when they expire. Nothing is
written to the log before somebody is known.
"""

from dataclasses import dataclass
from datetime import timedelta

from doorward.api.bodies.oidc import OidcConnectors
from doorward.authority.callers import Peer
from doorward.authority.operations.issue import ClientKeys
from doorward.authority.operations.sign_in import SlowDown
from doorward.authority.ports import Transaction
from doorward.authority.services import Services
from doorward.authority.throttle import network_of
from doorward.base.errors import Missing, Refused
from doorward.base.ids import new_id
from doorward.domain.identity.oidc_flow import (
    FLOWS_OPEN_MAX,
    FLOWS_PER_NETWORK_MAX,
    FlowKind,
    OidcFlow,
    hash_secret,
)
from doorward.domain.kinds.oidc_connector import OidcConnector


class UnknownConnector(Missing):
    """No connector of that name."""

    code = "unknown_connector"


class TooManyFlows(SlowDown):
    """Too many sign-ins were begun and not finished."""


class FlowRefused(Refused):
    """No such sign-in was begun, or it was finished, or it is too late; which of them is not said."""

    code = "oidc_refused"


@dataclass(frozen=True, slots=True)
class Connected:
    """A connector and the id of its row."""

    id: str
    connector: OidcConnector


@dataclass(frozen=True, slots=True)
class Start:
    """What a flow binds. `secret` is a state, or what opens a device flow."""

    kind: FlowKind
    keys: ClientKeys
    client: str
    secret: str
    lifetime: timedelta
    nonce: str = ""
    challenge: str = ""
    redirect: str = ""
    sealed: bytes = b""


async def connectors(services: Services) -> OidcConnectors:
    """Public: their names."""
    return OidcConnectors(sorted(await services.store.read(lambda tx: list(services.policy.view(tx).connectors))))


def named(services: Services, tx: Transaction, name: str) -> Connected:
    """The connector of that name."""
    found = services.policy.view(tx).connectors.get(name)
    if found is None:
        raise UnknownConnector("signing in through a provider: there is no such connector")
    return Connected(found[0].id, found[1])


def with_id(services: Services, tx: Transaction, connector_id: str) -> Connected | None:
    """The connector of that id, if it is still declared."""
    for stored, connector in services.policy.view(tx).connectors.values():
        if stored.id == connector_id:
            return Connected(stored.id, connector)
    return None


def check_room(tx: Transaction, network: str) -> None:
    """`TooManyFlows` when this network, or everyone together, has begun too many."""
    if tx.oidc_flows.open_count(network) >= FLOWS_PER_NETWORK_MAX or tx.oidc_flows.open_count() >= FLOWS_OPEN_MAX:
        raise TooManyFlows("signing in: too many sign-ins were begun and not finished; try again in some minutes")


async def keep_flow(services: Services, peer: Peer, connected: Connected, start: Start) -> OidcFlow:
    """Store a begun flow, and forget those that have expired."""
    flow_id, network = new_id(services.entropy), network_of(peer.source)

    def work(tx: Transaction) -> OidcFlow:
        tx.oidc_flows.forget(tx.now)
        check_room(tx, network)
        flow = OidcFlow(
            id=flow_id,
            kind=start.kind,
            connector_id=connected.id,
            issuer=connected.connector.issuer,
            secret_hash=hash_secret(start.secret),
            nonce=start.nonce,
            challenge=start.challenge,
            redirect_uri=start.redirect,
            ssh_key=start.keys.ssh,
            x509_key=start.keys.x509,
            client=start.client,
            source=peer.source,
            network=network,
            created=tx.now,
            expires=tx.now + start.lifetime,
            sealed=start.sealed,
        )
        tx.oidc_flows.add(flow)
        return flow

    return await services.store.write(work)


async def open_flow(services: Services, kind: FlowKind, flow_id: str, secret: str) -> tuple[OidcFlow, Connected]:
    """A begun flow whose secret this is, and its connector as it is now; `FlowRefused` otherwise."""

    def work(tx: Transaction) -> tuple[OidcFlow | None, Connected | None]:
        flow = tx.oidc_flows.get(flow_id)
        if flow is None or flow.kind is not kind or not flow.is_open(tx.now):
            return None, None
        return flow, with_id(services, tx, flow.connector_id)

    flow, connected = await services.store.read(work)
    if flow is None or not flow.knows(secret):
        raise FlowRefused("signing in: this sign-in was not begun here, or was used already, or it is too late")
    # A connector that was pointed at another provider meanwhile has nothing to do with what was begun.
    if connected is None or connected.connector.issuer != flow.issuer:
        raise FlowRefused("signing in: the connector was changed meanwhile; begin again")
    return flow, connected


async def spend_flow(services: Services, flow: OidcFlow) -> None:
    """Use a flow up, before anything is asked of the provider with it; `FlowRefused` for the second of two."""
    if not await services.store.write(lambda tx: tx.oidc_flows.spend(flow.id, tx.now)):
        raise FlowRefused("signing in: this sign-in was not begun here, or was used already, or it is too late")
