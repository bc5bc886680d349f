"""Signing in through an identity provider, and the provider's own call; open, since nobody is known yet."""

from collections.abc import Sequence
from typing import Final

from litestar import Response, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath, JSONBody
from litestar.status_codes import HTTP_200_OK

from doorward.api.bodies.oidc import (
    BeginOidc,
    BeginOidcDevice,
    CompleteOidc,
    OidcBegun,
    OidcConnectors,
    OidcDeviceBegun,
    OidcDevicePolled,
    PollOidcDevice,
)
from doorward.api.bodies.sign_ins import SignedIn
from doorward.authority.http.access import ACCESS, Access, peer_of
from doorward.authority.http.description import LogoutFormIn
from doorward.authority.http.user_routes import AnyRequest
from doorward.authority.operations import oidc_begin, oidc_complete, oidc_device, oidc_flows, oidc_logout
from doorward.authority.services import Services

_OPEN: Final = {ACCESS: Access.OPEN}
_NO_STORE: Final = {"cache-control": "no-store"}


def oidc_routes(services: Services) -> Sequence[HTTPRouteHandler]:
    """All of them, bound to `services`."""

    @get("/v1/oidc/connectors", opt=_OPEN)
    async def connectors() -> OidcConnectors:
        return await oidc_flows.connectors(services)

    @post("/v1/oidc/begin", opt=_OPEN, status_code=HTTP_200_OK)
    async def begin_oidc(request: AnyRequest, data: JSONBody[BeginOidc]) -> OidcBegun:
        return await oidc_begin.begin(services, peer_of(request), data)

    @post("/v1/oidc/complete", opt=_OPEN, status_code=HTTP_200_OK)
    async def complete_oidc(request: AnyRequest, data: JSONBody[CompleteOidc]) -> SignedIn:
        return await oidc_complete.complete(services, peer_of(request), data)

    @post("/v1/oidc/device/begin", opt=_OPEN, status_code=HTTP_200_OK)
    async def begin_oidc_device(request: AnyRequest, data: JSONBody[BeginOidcDevice]) -> OidcDeviceBegun:
        return await oidc_device.begin_device(services, peer_of(request), data)

    @post("/v1/oidc/device/poll", opt=_OPEN, status_code=HTTP_200_OK)
    async def poll_oidc_device(request: AnyRequest, data: JSONBody[PollOidcDevice]) -> OidcDevicePolled:
        return await oidc_device.poll_device(services, peer_of(request), data)

    @post(
        "/v1/oidc/{connector:str}/backchannel-logout",
        opt=_OPEN,
        status_code=HTTP_200_OK,
        operation_class=LogoutFormIn,
    )
    async def backchannel_logout(request: AnyRequest, connector: FromPath[str]) -> Response[None]:
        await oidc_logout.backchannel_logout(services, peer_of(request), connector, await request.body())
        return Response(None, status_code=HTTP_200_OK, headers=_NO_STORE)

    return [connectors, begin_oidc, complete_oidc, begin_oidc_device, poll_oidc_device, backchannel_logout]
