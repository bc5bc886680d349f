"""The calls that people make, through `dw` or a browser: signing in, declaring, looking."""

from collections.abc import Sequence
from typing import Any

from litestar import Request, delete, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath, FromQuery, JSONBody
from litestar.response import Stream
from litestar.status_codes import HTTP_200_OK

from doorward.api.bodies.access import Explain, Explanation, ReachableNodes
from doorward.api.bodies.audit import AuditPage, AuditVerification, ErasedUser, EraseUser
from doorward.api.bodies.resources import Applied, Apply, Change, ResourceList, ResourceView
from doorward.api.bodies.sessions import (
    EndSession,
    RecordingList,
    RecordingProof,
    RecordingView,
    SessionList,
    SessionView,
)
from doorward.api.bodies.sign_ins import (
    BeginEnrolment,
    CompleteEnrolment,
    EnrolmentBegun,
    FactorVerified,
    SignedIn,
    SignInWithPassword,
    Status,
    Trust,
    VerifyAhead,
)
from doorward.authority.callers import UserCaller
from doorward.authority.http.access import ACCESS, CALLER_KEY, Access, peer_of
from doorward.authority.http.description import OCTETS
from doorward.authority.operations import (
    audit,
    end_session,
    enrol,
    erase,
    reach,
    recordings,
    resources,
    sessions,
    sign_in,
    verify_ahead,
)
from doorward.authority.operations.recordings import Recording
from doorward.authority.services import Services
from doorward.base.errors import Refused
from doorward.domain.access.rights import Right

AnyRequest = Request[Any, Any, Any]
_OPEN = {ACCESS: Access.OPEN}
_SIGNED_IN = {ACCESS: Access.SIGNED_IN}
_ERASES = {ACCESS: Right("audit", "delete")}


def user_of(request: AnyRequest) -> UserCaller:
    """The caller that the guard has identified."""
    caller = request.scope["state"][CALLER_KEY]
    if not isinstance(caller, UserCaller):
        raise Refused("this call is not for such a caller")
    return caller


def sign_in_routes(services: Services) -> Sequence[HTTPRouteHandler]:
    """Open to those who are not known yet, and one's own sign-ins."""

    @get("/v1/trust", opt=_OPEN)
    async def trust() -> Trust:
        return sign_in.trust(services)

    @post("/v1/enrolments/begin", opt=_OPEN, status_code=HTTP_200_OK)
    async def begin_enrolment(request: AnyRequest, data: JSONBody[BeginEnrolment]) -> EnrolmentBegun:
        return await enrol.begin_enrolment(services, peer_of(request), data)

    @post("/v1/enrolments/complete", opt=_OPEN, status_code=HTTP_200_OK)
    async def complete_enrolment(request: AnyRequest, data: JSONBody[CompleteEnrolment]) -> SignedIn:
        return await enrol.complete_enrolment(services, peer_of(request), data)

    @post("/v1/sign-ins", opt=_OPEN, status_code=HTTP_200_OK)
    async def sign_in_now(request: AnyRequest, data: JSONBody[SignInWithPassword]) -> SignedIn:
        return await sign_in.sign_in(services, peer_of(request), data)

    @delete("/v1/sign-ins/{sign_in_id:str}", opt=_SIGNED_IN, status_code=HTTP_200_OK)
    async def sign_out(request: AnyRequest, sign_in_id: FromPath[str]) -> Status:
        return await sign_in.sign_out(services, user_of(request), sign_in_id)

    @get("/v1/status", opt=_SIGNED_IN)
    async def status(request: AnyRequest) -> Status:
        return await sign_in.status(services, user_of(request))

    @post("/v1/mfa", opt=_SIGNED_IN, status_code=HTTP_200_OK)
    async def verify_factor(request: AnyRequest, data: JSONBody[VerifyAhead]) -> FactorVerified:
        return await verify_ahead.verify_ahead(services, user_of(request), data)

    return [trust, begin_enrolment, complete_enrolment, sign_in_now, sign_out, status, verify_factor]


def resource_routes(services: Services) -> Sequence[HTTPRouteHandler]:
    """Declared things; the right depends on the kind, so the operations ask for it."""

    @post("/v1/resources", opt=_SIGNED_IN, status_code=HTTP_200_OK)
    async def apply(request: AnyRequest, data: JSONBody[Apply]) -> Applied:
        return await resources.apply(services, user_of(request), data)

    @get("/v1/resources/{kind:str}", opt=_SIGNED_IN)
    async def list_resources(request: AnyRequest, kind: FromPath[str]) -> ResourceList:
        return ResourceList(await resources.list_resources(services, user_of(request), kind))

    @get("/v1/resources/{kind:str}/{name:str}", opt=_SIGNED_IN)
    async def get_resource(request: AnyRequest, kind: FromPath[str], name: FromPath[str]) -> ResourceView:
        return await resources.get_resource(services, user_of(request), kind, name)

    @delete("/v1/resources/{kind:str}/{name:str}", opt=_SIGNED_IN, status_code=HTTP_200_OK)
    async def delete_resource(
        request: AnyRequest, kind: FromPath[str], name: FromPath[str], revision: FromQuery[str]
    ) -> Change:
        return await resources.delete_resource(services, user_of(request), kind, name, resources.revision_of(revision))

    @get("/v1/nodes", opt=_SIGNED_IN)
    async def list_nodes(request: AnyRequest) -> ReachableNodes:
        return ReachableNodes(await reach.list_nodes(services, user_of(request)))

    @post("/v1/explain", opt=_SIGNED_IN, status_code=HTTP_200_OK)
    async def explain(request: AnyRequest, data: JSONBody[Explain]) -> Explanation:
        return await reach.explain_access(services, user_of(request), data)

    return [apply, list_resources, get_resource, delete_resource, list_nodes, explain]


def session_routes(services: Services) -> Sequence[HTTPRouteHandler]:
    """Sessions and recordings."""

    @get("/v1/sessions", opt=_SIGNED_IN)
    async def list_sessions(
        request: AnyRequest,
        user: FromQuery[str] = "",
        node: FromQuery[str] = "",
        live: FromQuery[bool] = False,
        limit: FromQuery[int] = 100,
    ) -> SessionList:
        caller = user_of(request)
        return SessionList(await sessions.list_sessions(services, caller, user=user, node=node, live=live, limit=limit))

    @get("/v1/sessions/{session_id:str}", opt=_SIGNED_IN)
    async def get_session(request: AnyRequest, session_id: FromPath[str]) -> SessionView:
        return await sessions.get_session(services, user_of(request), session_id)

    @post("/v1/sessions/{session_id:str}/end", opt=_SIGNED_IN, status_code=HTTP_200_OK)
    async def end(request: AnyRequest, session_id: FromPath[str], data: JSONBody[EndSession]) -> SessionView:
        ended = await end_session.end_session(services, user_of(request), session_id, data.message)
        return sessions.view_of_session(ended)

    return [list_sessions, get_session, end, *_recording_routes(services)]


def audit_routes(services: Services) -> Sequence[HTTPRouteHandler]:
    """The log: searched, verified, and erased from."""

    @get("/v1/audit", opt=_SIGNED_IN)
    async def search_audit(
        request: AnyRequest,
        *,
        since: FromQuery[str] = "",
        until: FromQuery[str] = "",
        user: FromQuery[str] = "",
        resource: FromQuery[str] = "",
        session: FromQuery[str] = "",
        type: FromQuery[str] = "",  # noqa: A002  (the query's own word)
        before: FromQuery[str] = "",
        limit: FromQuery[str] = "",
    ) -> AuditPage:
        wanted = {"since": since, "until": until, "user": user, "resource": resource, "session": session}
        search = audit.Search({**wanted, "type": type, "before": before, "limit": limit})
        return await audit.search_audit(services, user_of(request), search)

    @post("/v1/audit/erasures", opt=_ERASES, status_code=HTTP_200_OK)
    async def erase_user(request: AnyRequest, data: JSONBody[EraseUser]) -> ErasedUser:
        return await erase.erase_user(services, user_of(request), data)

    @get("/v1/audit/verification", opt=_SIGNED_IN)
    async def verify_audit(request: AnyRequest) -> AuditVerification:
        return await audit.verify_audit(services, user_of(request))

    return [search_audit, erase_user, verify_audit]


def _recording_routes(services: Services) -> Sequence[HTTPRouteHandler]:
    @get("/v1/recordings", opt=_SIGNED_IN)
    async def list_recordings(request: AnyRequest, limit: FromQuery[int] = 100) -> RecordingList:
        found = await recordings.list_recordings(services, user_of(request), limit)
        return RecordingList([_recording(one) for one in found])

    @get("/v1/recordings/{session_id:str}", opt=_SIGNED_IN)
    async def get_recording(request: AnyRequest, session_id: FromPath[str]) -> RecordingView:
        return _recording(await recordings.get_recording(services, user_of(request), session_id))

    @get("/v1/recordings/{session_id:str}/proof", opt=_SIGNED_IN)
    async def recording_proof(request: AnyRequest, session_id: FromPath[str]) -> RecordingProof:
        return await recordings.recording_proof(services, user_of(request), session_id)

    @get("/v1/recordings/{session_id:str}/content", opt=_SIGNED_IN, media_type=OCTETS)
    async def recording_content(
        request: AnyRequest, session_id: FromPath[str], purpose: FromQuery[str] = "play"
    ) -> Stream:
        chunks = await recordings.recording_content(services, user_of(request), session_id, purpose)
        return Stream(chunks, media_type=OCTETS)

    return [list_recordings, get_recording, recording_proof, recording_content]


def _recording(one: Recording) -> RecordingView:
    return RecordingView(
        session_id=one.session.id,
        user_name=one.session.user_name,
        node_name=one.session.node_name,
        login=one.session.login,
        started=one.row.started.isoformat(),
        sealed=one.row.sealed.isoformat() if one.row.sealed else None,
        size_bytes=one.row.size_bytes,
        digest=one.row.digest.hex(),
        end_reason=str(one.session.end_reason) if one.session.end_reason else None,
    )
