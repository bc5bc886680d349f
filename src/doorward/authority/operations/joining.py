"""Gateways join with a one-time token, under names that stand in it: whoever shows a name is believed to be it.

A gateway sees everything that passes through it, so letting one join takes the role admin, not a right on nodes alone.
"""

from collections.abc import Iterable

from cryptography.hazmat.primitives import serialization
from cryptography.x509 import load_pem_x509_csr

from doorward.api.bodies.administration import IssuedToken, IssueToken, JoinedGateway, JoinGateway
from doorward.api.bodies.gateway_calls import RenewedIdentity, RenewIdentity
from doorward.authority.callers import GatewayCaller, Peer, UserCaller
from doorward.authority.giving import ADMINISTRATOR
from doorward.authority.known_gateway import known_gateway
from doorward.authority.noting import note
from doorward.authority.operations.tokens import NewToken, add_token, draw_token, look_at, spend
from doorward.authority.ports import Transaction
from doorward.authority.rights import require
from doorward.authority.services import Services
from doorward.base.errors import Conflict, Invalid, Refused
from doorward.base.ids import GatewayId, new_id
from doorward.domain.access.gateway_scope import checked_scope
from doorward.domain.audit.event import Actor, Subjects
from doorward.domain.audit.events_machines import CERTIFICATE_SIGNED, GATEWAY_JOINED
from doorward.domain.certificates.principals import checked_host_name
from doorward.domain.certificates.x509_check import to_pem
from doorward.domain.certificates.x509_issue import public_key_of_csr
from doorward.domain.identity.machines import Gateway, TokenKind
from doorward.domain.kinds.names import plain_name


class NotAdministrator(Refused):
    """Only who holds the role admin lets gateways join, and sends them away."""

    code = "not_administrator"


class NotTheTokensNames(Refused):
    """The gateway calls itself otherwise than its token says."""

    code = "not_the_tokens_names"


def require_administrator(
    services: Services, tx: Transaction, caller: UserCaller, verb: str, doing: str = "looking after gateways"
) -> None:
    """`NoRight` or `NotAdministrator` unless the caller may do this to what every node depends on."""
    require(services, tx, caller, "node", verb)
    prepared = services.policy.view(tx).prepared(caller.user_id, caller.sign_in_id)
    if ADMINISTRATOR not in prepared.subject.role_names:
        raise NotAdministrator(f"{doing}: this needs the role {ADMINISTRATOR}")


async def issue_token(services: Services, caller: UserCaller, said: IssueToken) -> IssuedToken:
    """A token for one gateway of that name, which users reach under `said.names` and no others, for its scope."""
    if said.kind != TokenKind.GATEWAY:
        raise Invalid("making a token: the kind is gateway (a node's token comes with its set-up script)")
    name = plain_name(said.name)
    names = tuple(dict.fromkeys(checked_host_name(one) for one in said.names))
    if not names:
        raise Invalid("making a token: a gateway needs a name under which users come")
    scope = checked_scope(said.scope)
    token = draw_token(services.entropy)

    def work(tx: Transaction) -> IssuedToken:
        require_administrator(services, tx, caller, "create")
        if any(gateway.name == name for gateway in tx.gateways.list()):
            raise Conflict(f"making a token: there is a gateway {name} already")
        _check_unshared(tx, names)
        new = NewToken(token, TokenKind.GATEWAY, name, new_id(services.entropy), names, scope)
        row = add_token(tx, new, Actor.user(caller.user_id))
        return IssuedToken(token, row.expires.isoformat(), services.keys.pin)

    return await services.store.write(work)


async def join_gateway(services: Services, peer: Peer, said: JoinGateway) -> JoinedGateway:
    """Spend the token for this key; the gateway gets its identity."""
    services.clock_guard.check()
    names = tuple(dict.fromkeys(checked_host_name(name) for name in said.names))
    public_key = requested_key(said.x509_request_pem)
    row = await services.store.read(lambda tx: look_at(tx, said.token, TokenKind.GATEWAY))
    if not names or not set(names) <= set(row.accounts):
        raise NotTheTokensNames(f"joining: the token is for a gateway called {', '.join(row.accounts)}")
    gateway_id = GatewayId(row.target_id)
    issued = await services.signer.issue_gateway_x509(gateway_id=gateway_id, public_key=public_key)

    def work(tx: Transaction) -> None:
        spend(tx, said.token, TokenKind.GATEWAY, issued.serial, peer.source)
        _check_unshared(tx, names)
        gateway = Gateway(gateway_id, row.name, names, tx.now, issued.serial, scope=row.scope)
        if not tx.gateways.add(gateway):
            raise Conflict(f"joining: there is a gateway {row.name} already")
        fields = {
            "name": row.name,
            "x509_serial": issued.serial,
            "names": list(names),
            "scope": {key: list(values) for key, values in row.scope.items()},
            "source": peer.source,
        }
        note(tx, GATEWAY_JOINED, Actor.gateway(gateway_id), fields, Subjects(gateway=gateway_id))

    await services.store.write(work)
    return JoinedGateway(
        gateway_id=gateway_id,
        installation_id=services.installation_id,
        x509_chain_pem=to_pem(issued.certificate) + to_pem(issued.intermediate),
        x509_root_pem=to_pem(services.keys.x509_root),
    )


def _check_unshared(tx: Transaction, names: Iterable[str]) -> None:
    taken = {name: gateway.name for gateway in tx.gateways.list() for name in gateway.names}
    shared = next((name for name in names if name in taken), None)
    if shared is not None:
        raise Conflict(f"letting a gateway join: the gateway {taken[shared]} is called {shared} already")


def requested_key(request_pem: str) -> bytes:
    """The public key (DER) of a PEM certificate request that was signed with it."""
    try:
        request = load_pem_x509_csr(request_pem.encode())
    except ValueError as error:
        raise Invalid("joining: the certificate request can not be read") from error
    return public_key_of_csr(request.public_bytes(serialization.Encoding.DER))


async def renew_identity(services: Services, caller: GatewayCaller, said: RenewIdentity) -> RenewedIdentity:
    """A fresh certificate for the gateway that calls, under the same id."""
    services.clock_guard.check()
    public_key = requested_key(said.x509_request_pem)
    issued = await services.signer.issue_gateway_x509(gateway_id=caller.gateway_id, public_key=public_key)

    def work(tx: Transaction) -> None:
        gateway = known_gateway(tx, caller)
        # The answer may get lost: what the gateway has now counts until it has shown what it gets.
        tx.gateways.rebind(gateway.id, issued.serial, gateway.names, previous=caller.serial)
        fields = {"kind": "gateway", "serial": issued.serial, "until_micros": issued.valid_before * 1_000_000}
        note(tx, CERTIFICATE_SIGNED, Actor.gateway(gateway.id), fields, Subjects(gateway=gateway.id))

    await services.store.write(work)
    return RenewedIdentity(to_pem(issued.certificate) + to_pem(issued.intermediate))
