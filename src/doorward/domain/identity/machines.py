"""Machines that joined: gateways, the hosts behind nodes, and the one-time tokens by which they do."""

import hashlib
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from doorward.base.ids import GatewayId, NodeId
from doorward.domain.access.gateway_scope import Scope

TOKEN_LIFETIME: Final = timedelta(minutes=10)
LEASE_LENGTH: Final = timedelta(seconds=10)
OLD_IDENTITY_OVERLAP: Final = timedelta(seconds=30)
"""How long a gateway's earlier certificate is good once the newer one was seen: calls that are under way, not more."""


class TokenKind(StrEnum):
    """What a one-time token lets in; closed."""

    GATEWAY = "gateway"
    NODE = "node"


@dataclass(frozen=True, slots=True)
class JoinToken:
    """One kind, one name, one use, ten minutes; stored as a hash.

    `accounts`: what it was made for; of a node its accounts, of a gateway the names under which users may come to it.
    `scope` is that of the gateway.
    """

    token_hash: bytes
    kind: TokenKind
    name: str
    target_id: str
    expires: datetime
    created_by: str
    used: datetime | None = None
    bound_key: str = ""
    accounts: tuple[str, ...] = ()
    scope: Scope = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Gateway:
    """A data-plane process that may ask for sessions on nodes in its `scope`; users reach it under its `names`.

    Of its certificates `x509_serial` counts; the one before it (`previous_serial`) until `previous_until`, or, as long
    as that is empty, until the newer one has been seen: the answer that brought it may have been lost. A removed one
    stays under its id, without a name, since its sessions are over only when its lease is. `trust` says which
    authorities it was told to believe last.
    """

    id: GatewayId
    name: str
    names: tuple[str, ...]
    joined: datetime
    x509_serial: str
    lease_until: datetime | None = None
    disabled: bool = False
    scope: Scope = field(default_factory=dict)
    previous_serial: str = ""
    previous_until: datetime | None = None
    removed: datetime | None = None
    trust: str = ""

    def is_shown_by(self, serial: str, now: datetime) -> bool:
        """Whether the certificate of this serial speaks for it."""
        if self.disabled:
            return False
        if serial == self.x509_serial:
            return True
        overlaps = self.previous_until is None or now < self.previous_until
        return bool(serial) and serial == self.previous_serial and overlaps


class HostVerification(StrEnum):
    """How a node's host key became known; a node without one is unverified and unreachable."""

    TOKEN = "token"  # noqa: S105  (a kind of verification, not a secret)
    FINGERPRINT = "fingerprint"


@dataclass(frozen=True, slots=True)
class NodeHost:
    """The host key that a node must show when it shows no certificate; `host_key` is the RFC 4253 public key blob.

    Verified by a typed fingerprint, the blob is empty: a gateway compares fingerprints. `session_authorities` are the
    fingerprints of the session-SSH keys that its sshd was told to trust, `host_authority` that of the node-host key
    which signed its certificate; empty where that is not known.
    """

    node_id: NodeId
    fingerprint: str
    host_key: bytes
    verified_by: HostVerification
    verified_at: datetime
    verifier: str
    session_authorities: tuple[str, ...] = ()
    host_authority: str = ""


def hash_token(token: str) -> bytes:
    """What is stored of a join token."""
    return hashlib.sha256(b"doorward/join-token/v1\x00" + token.strip().encode()).digest()
