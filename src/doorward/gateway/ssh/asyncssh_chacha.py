"""chacha20-poly1305@openssh.com for asyncssh with two cipher contexts for a connection's life instead of six a packet.

asyncssh makes a new context of the same key for the length, for the tag's key and for the payload of each packet, which
costs more than the cipher (ADR 0061). Here a context is given its next nonce; cipher and tag are the library's. The
block with counter 0 holds the tag's key, those from 1 on the payload (OpenSSH's PROTOCOL.chacha20poly1305). Not for
more than one direction: each has an object of its own, as asyncssh makes them.
"""

from typing import Final, Self

from asyncssh import encryption
from asyncssh.encryption import ChachaEncryption
from asyncssh.packet import UInt64
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import ChaCha20
from cryptography.hazmat.primitives.poly1305 import Poly1305

NAME: Final = b"chacha20-poly1305@openssh.com"
KEY_BYTES: Final = 32
BLOCK: Final = bytes(64)
TAG_KEY_BYTES: Final = 32
COUNTER: Final = bytes(8)  # little-endian, in front of the nonce


class ReusedChacha(ChachaEncryption):
    """One direction of one connection between two key exchanges. `key`: 32 bytes for payloads, 32 for lengths."""

    def __init__(self, key: bytes) -> None:
        self._payload = Cipher(ChaCha20(key[:KEY_BYTES], bytes(16)), mode=None).encryptor()
        self._length = Cipher(ChaCha20(key[KEY_BYTES:], bytes(16)), mode=None).encryptor()

    @classmethod
    def new(  # noqa: PLR0917  (asyncssh's own signature)
        cls, cipher_name: str, key: bytes, iv: bytes, mac_alg: bytes = b"", mac_key: bytes = b"", etm: bool = False
    ) -> Self:
        """As asyncssh calls it; only `key` matters for this cipher."""
        return cls(key)

    def encrypt_packet(self, seq: int, header: bytes, packet: bytes) -> tuple[bytes, bytes]:
        """What is sent, and its tag."""
        nonce = COUNTER + UInt64(seq)
        self._length.reset_nonce(nonce)
        self._payload.reset_nonce(nonce)
        tag_key = self._payload.update(BLOCK)[:TAG_KEY_BYTES]
        data = self._length.update(header) + self._payload.update(packet)
        return data, Poly1305.generate_tag(tag_key, data)

    def decrypt_header(self, seq: int, first_block: bytes, header_len: int) -> tuple[bytes, bytes]:
        """What came, unchanged, and the length in it, which nothing vouches for yet."""
        self._length.reset_nonce(COUNTER + UInt64(seq))
        return first_block, self._length.update(first_block[:header_len])

    def decrypt_packet(self, seq: int, first: bytes, rest: bytes, header_len: int, mac: bytes) -> bytes | None:
        """The payload; None when the tag is not that of these bytes, and then nothing was decrypted."""
        self._payload.reset_nonce(COUNTER + UInt64(seq))
        tag_key = self._payload.update(BLOCK)[:TAG_KEY_BYTES]
        data = first + rest
        try:
            Poly1305.verify_tag(tag_key, data, mac)
        except InvalidSignature:
            return None
        return self._payload.update(memoryview(data)[header_len:])


def install() -> None:
    """Let asyncssh use it wherever this cipher is agreed upon; a second time changes nothing."""
    _, cipher_name = encryption._enc_params[NAME]
    encryption._enc_params[NAME] = (ReusedChacha, cipher_name)
