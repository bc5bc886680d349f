"""A client that speaks SSH up to its authentication and then sends what a test tells it to."""

import asyncio

from asyncssh.connection import SSHClientConnection, SSHClientConnectionOptions
from asyncssh.constants import MSG_USERAUTH_BANNER, MSG_USERAUTH_FAILURE, MSG_USERAUTH_SUCCESS
from asyncssh.packet import SSHPacket, String
from tests.support.gateway_lab import Lab
from tests.support.ports import LOOPBACK


class RawClient(SSHClientConnection):
    """Sends what it is told to during authentication, and keeps what comes back."""

    answers: asyncio.Queue[str]
    began: asyncio.Event

    def try_next_auth(self, *, next_method: bool = False) -> None:
        self.began.set()

    def send(self, name: str, method: str, *rest: bytes) -> None:
        body = String(name) + String("ssh-connection") + String(method) + b"".join(rest)
        self.send_packet(50, body)

    def _answer(self, kind: int, _number: int, packet: SSHPacket) -> None:
        packet.get_remaining_payload()
        self.answers.put_nowait({51: "failure", 52: "success", 53: "banner"}[kind])

    def process_packet(self, kind, number, packet):  # type: ignore[no-untyped-def]
        if kind in (MSG_USERAUTH_BANNER, MSG_USERAUTH_FAILURE, MSG_USERAUTH_SUCCESS):
            self._answer(kind, number, packet)
            return True
        return super().process_packet(kind, number, packet)

    def connection_lost(self, exc: Exception | None = None) -> None:
        self.answers.put_nowait("disconnected")
        super().connection_lost(exc)


async def raw_client(lab: Lab) -> RawClient:
    loop = asyncio.get_running_loop()
    options = SSHClientConnectionOptions(config=None, known_hosts=None, username="-", client_keys=None, agent_path=None)
    options.waiter = loop.create_future()
    options.waiter.add_done_callback(lambda waiter: waiter.exception())
    _, connection = await loop.create_connection(lambda: RawClient(loop, options, wait="auth"), LOOPBACK, lab.port)
    connection.answers = asyncio.Queue()
    connection.began = asyncio.Event()
    async with asyncio.timeout(5):
        await connection.began.wait()
    return connection


async def answers(connection: RawClient, count: int) -> list[str]:
    async with asyncio.timeout(5):
        return [await connection.answers.get() for _ in range(count)]


async def closed(connection: RawClient) -> None:
    connection.abort()
    await connection.wait_closed()
    await asyncio.sleep(0)
