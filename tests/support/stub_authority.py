"""An authority for tests of clients: HTTPS on loopback, certificates of a throw-away installation, scripted answers.

It answers what the API's contract says and keeps every request that reached it, so that a test can look at what was
sent, under which certificate.
"""

import http.server
import json
import ssl
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from doorward.api.bodies.sign_ins import EnrolmentBegun, GatewayNames, SignedIn, Status, Trust
from doorward.api.client.trust import PINNED_SERVER_NAME
from doorward.api.problem import TYPE_PREFIX, FieldProblem, Problem
from doorward.base.entropy import SystemEntropy
from doorward.base.ids import InstallationId, SignInId, UserId, new_id
from doorward.domain.certificates.ssh_profiles import user_fields
from doorward.domain.certificates.ssh_signing import SshAuthority
from doorward.domain.certificates.x509_check import spki_pin
from doorward.domain.certificates.x509_issue import (
    X509Authority,
    issue_authority,
    issue_intermediate,
    issue_root,
    issue_user,
)
from doorward.domain.certificates.x509_names import X509Kind
from doorward.wire.ssh.public_key import parse_public_key_line, public_key_line

PASSWORD: Final = "correct horse battery"
TOTP_CODE: Final = "123456"
INVITATION: Final = "abcd-efgh"
TOTP_SECRET: Final = "JBSWY3DPEHPK3PXP"
LIFETIME: Final = timedelta(hours=8)

Answer = tuple[int, Any]
"""A status, and what to send as JSON; bytes are sent as they are."""


@dataclass(frozen=True, slots=True)
class Seen:
    """One request: what was asked, and the DER certificate of who asked, None without one."""

    method: str
    path: str
    body: bytes
    certificate: bytes | None

    @property
    def json(self) -> Any:
        """The body, read."""
        return json.loads(self.body)


def pem(certificate: x509.Certificate) -> str:
    """PEM text."""
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


def problem(status: int, kind: str, detail: str, *errors: FieldProblem, code: str = "") -> Answer:
    """A problem document."""
    name = code or kind
    return status, Problem(TYPE_PREFIX + name, kind, status, kind, name, detail, list(errors))


@dataclass
class Installation:
    """The keys and certificates of a throw-away installation."""

    id: InstallationId = field(default_factory=lambda: InstallationId(new_id(SystemEntropy())))
    now: datetime = field(default_factory=lambda: datetime.now(UTC))

    def __post_init__(self) -> None:
        root_key = ec.generate_private_key(ec.SECP256R1())
        self.root = X509Authority(issue_root(root_key, self.id, 1, self.now), root_key)
        self.users = self._intermediate(X509Kind.USER, Ed25519PrivateKey.generate(), 2)
        self.servers = self._intermediate(X509Kind.AUTHORITY, ec.generate_private_key(ec.SECP256R1()), 3)
        self.user_ssh = SshAuthority(Ed25519PrivateKey.generate())
        self.face_key = Ed25519PrivateKey.generate()
        self.face_ssh = SshAuthority(self.face_key)
        self.pin = spki_pin(self.root.certificate.public_bytes(serialization.Encoding.DER))

    def _intermediate(
        self, kind: X509Kind, key: Ed25519PrivateKey | ec.EllipticCurvePrivateKey, serial: int
    ) -> X509Authority:
        certificate = issue_intermediate(
            self.root, kind, key.public_key(), installation_id=self.id, serial=serial, now=self.now
        )
        return X509Authority(certificate, key)

    def server_context(self, directory: Path, names: list[str], version: ssl.TLSVersion) -> ssl.SSLContext:
        """TLS of this version under these names; asks for a user's certificate, takes none for an answer."""
        key = ec.generate_private_key(ec.SECP256R1())
        spki = key.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        leaf = issue_authority(
            self.servers, installation_id=self.id, names=names, public_key=spki, serial=4, now=self.now
        )
        private = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        (directory / "server.pem").write_text(pem(leaf) + pem(self.servers.certificate) + private.decode())
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = context.maximum_version = version
        context.load_cert_chain(directory / "server.pem")
        context.load_verify_locations(cadata=pem(self.root.certificate))
        context.verify_mode = ssl.CERT_OPTIONAL
        return context


class _QuietServer(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        """Clients that hang up are what some tests are about."""


class StubAuthority:
    """The server. `answers` maps `METHOD /path` (without the query) to an answer, or to a function of what was seen."""

    def __init__(
        self,
        directory: Path,
        *,
        names: list[str] | None = None,
        version: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3,
    ) -> None:
        self.installation = Installation()
        self.user_id = UserId(new_id(SystemEntropy()))
        self.sign_in_id = SignInId(new_id(SystemEntropy()))
        self.gateways = [["127.0.0.1"]]
        self.lifetime = LIFETIME
        self.seen: list[Seen] = []
        self.answers: dict[str, Answer | Callable[[Seen], Answer]] = {
            "GET /v1/trust": lambda _: (200, self.trust()),
            "POST /v1/enrolments/begin": self._begin,
            "POST /v1/enrolments/complete": self._complete,
            "POST /v1/sign-ins": self._sign_in,
            "GET /v1/status": lambda _: (200, self.status()),
        }
        self._http = _QuietServer(("127.0.0.1", 0), self._handler())
        context = self.installation.server_context(
            directory, names or ["127.0.0.1", "localhost", PINNED_SERVER_NAME], version
        )
        self._http.socket = context.wrap_socket(self._http.socket, server_side=True, do_handshake_on_connect=False)
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.02,), daemon=True)

    @property
    def port(self) -> int:
        """Where it listens on loopback."""
        return int(self._http.server_address[1])

    @property
    def url(self) -> str:
        """Its URL by address."""
        return f"https://127.0.0.1:{self.port}"

    @property
    def pin(self) -> str:
        """The pin of its root."""
        return self.installation.pin

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()

    def asked(self, what: str) -> list[Seen]:
        """The requests `METHOD /path`, without regard to the query."""
        return [seen for seen in self.seen if f"{seen.method} {seen.path.partition('?')[0]}" == what]

    def trust(self) -> Trust:
        """What it says of itself."""
        root_pem = pem(self.installation.root.certificate)
        return Trust(self.installation.id, root_pem, self.pin, "0.1.0")

    def status(self) -> Status:
        """Who the caller is, whoever that is."""
        return Status(self.user_id, "alice", ["access"], self.sign_in_id, "2026-01-01T00:00:00Z", 0, [])

    def signed_in(self, keys: dict[str, str]) -> SignedIn:
        """Certificates for a client's keys."""
        here, now = self.installation, datetime.now(UTC)
        fields = user_fields(
            user_id=self.user_id,
            sign_in_id=self.sign_in_id,
            public_key=parse_public_key_line(keys["ssh_public_key"]),
            serial=7,
            now=now,
            lifetime=LIFETIME,
        )
        request = x509.load_pem_x509_csr(keys["x509_request_pem"].encode())
        assert request.is_signature_valid
        leaf = issue_user(
            here.users,
            installation_id=here.id,
            user_id=self.user_id,
            sign_in_id=self.sign_in_id,
            public_key=request.public_key().public_bytes(
                serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
            ),
            serial=7,
            now=now,
            lifetime=LIFETIME,
        )
        return SignedIn(
            user_id=self.user_id,
            user_name="alice",
            sign_in_id=self.sign_in_id,
            expires=(now + self.lifetime).isoformat(),
            ssh_certificate=public_key_line(here.user_ssh.sign(fields, SystemEntropy().token(32))),
            x509_chain_pem=pem(leaf) + pem(here.users.certificate),
            x509_root_pem=pem(here.root.certificate),
            face_authorities=[public_key_line(here.face_ssh.public_blob)],
            gateways=[GatewayNames(names) for names in self.gateways],
            node_suffix="dw",
            installation_id=here.id,
        )

    def _sign_in(self, seen: Seen) -> Answer:
        said = seen.json
        if (said["user_name"], said["password"], said["totp_code"]) != ("alice", PASSWORD, TOTP_CODE):
            return problem(403, "refused", "signing in: the name, the password or the code is wrong")
        return 201, self.signed_in(said["keys"])

    def _begin(self, seen: Seen) -> Answer:
        if seen.json["code"] != INVITATION:
            return problem(403, "refused", "enrolling: there is no such code")
        uri = f"otpauth://totp/Doorward:alice?secret={TOTP_SECRET}"
        return 200, EnrolmentBegun("alice", "enrol", new_id(SystemEntropy()), TOTP_SECRET, uri)

    def _complete(self, seen: Seen) -> Answer:
        said = seen.json
        if (said["code"], said["totp_code"]) != (INVITATION, TOTP_CODE):
            return problem(403, "refused", "enrolling: the code is wrong")
        return 201, self.signed_in(said["keys"])

    def _handler(self) -> type[http.server.BaseHTTPRequestHandler]:
        stub = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            timeout = 10

            def _answer(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length", "0")))
                connection = self.connection
                assert isinstance(connection, ssl.SSLSocket)
                seen = Seen(self.command, self.path, body, connection.getpeercert(binary_form=True))
                stub.seen.append(seen)
                scripted = stub.answers.get(f"{self.command} {self.path.partition('?')[0]}")
                if scripted is None:
                    scripted = problem(404, "missing", "there is no such thing")
                status, answer = scripted(seen) if callable(scripted) else scripted
                content = answer if isinstance(answer, bytes) else msgspec.json.encode(answer)
                self.send_response(status)
                if 300 <= status < 400:
                    self.send_header("location", content.decode())
                self.send_header("content-length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            do_GET = do_POST = do_DELETE = _answer  # noqa: N815  (names that http.server looks for)

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        return Handler
