"""One key in one file: a header in clear, then the key encrypted under the key-encryption key.

    doorward-key v1 <installation id> <purpose> <key id>\\n
    12 bytes nonce, then AES-256-GCM of the MessagePack body; the header is its additional data

So a file that was renamed, copied from another installation or edited does not open.
"""

import re
from dataclasses import dataclass
from typing import Final

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from doorward.base.entropy import Entropy
from doorward.base.ids import InstallationId
from doorward.base.secret import Secret
from doorward.domain.certificates.purposes import KeyState, Purpose
from doorward.stores.keys.private_files import KeysRefused

NONCE_BYTES: Final = 12
_HEADER: Final = re.compile(rb"doorward-key v1 ([a-z2-7]{26}) ([a-z0-9-]{1,32}) ([a-z2-7]{26})\n")


class KeyBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`private`: PKCS #8 DER, or 32 raw bytes of a sealing key; `certificate`: X.509 DER, empty for other purposes.

    `since`: when the key came into its state. `replaces`: the id of the key in whose place it signs. A current key that
    another current one replaces is old: one file says so for both, and no crash comes between.
    """

    state: KeyState
    private: bytes
    certificate: bytes = b""
    since: int = 0
    replaces: str = ""

    def __repr__(self) -> str:
        return f"KeyBody({self.state}, hidden)"


@dataclass(frozen=True, slots=True)
class KeyName:
    """Which key it is."""

    installation_id: InstallationId
    purpose: Purpose
    key_id: str

    @property
    def file_name(self) -> str:
        """Where it lies in the directory of keys."""
        return f"{self.purpose}.{self.key_id}.key"

    @property
    def header(self) -> bytes:
        """The first line of the file."""
        return f"doorward-key v1 {self.installation_id} {self.purpose} {self.key_id}\n".encode("ascii")


def seal_key(name: KeyName, body: KeyBody, kek: Secret, entropy: Entropy) -> bytes:
    """The file's content."""
    nonce = entropy.token(NONCE_BYTES)
    sealed = AESGCM(kek.reveal()).encrypt(nonce, msgspec.msgpack.encode(body), name.header)
    return name.header + nonce + sealed


def open_key(content: bytes, expected: KeyName, kek: Secret, place: str) -> KeyBody:
    """The key in `content`; `KeysRefused` with one line naming `place` when it is another's, or does not open."""
    match = _HEADER.match(content)
    if match is None:
        raise KeysRefused(f"opening the keys: {place} is not a key file")
    if match[1].decode() != expected.installation_id:
        raise KeysRefused(f"opening the keys: {place} belongs to installation {match[1].decode()}, not to this one")
    if match[0] != expected.header:
        raise KeysRefused(f"opening the keys: {place} was renamed; its content is another key")
    rest = content[match.end() :]
    try:
        plain = AESGCM(kek.reveal()).decrypt(rest[:NONCE_BYTES], rest[NONCE_BYTES:], expected.header)
        return msgspec.msgpack.decode(plain, type=KeyBody)
    except (InvalidTag, ValueError, msgspec.MsgspecError) as error:
        raise KeysRefused(
            f"opening the keys: the key-encryption key does not open {place}; it is the wrong one, or the file changed"
        ) from error
