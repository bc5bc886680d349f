"""`doorward join`: a gateway on another host gets its identity with a one-time token.

Its data directory holds what a gateway may know and nothing else: where it listens, where its authority is, its own
key, and the root that it holds the authority against. The key is made here and never leaves.
"""

from dataclasses import dataclass

from doorward.api.bodies.administration import JoinGateway
from doorward.api.calls import JOIN_GATEWAY
from doorward.api.client.trust import checked_pin, fetch_pinned_root, pinned_context
from doorward.api.client.user import UserClient
from doorward.base.errors import Conflict
from doorward.base.ids import GatewayId, checked_id
from doorward.gateway.recorder.budget import RecorderLimits
from doorward.main.gateway_identity import GatewayIdentity, new_key, write_identity
from doorward.main.gateway_settings import GatewayFacts, write_facts
from doorward.main.layout import Layout, make_private_directory
from doorward.main.settings import Address


class AlreadyJoined(Conflict):
    """The directory holds a gateway already."""

    code = "already_joined"


@dataclass(frozen=True, slots=True)
class Joining:
    """Where the authority is, whom to believe, and under which names users will come to this gateway."""

    authority: Address
    pin: str
    token: str
    names: tuple[str, ...]
    listen: Address
    metrics_listen: Address | None = None


def join_gateway(layout: Layout, wanted: Joining) -> GatewayId:
    """Spend the token; write the gateway's directory."""
    if layout.root.exists() and any(layout.root.iterdir()):
        raise AlreadyJoined(f"joining: {layout.root} is not empty")
    url = f"https://{wanted.authority}"
    root_pem = fetch_pinned_root(url, checked_pin(wanted.pin))
    key_pem, request_pem = new_key()
    with UserClient(url, pinned_context(root_pem)) as client:
        joined = client.call(
            JOIN_GATEWAY,
            JoinGateway(
                token=wanted.token,
                names=list(wanted.names),
                x509_request_pem=request_pem,
            ),
        )
    gateway_id = GatewayId(checked_id(joined.gateway_id))
    make_private_directory(layout.root)
    write_facts(layout.root, GatewayFacts((wanted.listen,), wanted.authority, RecorderLimits(), wanted.metrics_listen))
    write_identity(
        layout.root / "identity",
        GatewayIdentity(gateway_id=gateway_id, key_pem=key_pem, chain_pem=joined.x509_chain_pem, root_pem=root_pem),
    )
    return gateway_id
