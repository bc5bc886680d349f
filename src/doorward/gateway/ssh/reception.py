"""Receives users' SSH connections, whatever carries them: a socket, TLS, or a channel of a jump.

Which face is shown decides what a sign-in can mean. The gateway's own is shown to everybody; a node's only to a user
who has proven who they are on the way here, and then only that user may sign in.
"""

from collections.abc import Callable

from asyncssh import SSHServerConnectionOptions

from doorward.gateway.parts import GatewayParts
from doorward.gateway.ssh.asyncssh_internals import UserConnection
from doorward.gateway.ssh.asyncssh_setup import serve_user
from doorward.gateway.ssh.faces import Faces
from doorward.gateway.ssh.front import UserFront

Event = Callable[[], None]
Make = Callable[[Callable[[str], bool], Event], UserConnection]
"""What to ask for a place when the user has proven who they are, and to call at the end -> a connection, which begins
with its transport."""


class Reception:
    """Makes connections, and knows those that live."""

    def __init__(self, parts: GatewayParts, faces: Faces) -> None:
        self._parts = parts
        self._faces = faces
        self._connections: set[UserConnection] = set()

    def living(self) -> tuple[UserConnection, ...]:
        """The connections that have not ended."""
        return tuple(self._connections)

    def under_own_name(self, source: str) -> Make | None:
        """Connections that show one of our names; None while we can prove none."""
        options = self._faces.current()
        return None if options is None else self._maker(options, source, None)

    async def under_nodes_name(self, face: str, user_id: str, source: str) -> Make:
        """Connections that show `<node>.<suffix>`, for this user alone; a `DoorwardError` when there is no face."""
        options = await self._faces.of_node(self._parts.control_plane, user_id, face)
        return self._maker(options, source, user_id)

    def _maker(self, options: SSHServerConnectionOptions, source: str, outer_user: str | None) -> Make:
        def make(on_proven: Callable[[str], bool], on_gone: Event) -> UserConnection:
            def gone() -> None:
                on_gone()
                self._connections.discard(connection)

            front = UserFront(
                self._parts,
                source,
                on_proven=on_proven,
                on_gone=gone,
                make_inside=self.under_nodes_name,
                outer_user=outer_user,
            )
            connection = serve_user(options, front)
            front.attach(connection)
            self._connections.add(connection)
            return connection

        return make
