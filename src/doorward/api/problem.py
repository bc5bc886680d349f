"""Errors as RFC 9457 problem documents, and back.

`type` is `urn:doorward:problem:<code>`; `kind` is which of the five kinds it is, so that a client raises the same kind
that the server did. `errors` names file, line and field of each thing that is wrong with declared resources.
"""

from typing import Annotated, Final

import msgspec
from msgspec import Meta

from doorward.base.errors import Conflict, DoorwardError, Invalid, Missing, Refused, Unavailable

MEDIA_TYPE: Final = "application/problem+json"
TYPE_PREFIX: Final = "urn:doorward:problem:"
KINDS: Final[dict[str, type[DoorwardError]]] = {
    "invalid": Invalid,
    "missing": Missing,
    "refused": Refused,
    "conflict": Conflict,
    "unavailable": Unavailable,
}


class FieldProblem(msgspec.Struct, frozen=True, omit_defaults=True):
    """One thing that is wrong, and where; lines count from 1."""

    message: str
    file: str = ""
    line: int = 0
    field: str = ""


class Problem(msgspec.Struct, frozen=True, omit_defaults=True):
    """RFC 9457 members, and the extension members `kind`, `code` and `errors`."""

    type: str
    title: str
    status: int
    kind: str
    code: str
    detail: Annotated[str, Meta(max_length=8192)] = ""
    errors: list[FieldProblem] = []


class RemoteProblem(DoorwardError):
    """Carries a problem document; raised as one of its five subclasses."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.detail or problem.title)
        self.problem = problem


class RemoteInvalid(RemoteProblem, Invalid):
    """The authority found the input wrong."""


class RemoteMissing(RemoteProblem, Missing):
    """The authority knows of none, or none for us."""


class RemoteRefused(RemoteProblem, Refused):
    """The authority said no."""


class RemoteConflict(RemoteProblem, Conflict):
    """The state at the authority moved on."""


class RemoteUnavailable(RemoteProblem, Unavailable):
    """The authority can not answer now."""


_REMOTE: Final[dict[str, type[RemoteProblem]]] = {
    "invalid": RemoteInvalid,
    "missing": RemoteMissing,
    "refused": RemoteRefused,
    "conflict": RemoteConflict,
    "unavailable": RemoteUnavailable,
}


def code_of(error: DoorwardError) -> str:
    """The stable code of an error, of the authority's own when it came from there."""
    return error.problem.code if isinstance(error, RemoteProblem) else error.code


def kind_of(error: DoorwardError) -> str:
    """Which of the five kinds an error is."""
    for name, kind in KINDS.items():
        if isinstance(error, kind):
            return name
    return "unavailable"


def to_error(status: int, body: bytes) -> RemoteProblem:
    """The error that a problem document stands for; anything unreadable counts as unavailable."""
    try:
        problem = msgspec.json.decode(body, type=Problem)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        text = "the authority gave an answer that is no problem document"
        problem = Problem(TYPE_PREFIX + "unavailable", "unavailable", status, "unavailable", "unavailable", text)
    return _REMOTE.get(problem.kind, RemoteUnavailable)(problem)
