"""What may be forwarded in an SSH session: ports and sockets in both directions, and the user's agent.

Pure: requests in, verdicts out. Each kind needs its own permission and a recording level that allows what can not be
read along: `strict` refuses them all. A node may open towards the user only what the user asked it for in this session.
Everything goes through the connection to the node; nothing is dialled or listened on here.
"""

from dataclasses import dataclass
from typing import Final

from doorward.domain.access.obligations import Obligations
from doorward.domain.recording.frames import StreamOpened
from doorward.domain.recording.levels import RecordingLevel, StreamKind, coverage
from doorward.gateway.relays import ssh_tables as tables
from doorward.gateway.relays.ssh_tables import LINES
from doorward.gateway.relays.verdicts import Open, Refuse
from doorward.wire.errors import RemoteProtocolError
from doorward.wire.ssh.fields import FieldReader

PORT_MAX: Final = 65_535
_UINT32_BYTES: Final = 4
_AGENT: Final = b"auth-agent@openssh.com"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a node listens or is to connect: a host and port, or a socket's path with port 0."""

    host: bytes
    port: int
    is_socket: bool = False

    @property
    def text(self) -> str:
        """As people write it."""
        host = self.host.decode(errors="backslashreplace")
        if self.is_socket:
            return host
        return f"[{host}]:{self.port}" if ":" in host else f"{host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Listen:
    """Ask the node to listen at `place`, or to listen there no more; then tell `ForwardRules.answered`."""

    place: Place
    is_cancel: bool = False


class ForwardRules:
    """One session's forwards."""

    def __init__(self, obligations: Obligations, level: RecordingLevel) -> None:
        self._level = level
        self._permitted: Final = {
            StreamKind.LOCAL_FORWARD: obligations.port_forwarding_local,
            StreamKind.UNIX_FORWARD: obligations.port_forwarding_local,
            StreamKind.REMOTE_FORWARD: obligations.port_forwarding_remote,
            StreamKind.AGENT: obligations.forward_agent,
        }
        self._open = 0
        self._places: set[Place] = set()
        self._agent_asked = False

    def from_user(self, kind: bytes, data: bytes) -> Open | Refuse:
        """The user's client wants a connection from the node; call `gone` when one that was granted ends."""
        stream = tables.FROM_USERS[kind]
        try:
            place = _direct(kind, FieldReader(data))
        except RemoteProtocolError:
            return Refuse(LINES.malformed, stream.value)
        return self._refusal(stream, place.text) or self._granted(stream, place.text)

    def from_node(self, kind: bytes, data: bytes) -> Open | Refuse:
        """The node wants a connection to the user's side; call `gone` when one that was granted ends."""
        stream = tables.FROM_NODES[kind]
        if kind == _AGENT:
            asked = self._agent_asked and not data
            return self._granted(stream, "") if asked else Refuse(LINES.unasked, stream.value)
        try:
            place = _forwarded(kind, FieldReader(data))
        except RemoteProtocolError:
            return Refuse(LINES.malformed, stream.value)
        # A port that the node was to choose is known only with its answer; the first connection may be as fast.
        if place in self._places or Place(place.host, 0, place.is_socket) in self._places:
            return self._granted(stream, place.text)
        return Refuse(LINES.unasked, stream.value, place.text)

    def gone(self) -> None:
        """A forwarded connection has ended."""
        self._open -= 1

    def agent_asked(self) -> Refuse | None:
        """The user's client offers its agent to the node."""
        refused = self._refusal(StreamKind.AGENT, "")
        self._agent_asked = self._agent_asked or refused is None
        return refused

    def listen(self, name: bytes, data: bytes) -> Listen | Refuse:
        """The user's client wants the node to listen, or to stop."""
        kind = StreamKind.REMOTE_FORWARD
        try:
            place = _listening(tables.CANCEL.get(name, name), FieldReader(data))
        except RemoteProtocolError:
            return Refuse(LINES.malformed, kind.value)
        if name in tables.CANCEL:
            known = place in self._places
            return Listen(place, is_cancel=True) if known else Refuse(kind="request", asked=place.text)
        refused = self._refusal(kind, place.text)
        if refused is None and len(self._places) >= tables.LISTENERS_MAX:
            refused = Refuse(LINES.listeners, kind.value, place.text)
        if refused is None:
            self._places.add(place)
        return refused or Listen(place)

    def answered(self, listen: Listen, answer: bytes | None) -> Place | None:
        """What the node answered (None: no); where it listens from now on, None when it does not."""
        if listen.is_cancel:
            if answer is not None:
                self._places.discard(listen.place)
            return None
        place = listen.place
        if answer is not None and (place.port or place.is_socket):
            return place
        self._places.discard(place)
        if answer is None or len(answer) != _UINT32_BYTES:
            return None
        chosen = Place(place.host, int.from_bytes(answer, "big"))
        self._places.add(chosen)
        return chosen

    def _refusal(self, kind: StreamKind, destination: str) -> Refuse | None:
        what = tables.REFUSED_FORWARDS[kind]
        if not self._permitted[kind]:
            return Refuse(f"doorward: your access does not include {what}", kind.value, destination)
        if coverage(self._level, kind).refused:
            line = f"doorward: {what} is not possible in a session of which everything is recorded"
            return Refuse(line, kind.value, destination)
        return None

    def _granted(self, kind: StreamKind, destination: str) -> Open | Refuse:
        if self._open >= tables.FORWARDS_MAX:
            return Refuse(LINES.forwards, kind.value, destination)
        self._open += 1
        body = StreamOpened(kind=kind, level=self._level.text, destination=destination)
        return Open(body, coverage(self._level, kind))


def _direct(kind: bytes, reader: FieldReader) -> Place:
    """RFC 4254 section 7.2; OpenSSH's PROTOCOL section 2.4."""
    if kind != b"direct-tcpip":
        place = _socket(reader)
        reader.string(tables.SOCKET_PATH_BYTES_MAX)
        reader.uint32()
    else:
        place = _port(reader, lowest=1)
        if not place.host:
            raise RemoteProtocolError("reading a forward: nowhere to go")
        _port(reader)
    reader.expect_end()
    return place


def _forwarded(kind: bytes, reader: FieldReader) -> Place:
    if kind != b"forwarded-tcpip":
        place = _socket(reader)
        reader.string(tables.SOCKET_PATH_BYTES_MAX)
    else:
        place = _port(reader, lowest=1)
        _port(reader)
    reader.expect_end()
    return place


def _listening(name: bytes, reader: FieldReader) -> Place:
    """RFC 4254 section 7.1; port 0 lets the node choose."""
    place = _port(reader) if name == b"tcpip-forward" else _socket(reader)
    reader.expect_end()
    return place


def _port(reader: FieldReader, lowest: int = 0) -> Place:
    host, port = reader.string(tables.REQUEST_BYTES_MAX), reader.uint32()
    if tables.HOST.fullmatch(host) is None or not lowest <= port <= PORT_MAX:
        raise RemoteProtocolError("reading a forward: no host or no port")
    return Place(host, port)


def _socket(reader: FieldReader) -> Place:
    path = reader.string(tables.SOCKET_PATH_BYTES_MAX)
    if not path or b"\0" in path:
        raise RemoteProtocolError("reading a forward: no path")
    return Place(path, 0, is_socket=True)
