"""What operations share in one authority process."""

import asyncio
import hashlib
from dataclasses import dataclass, field
from typing import Self

import msgspec

from doorward.api.signer.client import SignerClient
from doorward.api.signer.messages import KnownKeys
from doorward.authority.bell import Bell
from doorward.authority.clock_guard import ClockGuard
from doorward.authority.counts import Counts
from doorward.authority.gateway_limits import GatewayLimits
from doorward.authority.gateway_sources import GatewaySources
from doorward.authority.known_devices import KnownDevices
from doorward.authority.oidc.parts import OidcParts
from doorward.authority.passwords import Passwords
from doorward.authority.policy import PolicyCache
from doorward.authority.ports import AuditLog, RecordingStore, Store
from doorward.authority.splice_keys import SpliceKeys
from doorward.authority.throttle import SignInThrottle
from doorward.base.clock import Clock
from doorward.base.entropy import Entropy
from doorward.base.ids import InstallationId
from doorward.domain.certificates.purposes import Purpose


@dataclass(frozen=True, slots=True)
class PublicKeys:
    """The signer's public halves, in every state. SSH keys are RFC 4253 blobs, X.509 is DER, the rest raw.

    `trust` names what of it a gateway is told to believe, so that both sides can say whether it is the same.
    """

    user_ssh: tuple[bytes, ...]
    session_ssh: tuple[bytes, ...]
    node_host: tuple[bytes, ...]
    face_host: tuple[bytes, ...]
    x509_root: bytes
    x509_user: tuple[bytes, ...]
    x509_gateway: tuple[bytes, ...]
    x509_authority: tuple[bytes, ...]
    checkpoint: tuple[bytes, ...]
    manifest: tuple[bytes, ...]
    pin: str
    trust: str

    @classmethod
    def of(cls, known: KnownKeys) -> Self:
        """The keys as operations look at them."""
        return cls(
            user_ssh=known.public_keys(Purpose.USER_SSH),
            session_ssh=known.public_keys(Purpose.SESSION_SSH),
            node_host=known.public_keys(Purpose.NODE_HOST),
            face_host=known.public_keys(Purpose.FACE_HOST),
            x509_root=known.root(),
            x509_user=known.certificates(Purpose.X509_USER),
            x509_gateway=known.certificates(Purpose.X509_GATEWAY),
            x509_authority=known.certificates(Purpose.X509_AUTHORITY),
            checkpoint=known.public_keys(Purpose.CHECKPOINT),
            manifest=known.public_keys(Purpose.MANIFEST),
            pin=known.root_pin(),
            trust=_trust(known),
        )


def _trust(known: KnownKeys) -> str:
    told = (known.public_keys(Purpose.USER_SSH), known.certificates(Purpose.X509_USER))
    return hashlib.sha256(msgspec.msgpack.encode([sorted(part) for part in told])).hexdigest()[:32]


class KeyBook:
    """The public keys as the signer told them last: a rotation changes them while we run."""

    __slots__ = ("keys",)

    def __init__(self, known: KnownKeys) -> None:
        self.keys = PublicKeys.of(known)

    def take(self, known: KnownKeys) -> None:
        """From now on these are believed."""
        self.keys = PublicKeys.of(known)


@dataclass(frozen=True, slots=True)
class Services:
    """Explicit dependencies of every operation.

    `reading`: whose turn it is to read what somebody declares. `splice_keys`: by which gateways prove whose connection
    they pass on; without a master key nobody is believed.
    """

    installation_id: InstallationId
    store: Store
    log: AuditLog
    signer: SignerClient
    key_book: KeyBook
    recordings: RecordingStore
    clock: Clock
    entropy: Entropy
    names: tuple[str, ...]
    node_suffix: str
    throttle: SignInThrottle
    gateway_limits: GatewayLimits
    splice_keys: SpliceKeys = field(default_factory=lambda: SpliceKeys(b""))
    known_devices: KnownDevices = field(default_factory=lambda: KnownDevices(b""))
    passwords: Passwords = field(default_factory=Passwords)
    oidc: OidcParts = field(default_factory=OidcParts.make)
    policy: PolicyCache = field(default_factory=PolicyCache)
    bell: Bell = field(default_factory=Bell)
    gateway_sources: GatewaySources = field(default_factory=GatewaySources)
    clock_guard: ClockGuard = field(default_factory=ClockGuard)
    counts: Counts = field(default_factory=Counts)
    reading: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(1))

    @property
    def keys(self) -> PublicKeys:
        """The public keys of now; who needs two of them to fit together takes this once."""
        return self.key_book.keys
