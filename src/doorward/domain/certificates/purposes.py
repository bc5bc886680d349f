"""One key per purpose: what each of an installation's keys may be used for, and its place in a rotation."""

from enum import StrEnum
from typing import Final


class Purpose(StrEnum):
    """A key signs (or seals) for exactly one of these; a stolen one opens nothing in another direction."""

    USER_SSH = "user-ssh"
    """Says who a user is; trusted by gateways."""
    SESSION_SSH = "session-ssh"
    """Opens one account on one node for a minute; trusted by nodes."""
    NODE_HOST = "node-host"
    """Says that a host is one node; trusted by gateways."""
    FACE_HOST = "face-host"
    """Says that a gateway may show one name; trusted by users."""
    X509_ROOT = "x509-root"
    X509_USER = "x509-user"
    X509_GATEWAY = "x509-gateway"
    X509_AUTHORITY = "x509-authority"
    CHECKPOINT = "checkpoint"
    """The audit log's size and root."""
    MANIFEST = "manifest"
    """A sealed recording's digest."""
    TICKET = "ticket"
    """Single-use tickets for browsers and clients over TLS."""
    TOTP_SEALING = "totp-sealing"
    """Seals second factors' secrets; it signs nothing."""


class KeyState(StrEnum):
    """`next` is trusted but signs nothing yet; `current` signs; `old` is trusted until what it signed has run out."""

    NEXT = "next"
    CURRENT = "current"
    OLD = "old"


SSH_PURPOSES: Final = frozenset({Purpose.USER_SSH, Purpose.SESSION_SSH, Purpose.NODE_HOST, Purpose.FACE_HOST})
X509_PURPOSES: Final = frozenset(
    {Purpose.X509_ROOT, Purpose.X509_USER, Purpose.X509_GATEWAY, Purpose.X509_AUTHORITY},
)
P256_PURPOSES: Final = frozenset({Purpose.X509_ROOT, Purpose.X509_AUTHORITY})
"""Browsers take no Ed25519 in a server's chain, so what stands there is ECDSA P-256; every other key is Ed25519."""
