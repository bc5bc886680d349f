"""Finishing what a browser brought back: the code becomes tokens, the tokens an identity, the identity a sign-in.

The flow is spent before the provider is asked, so that a code, a state and a verifier count once, whatever comes of
them. What goes wrong is told in one sentence and noted, but slows nobody: a state is 256 random bits, the provider is
asked once about each flow, and a network may have begun few.
"""

import hmac

from doorward.api.bodies.oidc import CompleteOidc
from doorward.api.bodies.sign_ins import SignedIn
from doorward.authority.callers import Peer
from doorward.authority.oidc.tokens import TokenRefused
from doorward.authority.operations.oidc_enter import Proof, enter
from doorward.authority.operations.oidc_flows import FlowRefused, open_flow, spend_flow
from doorward.authority.services import Services
from doorward.base.errors import Invalid, Refused
from doorward.domain.identity.oidc_flow import FlowKind
from doorward.domain.identity.oidc_sign_in import METHOD_BROWSER


async def complete(services: Services, peer: Peer, said: CompleteOidc) -> SignedIn:
    """Certificates for the identity behind the code; `FlowRefused`, `TokenRefused` or `BadToken` otherwise."""
    try:
        return await _complete(services, peer, said)
    except (Refused, Invalid) as error:
        services.throttle.noted(peer.source, error.code)
        raise


async def _complete(services: Services, peer: Peer, said: CompleteOidc) -> SignedIn:
    flow, connected = await open_flow(services, FlowKind.CODE, said.flow, said.state)
    provider = await services.oidc.providers.of(connected.connector)
    # A provider that says who it is in its answer must always say it, and be the one that was asked (RFC 9207).
    expected = connected.connector.issuer
    if (said.iss or provider.answers_iss) and not hmac.compare_digest(said.iss.encode(), expected.encode()):
        raise FlowRefused("signing in: the answer came from another provider than the one that was asked")
    if not flow.proven_by(said.code_verifier):
        raise FlowRefused("signing in: the verifier is not the one behind the challenge")
    await spend_flow(services, flow)
    try:
        tokens = await services.oidc.tokens.exchange(
            connected.connector, said.code, said.code_verifier, flow.redirect_uri
        )
    except TokenRefused as error:
        raise FlowRefused("signing in: the provider does not accept the code; begin again") from error
    identity = await services.oidc.identities.of(connected.connector, tokens, flow.nonce)
    return await enter(services, peer, Proof(flow, connected, identity, tokens, METHOD_BROWSER))
