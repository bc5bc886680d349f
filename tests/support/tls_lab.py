"""TLS identities for a gateway lab: what the gateway shows, and what `dw` keeps of a sign-in."""

import os
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from tests.support.authorities import INSTALLATION
from tests.support.fake_control_plane import ENTROPY, FakeControlPlane
from tests.support.x509_values import authority, der, gateway_leaf, intermediate, spki, user_leaf

from doorward.base.clock import SystemClock
from doorward.base.ids import InstallationId, SignInId, UserId, new_id
from doorward.cli.ssh_start import Door, door_text
from doorward.domain.certificates.purposes import Purpose
from doorward.domain.certificates.x509_names import X509Kind

KEY = Ed25519PrivateKey.generate()


def tls_control_plane() -> FakeControlPlane:
    """One whose users' intermediate is the test ring's."""
    users = [der(intermediate(X509Kind.USER).certificate)]
    return FakeControlPlane(installation_id=INSTALLATION, user_x509_authorities=users)


def shows_gateway(directory: Path, plane: FakeControlPlane) -> Callable[[ssl.SSLContext], None]:
    """Loads a gateway's certificate into a context, as the gateway process does."""
    leaf = gateway_leaf(spki(KEY), plane.gateway_id, plane.clock.now())
    return _loader(directory / "gateway-tls.pem", [leaf, intermediate(X509Kind.GATEWAY).certificate])


def _loader(path: Path, chain: list[x509.Certificate]) -> Callable[[ssl.SSLContext], None]:
    path.write_bytes(_key_pem() + _pem(chain))
    return lambda context: context.load_cert_chain(path)


def _key_pem() -> bytes:
    return KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _pem(chain: list[x509.Certificate]) -> bytes:
    return b"".join(each.public_bytes(Encoding.PEM) for each in chain)


@dataclass
class TlsHome:
    """A directory as `dw login` leaves it, as far as `dw proxy ssh` reads it."""

    directory: Path
    port: int
    user_id: UserId
    host: str = "127.0.0.1"
    installation: InstallationId = INSTALLATION

    def write(self, *, age: timedelta = timedelta(), seed: int = 0, root_seed: int = 0) -> str:
        """Write all files; answers the directory. Other seeds are other installations' keys."""
        self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        now = SystemClock().now() - age
        leaf = user_leaf(spki(KEY), self.user_id, SignInId(new_id(ENTROPY)), now, seed=seed)
        self.show(leaf, intermediate(X509Kind.USER, seed).certificate)
        (self.directory / "installation.pem").write_bytes(_pem([authority(Purpose.X509_ROOT, root_seed).certificate]))
        ends = int(SystemClock().now().timestamp()) + 3600
        door = Door(ends, self.host, self.port, name=self.host, suffix="dw", installation=self.installation)
        (self.directory / "door").write_text(door_text(door))
        return str(self.directory)

    def show(self, *chain: x509.Certificate) -> None:
        """What the client shows."""
        (self.directory / "x509.pem").write_bytes(_pem([*chain]))
        (self.directory / "x509.key").write_bytes(_key_pem())

    def environment(self) -> dict[str, str]:
        """For a process that runs `dw`."""
        return {"PATH": os.environ["PATH"], "DOORWARD_HOME": str(self.directory), "HOME": str(self.directory)}
