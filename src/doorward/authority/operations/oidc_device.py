"""Signing in where there is no browser (RFC 8628): the user types a code at the provider, on another machine.

Whoever can make somebody type a code is signed in as them. So the flow is off unless the connector enables it, the code
must be typed (no link that holds it is passed on), the client shows from where it was started, and the sign-in and its
events say by which way it came.
"""

from datetime import timedelta

from doorward.api.bodies.oidc import BeginOidcDevice, OidcDeviceBegun, OidcDevicePolled, PollOidcDevice
from doorward.authority.callers import Peer
from doorward.authority.oidc.device_codes import seal, unseal
from doorward.authority.oidc.discovery import checked_url
from doorward.authority.oidc.tokens import TokenRefused, Tokens
from doorward.authority.operations.issue import client_keys
from doorward.authority.operations.oidc_enter import Proof, enter
from doorward.authority.operations.oidc_flows import (
    Connected,
    FlowRefused,
    Start,
    check_room,
    keep_flow,
    named,
    open_flow,
    spend_flow,
)
from doorward.authority.services import Services
from doorward.authority.throttle import network_of
from doorward.base.errors import Invalid, Refused
from doorward.domain.identity.oidc_flow import DEVICE_LIFETIME_MAX, FlowKind, OidcFlow, new_secret
from doorward.domain.identity.oidc_sign_in import METHOD_DEVICE


class DeviceFlowOff(Refused):
    """The connector does not enable it."""

    code = "device_flow_off"


async def begin_device(services: Services, peer: Peer, said: BeginOidcDevice) -> OidcDeviceBegun:
    """A code to type, if the connector allows it."""
    keys = client_keys(said.keys)
    connected = await services.store.read(lambda tx: named(services, tx, said.connector))
    if not connected.connector.device_flow:
        raise DeviceFlowOff("signing in without a browser: this connector does not allow it")
    await services.store.read(lambda tx: check_room(tx, network_of(peer.source)))
    code = await services.oidc.tokens.begin_device(connected.connector)
    where = checked_url(code.verification_uri, connected.connector.issuer)
    secret = new_secret(services.entropy)
    start = Start(
        kind=FlowKind.DEVICE,
        keys=keys,
        client=said.client,
        secret=secret,
        lifetime=min(DEVICE_LIFETIME_MAX, timedelta(seconds=code.expires_seconds)),
        sealed=seal(services.entropy, secret, code.device_code),
    )
    flow = await keep_flow(services, peer, connected, start)
    services.oidc.polls.begin(flow.id, code.interval_seconds)
    return OidcDeviceBegun(
        flow=flow.id,
        secret=secret,
        user_code=code.user_code,
        verification_uri=where,
        source=peer.source,
        interval_seconds=code.interval_seconds,
        expires=flow.expires.isoformat(),
    )


async def poll_device(services: Services, peer: Peer, said: PollOidcDevice) -> OidcDevicePolled:
    """The sign-in once the code was typed; until then how long to wait. Asked too early, the provider is not asked."""
    try:
        flow, connected = await open_flow(services, FlowKind.DEVICE, said.flow, said.secret)
        if not connected.connector.device_flow:
            raise DeviceFlowOff("signing in without a browser: this connector does not allow it")
        tokens = await _asked(services, flow, connected, said.secret)
        if tokens is None:
            return OidcDevicePolled(services.oidc.polls.interval_seconds(flow.id))
        identity = await services.oidc.identities.of(connected.connector, tokens, None)
        signed_in = await enter(services, peer, Proof(flow, connected, identity, tokens, METHOD_DEVICE))
    except (Refused, Invalid) as error:
        services.throttle.noted(peer.source, error.code)
        raise
    return OidcDevicePolled(services.oidc.polls.interval_seconds(flow.id), signed_in)


async def _asked(services: Services, flow: OidcFlow, connected: Connected, secret: str) -> Tokens | None:
    polls = services.oidc.polls
    if not polls.may_ask(flow.id):
        return None
    try:
        tokens = await services.oidc.tokens.poll(connected.connector, unseal(flow.sealed, secret))
    except TokenRefused as error:
        if error.error == "authorization_pending":
            return None
        if error.error == "slow_down":
            polls.slow_down(flow.id)
            return None
        await spend_flow(services, flow)
        polls.forget(flow.id)
        raise FlowRefused("signing in: the provider refused, or the code was not typed in time") from error
    await spend_flow(services, flow)
    return tokens
