"""A session's audit events and recording header, as the catalogue of events and the container want them."""

from typing import Any

from doorward.api.bodies.gateway_calls import Note, SessionPlan
from doorward.base.clock import to_micros
from doorward.domain.recording import frames
from doorward.domain.recording.frames import Exited, Header, StreamClosed, StreamOpened
from doorward.domain.recording.levels import StreamKind
from doorward.gateway.parts import GatewayParts
from doorward.gateway.relays.forwards import Place
from doorward.gateway.relays.sftp_tables import PATH_BYTES_MAX
from doorward.gateway.relays.verdicts import Refuse

_FORWARDS = frozenset(
    kind.value for kind in StreamKind if kind not in (StreamKind.SHELL, StreamKind.EXEC, StreamKind.SFTP)
)


def header(plan: SessionPlan, parts: GatewayParts) -> Header:
    """The first frame of a session's recording."""
    return Header(
        session_id=plan.session_id,
        installation_id=plan.installation_id,
        gateway_id=parts.trust.gateway_id,
        user_id=plan.user_id,
        user=plan.user_name,
        node_id=plan.node_id,
        node=plan.node_name,
        login=plan.login,
        level=plan.recording_level,
        started_micros=to_micros(parts.clock.now()),
    )


def stream_opened(stream: int, body: StreamOpened) -> Note:
    """`stream.opened`, or `forward.opened`."""
    if body.kind.value in _FORWARDS:
        return Note("forward.opened", {"kind": body.kind.value, "stream": stream, "destination": body.destination})
    fields: dict[str, Any] = {
        "kind": body.kind.value,
        "stream": stream,
        "pty": bool(body.term or body.columns),
        "level": body.level,
    }
    if body.command:
        fields["command"] = body.command.decode(errors="backslashreplace")
    return Note("stream.opened", fields)


def stream_closed(stream: int, kind: str, exited: Exited | None, closed: StreamClosed) -> Note:
    """`stream.closed`."""
    fields: dict[str, Any] = {
        "kind": kind,
        "stream": stream,
        "bytes_in": closed.input_bytes,
        "bytes_out": closed.output_bytes + closed.error_output_bytes,
    }
    if exited is not None and exited.status is not None:
        fields["exit_status"] = exited.status
    if exited is not None and exited.signal:
        fields["exit_signal"] = exited.signal
    return Note("stream.closed", fields)


def listening(place: Place) -> Note:
    """`forward.opened`: a node listens for the user."""
    fields: dict[str, Any] = {"kind": StreamKind.REMOTE_FORWARD.value, "destination": place.text}
    return Note("forward.opened", {**fields, "port": place.port} if place.port else fields)


def file_operated(stream: int, operation: str, note: frames.Note) -> Note:
    """`sftp.operation`."""
    fields: dict[str, Any] = {"operation": operation, "stream": stream, "result": note.result, "bytes": note.size}
    if note.path:
        fields["path"] = path_text(note.path)
    if note.new_path:
        fields["path_to"] = path_text(note.new_path)
    if note.sha256:
        fields["sha256"] = note.sha256.hex()
    return Note("sftp.operation", fields)


def path_text(path: bytes) -> str:
    """A path in the log: what is not UTF-8 as escapes; cut where no system of ours has longer ones."""
    return path[:PATH_BYTES_MAX].decode(errors="backslashreplace")


def refused(verdict: Refuse) -> Note:
    """`forward.refused` or `channel.refused`."""
    reason = verdict.line.removeprefix("doorward: ") or "not offered"
    if verdict.kind in _FORWARDS:
        return Note("forward.refused", {"kind": verdict.kind, "reason": reason, "destination": verdict.asked})
    return Note("channel.refused", {"kind": verdict.kind, "reason": reason, "asked": verdict.asked})
