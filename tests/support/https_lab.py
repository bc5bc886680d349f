"""The lab's authority over real HTTPS: the listener, the two TLS contexts and the application as the process has them.

A caller is a client's TLS: which certificate it shows, and which name it asks for.

    async with open_https(lab) as https:
        answer = await https.people(bob).get("/v1/status")
"""

import asyncio
import json
import socket
import ssl
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from tests.support.authority_lab import AuthorityLab, LabSignIn
from tests.support.x509_values import intermediate
from uvicorn.server import ServerState

from doorward.authority.http.app import create_app
from doorward.authority.http.protocol import PeerProtocol
from doorward.authority.http.tls import GATEWAY_SERVER_NAME, entrance, make_contexts
from doorward.authority.splice_keys import SpliceClaims
from doorward.base.clock import ManualClock, SystemClock
from doorward.cli.keep import ROOT, X509_CHAIN, X509_KEY, Keep
from doorward.cli.profile import Profile, save_profile
from doorward.domain.certificates.x509_check import to_pem
from doorward.domain.certificates.x509_names import X509Kind
from doorward.main.authority_role import http_config
from doorward.net.accept import bind
from doorward.net.doors import DoorLimits, Doors
from doorward.net.supervise import Tasks
from doorward.net.tls_entry import Entrance, Peer, serve_tls
from doorward.wire.tls.client_hello import ClientHello

PEOPLE = "authority.example"
ANSWER_SECONDS_MAX = 10.0
BODY_BYTES_MAX = 32 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Answer:
    """Status, headers in lower case, and the body (of a stream: its first piece)."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body's value."""
        return json.loads(self.body)

    @property
    def code(self) -> str:
        """The code of a problem document, empty for anything else."""
        is_problem = self.headers.get("content-type") == "application/problem+json"
        return str(self.json["code"]) if is_problem else ""


@dataclass(frozen=True, slots=True)
class Shown:
    """A client certificate with its key; PEM text, leaf first."""

    key: Ed25519PrivateKey | ec.EllipticCurvePrivateKey
    chain_pem: str


@dataclass
class Client:
    """One kind of caller; `ahead` is sent before TLS begins."""

    port: int
    root_pem: str
    server_name: str = PEOPLE
    shown: Shown | None = None
    ahead: bytes = b""

    async def get(self, path: str) -> Answer:
        """One GET."""
        return await self.ask("GET", path)

    async def post(self, path: str, body: Any = None) -> Answer:
        """One POST of JSON."""
        return await self.ask("POST", path, json.dumps(body).encode() if body is not None else b"")

    async def ask(
        self, method: str, path: str, body: bytes = b"", *, headers: dict[str, str] | None = None, stream: bool = False
    ) -> Answer:
        """One request on a connection of its own; `ssl.SSLError` or `ConnectionError` when TLS refuses us."""
        sent = {
            "host": self.server_name,
            "connection": "close",
            "content-length": str(len(body)),
            "content-type": "application/json",
            **(headers or {}),
        }
        head = f"{method} {path} HTTP/1.1\r\n" + "".join(f"{name}: {value}\r\n" for name, value in sent.items())
        async with asyncio.timeout(ANSWER_SECONDS_MAX):
            sock = socket.create_connection(("127.0.0.1", self.port))
            sock.sendall(self.ahead)
            sock.setblocking(False)
            reader, writer = await asyncio.open_connection(
                sock=sock, ssl=self.context(), server_hostname=self.server_name, limit=BODY_BYTES_MAX
            )
            try:
                writer.write(head.encode() + b"\r\n" + body)
                return await _answer(reader, stream=stream)
            finally:
                writer.transport.abort()

    def context(self) -> ssl.SSLContext:
        """TLS of this caller."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(cadata=self.root_pem)
        if self.shown is not None:
            key = self.shown.key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
            with tempfile.NamedTemporaryFile(prefix="dw-tls-", dir="/tmp") as file:
                file.write(key + self.shown.chain_pem.encode())
                file.flush()
                context.load_cert_chain(file.name)
        return context


async def _answer(reader: asyncio.StreamReader, *, stream: bool) -> Answer:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    status_line, *lines = head.strip().split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    status = int(status_line.split()[1])
    if headers.get("transfer-encoding") != "chunked":
        return Answer(status, headers, await reader.readexactly(int(headers.get("content-length", "0"))))
    body = b""
    while size := int((await reader.readuntil(b"\r\n")).strip(), 16):
        body += (await reader.readexactly(size + 2))[:-2]
        if stream:
            break
    return Answer(status, headers, body)


@dataclass
class HttpsLab:
    """A listening authority."""

    lab: AuthorityLab
    port: int
    root_pem: str = field(init=False)

    def __post_init__(self) -> None:
        self.root_pem = to_pem(self.lab.services.keys.x509_root)

    def people(self, who: LabSignIn | Shown | None = None) -> Client:
        """Somebody who asks for the authority's own name."""
        return Client(self.port, self.root_pem, PEOPLE, shown_of(who))

    def gateways(self, who: LabSignIn | Shown | None = None) -> Client:
        """Somebody who asks for the gateways' name."""
        return Client(self.port, self.root_pem, GATEWAY_SERVER_NAME, shown_of(who))

    async def gateway(self) -> Shown:
        """The certificate of the lab's gateway."""
        key = Ed25519PrivateKey.generate()
        spki = key.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        issued = await self.lab.services.signer.issue_gateway_x509(
            gateway_id=self.lab.gateway.gateway_id, public_key=spki
        )
        await self.lab.store.write(
            lambda tx: tx.gateways.rebind(
                self.lab.gateway.gateway_id, issued.serial, ["gw.example"], self.lab.gateway.serial
            )
        )
        return Shown(key, to_pem(issued.certificate) + to_pem(issued.intermediate))


def shown_of(who: LabSignIn | Shown | None) -> Shown | None:
    """The certificate that somebody shows."""
    if not isinstance(who, LabSignIn):
        return who
    return Shown(who.key, to_pem(who.x509) + pem_of(intermediate(X509Kind.USER).certificate))


def keep_sign_in(https: HttpsLab, who: LabSignIn, home: Path) -> None:
    """Leave in `home` what `dw` needs to call the lab's authority as `who`."""
    keep, shown, services = Keep(home), shown_of(who), https.lab.services
    assert shown is not None
    keep.prepare()
    keep.write(ROOT, https.root_pem)
    keep.write(X509_CHAIN, shown.chain_pem)
    private = shown.key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    keep.write(X509_KEY, private.decode())
    profile = Profile(
        url=f"https://127.0.0.1:{https.port}",
        pin=services.keys.pin,
        user_id=who.caller.user_id,
        user_name=who.caller.user_name,
        sign_in_id=who.caller.sign_in_id,
        expires=who.row.expires,
        gateway_host="127.0.0.1",
        gateway_port=https.port,
        gateways=[],
        node_suffix=services.node_suffix,
        installation_id=services.installation_id,
    )
    save_profile(keep, profile)


def pem_of(certificate: x509.Certificate) -> str:
    """A certificate as PEM text."""
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


def present() -> ManualClock:
    """A clock that stands at the real time, as OpenSSL looks at the machine's own."""
    return ManualClock(SystemClock().now())


@asynccontextmanager
async def open_https(lab: AuthorityLab) -> AsyncIterator[HttpsLab]:
    """Serve the lab's authority on a free port of loopback."""
    contexts = await make_contexts(lab.services, None)
    config, state = http_config(create_app(lab.services)), ServerState()
    listener = bind("127.0.0.1", 0)

    def choose(hello: ClientHello, peer: Peer) -> Entrance | None:
        return entrance(contexts, hello, peer)

    def protocol(peer: Peer) -> asyncio.Protocol:
        return PeerProtocol(config, state, {}, peer.address)

    claims = SpliceClaims(lab.services.splice_keys, lab.services.store, lab.services.clock)
    doors = Doors(DoorLimits())
    try:
        async with Tasks(lambda _, __: None) as tasks:
            serving = tasks.spawn(
                serve_tls([listener], choose, protocol, believes=claims.believes, doors=doors, tasks=tasks), "serve"
            )
            yield HttpsLab(lab, listener.getsockname()[1])
            serving.cancel()
            for connection in list(state.connections):
                connection.shutdown()
    finally:
        listener.close()
