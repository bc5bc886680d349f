"""Events about nodes, gateways, one-time tokens and certificates (DW3xxx and DW4xxx).

A face, the host certificate that a gateway shows for one name, is minted for unknown names exactly as for known ones,
by whoever connects: no event tells of one, or anybody could fill the log; the signer's rates bound how many there are.
A session's certificate has no event of its own either: `session.opened` tells of it, in the same transaction.
"""

from typing import Final

from doorward.domain.audit.event_types import EventType, Shape, event_type, public, sensitive

NODE_ENROLLED: Final = event_type(
    "DW3001",
    "node.enrolled",
    "a node's key became known by its one-time token",
    public("name", "fingerprint"),
    sensitive("source"),
)
NODE_KEY_PINNED: Final = event_type(
    "DW3002", "node.key_pinned", "an administrator typed a node's fingerprint", public("name", "fingerprint")
)
NODE_SETUP_TOKEN_ISSUED: Final = event_type(
    "DW3003",
    "node.setup_token_issued",
    "a one-time token for a node's set-up was made",
    public("name"),
    sensitive("logins", shape=Shape.LIST),
    public("expires_micros", shape=Shape.INTEGER),
)
NODE_KEY_MISMATCH: Final = event_type(
    "DW3004",
    "node.key_mismatch",
    "a node showed another key than the known one and was refused",
    public("name", "expected", "shown", "address"),
    from_gateway=True,
)
NODE_UNREACHABLE: Final = event_type(
    "DW3005", "node.unreachable", "a node did not answer in time", public("name", "reason"), from_gateway=True
)
NODE_KEY_FORGOTTEN: Final = event_type(
    "DW3006",
    "node.key_forgotten",
    "an administrator let a node's known key go, so that another can be enrolled",
    public("name", "fingerprint"),
)
GATEWAY_JOINED: Final = event_type(
    "DW3101",
    "gateway.joined",
    "a gateway got its identity",
    public("name", "x509_serial"),
    public("names", shape=Shape.LIST),
    public("scope", shape=Shape.OBJECT),
    sensitive("source"),
)
GATEWAY_LEASE_LOST: Final = event_type(
    "DW3102",
    "gateway.lease_lost",
    "a gateway did not renew its lease in time",
    public("name"),
    public("sessions", "lease_until_micros", shape=Shape.INTEGER),
)
GATEWAY_LEASE_REGAINED: Final = event_type(
    "DW3103",
    "gateway.lease_regained",
    "a lost gateway is back",
    public("name"),
    public("lost_seconds", shape=Shape.INTEGER),
)
GATEWAY_DISABLED: Final = event_type(
    "DW3104",
    "gateway.disabled",
    "a gateway may not call any more",
    public("name"),
    public("sessions", shape=Shape.INTEGER),
)
GATEWAY_REMOVED: Final = event_type(
    "DW3107",
    "gateway.removed",
    "a gateway was removed, and its names may be given again",
    public("name"),
    public("names", shape=Shape.LIST),
    public("sessions", shape=Shape.INTEGER),
)
GATEWAY_NAMES_CHANGED: Final = event_type(
    "DW3108",
    "gateway.names_changed",
    "the names under which users reach a gateway were changed in its settings",
    public("name"),
    public("names", shape=Shape.LIST),
)
PROOF_FAILED: Final = event_type(
    "DW3105",
    "proof.failed",
    "a gateway asked for a session with a proof that does not hold",
    public("reason", required=True),
    public("proof_kind"),
    sensitive("claimed"),
)
GATEWAY_SLOWED: Final = event_type(
    "DW3106",
    "gateway.slowed",
    "a gateway asked for more than one may, for the first time in a minute",
    public("name"),
    public("work", required=True),
)
TOKEN_ISSUED: Final = event_type(
    "DW3201",
    "token.issued",
    "a one-time token was made",
    public("kind", "name"),
    public("names", shape=Shape.LIST),
    public("scope", shape=Shape.OBJECT),
    public("expires_micros", shape=Shape.INTEGER),
)
TOKEN_REDEEMED: Final = event_type(
    "DW3202", "token.redeemed", "a one-time token was spent", public("kind", "name", "bound_key"), sensitive("source")
)
CERTIFICATE_SIGNED: Final = event_type(
    "DW4001",
    "certificate.signed",
    "the signer signed a certificate",
    public("kind", "serial", required=True),
    public("key_fingerprint"),
    sensitive("principals", shape=Shape.LIST),  # they hold accounts, which are called like people
    public("until_micros", shape=Shape.INTEGER),
)
AUTHORITY_KEY_ROTATED: Final = event_type(
    "DW4101", "authority_key.rotated", "a certificate authority's key moved on", public("kind", "step", "fingerprint")
)

MACHINE_EVENTS: Final[tuple[EventType, ...]] = (
    NODE_ENROLLED,
    NODE_KEY_PINNED,
    NODE_SETUP_TOKEN_ISSUED,
    NODE_KEY_MISMATCH,
    NODE_UNREACHABLE,
    NODE_KEY_FORGOTTEN,
    GATEWAY_JOINED,
    GATEWAY_LEASE_LOST,
    GATEWAY_LEASE_REGAINED,
    GATEWAY_DISABLED,
    GATEWAY_REMOVED,
    GATEWAY_NAMES_CHANGED,
    PROOF_FAILED,
    GATEWAY_SLOWED,
    TOKEN_ISSUED,
    TOKEN_REDEEMED,
    CERTIFICATE_SIGNED,
    AUTHORITY_KEY_ROTATED,
)
