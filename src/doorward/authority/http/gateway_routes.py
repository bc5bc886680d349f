"""The closed list of calls that a gateway may make."""

from collections.abc import AsyncIterator, Sequence
from typing import Any, Final

import msgspec
from litestar import Request, get, post, put
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath, FromQuery, JSONBody
from litestar.response import Stream
from litestar.status_codes import HTTP_200_OK, HTTP_204_NO_CONTENT

from doorward.api.bodies.gateway_calls import (
    Faces,
    GatewayTrust,
    Jump,
    Lease,
    MintFaces,
    OpenJump,
    OpenSession,
    RecordingSize,
    RenewedIdentity,
    RenewIdentity,
    RenewLease,
    SealRecording,
    SessionPlan,
    SessionReport,
)
from doorward.authority.callers import GatewayCaller
from doorward.authority.http.access import ACCESS, CALLER_KEY, Access
from doorward.authority.http.description import NDJSON, OctetsIn
from doorward.authority.operations import contact, faces, joining, jumps, open_session, recordings, session_life
from doorward.authority.services import Services
from doorward.base.errors import Invalid, Refused

CHUNK_BYTES_MAX: Final = 2 * 1024 * 1024
_OPT: Final = {ACCESS: Access.GATEWAY}

AnyRequest = Request[Any, Any, Any]


def gateway_of(request: AnyRequest) -> GatewayCaller:
    """The caller that the guard has identified."""
    caller = request.scope["state"][CALLER_KEY]
    if not isinstance(caller, GatewayCaller):
        raise Refused("this call is not for such a caller")
    return caller


def gateway_routes(services: Services) -> Sequence[HTTPRouteHandler]:
    """All of them, bound to `services`."""

    @get("/v1/gateway/trust", opt=_OPT)
    async def trust(request: AnyRequest) -> GatewayTrust:
        return await contact.gateway_trust(services, gateway_of(request))

    @post("/v1/gateway/faces", opt=_OPT, status_code=HTTP_200_OK)
    async def mint_faces(request: AnyRequest, data: JSONBody[MintFaces]) -> Faces:
        return await faces.mint_faces(services, gateway_of(request), data)

    @post("/v1/gateway/lease", opt=_OPT, status_code=HTTP_200_OK)
    async def lease(request: AnyRequest, data: JSONBody[RenewLease]) -> Lease:
        return await contact.renew_lease(services, gateway_of(request), data)

    @get("/v1/gateway/watch", opt=_OPT, media_type=NDJSON)
    async def watch(request: AnyRequest, after: FromQuery[int] = 0) -> Stream:
        messages = contact.watch(services, gateway_of(request), after)

        async def lines() -> AsyncIterator[bytes]:
            async for message in messages:
                yield msgspec.json.encode(message) + b"\n"

        return Stream(lines(), media_type=NDJSON)

    @post("/v1/gateway/identity", opt=_OPT, status_code=HTTP_200_OK)
    async def renew_identity(request: AnyRequest, data: JSONBody[RenewIdentity]) -> RenewedIdentity:
        return await joining.renew_identity(services, gateway_of(request), data)

    return [
        renew_identity,
        trust,
        mint_faces,
        *_session_routes(services),
        lease,
        watch,
        *_recording_routes(services),
    ]


def _session_routes(services: Services) -> Sequence[HTTPRouteHandler]:
    @post("/v1/gateway/sessions", opt=_OPT, status_code=HTTP_200_OK)
    async def open_one(request: AnyRequest, data: JSONBody[OpenSession]) -> SessionPlan:
        return await open_session.open_session(services, gateway_of(request), data)

    @post("/v1/gateway/jumps", opt=_OPT, status_code=HTTP_200_OK)
    async def open_jump(request: AnyRequest, data: JSONBody[OpenJump]) -> Jump:
        return await jumps.open_jump(services, gateway_of(request), data)

    @post("/v1/gateway/sessions/{session_id:str}/report", opt=_OPT, status_code=HTTP_204_NO_CONTENT)
    async def report_session(request: AnyRequest, session_id: FromPath[str], data: JSONBody[SessionReport]) -> None:
        await session_life.report_session(services, gateway_of(request), session_id, data)

    return [open_one, open_jump, report_session]


def _recording_routes(services: Services) -> Sequence[HTTPRouteHandler]:
    @put("/v1/gateway/recordings/{session_id:str}", opt=_OPT, status_code=HTTP_200_OK, operation_class=OctetsIn)
    async def append_recording(request: AnyRequest, session_id: FromPath[str], offset: FromQuery[int]) -> RecordingSize:
        data = await request.body()
        if len(data) > CHUNK_BYTES_MAX:
            raise Invalid(f"storing a recording: at most {CHUNK_BYTES_MAX} bytes at once")
        return await recordings.append_recording(services, gateway_of(request), session_id, offset, data)

    @post("/v1/gateway/recordings/{session_id:str}/seal", opt=_OPT, status_code=HTTP_204_NO_CONTENT)
    async def seal_recording(request: AnyRequest, session_id: FromPath[str], data: JSONBody[SealRecording]) -> None:
        await recordings.seal_recording(services, gateway_of(request), session_id, data)

    return [append_recording, seal_recording]
