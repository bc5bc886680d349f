"""Events about sessions, their streams and their recordings (DW5xxx and DW6xxx).

Those marked `from_gateway` are what a gateway may report of its own sessions; it can report nothing else. A decision's
trace tells of roles and traits, so it stands hashed, whole up to a limit of its own; its digest ties a session to it.
"""

from typing import Final

from doorward.domain.audit.event_types import EventType, Shape, event_type, public, sensitive

TRACE_BYTES_MAX: Final = 256 * 1024  # a trace names each rule that mattered; beside the leaf, not in it

_WHERE: Final = (*public("node_name"), *sensitive("login", "user_name", "source"))  # accounts are called like people
_BYTES: Final = public("bytes_in", "bytes_out", shape=Shape.INTEGER)

DECISION_MADE: Final = event_type(
    "DW5001",
    "decision.made",
    "access was decided, and why",
    public("outcome", required=True),
    public("trace_sha256", "basis", "purpose"),
    public("reasons", shape=Shape.LIST),
    public("change_counter", shape=Shape.INTEGER),
    _WHERE,
    sensitive("trace", shape=Shape.OBJECT, bytes_max=TRACE_BYTES_MAX),
)
SESSION_REFUSED: Final = event_type(
    "DW5002",
    "session.refused",
    "someone known was refused a session",
    public("reason", required=True),
    public("trace_sha256", "proof_kind"),
    sensitive("node_asked", "login_asked", "user_name", "source"),
)
SESSION_OPENED: Final = event_type(
    "DW5003",
    "session.opened",
    "a session was allowed and may connect",
    public("basis", required=True),
    public("trace_sha256", "proof_kind", "proof_sha256", "level_asked"),
    public("obligations", shape=Shape.OBJECT),
    public("epoch", "deadline_micros", shape=Shape.INTEGER),
    _WHERE,
)
SESSION_STARTED: Final = event_type(
    "DW5004",
    "session.started",
    "the connection to the node stands",
    public("node_key"),
    from_gateway=True,
)
SESSION_CUT_ORDERED: Final = event_type(
    "DW5005",
    "session.cut_ordered",
    "access ended and the gateway was told to close",
    public("reason", required=True),
    public("epoch", shape=Shape.INTEGER),
    sensitive("message"),
)
SESSION_ENDED: Final = event_type(
    "DW5006",
    "session.ended",
    "a session is over",
    public("reason", required=True),
    public("level_achieved", "how"),
    _BYTES,
    from_gateway=True,
)
SESSION_CORRECTED: Final = event_type(
    "DW5007",
    "session.corrected",
    "a gateway that is back told how a session ended that was presumed over; no earlier entry changes",
    public("reason", required=True),
    public("reason_presumed", "level_achieved"),
    public("late_notes", "happened_micros", shape=Shape.INTEGER),
    _BYTES,
)
SESSION_REPORT_REFUSED: Final = event_type(
    "DW5008",
    "session.report_refused",
    "a gateway told more of a session that is over, and it was not taken; said once for each session",
    public("reason", required=True),
    public("notes", shape=Shape.INTEGER),
)
JUMP_CUT_ORDERED: Final = event_type(
    "DW5009",
    "jump.cut_ordered",
    "a sign-in lost its ground and the gateway was told to close its jump connections",
    public("reason", required=True),
    public("connections", "epoch", shape=Shape.INTEGER),
    sensitive("message"),
)
STREAM_OPENED: Final = event_type(
    "DW5101",
    "stream.opened",
    "a shell, command, transfer or forward began",
    public("kind", required=True),
    public("stream", shape=Shape.INTEGER),
    public("pty", shape=Shape.BOOLEAN),
    public("level"),
    sensitive("command"),
    from_gateway=True,
)
STREAM_CLOSED: Final = event_type(
    "DW5102",
    "stream.closed",
    "a shell, command, transfer or forward ended",
    public("kind", required=True),
    public("stream", "exit_status", shape=Shape.INTEGER),
    public("exit_signal"),
    _BYTES,
    from_gateway=True,
)
SFTP_OPERATION: Final = event_type(
    "DW5103",
    "sftp.operation",
    "a file was read, written, moved, removed or listed",
    public("operation", required=True),
    public("result", "sha256"),
    public("stream", "bytes", shape=Shape.INTEGER),
    sensitive("path", "path_to"),
    from_gateway=True,
)
FORWARD_OPENED: Final = event_type(
    "DW5104",
    "forward.opened",
    "a port, socket or agent was forwarded",
    public("kind", required=True),
    public("stream", "port", shape=Shape.INTEGER),
    sensitive("destination"),
    from_gateway=True,
)
FORWARD_REFUSED: Final = event_type(
    "DW5105",
    "forward.refused",
    "a forward was asked for that the plan does not allow",
    public("kind", "reason", required=True),
    public("port", shape=Shape.INTEGER),
    sensitive("destination"),
    from_gateway=True,
)
CHANNEL_REFUSED: Final = event_type(
    "DW5106",
    "channel.refused",
    "a channel or request was asked for that the plan does not allow",
    public("kind", "reason", required=True),
    sensitive("asked"),
    from_gateway=True,
)
REFUSALS_COUNTED: Final = event_type(
    "DW5107",
    "refusals.counted",
    "so many requests of a session were refused that do not stand in the log one by one",
    public("count", shape=Shape.INTEGER, required=True),
    public("sftp", "forwards", "channels", shape=Shape.INTEGER),
    from_gateway=True,
)
RECORDING_STARTED: Final = event_type(
    "DW6001", "recording.started", "a session's recording began", public("level"), from_gateway=True
)
RECORDING_SEALED: Final = event_type(
    "DW6003",
    "recording.sealed",
    "a recording is complete and its manifest is signed",
    public("sha256", required=True),
    public("size_bytes", shape=Shape.INTEGER),
    public("level_achieved"),
)
RECORDING_VIEWED: Final = event_type(
    "DW6004", "recording.viewed", "someone replayed a recording", sensitive("user_name", "source")
)
RECORDING_EXPORTED: Final = event_type(
    "DW6005",
    "recording.exported",
    "someone took a copy of a recording",
    sensitive("user_name", "source"),
)

SESSION_EVENTS: Final[tuple[EventType, ...]] = (
    DECISION_MADE,
    SESSION_REFUSED,
    SESSION_OPENED,
    SESSION_STARTED,
    SESSION_CUT_ORDERED,
    SESSION_ENDED,
    SESSION_CORRECTED,
    SESSION_REPORT_REFUSED,
    JUMP_CUT_ORDERED,
    STREAM_OPENED,
    STREAM_CLOSED,
    SFTP_OPERATION,
    FORWARD_OPENED,
    FORWARD_REFUSED,
    CHANNEL_REFUSED,
    REFUSALS_COUNTED,
    RECORDING_STARTED,
    RECORDING_SEALED,
    RECORDING_VIEWED,
    RECORDING_EXPORTED,
)
