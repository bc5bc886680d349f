"""Reaches a node: TCP, key exchange, the check that it is the right host, one account by one certificate.

Every way in which this can fail becomes a `LinkFailed` with the line that the user sees, the end reason of the session
and, where an administrator should look, the audit note. The node's name may be shown to this user: the authority has
just given a plan for it.
"""

import asyncio
import base64
import contextlib
import hashlib
import hmac
import socket
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Final

import asyncssh
from asyncssh import SSHClientConnectionOptions
from asyncssh.public_key import SSHKey

from doorward.api.bodies.gateway_calls import Note, SessionPlan
from doorward.base.clock import Clock
from doorward.base.errors import Unavailable
from doorward.base.terminal_text import for_terminal
from doorward.domain.certificates.refusals import CertificateExpired, CertificateRefused, NotYetValid
from doorward.domain.certificates.ssh_check import check_host_certificate
from doorward.domain.sessions.states import EndReason
from doorward.gateway.ssh import algorithms
from doorward.gateway.ssh.asyncssh_channels import ChannelEnd
from doorward.gateway.ssh.asyncssh_internals import NodeConnection, Refusal
from doorward.gateway.ssh.asyncssh_setup import connect_to_node, host_key_of
from doorward.gateway.ssh.keys import MemoryKey
from doorward.net.dial import connect_tcp
from doorward.wire.errors import RemoteProtocolError
from doorward.wire.ssh.certificate import CERTIFIED_KEYS, SshCertificate, parse_certificate
from doorward.wire.ssh.fields import FieldReader
from doorward.wire.ssh.public_key import ALGORITHM_BYTES_MAX

CONNECT_SECONDS: Final = 10.0
HANDSHAKE_SECONDS: Final = 15.0
PORT_DEFAULT: Final = 22


class LinkFailed(Unavailable):
    """The node was not reached, or was not the right one; the message is for the user."""

    code = "node_link_failed"

    def __init__(self, line: str, reason: EndReason, note: Note | None = None) -> None:
        super().__init__(line)
        self.reason = reason
        self.note = note


class NodeLink:
    """One connection to one node for one session; `dial` once. `on_gone` is called once when it ends."""

    def __init__(
        self,
        plan: SessionPlan,
        key: MemoryKey,
        *,
        clock: Clock,
        on_gone: Callable[[Exception | None], None],
        on_blocked: Callable[[bool], None],
        on_channel: Callable[[bytes, bytes], Refusal | Callable[[], Awaitable[ChannelEnd]]],
    ) -> None:
        self._plan = plan
        self._key = key
        self._clock = clock
        self._on_gone = on_gone
        self._on_blocked = on_blocked
        self._on_channel = on_channel
        self._shown_host_key = b""
        self.verified_by = ""

    @property
    def host_key_fingerprint(self) -> str:
        """What the node showed, as OpenSSH writes it; empty before."""
        return fingerprint(self._shown_host_key) if self._shown_host_key else ""

    async def dial(self, options: SSHClientConnectionOptions) -> NodeConnection:
        """A connection on which channels can be opened, or `LinkFailed`."""
        kinds, mismatch = _host_key_algorithms(self._plan), None
        while kinds:
            try:
                return await self._attempt(options, kinds)
            except asyncssh.HostKeyNotVerifiable as error:
                mismatch, kinds = error, self._kinds_not_shown(kinds)
            except LinkFailed:
                if mismatch is None or self.verified_by:
                    raise
                break  # sshd hangs up when it has no other kind of key to show
        raise self._mismatch(str(mismatch or _NO_KEY)) from mismatch

    async def _attempt(self, options: SSHClientConnectionOptions, kinds: tuple[str, ...]) -> NodeConnection:
        plan = self._plan
        sock = await self._connect()
        try:
            async with asyncio.timeout(HANDSHAKE_SECONDS):
                return await connect_to_node(
                    sock,
                    options,
                    self,
                    login=plan.login,
                    key=self._key.certified(plan.certificate),
                    host_key_algorithms=kinds,
                    check_host=self._check_host,
                )
        except asyncssh.HostKeyNotVerifiable:
            raise
        except asyncssh.KeyExchangeFailed as error:
            raise self._mismatch(_NO_KEY) from error
        except asyncssh.PermissionDenied as error:
            # sshd says the same for every reason. The clock is named first: it is the quicker one to look at, and it
            # breaks all accounts at once.
            raise self._failed(
                "refused the certificate of this session: either its clock is wrong (compare `date` there with here)"
                f" or the account {for_terminal(plan.login)} is not set up there (dw nodes setup)",
                "certificate refused",
            ) from error
        except TimeoutError as error:
            raise self._failed("did not finish the handshake in time", "handshake timed out") from error
        except (OSError, asyncssh.Error) as error:
            raise self._failed("broke off the handshake", type(error).__name__) from error

    def _kinds_not_shown(self, kinds: tuple[str, ...]) -> tuple[str, ...]:
        """What else to ask for: of a typed fingerprint nobody knows of which of the host's keys it is."""
        if self._plan.host_key or not self._plan.host_key_fingerprint:
            return ()
        shown = algorithms.NODE_PINNED_KEYS.get(_kind(self._shown_host_key), kinds)
        return tuple(kind for kind in kinds if kind not in shown)

    async def _connect(self) -> socket.socket:
        host, port = split_address(self._plan.address)
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                return await connect_tcp(host, port)
        except TimeoutError as error:
            raise self._failed("does not answer", "connecting timed out") from error
        except OSError as error:
            raise self._failed("can not be reached", error.strerror or type(error).__name__) from error

    def _check_host(self, blob: bytes) -> SSHKey:
        """The key that must sign the exchange; ValueError when this is not the node of the plan."""
        plan = self._plan
        self._shown_host_key = blob
        if plan.host_key and blob == plan.host_key:
            self.verified_by = "key"
            return host_key_of(blob)
        if _is_plain(blob) and hmac.compare_digest(fingerprint(blob), plan.host_key_fingerprint):
            self.verified_by = "fingerprint"
            return host_key_of(blob)
        try:
            if _is_plain(blob):
                raise ValueError(_ANOTHER_KEY)
            certificate = parse_certificate(blob)
            if self._is_expired_around_the_known_key(certificate):
                self.verified_by = "key"
                return host_key_of(certificate.fields.public_key)
            check_host_certificate(certificate, plan.node_host_authorities, plan.host_principal, self._now())
            # A certificate outlives its enrolment: the machine that the node was before still holds one.
            if not hmac.compare_digest(fingerprint(blob), plan.host_key_fingerprint):
                raise ValueError("its host certificate is for a key that is not the known one")
        except RemoteProtocolError as error:
            raise ValueError("its host certificate can not be read") from error
        except CertificateRefused as error:
            raise ValueError(_HOST_REFUSALS.get(type(error), "its host certificate is not this node's")) from error
        self.verified_by = "certificate"
        return host_key_of(certificate.fields.public_key)

    def _is_expired_around_the_known_key(self, certificate: SshCertificate) -> bool:
        """Whether it is this node's certificate, over by now, for the very key that was enrolled: then that counts."""
        plan = self._plan
        fields = certificate.fields
        if not plan.host_key or fields.public_key != plan.host_key or fields.principals != (plan.host_principal,):
            return False
        try:
            check_host_certificate(certificate, plan.node_host_authorities, plan.host_principal, self._now())
        except CertificateExpired:
            return True
        except CertificateRefused:
            return False
        return False

    def _now(self) -> datetime:
        return self._clock.now()

    def _failed(self, what: str, reason: str) -> LinkFailed:
        name = self._plan.node_name
        note = Note("node.unreachable", {"name": name, "reason": reason})
        return LinkFailed(f"doorward: {for_terminal(name)} {what}", EndReason.UPSTREAM_CLOSED, note)

    def _mismatch(self, what: str) -> LinkFailed:
        plan = self._plan
        note = Note(
            "node.key_mismatch",
            {
                "name": plan.node_name,
                "expected": plan.host_key_fingerprint
                or (fingerprint(plan.host_key) if plan.host_key else plan.host_principal),
                "shown": self.host_key_fingerprint,
                "address": plan.address,
            },
        )
        line = (
            f"doorward: {for_terminal(plan.node_name)} is not the host that it should be: {what}."
            " Nothing was sent to it; tell your administrators."
        )
        return LinkFailed(line, EndReason.PROTOCOL_ERROR, note)

    async def sign_in_request(self, payload: bytes) -> None:
        """Nodes do not sign in to us."""

    async def sign_in_response(self, payload: bytes) -> None:
        """Nodes do not sign in to us."""

    def channel_requested(self, kind: bytes, data: bytes) -> Refusal | Callable[[], Awaitable[ChannelEnd]]:
        """The session knows what was asked for."""
        return self._on_channel(kind, data)

    def global_request_received(self, name: bytes, data: bytes) -> bool:
        """Keepalives take any answer; all else is refused."""
        return False

    def connection_ready(self) -> None:
        """`dial` returns."""

    def connection_gone(self, error: Exception | None) -> None:
        """The connection has ended."""
        self._on_gone(error)

    def writing_blocked(self, *, blocked: bool) -> None:
        """The node does not read, or reads again."""
        self._on_blocked(blocked)


_NO_KEY: Final = "it offers no host certificate or key of the expected kind"
_ANOTHER_KEY: Final = "its host key is not the known one"
_HOST_REFUSALS: Final[dict[type[CertificateRefused], str]] = {
    CertificateExpired: "its host certificate has expired",
    NotYetValid: "its host certificate is not valid yet, so one of the clocks is wrong",
}


def fingerprint(blob: bytes) -> str:
    """As `ssh-keygen -l` writes it; of a certificate, that of the key inside."""
    with contextlib.suppress(RemoteProtocolError):  # a plain key
        blob = parse_certificate(blob).fields.public_key
    return "SHA256:" + base64.b64encode(hashlib.sha256(blob).digest()).decode("ascii").rstrip("=")


def _is_plain(blob: bytes) -> bool:
    kind = _kind(blob)
    return bool(kind) and kind not in CERTIFIED_KEYS


def _kind(blob: bytes) -> str:
    try:
        return FieldReader(blob).text(ALGORITHM_BYTES_MAX)
    except RemoteProtocolError:
        return ""


def split_address(address: str) -> tuple[str, int]:
    """Host and port of `host`, `host:port`, `[v6]` or `[v6]:port`."""
    if address.startswith("["):
        host, _, rest = address[1:].partition("]")
        port = rest.removeprefix(":")
    else:
        host, _, port = address.partition(":") if address.count(":") == 1 else (address, "", "")
    return host, int(port) if port.isascii() and port.isdigit() else PORT_DEFAULT


def _host_key_algorithms(plan: SessionPlan) -> tuple[str, ...]:
    certificates = algorithms.NODE_CERTIFICATES if plan.node_host_authorities else ()
    if not plan.host_key:
        # Only a fingerprint was typed, so it is not known of which kind the key is: the best kind is asked for first.
        plain = tuple(name for names in algorithms.NODE_PINNED_KEYS.values() for name in names)
        return plain if plan.host_key_fingerprint else certificates
    name = FieldReader(plan.host_key).text(ALGORITHM_BYTES_MAX)
    return certificates + algorithms.NODE_PINNED_KEYS.get(name, ())
