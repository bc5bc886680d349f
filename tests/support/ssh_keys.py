"""Keys and certificates made by the stock ssh-keygen: an independent hand beside our own encoder."""

import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class KeyFiles:
    """A private key, its public half beside it, and where a certificate for it would stand."""

    private: Path

    @property
    def public(self) -> Path:
        return self.private.with_name(self.private.name + ".pub")

    @property
    def certificate(self) -> Path:
        return self.private.with_name(self.private.name + "-cert.pub")

    @property
    def public_line(self) -> str:
        """`ssh-ed25519 AAAA... comment`, without a newline."""
        return self.public.read_text().strip()


def make_key(path: Path, *, kind: str = "ed25519", comment: str = "test") -> KeyFiles:
    """A new key without a passphrase at `path`."""
    command = ["ssh-keygen", "-q", "-t", kind, "-N", "", "-C", comment, "-f", str(path)]
    subprocess.run(command, check=True, capture_output=True)
    return KeyFiles(path)


def certify(
    key: KeyFiles,
    ca: KeyFiles,
    principals: Sequence[str],
    *,
    host: bool = False,
    validity: str = "-1m:+5m",
    key_id: str = "test",
    options: Sequence[str] = (),
) -> Path:
    """Have `ca` sign `key` for `principals`; the certificate's path, as ssh finds it beside the private key.

    `validity` and `options` are what ssh-keygen takes after -V and -O.
    """
    command = ["ssh-keygen", "-q", "-s", str(ca.private), "-I", key_id, "-V", validity]
    command += ["-h"] if host else []
    command += ["-n", ",".join(principals)] if principals else []
    for option in options:
        command += ["-O", option]
    subprocess.run([*command, str(key.public)], check=True, capture_output=True)
    return key.certificate
