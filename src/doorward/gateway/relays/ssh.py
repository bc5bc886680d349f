"""What may happen inside an SSH session: every channel, global request and channel request gets a verdict.

Pure: requests in, verdicts out. The plan's obligations and recording level decide, over the closed tables of
`ssh_tables`; a verdict carries what must be recorded before the request is passed on. Bytes of open streams do not come
here: `gateway.ssh.pump` carries them, recording as `coverage` of the stream says.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Final

from doorward.base.terminal_text import for_terminal
from doorward.domain.access.obligations import Obligations
from doorward.domain.recording.frames import Exited, Note, Resized, Signalled, StreamOpened
from doorward.domain.recording.levels import RecordingLevel, StreamKind, coverage
from doorward.gateway.relays import ssh_tables as tables
from doorward.gateway.relays.commands import copies_files
from doorward.gateway.relays.forwards import ForwardRules
from doorward.gateway.relays.ssh_tables import LINES, REFUSED_FORWARDS
from doorward.gateway.relays.verdicts import Answer, Forward, Open, Refuse, Verdict
from doorward.wire.errors import RemoteProtocolError
from doorward.wire.ssh.fields import FieldReader, encode_string, encode_text, encode_uint32

ASKED_CHARACTERS_MAX: Final = 256
REFUSED_STATUS: Final = 126
"""What shells answer for a command that may not be run; 255 would mean that the connection failed."""


class SshRelay:
    """One connection to one node: what it may open."""

    def __init__(self, obligations: Obligations, level: RecordingLevel) -> None:
        self._obligations = obligations
        self._level = level
        self.forwards: Final = ForwardRules(obligations, level)
        self._channels = 0
        self._sessions_closed = False

    def channel_requested(self, kind: bytes) -> "ChannelRelay | Refuse":
        """A channel other than a forward is wanted; call `channel_gone` when one that was granted ends."""
        if kind in tables.NEVER_OFFERED:
            never = tables.NEVER_OFFERED[kind]
            return Refuse(_not_offered(never), never.value, _shown(kind))
        if kind != tables.SESSION:
            return Refuse(LINES.channel, "unknown", _shown(kind))
        if self._sessions_closed:
            return Refuse(LINES.request, "session", "after no-more-sessions")
        most = min(self._obligations.max_sessions, tables.CHANNELS_MAX)
        if self._channels >= most:
            return Refuse(LINES.channels.format(most=most), "session", "too many channels")
        self._channels += 1
        return ChannelRelay(self._obligations, self._level, self.forwards)

    def channel_gone(self) -> None:
        """A channel has ended."""
        self._channels -= 1

    def global_request(self, name: bytes) -> bool:
        """A request that concerns the whole connection and no forward."""
        if name == tables.NO_MORE_SESSIONS:
            self._sessions_closed = True
            return True
        # RFC 4254 section 4: any answer to a keepalive will do, and a refusal is what sshd gives.
        return False


class ChannelRelay:
    """One session channel: what it may run, and what its requests mean."""

    def __init__(self, obligations: Obligations, level: RecordingLevel, forwards: ForwardRules) -> None:
        self._obligations = obligations
        self._level = level
        self._forwards = forwards
        self._terminal: tuple[str, int, int] | None = None
        self._started = False
        self._ended = False
        self._variables = 0
        self._input_unwanted = False
        self._output_unwanted = False

    @property
    def _keeps_all(self) -> bool:
        return self._level is RecordingLevel.STRICT

    @property
    def has_terminal(self) -> bool:
        """Whether a terminal was granted: lines of ours then end in CR LF."""
        return self._terminal is not None

    def from_user(self, name: bytes, data: bytes) -> Verdict:
        """A channel request of the user's client."""
        rule = _USER_REQUESTS.get(name)
        if rule is None or len(data) > tables.REQUEST_BYTES_MAX:
            return Refuse(kind="request", asked=_shown(name))
        try:
            verdict = rule(self, FieldReader(data))
        except RemoteProtocolError:
            verdict = Refuse(LINES.malformed, "request", _shown(name))
        if isinstance(verdict, Refuse) and name in _STARTS and not self._started:
            self._started = True
            return replace(verdict, ends=True)
        return verdict

    def from_node(self, name: bytes, data: bytes) -> Verdict:
        """A channel request of the node."""
        rule = _NODE_REQUESTS.get(name)
        if rule is None or len(data) > tables.REQUEST_BYTES_MAX:
            return Answer(ok=False)
        try:
            return rule(self, FieldReader(data))
        except RemoteProtocolError:
            return Answer(ok=False)

    def _start(self, kind: StreamKind, command: bytes = b"") -> Verdict:
        covered = coverage(self._level, kind)
        if self._started:
            return Refuse(LINES.started, kind.value)
        if covered.refused:
            return Refuse(_not_offered(kind), kind.value)
        self._started = True
        term, columns, rows = self._terminal or ("", 0, 0)
        body = StreamOpened(kind=kind, level=self._level.text, command=command, term=term, columns=columns, rows=rows)
        return Forward(opens=Open(body, covered))

    def _pty(self, reader: FieldReader) -> Verdict:
        term = reader.string(tables.REQUEST_BYTES_MAX)
        columns, rows, _, _ = reader.uint32(), reader.uint32(), reader.uint32(), reader.uint32()
        modes = reader.string(tables.TERMINAL_MODES_BYTES_MAX)
        reader.expect_end()
        if self._started or self._terminal is not None or tables.TERMINAL.fullmatch(term) is None:
            return Refuse(LINES.malformed, "pty")
        name = term.decode("ascii")
        self._terminal = (name, columns, rows)
        if not self._keeps_all:
            return Forward()
        note = Note("terminal.asked", detail=f"{name} {columns}x{rows} modes {modes.hex()}")
        return Forward(record=note, data=encode_string(term) + _size(columns, rows) + encode_string(modes))

    def _environment(self, reader: FieldReader) -> Verdict:
        name, value = reader.string(tables.REQUEST_BYTES_MAX), reader.string(tables.REQUEST_BYTES_MAX)
        reader.expect_end()
        self._variables += 1
        if self._started or self._variables > tables.ENVIRONMENT_COUNT_MAX:
            return Answer(ok=False)
        # Clients send what their configuration lists, wanted or not: no line, no event, as sshd does. Values are not
        # stored, so under strict none passes; below it they can hold a locale and no command.
        if self._keeps_all:
            return Answer(ok=False)
        allowed = tables.ENVIRONMENT.fullmatch(name) and tables.ENVIRONMENT_VALUE.fullmatch(value)
        return Forward() if allowed else Answer(ok=False)

    def _shell(self, reader: FieldReader) -> Verdict:
        reader.expect_end()
        if not self._obligations.permit_shell:
            return Refuse(LINES.shell, StreamKind.SHELL.value)
        return self._start(StreamKind.SHELL)

    def _exec(self, reader: FieldReader) -> Verdict:
        command = reader.string(tables.COMMAND_BYTES_MAX)
        reader.expect_end()
        if not self._obligations.permit_exec:
            return Refuse(LINES.exec, StreamKind.EXEC.value, _shown(command))
        if not self._obligations.file_copy and copies_files(command):
            return Refuse(LINES.file_copy, StreamKind.EXEC.value, _shown(command))
        return self._start(StreamKind.EXEC, command)

    def _subsystem(self, reader: FieldReader) -> Verdict:
        name = reader.string(tables.REQUEST_BYTES_MAX)
        reader.expect_end()
        kind = tables.SUBSYSTEMS.get(name)
        if kind is None:
            return Refuse(LINES.subsystem, "subsystem", _shown(name))
        if not self._obligations.file_copy:
            return Refuse(LINES.file_copy, kind.value)
        return self._start(kind)

    def _resize(self, reader: FieldReader) -> Verdict:
        columns, rows, _, _ = reader.uint32(), reader.uint32(), reader.uint32(), reader.uint32()
        reader.expect_end()
        if self._terminal is None or not self._started:
            return Answer(ok=False)
        return Forward(record=Resized(columns, rows), data=_size(columns, rows) if self._keeps_all else None)

    def _signal(self, reader: FieldReader) -> Verdict:
        name = reader.string(tables.REQUEST_BYTES_MAX)
        reader.expect_end()
        if not self._started or tables.SIGNAL.fullmatch(name) is None:
            return Answer(ok=False)
        return Forward(record=Signalled(name=name.decode("ascii")))

    def _break(self, reader: FieldReader) -> Verdict:
        reader.uint32()  # how long, which nothing behind a pseudo-terminal can make a difference of
        reader.expect_end()
        if not self._started:
            return Answer(ok=False)
        return Forward(record=Signalled(name="BREAK"), data=encode_uint32(0) if self._keeps_all else None)

    def _no_more_output(self, reader: FieldReader) -> Verdict:
        """The user reads no more (`eow@openssh.com`): said once, and without a payload."""
        reader.expect_end()
        if not self._started or self._output_unwanted:
            return Answer(ok=False)
        self._output_unwanted = True
        return Forward()

    def _no_more_input(self, reader: FieldReader) -> Verdict:
        """The same of the node."""
        reader.expect_end()
        if not self._started or self._input_unwanted:
            return Answer(ok=False)
        self._input_unwanted = True
        return Forward()

    def _flow_control(self, reader: FieldReader) -> Verdict:
        """Whether the client may stop output itself (RFC 4254 section 6.8); a hint, so strict sessions do without."""
        reader.boolean()
        reader.expect_end()
        return Forward() if self._started and not self._keeps_all else Answer(ok=False)

    def _x11(self, _reader: FieldReader) -> Verdict:
        return Refuse(_not_offered(StreamKind.X11), StreamKind.X11.value)

    def _agent(self, reader: FieldReader) -> Verdict:
        reader.expect_end()
        return self._forwards.agent_asked() or Forward()

    def _exit_status(self, reader: FieldReader) -> Verdict:
        status = reader.uint32()
        reader.expect_end()
        return self._exit(Exited(status=status))

    def _exit_signal(self, reader: FieldReader) -> Verdict:
        name = reader.string(tables.REQUEST_BYTES_MAX)
        core_dumped = reader.boolean()
        said = reader.string(tables.REQUEST_BYTES_MAX).decode(errors="backslashreplace")
        reader.string(tables.REQUEST_BYTES_MAX)  # the language of it
        reader.expect_end()
        if tables.SIGNAL.fullmatch(name) is None:
            return Answer(ok=False)
        # A program's last words come from the node: what passes is what is stored, and no terminal acts on it.
        message = for_terminal(said, characters_max=ASKED_CHARACTERS_MAX)
        data = encode_string(name) + bytes((core_dumped,)) + encode_text(message) + encode_text("")
        return self._exit(Exited(signal=name.decode("ascii"), core_dumped=core_dumped, message=message), data)

    def _exit(self, body: Exited, data: bytes | None = None) -> Verdict:
        if self._ended or not self._started:
            return Answer(ok=False)
        self._ended = True
        return Forward(record=body, is_end=True, data=data)


_Rule = Callable[[ChannelRelay, FieldReader], Verdict]
_USER_REQUESTS: Final[dict[bytes, _Rule]] = {
    b"pty-req": ChannelRelay._pty,
    b"env": ChannelRelay._environment,
    b"shell": ChannelRelay._shell,
    b"exec": ChannelRelay._exec,
    b"subsystem": ChannelRelay._subsystem,
    b"window-change": ChannelRelay._resize,
    b"signal": ChannelRelay._signal,
    b"break": ChannelRelay._break,
    b"eow@openssh.com": ChannelRelay._no_more_output,
    b"x11-req": ChannelRelay._x11,
    b"auth-agent-req@openssh.com": ChannelRelay._agent,
}
_STARTS: Final = frozenset({b"shell", b"exec", b"subsystem"})
_NODE_REQUESTS: Final[dict[bytes, _Rule]] = {
    b"exit-status": ChannelRelay._exit_status,
    b"exit-signal": ChannelRelay._exit_signal,
    b"eow@openssh.com": ChannelRelay._no_more_input,
    b"xon-xoff": ChannelRelay._flow_control,
}


def _size(columns: int, rows: int) -> bytes:
    """A terminal's size as it is stored: in characters, its pixels left open."""
    return encode_uint32(columns) + encode_uint32(rows) + encode_uint32(0) * 2


def _not_offered(kind: StreamKind) -> str:
    return f"doorward: {REFUSED_FORWARDS.get(kind, kind.value)} is not offered by this gateway"


def _shown(raw: bytes) -> str:
    return raw[:ASKED_CHARACTERS_MAX].decode(errors="backslashreplace")
