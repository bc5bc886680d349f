"""The only place that knows status codes: errors become RFC 9457 problem documents.

An error that is none of the five kinds is a fault of ours: it is logged with a number, and the caller learns the number
and nothing else.
"""

from typing import Any, Final

import msgspec
import structlog
from litestar import Request, Response
from litestar.exceptions import HTTPException

from doorward.api.problem import MEDIA_TYPE, TYPE_PREFIX, FieldProblem, Problem, kind_of
from doorward.authority.identify import NotIdentified
from doorward.base.entropy import SystemEntropy
from doorward.base.errors import DoorwardError
from doorward.domain.kinds.positioned import InvalidDocuments, Placed

STATUS: Final = {"invalid": 400, "missing": 404, "refused": 403, "conflict": 409, "unavailable": 503}
UNAUTHENTICATED: Final = 401
# RFC 9110, 15.5.2, wants a challenge; no scheme is registered for certificates of TLS, so this says what to show.
CHALLENGE: Final = 'TLS-Client-Certificate realm="doorward"'
TITLES: Final = {
    "invalid": "the input is wrong",
    "missing": "there is none, or none for you",
    "refused": "refused",
    "conflict": "the state moved on",
    "unavailable": "not available now",
}
NUMBER_BYTES: Final = 6
_entropy: Final = SystemEntropy()
_log = structlog.get_logger("doorward.http")


def _answer(problem: Problem) -> Response[bytes]:
    headers = {"www-authenticate": CHALLENGE} if problem.status == UNAUTHENTICATED else None
    return Response(msgspec.json.encode(problem), status_code=problem.status, media_type=MEDIA_TYPE, headers=headers)


def _field_problems(error: DoorwardError) -> list[FieldProblem]:
    if not isinstance(error, InvalidDocuments | Placed):
        return []
    return [FieldProblem(one.message, one.file, one.line, one.field) for one in error.problems]


def known_error(_: Request[Any, Any, Any], error: DoorwardError) -> Response[bytes]:
    """One of the five kinds."""
    kind = kind_of(error)
    return _answer(
        Problem(
            type=TYPE_PREFIX + error.code,
            title=TITLES[kind],
            status=UNAUTHENTICATED if isinstance(error, NotIdentified) else STATUS[kind],
            kind=kind,
            code=error.code,
            detail=error.message,
            errors=_field_problems(error),
        )
    )


def http_error(_: Request[Any, Any, Any], error: HTTPException) -> Response[bytes]:
    """What the framework refuses: unknown routes, bad bodies, bodies that are too long."""
    status = error.status_code
    kind = "refused" if status == 403 else "missing" if status == 404 else "invalid"
    detail = str(error.detail) if status < 500 else ""
    return _answer(Problem(TYPE_PREFIX + kind, TITLES[kind], status, kind, kind, detail[:512]))


def unknown_error(request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    """A fault of ours."""
    number = _entropy.token(NUMBER_BYTES).hex()
    _log.error("call failed", number=number, path=request.url.path, exc_info=error)
    detail = f"the authority failed; look for {number} in its log"
    return _answer(Problem(TYPE_PREFIX + "internal", "internal error", 500, "unavailable", "internal", detail))
