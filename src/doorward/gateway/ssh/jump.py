"""The outer connection of a ProxyJump: it leads to nodes by name, and each such way ends in this gateway as well.

It is no session. `direct-tcpip` to `<node>.<suffix>`, port 22, and nothing else; a node's name is neither resolved nor
looked up, and whether there is such a node is for the authority to say to the connection inside, which signs in anew.
What is inside belongs to the same user and ends with the connection around it, which ends with its sign-in: by the
clock, or when the authority says so. The authority's answer is the same for
every refusal, so a sign-in that is over is not told by it; one that opens nothing any more is: then the way ends.
"""

import asyncio
import functools
from collections.abc import Awaitable, Callable
from typing import Final

from asyncssh import ChannelOpenError

from doorward.api.bodies.gateway_calls import Jump as GrantedJump
from doorward.base.errors import DoorwardError
from doorward.domain.certificates.face_names import node_in_face
from doorward.gateway.parts import GatewayParts
from doorward.gateway.ssh import lines
from doorward.gateway.ssh.asyncssh_channels import ChannelEnd
from doorward.gateway.ssh.asyncssh_internals import OPEN_CONNECT_FAILED, OPEN_PROHIBITED, Refusal, UserConnection
from doorward.gateway.ssh.carried import Block, CarriedConnection
from doorward.gateway.ssh.session import DISCONNECT_BY_APPLICATION, PRINT_SECONDS
from doorward.wire.errors import RemoteProtocolError
from doorward.wire.ssh.fields import FieldReader

DIRECT_TCPIP: Final = b"direct-tcpip"
NODE_PORT: Final = 22
INSIDE_MAX: Final = 64
"""Connections inside one jump at a time: a tool that shares its way to the gateway opens one for each host."""
HOST_BYTES_MAX: Final = 255
DEADLINE_SECONDS_MAX: Final = 7 * 86_400.0
AFTER_INSIDE_SECONDS: Final = PRINT_SECONDS + 0.1
"""How long those inside have to say why they end; a session there says it and leaves within `PRINT_SECONDS`."""
REFUSALS_MAX: Final = 32
"""Connections inside that ended before anybody had signed in there, one after the other."""

_Event = Callable[[], None]
MakeInside = Callable[[str, str, str], Awaitable[Callable[[Callable[[str], bool], _Event], UserConnection]]]
"""Face, user id, source address -> what makes a connection that shows this face to this user alone."""


class Jump:
    """What becomes of a connection whose user signed in under a bare name."""

    def __init__(
        self,
        parts: GatewayParts,
        outer: UserConnection,
        granted: GrantedJump,
        *,
        source: str,
        make_inside: MakeInside,
    ) -> None:
        self._parts = parts
        self._outer = outer
        self.id: Final = granted.jump_id
        self.user_id: Final = granted.user_id
        self._source = source
        self._make_inside = make_inside
        self._inside: set[CarriedConnection] = set()
        self._opening = 0
        self._is_blocked = False
        self._is_gone = self._is_ending = False
        self._refusals = 0
        wait_seconds = min(max(0.0, granted.remaining_seconds), DEADLINE_SECONDS_MAX)
        self._deadline = parts.clock.elapsed_seconds() + wait_seconds
        parts.sessions.jumps.add(self)

    @property
    def is_over(self) -> bool:
        """Whether it ends, or has ended."""
        return self._is_gone or self._is_ending

    def channel_requested(self, kind: bytes, data: bytes) -> Refusal | Callable[[], Awaitable[ChannelEnd]]:
        """A verdict on a new channel."""
        suffix = self._parts.trust.node_suffix
        face = face_wanted(data, suffix) if kind == DIRECT_TCPIP else None
        if face is None:
            return Refusal(lines.JUMP_ONLY.format(suffix=suffix), OPEN_PROHIBITED)
        if self.is_over:
            return Refusal(lines.OVER, OPEN_PROHIBITED)
        if len(self._inside) + self._opening >= INSIDE_MAX:
            return Refusal(lines.JUMPS_MAX, OPEN_PROHIBITED)
        if not self._parts.sessions.may_open():
            return Refusal(lines.NO_CONTROL, OPEN_CONNECT_FAILED)
        self._opening += 1
        return lambda: self._open(face)

    def gone(self) -> None:
        """The connection has ended; asyncssh ends its channels, and they what is inside."""
        self._is_gone = True
        self._parts.sessions.jumps.remove(self)

    def tick(self, now: float) -> None:
        """Look at the deadline; `now` in elapsed seconds."""
        if now >= self._deadline:
            self.end(lines.JUMP_OVER)

    def end(self, line: str) -> None:
        """It is over, and what is inside with it; the first call counts.

        Nothing new opens from now on. A session inside that ends now as well has first to say why, through here.
        """
        if self._is_ending:
            return
        self._is_ending = True
        self._parts.sessions.jumps.remove(self)
        farewell = functools.partial(self._outer.farewell, DISCONNECT_BY_APPLICATION, lines.said(line))
        if self._inside:
            asyncio.get_running_loop().call_later(AFTER_INSIDE_SECONDS, farewell)
        else:
            farewell()

    def blocked(self, *, blocked: bool) -> None:
        """The user's side takes no more for now, or takes more again."""
        self._is_blocked = blocked
        for carried in tuple(self._inside):
            if blocked:
                carried.block(Block.CONNECTION)
            else:
                carried.unblock(Block.CONNECTION)

    async def _open(self, face: str) -> ChannelEnd:
        try:
            make = await self._make_inside(face, self.user_id, self._source)
        except DoorwardError as error:
            raise ChannelOpenError(OPEN_CONNECT_FAILED, error.message) from error
        finally:
            self._opening -= 1
        if self.is_over:
            raise ChannelOpenError(OPEN_CONNECT_FAILED, lines.OVER)
        # Proven or not, the outer connection's place at the door covers what is inside.
        carried = CarriedConnection(make(_has_place, lambda: self._left(carried)))
        self._inside.add(carried)
        if self._is_blocked:
            carried.block(Block.CONNECTION)
        return carried

    def _left(self, carried: CarriedConnection) -> None:
        self._inside.discard(carried)
        self._refusals = 0 if carried.inner.is_signed_in else self._refusals + 1
        if self._refusals >= REFUSALS_MAX:
            self.end(lines.JUMP_LEADS_NOWHERE)


def _has_place(_holder: str) -> bool:
    """The port's limits have counted the outer connection."""
    return True


def face_wanted(data: bytes, suffix: str) -> str | None:
    """The name in a `direct-tcpip` request (RFC 4254 section 7.2) that goes to a node; None for anything else."""
    try:
        reader = FieldReader(data)
        name = reader.text(HOST_BYTES_MAX)
        port = reader.uint32()
        reader.string(HOST_BYTES_MAX)
        reader.uint32()
        reader.expect_end()
    except RemoteProtocolError:
        return None
    host = name.lower() if name.isascii() else ""
    return host if port == NODE_PORT and node_in_face(host, suffix) is not None else None
