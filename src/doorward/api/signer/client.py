"""The signer as its one caller, the authority, sees it: typed calls with a deadline each.

The connection is made when it is first needed and again when it was lost, with a growing pause between tries, for as
long as the call that needs it may take. A call that lost its connection is asked once more: none changes anything at
the signer but a step of a rotation, which names its key and is done once.
"""

import asyncio
from collections.abc import Collection, Sequence
from datetime import timedelta
from pathlib import Path
from types import TracebackType
from typing import Final, Self, TypeVar

from doorward.api.signer import messages
from doorward.api.signer.connection import ConnectionLost, SignerConnection
from doorward.api.signer.messages import Answer, Failed, Request
from doorward.api.signer.refusals import SignerAway, from_failed
from doorward.base.ids import GatewayId, NodeId, SessionId, SignInId, UserId
from doorward.domain.certificates.purposes import Purpose
from doorward.domain.certificates.rotation import RotationStep

CALL_SECONDS: Final = 5.0
RECONNECT_FIRST_SECONDS: Final = 0.02
RECONNECT_MAX_SECONDS: Final = 0.5
TRIES_MAX: Final = 2

A = TypeVar("A", bound=Answer)


class SignerClient:
    """Safe for any number of tasks of one loop. Errors: `SignerAway`, `SignerBusy`, and the signer's own refusals."""

    def __init__(self, socket_path: Path, *, call_seconds: float = CALL_SECONDS) -> None:
        self._socket_path = socket_path
        self._call_seconds = call_seconds
        self._connection: SignerConnection | None = None
        self._connecting = asyncio.Lock()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the connection; a later call would open it again."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    async def public_keys(self) -> messages.KnownKeys:
        """Every public key and certificate of the installation."""
        return await self._ask(messages.PublicKeys(), messages.KnownKeys)

    async def status(self) -> messages.SignerStatus:
        """Counts since the signer started."""
        return await self._ask(messages.Status(), messages.SignerStatus)

    async def sign_user_ssh(
        self,
        *,
        user_id: UserId,
        sign_in_id: SignInId,
        public_key: bytes,
        lifetime: timedelta | None = None,
        typed_code: bool = False,
    ) -> messages.SignedSsh:
        """A user certificate; `public_key` is an SSH blob. Usually 8 hours, at most 24."""
        request = messages.SignUserSsh(user_id, sign_in_id, public_key, _seconds(lifetime), typed_code)
        return await self._ask(request, messages.SignedSsh)

    async def sign_session_ssh(
        self,
        *,
        session_id: SessionId,
        node_id: NodeId,
        login: str,
        public_key: bytes,
        extensions: Collection[str] = (),
        force_command: str | None = None,
        source_addresses: Sequence[str] = (),
    ) -> messages.SignedSsh:
        """A session certificate for an Ed25519 key (an SSH blob), valid for a minute."""
        request = messages.SignSessionSsh(
            session_id, node_id, login, public_key, tuple(extensions), force_command, tuple(source_addresses)
        )
        return await self._ask(request, messages.SignedSsh)

    async def sign_face_host(self, *, gateway_id: GatewayId, name: str, public_key: bytes) -> messages.SignedSsh:
        """A host certificate for one name on one gateway, valid for ten minutes."""
        return await self._ask(messages.SignFaceHost(gateway_id, name, public_key), messages.SignedSsh)

    async def sign_node_host(
        self, *, node_id: NodeId, public_key: bytes, lifetime: timedelta | None = None
    ) -> messages.SignedSsh:
        """A node's host certificate. Usually 30 days, at most 90."""
        return await self._ask(messages.SignNodeHost(node_id, public_key, _seconds(lifetime)), messages.SignedSsh)

    async def issue_user_x509(
        self,
        *,
        user_id: UserId,
        sign_in_id: SignInId,
        public_key: bytes,
        lifetime: timedelta | None = None,
        typed_code: bool = False,
    ) -> messages.IssuedX509:
        """A user's TLS certificate; `public_key` is DER SubjectPublicKeyInfo. Usually 8 hours, at most 24."""
        request = messages.IssueUserX509(user_id, sign_in_id, public_key, _seconds(lifetime), typed_code)
        return await self._ask(request, messages.IssuedX509)

    async def issue_gateway_x509(
        self, *, gateway_id: GatewayId, public_key: bytes, lifetime: timedelta | None = None
    ) -> messages.IssuedX509:
        """A gateway's TLS client certificate. Usually 7 days, at most 30."""
        return await self._ask(
            messages.IssueGatewayX509(gateway_id, public_key, _seconds(lifetime)), messages.IssuedX509
        )

    async def issue_authority_x509(
        self, *, names: Sequence[str], public_key: bytes, lifetime: timedelta | None = None
    ) -> messages.IssuedX509:
        """A server certificate of the authority for a P-256 key. Usually 30 days, at most 90."""
        return await self._ask(
            messages.IssueAuthorityX509(tuple(names), public_key, _seconds(lifetime)), messages.IssuedX509
        )

    async def sign_checkpoint(self, *, origin: str, size: int, root: bytes) -> messages.SignedCheckpoint:
        """The audit log's state as a signed note; the origin holds the installation id."""
        return await self._ask(messages.SignCheckpoint(origin, size, root), messages.SignedCheckpoint)

    async def sign_manifest(
        self, *, session_id: SessionId, digest: bytes, size_bytes: int, manifest_digest: bytes
    ) -> messages.SignedManifest:
        """The signature over a sealed recording's digest, size and manifest."""
        request = messages.SignManifest(session_id, digest, size_bytes, manifest_digest)
        return await self._ask(request, messages.SignedManifest)

    async def enrol_totp(self, *, user_id: UserId) -> messages.TotpEnrolled:
        """A fresh second factor: what to store, and what to show once."""
        return await self._ask(messages.EnrolTotp(user_id), messages.TotpEnrolled)

    async def check_totp(self, *, user_id: UserId, sealed: bytes, code: str, after_step: int) -> int | None:
        """The step that `code` spends, None if it is wrong, too old or already spent."""
        checked = await self._ask(messages.CheckTotp(user_id, sealed, code, after_step), messages.TotpChecked)
        return checked.step

    async def rotate_key(self, *, purpose: Purpose, step: RotationStep, key_id: str) -> messages.KnownKeys:
        """One step of a rotation, about the key that it begins with; every public key as it is then."""
        return await self._ask(messages.RotateKey(purpose, step, key_id), messages.KnownKeys)

    async def _ask(self, request: Request, expected: type[A]) -> A:
        try:
            async with asyncio.timeout(self._call_seconds):
                answer = await self._ask_again_if_lost(request)
        except TimeoutError as error:
            raise SignerAway("asking the signer: no answer in time") from error
        if isinstance(answer, Failed):
            raise from_failed(answer)
        if not isinstance(answer, expected):
            self.close()
            raise SignerAway("asking the signer: an answer to something else")
        return answer

    async def _ask_again_if_lost(self, request: Request) -> Answer:
        for _ in range(TRIES_MAX - 1):
            try:
                return await (await self._connected()).ask(request)
            except ConnectionLost:
                continue
        return await (await self._connected()).ask(request)

    async def _connected(self) -> SignerConnection:
        pause_seconds = RECONNECT_FIRST_SECONDS
        if self._connection is not None and self._connection.is_open:
            return self._connection
        async with self._connecting:
            while self._connection is None or not self._connection.is_open:
                try:
                    _, self._connection = await asyncio.get_running_loop().create_unix_connection(
                        SignerConnection, str(self._socket_path)
                    )
                except OSError:
                    self._connection = None
                if self._connection is None or not self._connection.is_open:
                    await asyncio.sleep(pause_seconds)
                    pause_seconds = min(2 * pause_seconds, RECONNECT_MAX_SECONDS)
            return self._connection


def _seconds(lifetime: timedelta | None) -> int | None:
    return None if lifetime is None else int(lifetime.total_seconds())
