"""A client that speaks SSH up to its authentication and then sends what a test tells it to."""

import asyncio

from asyncssh.connection import SSHClientConnection, SSHClientConnectionOptions
from asyncssh.constants import MSG_USERAUTH_BANNER, MSG_USERAUTH_FAILURE, MSG_USERAUTH_SUCCESS
from asyncssh.packet import Boolean, Byte, SSHPacket, String, UInt32
from asyncssh.public_key import SSHKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from tests.support.gateway_lab import Lab
from tests.support.ports import LOOPBACK

CERTIFICATE = "ssh-ed25519-cert-v01@openssh.com"


class RawClient(SSHClientConnection):
    """Sends what it is told to during authentication, and keeps what comes back."""

    answers: asyncio.Queue[str]
    began: asyncio.Event
    shown_host_key = b""

    def validate_server_host_key(self, key_data: bytes) -> SSHKey:
        self.shown_host_key = key_data
        return super().validate_server_host_key(key_data)

    def try_next_auth(self, *, next_method: bool = False) -> None:
        self._auth = Questions(self)  # type: ignore[assignment]
        self.began.set()

    def send(self, name: str, method: str, *rest: bytes) -> None:
        body = String(name) + String("ssh-connection") + String(method) + b"".join(rest)
        self.send_packet(50, body)

    def prove(
        self, name: str, private: Ed25519PrivateKey, certificate: bytes, *, is_bound: bool = True, flip: bool = False
    ) -> None:
        """A publickey request that is signed; with `flip` one bit of the signature is wrong."""
        method = "publickey-hostbound-v00@openssh.com" if is_bound else "publickey"
        body = String(name) + String("ssh-connection") + String(method)
        body += Boolean(True) + String(CERTIFICATE) + String(certificate)
        body += String(self.shown_host_key) if is_bound else b""
        signature = bytearray(private.sign(String(self._session_id) + Byte(50) + body))
        signature[0] ^= flip
        self.send_packet(50, body, String(String("ssh-ed25519") + String(bytes(signature))))

    def answer_code(self, code: str) -> None:
        """A USERAUTH_INFO_RESPONSE, asked for or not."""
        self.send_packet(61, UInt32(1), String(code))

    def _answer(self, kind: int, _number: int, packet: SSHPacket) -> None:
        body = packet.get_remaining_payload()
        said = {51: "failure", 52: "success", 53: "banner", 60: "asked"}[kind]
        self.answers.put_nowait("partial" if kind == MSG_USERAUTH_FAILURE and body[-1] else said)

    def process_packet(self, kind, number, packet):  # type: ignore[no-untyped-def]
        if kind in (MSG_USERAUTH_BANNER, MSG_USERAUTH_FAILURE, MSG_USERAUTH_SUCCESS):
            self._answer(kind, number, packet)
            return True
        return super().process_packet(kind, number, packet)

    def connection_lost(self, exc: Exception | None = None) -> None:
        self.answers.put_nowait("disconnected")
        super().connection_lost(exc)


class Questions:
    """Stands where asyncssh's own authentication would: messages of a method come here."""

    def __init__(self, client: RawClient) -> None:
        self._client = client

    def process_packet(self, kind: int, number: int, packet: SSHPacket) -> bool:
        self._client._answer(kind, number, packet)
        return True

    def log_received_packet(self, *_unused: object) -> None: ...
    def cancel(self) -> None: ...


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
