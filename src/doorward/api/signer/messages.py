"""Requests to the signer and its answers, as MessagePack arrays whose first element tells the type.

A request names ids, keys and numbers; there is none that says "sign these bytes". Lengths are bounded here, meanings
are checked by the signer. Public keys for SSH are blobs, for X.509 DER SubjectPublicKeyInfo; certificates are SSH blobs
or DER; times are whole seconds since 1970.
"""

from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta

from doorward.domain.certificates.purposes import KeyState, Purpose
from doorward.domain.certificates.rotation import RotationStep
from doorward.domain.certificates.x509_check import spki_pin

Id = Annotated[str, Meta(min_length=26, max_length=26)]
Blob = Annotated[bytes, Meta(max_length=4_096)]
Seconds = Annotated[int, Meta(ge=1, le=1 << 32)]
Size = Annotated[int, Meta(ge=0, le=2**53 - 1)]
Digest = Annotated[bytes, Meta(min_length=32, max_length=32)]
HostName = Annotated[str, Meta(max_length=253)]


class _Message(msgspec.Struct, frozen=True, array_like=True):
    pass


class PublicKeys(_Message, frozen=True, tag="public-keys"):
    """Every public key that the installation is known by, answered by `KnownKeys`."""


class Status(_Message, frozen=True, tag="status"):
    """What was issued and refused since the signer started, answered by `SignerStatus`."""


class SignUserSsh(_Message, frozen=True, tag="user-ssh"):
    """Who a user is, for one sign-in; without a lifetime the usual one."""

    user_id: Id
    sign_in_id: Id
    public_key: Blob
    lifetime_seconds: Seconds | None = None
    typed_code: bool = False


class SignSessionSsh(_Message, frozen=True, tag="session-ssh"):
    """One account on one node for a minute."""

    session_id: Id
    node_id: Id
    login: Annotated[str, Meta(max_length=64)]
    public_key: Blob
    extensions: Annotated[tuple[Annotated[str, Meta(max_length=64)], ...], Meta(max_length=8)] = ()
    force_command: Annotated[str, Meta(max_length=4_096)] | None = None
    source_addresses: Annotated[tuple[Annotated[str, Meta(max_length=64)], ...], Meta(max_length=16)] = ()


class SignFaceHost(_Message, frozen=True, tag="face-host"):
    """That one gateway may show one name for ten minutes."""

    gateway_id: Id
    name: HostName
    public_key: Blob


class SignNodeHost(_Message, frozen=True, tag="node-host"):
    """That a host is one node."""

    node_id: Id
    public_key: Blob
    lifetime_seconds: Seconds | None = None


class IssueUserX509(_Message, frozen=True, tag="user-x509"):
    """Who a user is, for one sign-in, in TLS."""

    user_id: Id
    sign_in_id: Id
    public_key: Blob
    lifetime_seconds: Seconds | None = None
    typed_code: bool = False


class IssueGatewayX509(_Message, frozen=True, tag="gateway-x509"):
    """Which gateway speaks, in TLS."""

    gateway_id: Id
    public_key: Blob
    lifetime_seconds: Seconds | None = None


class IssueAuthorityX509(_Message, frozen=True, tag="authority-x509"):
    """A server of the authority under these DNS names and addresses."""

    names: Annotated[tuple[HostName, ...], Meta(min_length=1, max_length=32)]
    public_key: Blob
    lifetime_seconds: Seconds | None = None


class SignCheckpoint(_Message, frozen=True, tag="checkpoint"):
    """The audit log's size and root; a log that shrank or forked is refused."""

    origin: Annotated[str, Meta(max_length=255)]
    size: Size
    root: Digest


class SignManifest(_Message, frozen=True, tag="manifest"):
    """A sealed recording; `manifest_digest` is SHA-256 of its manifest."""

    session_id: Id
    digest: Digest
    size_bytes: Size
    manifest_digest: Digest


class EnrolTotp(_Message, frozen=True, tag="totp-enrol"):
    """A fresh second factor for a user."""

    user_id: Id


class CheckTotp(_Message, frozen=True, tag="totp-check"):
    """Whether `code` is right now and newer than `after_step` (the last accepted step, 0 for none)."""

    user_id: Id
    sealed: Annotated[bytes, Meta(max_length=256)]
    code: Annotated[str, Meta(max_length=16)]
    after_step: Size


class RotateKey(_Message, frozen=True, tag="rotate-key"):
    """One step of a rotation, about the key that it begins with (see `BEGINS_WITH`), answered by `KnownKeys`.

    Asked again, it changes nothing more: the key is named, so that it can not be mistaken for its successor.
    """

    purpose: Purpose
    step: RotationStep
    key_id: Id


Request = (
    PublicKeys
    | Status
    | SignUserSsh
    | SignSessionSsh
    | SignFaceHost
    | SignNodeHost
    | IssueUserX509
    | IssueGatewayX509
    | IssueAuthorityX509
    | SignCheckpoint
    | SignManifest
    | EnrolTotp
    | CheckTotp
    | RotateKey
)


class KnownKey(_Message, frozen=True):
    """`public_key`: an SSH blob for SSH purposes, 32 raw bytes for statements, DER for X.509; `certificate`: DER.

    `since`: when the key came into its state, in seconds since 1970; 0 when that was not kept.
    """

    purpose: Purpose
    key_id: str
    state: KeyState
    public_key: bytes
    certificate: bytes = b""
    since: int = 0


class KnownKeys(_Message, frozen=True, tag="keys"):
    """The installation's public keys in every state; all of them are trusted."""

    installation_id: str
    keys: tuple[KnownKey, ...]

    def public_keys(self, purpose: Purpose) -> tuple[bytes, ...]:
        """Every key of `purpose`: `next`, `current` and `old` alike."""
        return tuple(key.public_key for key in self.keys if key.purpose is purpose)

    def of(self, purpose: Purpose) -> tuple[KnownKey, ...]:
        """The keys of `purpose`."""
        return tuple(key for key in self.keys if key.purpose is purpose)

    def in_state(self, purpose: Purpose, state: KeyState) -> KnownKey | None:
        """The one key of `purpose` in `state`."""
        return next((key for key in self.keys if (key.purpose, key.state) == (purpose, state)), None)

    def certificates(self, purpose: Purpose) -> tuple[bytes, ...]:
        """The X.509 certificates of `purpose`, DER."""
        return tuple(key.certificate for key in self.keys if key.purpose is purpose and key.certificate)

    def root(self) -> bytes:
        """The current root, DER."""
        return next(
            key.certificate for key in self.keys if (key.purpose, key.state) == (Purpose.X509_ROOT, KeyState.CURRENT)
        )

    def root_pin(self) -> str:
        """`sha256:<hex>` of the current root's public key."""
        return spki_pin(self.root())


class SignerStatus(_Message, frozen=True, tag="status"):
    """Counts since the start: requests answered by tag, refusals by code."""

    answered: dict[str, int]
    refused: dict[str, int]


class SignedSsh(_Message, frozen=True, tag="ssh"):
    """An SSH certificate (`certificate` is its blob)."""

    certificate: bytes
    serial: int
    key_id: str
    valid_after: int
    valid_before: int


class IssuedX509(_Message, frozen=True, tag="x509"):
    """`certificate` and its intermediate, DER; `serial` in hex as the certificate shows it."""

    certificate: bytes
    intermediate: bytes
    serial: str
    valid_before: int


class SignedCheckpoint(_Message, frozen=True, tag="note"):
    """A C2SP signed note whose only signature carries the origin as its name."""

    note: bytes
    key_id: str


class SignedManifest(_Message, frozen=True, tag="manifest"):
    """64 bytes over `manifest_statement`."""

    signature: bytes
    key_id: str


class TotpEnrolled(_Message, frozen=True, tag="totp-enrolled"):
    """`sealed` to store; `secret` in base32, to show once and forget."""

    sealed: bytes
    secret: str

    def __repr__(self) -> str:
        return "TotpEnrolled(hidden)"


class TotpChecked(_Message, frozen=True, tag="totp-checked"):
    """The step that the code belongs to, to be stored as the next `after_step`; None: not accepted."""

    step: int | None


class Failed(_Message, frozen=True, tag="failed"):
    """A typed refusal: the kind of error, its stable code and one sentence."""

    kind: Literal["invalid", "refused", "conflict", "unavailable"]
    code: str
    message: str


Answer = (
    KnownKeys
    | SignerStatus
    | SignedSsh
    | IssuedX509
    | SignedCheckpoint
    | SignedManifest
    | TotpEnrolled
    | TotpChecked
    | Failed
)


class Call(_Message, frozen=True):
    """One frame towards the signer; the request stays undecoded, so that a bad one is answered by its number."""

    number: Annotated[int, Meta(ge=0, le=2**63 - 1)]
    request: msgspec.Raw


class NumberedRequest(_Message, frozen=True):
    """A `Call` as the client encodes it."""

    number: int
    request: Request


class Reply(_Message, frozen=True):
    """One frame from the signer."""

    number: int
    answer: Answer


CALL_BYTES_MAX: Final = 32_768
"""The longest request is a session certificate with a command of 4,096 characters of four bytes."""
REPLY_BYTES_MAX: Final = 262_144
"""Public keys in many states, each with its certificate."""
