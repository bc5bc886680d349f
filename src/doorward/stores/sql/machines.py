"""Gateways, the one-time tokens by which machines join, and the host keys of nodes."""

from collections.abc import Mapping, Sequence, Set
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, Select, delete, insert, select, update

from doorward.base.ids import GatewayId, NodeId
from doorward.domain.access.gateway_scope import Scope
from doorward.domain.identity.machines import Gateway, HostVerification, JoinToken, NodeHost, TokenKind
from doorward.stores.sql.statements import insert_unless_taken, put, row_with
from doorward.stores.sql.tables import gateways, join_tokens, node_hosts


@dataclass(frozen=True, slots=True)
class SqlGateways:
    """`Gateways` of `authority.ports`."""

    connection: Connection

    def add(self, gateway: Gateway) -> bool:
        """False when the name is taken."""
        return insert_unless_taken(self.connection, gateways, "name", asdict(gateway))

    def get(self, gateway_id: GatewayId) -> Gateway | None:
        """The gateway, disabled or not."""
        row = row_with(self.connection, gateways.c.id, gateway_id)
        return None if row is None else _gateway(row)

    def list(self) -> Sequence[Gateway]:
        """Every gateway that was not removed, by name."""
        return self._many(select(gateways).where(gateways.c.removed.is_(None)).order_by(gateways.c.name))

    def with_removed(self) -> Sequence[Gateway]:
        """Every gateway that ever was."""
        return self._many(select(gateways))

    def renew_lease(self, gateway_id: GatewayId, until: datetime | None) -> None:
        """Set until when the gateway is in contact; none takes the lease away."""
        self.connection.execute(update(gateways).where(gateways.c.id == gateway_id).values(lease_until=until))

    def rebind(self, gateway_id: GatewayId, x509_serial: str, names: Sequence[str], previous: str = "") -> None:
        """Set the certificate that counts for it, the one that counts until it is seen, and the gateway's names."""
        self._set(
            gateway_id, x509_serial=x509_serial, names=tuple(names), previous_serial=previous, previous_until=None
        )

    def let_previous_end(self, gateway_id: GatewayId, until: datetime) -> None:
        """Its certificate was seen: until when the one before it counts."""
        self._set(gateway_id, previous_until=until)

    def told_trust(self, gateway_id: GatewayId, trust: str) -> None:
        """It was told which authorities to believe."""
        self._set(gateway_id, trust=trust)

    def disable(self, gateway_id: GatewayId) -> None:
        """It may not call any more."""
        self._set(gateway_id, disabled=True)

    def remove(self, gateway_id: GatewayId, now: datetime) -> None:
        """Disable it for good and free its names; the row stays, and is called by its id."""
        self._set(gateway_id, disabled=True, removed=now, name=gateway_id, names=())

    def _set(self, gateway_id: GatewayId, **values: Any) -> None:
        self.connection.execute(update(gateways).where(gateways.c.id == gateway_id).values(**values))

    def _many(self, query: Select[Any]) -> Sequence[Gateway]:
        return [_gateway(row) for row in self.connection.execute(query)]


@dataclass(frozen=True, slots=True)
class SqlJoinTokens:
    """`JoinTokens` of `authority.ports`."""

    connection: Connection

    def add(self, token: JoinToken) -> None:
        """Keep a new one."""
        self.connection.execute(insert(join_tokens).values(**{**asdict(token), "kind": token.kind.value}))

    def get(self, token_hash: bytes) -> JoinToken | None:
        """The token with this hash, spent or not."""
        row = self.connection.execute(select(join_tokens).where(join_tokens.c.token_hash == token_hash)).one_or_none()
        return None if row is None else _token(row)

    def spend(self, token_hash: bytes, now: datetime, bound_key: str) -> bool:
        """True once, before it expires."""
        found = self.connection.execute(
            update(join_tokens)
            .where(join_tokens.c.token_hash == token_hash, join_tokens.c.used.is_(None), join_tokens.c.expires > now)
            .values(used=now, bound_key=bound_key)
        )
        return found.rowcount == 1


@dataclass(frozen=True, slots=True)
class SqlNodeHosts:
    """`NodeHosts` of `authority.ports`."""

    connection: Connection

    def get(self, node_id: NodeId) -> NodeHost | None:
        """The verified host key of a node; none means unreachable."""
        row = row_with(self.connection, node_hosts.c.node_id, node_id)
        return None if row is None else _host(row)

    def list(self) -> Sequence[NodeHost]:
        """Every verified host key, by node id."""
        return [_host(row) for row in self.connection.execute(select(node_hosts).order_by(node_hosts.c.node_id))]

    def verified(self) -> Set[str]:
        """The ids of all nodes whose host key is verified; a list of nodes asks for nothing else of them."""
        return frozenset(self.connection.scalars(select(node_hosts.c.node_id)))

    def put(self, host: NodeHost) -> None:
        """Set or replace a node's host key."""
        put(self.connection, node_hosts, "node_id", {**asdict(host), "verified_by": host.verified_by.value})

    def delete(self, node_id: NodeId) -> None:
        """Make a node unverified again."""
        self.connection.execute(delete(node_hosts).where(node_hosts.c.node_id == node_id))


def _gateway(row: Row[Any]) -> Gateway:
    return Gateway(
        id=row.id,
        name=row.name,
        names=tuple(row.names),
        joined=row.joined,
        x509_serial=row.x509_serial,
        lease_until=row.lease_until,
        disabled=row.disabled,
        scope=_scope(row.scope),
        previous_serial=row.previous_serial,
        previous_until=row.previous_until,
        removed=row.removed,
        trust=row.trust,
    )


def _scope(plain: Mapping[str, Sequence[str]]) -> Scope:
    return {key: tuple(values) for key, values in plain.items()}


def _token(row: Row[Any]) -> JoinToken:
    return JoinToken(
        token_hash=row.token_hash,
        kind=TokenKind(row.kind),
        name=row.name,
        target_id=row.target_id,
        expires=row.expires,
        created_by=row.created_by,
        used=row.used,
        bound_key=row.bound_key,
        accounts=tuple(row.accounts),
        scope=_scope(row.scope),
    )


def _host(row: Row[Any]) -> NodeHost:
    verified_by = HostVerification(row.verified_by)
    return NodeHost(
        row.node_id,
        row.fingerprint,
        row.host_key,
        verified_by,
        row.verified_at,
        row.verifier,
        session_authorities=tuple(row.session_authorities),
        host_authority=row.host_authority,
    )
