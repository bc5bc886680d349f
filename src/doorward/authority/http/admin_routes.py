"""The calls by which people and machines are let in: codes, tokens, nodes, gateways, and the public keys."""

from collections.abc import Sequence
from typing import Final

from litestar import delete, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath, JSONBody
from litestar.status_codes import HTTP_200_OK

from doorward.api.bodies.administration import (
    AddUser,
    Authorities,
    EnrolledNode,
    EnrolNode,
    GatewayList,
    GatewayView,
    IssuedCode,
    IssuedToken,
    IssueToken,
    JoinedGateway,
    JoinGateway,
    NodeSetup,
    NodeSetupScript,
    PinHostKey,
    RotateAuthority,
    Rotation,
    Rotations,
)
from doorward.api.bodies.resources import ResourceView
from doorward.authority.http.access import ACCESS, Access, peer_of
from doorward.authority.http.user_routes import AnyRequest, user_of
from doorward.authority.operations import authorities, gateways, joining, nodes, rotation, users
from doorward.authority.services import Services
from doorward.domain.access.rights import Right

_OPEN: Final = {ACCESS: Access.OPEN}
_SIGNED_IN: Final = {ACCESS: Access.SIGNED_IN}
_CREATES_USERS: Final = {ACCESS: Right("user", "create")}
_UPDATES_USERS: Final = {ACCESS: Right("user", "update")}
_CREATES_NODES: Final = {ACCESS: Right("node", "create")}
_UPDATES_NODES: Final = {ACCESS: Right("node", "update")}


def admin_routes(services: Services) -> Sequence[HTTPRouteHandler]:
    """All of them, bound to `services`."""

    @post("/v1/users", opt=_CREATES_USERS, status_code=HTTP_200_OK)
    async def add_user(request: AnyRequest, data: JSONBody[AddUser]) -> IssuedCode:
        return await users.add_user(services, user_of(request), data)

    @post("/v1/users/{name:str}/invitation", opt=_UPDATES_USERS, status_code=HTTP_200_OK)
    async def invite_user(request: AnyRequest, name: FromPath[str]) -> IssuedCode:
        return await users.invite_user(services, user_of(request), name)

    @post("/v1/users/{name:str}/reset", opt=_UPDATES_USERS, status_code=HTTP_200_OK)
    async def reset_user(request: AnyRequest, name: FromPath[str]) -> IssuedCode:
        return await users.reset_user(services, user_of(request), name)

    @post("/v1/tokens", opt=_CREATES_NODES, status_code=HTTP_200_OK)
    async def issue_token(request: AnyRequest, data: JSONBody[IssueToken]) -> IssuedToken:
        return await joining.issue_token(services, user_of(request), data)

    @post("/v1/nodes/{name:str}/setup", opt=_UPDATES_NODES, status_code=HTTP_200_OK)
    async def node_setup(request: AnyRequest, name: FromPath[str], data: JSONBody[NodeSetup]) -> NodeSetupScript:
        return await nodes.node_setup(services, user_of(request), name, data)

    @post("/v1/nodes/{name:str}/host-key", opt=_UPDATES_NODES, status_code=HTTP_200_OK)
    async def pin_host_key(request: AnyRequest, name: FromPath[str], data: JSONBody[PinHostKey]) -> ResourceView:
        return await nodes.pin_host_key(services, user_of(request), name, data)

    @post("/v1/enrol-node", opt=_OPEN, status_code=HTTP_200_OK)
    async def enrol_node(request: AnyRequest, data: JSONBody[EnrolNode]) -> EnrolledNode:
        return await nodes.enrol_node(services, peer_of(request), data)

    @post("/v1/join-gateway", opt=_OPEN, status_code=HTTP_200_OK)
    async def join_gateway(request: AnyRequest, data: JSONBody[JoinGateway]) -> JoinedGateway:
        return await joining.join_gateway(services, peer_of(request), data)

    return [
        add_user,
        invite_user,
        reset_user,
        issue_token,
        node_setup,
        pin_host_key,
        enrol_node,
        join_gateway,
        *_gateway_routes(services),
        *_authority_routes(services),
    ]


def _gateway_routes(services: Services) -> Sequence[HTTPRouteHandler]:
    @get("/v1/gateways", opt={ACCESS: Right("node", "list")})
    async def list_gateways(request: AnyRequest) -> GatewayList:
        return await gateways.list_gateways(services, user_of(request))

    @post("/v1/gateways/{name:str}/disable", opt=_UPDATES_NODES, status_code=HTTP_200_OK)
    async def disable_gateway(request: AnyRequest, name: FromPath[str]) -> GatewayView:
        return await gateways.disable_gateway(services, user_of(request), name)

    @delete("/v1/gateways/{name:str}", opt={ACCESS: Right("node", "delete")}, status_code=HTTP_200_OK)
    async def remove_gateway(request: AnyRequest, name: FromPath[str]) -> GatewayView:
        return await gateways.remove_gateway(services, user_of(request), name)

    return [list_gateways, disable_gateway, remove_gateway]


def _authority_routes(services: Services) -> Sequence[HTTPRouteHandler]:
    @get("/v1/authorities", opt=_SIGNED_IN)
    async def list_authorities() -> Authorities:
        return await authorities.authorities(services)

    @get("/v1/rotations", opt={ACCESS: Right("node", "list")})
    async def list_rotations(request: AnyRequest) -> Rotations:
        return await rotation.rotations(services, user_of(request))

    @post("/v1/rotations/{purpose:str}", opt=_UPDATES_NODES, status_code=HTTP_200_OK)
    async def rotate_authority(
        request: AnyRequest, purpose: FromPath[str], data: JSONBody[RotateAuthority]
    ) -> Rotation:
        return await rotation.rotate(services, user_of(request), purpose, data)

    return [list_authorities, list_rotations, rotate_authority]
