"""What a gateway does with the SSH connections and the TLS connections that arrive at its one port."""

import asyncio
import contextlib
import socket
from typing import Final

from doorward.base.errors import DoorwardError
from doorward.gateway.parts import GatewayParts
from doorward.gateway.settings import VERSION, GatewaySettings
from doorward.gateway.ssh import lines
from doorward.gateway.ssh.asyncssh_internals import FAREWELL_SECONDS, UserConnection
from doorward.gateway.ssh.faces import Faces
from doorward.gateway.ssh.reception import Make, Reception
from doorward.gateway.ssh.session import PRINT_SECONDS
from doorward.gateway.tls_entrance import TlsEntrance
from doorward.net.dial import connect_tcp
from doorward.net.doors import Stage, Visit
from doorward.net.splice import splice
from doorward.net.ssh_goodbye import TOO_MANY_CONNECTIONS, say_goodbye
from doorward.wire.proxy_protocol.header import Endpoint, encode_proven_header
from doorward.wire.tls.client_hello import ClientHello

CONNECT_SECONDS: Final = 5.0
GOODBYES_MAX: Final = 256
"""Clients that are told at the same time that there is no room; the others of a flood are just closed."""
CLOSING_TURNS: Final = 4
"""Turns of the event loop until an aborted transport has closed its socket."""


class GatewayPort:
    """Handlers for `net.one_port`."""

    def __init__(self, settings: GatewaySettings, parts: GatewayParts, faces: Faces) -> None:
        self._settings = settings
        self._parts = parts
        self._reception = Reception(parts, faces)
        self._goodbyes = 0
        self._tls = TlsEntrance(parts, settings.show_identity)

    def serve_ssh(self, sock: socket.socket, address: str, visit: Visit) -> None:
        """Take an SSH connection over."""
        make = self._reception.under_own_name(address)
        if make is None:
            visit.leave()
            self._parts.tasks.spawn(say_goodbye(sock, VERSION, lines.NO_CONTROL), "turn a client away")
            return
        connection = self._met(make, visit)

        async def begin() -> None:
            try:
                await asyncio.get_running_loop().connect_accepted_socket(lambda: connection, sock)
            except OSError:
                connection.owner.connection_gone(None)
                sock.close()
            if visit.stage is Stage.GONE:  # it had to make room before there was anything to say it with
                self._turn_away(connection)

        self._parts.tasks.spawn(begin(), "begin an SSH connection")

    async def serve_tls(self, sock: socket.socket, address: str, visit: Visit, hello: ClientHello) -> None:
        """Pass TLS for the authority on to it, undecrypted, with the client's address ahead; close anything else."""
        target = self._settings.authority
        name = hello.server_name
        # Clients that use an IP address name nobody; the authority answers under its own name to them.
        if target is None or (name is not None and name not in self._parts.trust.authority_names):
            return
        async with asyncio.timeout(CONNECT_SECONDS):
            authority = await connect_tcp(*target)
        local = sock.getsockname()
        remote = sock.getpeername()
        source, destination = Endpoint(address, int(remote[1])), Endpoint(str(local[0]), int(local[1]))
        trust = self._parts.trust
        header = encode_proven_header(source, destination, trust.splice_key, trust.splice_key_name)
        with contextlib.suppress(OSError):
            await asyncio.get_running_loop().sock_sendall(authority, header)
        await splice(sock, authority, idle_seconds=self._settings.splice_idle_seconds, used=visit.used)

    async def serve_ssh_in_tls(self, sock: socket.socket, address: str, visit: Visit, hello: ClientHello) -> None:
        """Take a TLS connection over that carries SSH to the node in its name."""
        try:
            async with self._tls.arrival(sock, hello) as arrival:
                make = await self._reception.under_nodes_name(arrival.face, arrival.user_id, address)
                arrival.hand_over(lambda: self._met(make, visit))
        except (OSError, TimeoutError, DoorwardError):
            # Broke off, too slow, or somebody whom we do not know: nothing is written of who has not proven anything.
            visit.leave()
        except asyncio.CancelledError:
            visit.leave()
            raise

    async def close(self) -> None:
        """Let those leave who have been told why, then end what is left."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(FAREWELL_SECONDS + PRINT_SECONDS):
                for connection in self._reception.living():
                    await connection.wait_closed()
        for connection in self._reception.living():
            connection.abort()
        for _ in range(CLOSING_TURNS):
            await asyncio.sleep(0)

    async def refuse_ssh(self, sock: socket.socket) -> None:
        """There is no room."""
        if self._goodbyes >= GOODBYES_MAX:
            sock.close()
            return
        self._goodbyes += 1
        try:
            await say_goodbye(sock, VERSION, lines.FULL)
        finally:
            self._goodbyes -= 1

    def _met(self, make: Make, visit: Visit) -> UserConnection:
        connection = make(visit.proved, visit.leave)
        visit.taken_over(lambda: self._turn_away(connection))
        return connection

    def _turn_away(self, connection: UserConnection) -> None:
        """It has proven nothing yet and must make room for another."""
        if self._goodbyes >= GOODBYES_MAX:
            connection.abort()
            return
        self._goodbyes += 1
        connection.farewell(TOO_MANY_CONNECTIONS, lines.FULL)
        asyncio.get_running_loop().call_later(FAREWELL_SECONDS, self._goodbye_said)

    def _goodbye_said(self) -> None:
        self._goodbyes -= 1
