"""Beginning to sign in through a provider: one row that binds everything, and where to send the browser."""

from urllib.parse import urlencode, urlsplit

from doorward.api.bodies.oidc import BeginOidc, OidcBegun
from doorward.authority.callers import Peer
from doorward.authority.operations.issue import client_keys
from doorward.authority.operations.oidc_flows import Start, keep_flow, named
from doorward.authority.services import Services
from doorward.base.errors import Invalid
from doorward.domain.identity.oidc_flow import (
    FLOW_LIFETIME,
    FlowKind,
    OidcFlow,
    is_challenge,
    new_secret,
    redirect_uri,
)
from doorward.domain.kinds.oidc_connector import OidcConnector


async def begin(services: Services, peer: Peer, said: BeginOidc) -> OidcBegun:
    """A flow, and the address at the provider that continues it."""
    if not is_challenge(said.code_challenge):
        raise Invalid("beginning to sign in: the code challenge is no S256 challenge")
    connected = await services.store.read(lambda tx: named(services, tx, said.connector))
    provider = await services.oidc.providers.of(connected.connector)
    state = new_secret(services.entropy)
    start = Start(
        kind=FlowKind.CODE,
        keys=client_keys(said.keys),
        client=said.client,
        secret=state,
        lifetime=FLOW_LIFETIME,
        nonce=new_secret(services.entropy),
        challenge=said.code_challenge,
        redirect=redirect_uri(said.redirect_port),
    )
    flow = await keep_flow(services, peer, connected, start)
    url = _address(provider.authorization_endpoint, connected.connector, flow, state)
    return OidcBegun(flow.id, state, url, flow.expires.isoformat())


def _address(endpoint: str, connector: OidcConnector, flow: OidcFlow, state: str) -> str:
    query = {
        "response_type": "code",
        "client_id": connector.client_id,
        "redirect_uri": flow.redirect_uri,
        "scope": " ".join(connector.scopes),
        "state": state,
        "nonce": flow.nonce,
        "code_challenge": flow.challenge,
        "code_challenge_method": "S256",
    }
    if "offline_access" in connector.scopes:
        query["prompt"] = "consent"  # without it a provider must ignore the scope (OpenID Connect Core 11)
    return f"{endpoint}{'&' if urlsplit(endpoint).query else '?'}{urlencode(query)}"
