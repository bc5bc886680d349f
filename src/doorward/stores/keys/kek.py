"""The key-encryption key: 32 bytes as base64, from a file, the environment or a systemd credential.

It never lies beside what it opens in a backup of the data directory alone: put the file elsewhere.
"""

import base64
import binascii
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from doorward.base.entropy import Entropy
from doorward.base.errors import Invalid
from doorward.base.secret import Secret
from doorward.stores.keys.private_files import KeysRefused, read_private_file, write_private_file

KEK_BYTES: Final = 32
KEK_VARIABLE: Final = "DOORWARD_KEK"
KEK_CREDENTIAL: Final = "doorward-kek"
CREDENTIALS_VARIABLE: Final = "CREDENTIALS_DIRECTORY"


@dataclass(frozen=True, slots=True)
class KekFile:
    """A file of ours, mode 0600."""

    path: Path


@dataclass(frozen=True, slots=True)
class KekEnvironment:
    """A variable; who can read our environment can open the keys."""

    variable: str = KEK_VARIABLE


@dataclass(frozen=True, slots=True)
class KekCredential:
    """A systemd credential (`LoadCredentialEncrypted=doorward-kek:...`)."""

    name: str = KEK_CREDENTIAL


KekSource = KekFile | KekEnvironment | KekCredential


def parse_kek_source(text: str) -> KekSource:
    """`file:/path`, `env:NAME` or `credential:NAME`; `Invalid` otherwise."""
    kind, separator, rest = text.partition(":")
    if separator and rest:
        match kind:
            case "file" if rest.startswith("/"):
                return KekFile(Path(rest))
            case "env":
                return KekEnvironment(rest)
            case "credential" if "/" not in rest:
                return KekCredential(rest)
    raise Invalid("reading where the key-encryption key is: file:/path, env:NAME or credential:NAME is expected")


def load_kek(source: KekSource, environment: Mapping[str, str]) -> Secret:
    """The key; `KeysRefused` with one clear line when it is missing, open to others or no key."""
    match source:
        case KekFile(path):
            return _decode(read_private_file(path), str(path))
        case KekEnvironment(variable):
            if variable not in environment:
                raise KeysRefused(f"reading the key-encryption key: ${variable} is not set")
            return _decode(environment[variable].encode(), f"${variable}")
        case KekCredential(name):
            directory = environment.get(CREDENTIALS_VARIABLE)
            if not directory:
                raise KeysRefused(f"reading the key-encryption key: systemd gave no credential {name}")
            path = Path(directory) / name
            # systemd may grant access by an access control list, whose mask shows as the group's bits.
            return _decode(read_private_file(path, group_may_read=True), str(path))


def create_kek_file(path: Path, entropy: Entropy) -> Secret:
    """A fresh key in a new file of mode 0600; an existing one is refused."""
    kek = entropy.token(KEK_BYTES)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_private_file(path, base64.b64encode(kek) + b"\n", may_replace=False)
    return Secret(kek)


def _decode(text: bytes, place: str) -> Secret:
    try:
        kek = base64.b64decode(text.strip(), validate=True)
    except binascii.Error:
        kek = b""
    if len(kek) != KEK_BYTES:
        # No chain: the cause would quote what was read.
        raise KeysRefused(
            f"reading the key-encryption key: {place} does not hold {KEK_BYTES} bytes as base64"
        ) from None
    return Secret(kek)


def forget_kek_variable(source: KekSource) -> None:
    """Take the key out of the environment that our children would inherit."""
    if isinstance(source, KekEnvironment):
        os.environ.pop(source.variable, None)
