"""SSH public keys: blobs taken apart, and the one-line text form.

A blob is the key's name followed by the fields of its kind. Known kinds: Ed25519 (RFC 8709), ECDSA on the three NIST
curves (RFC 5656), RSA (RFC 4253), and the two FIDO kinds (OpenSSH PROTOCOL.u2f). Numbers are not checked for sense
here; who verifies with a key does that.
"""

import base64
import binascii
import hashlib
from dataclasses import dataclass
from typing import Final

from doorward.base.errors import Invalid
from doorward.wire.errors import RemoteProtocolError
from doorward.wire.ssh.fields import FieldReader, encode_mpint, encode_string, encode_text

PUBLIC_KEY_BYTES_MAX: Final = 4096
"""An RSA key of 16,384 bits takes 2,071 bytes; FIDO application names are the only other variable part."""
PUBLIC_KEY_LINE_CHARACTERS_MAX: Final = 24_576
"""A certificate of 16 KiB as base64, its name and a comment."""
ALGORITHM_BYTES_MAX: Final = 64
APPLICATION_BYTES_MAX: Final = 255
POINT_BYTES_MAX: Final = 133
"""An uncompressed point on P-521."""

ED25519: Final = "ssh-ed25519"
RSA: Final = "ssh-rsa"
SK_ED25519: Final = "sk-ssh-ed25519@openssh.com"
SK_ECDSA: Final = "sk-ecdsa-sha2-nistp256@openssh.com"
ECDSA_CURVES: Final = {
    "ecdsa-sha2-nistp256": "nistp256",
    "ecdsa-sha2-nistp384": "nistp384",
    "ecdsa-sha2-nistp521": "nistp521",
}


@dataclass(frozen=True, slots=True)
class Ed25519Key:
    """32 bytes, with `application` when the key lives in a FIDO token."""

    raw: bytes
    application: str | None = None


@dataclass(frozen=True, slots=True)
class EcdsaKey:
    """An uncompressed point on `curve` (nistp256, nistp384, nistp521), with `application` for a FIDO token."""

    curve: str
    point: bytes
    application: str | None = None


@dataclass(frozen=True, slots=True)
class RsaKey:
    """Exponent and modulus."""

    exponent: int
    modulus: int


PublicKey = Ed25519Key | EcdsaKey | RsaKey


def parse_public_key(blob: bytes) -> tuple[str, PublicKey]:
    """Name and key of a whole blob; `RemoteProtocolError` for an unknown kind or anything odd."""
    if len(blob) > PUBLIC_KEY_BYTES_MAX:
        raise RemoteProtocolError("reading an SSH public key: too long")
    reader = FieldReader(blob)
    name = reader.text(ALGORITHM_BYTES_MAX)
    key = read_key_fields(reader, name)
    reader.expect_end()
    return name, key


def encode_public_key(name: str, key: PublicKey) -> bytes:
    """The blob of `key` under `name`."""
    return encode_text(name) + encode_key_fields(key)


def read_key_fields(reader: FieldReader, name: str) -> PublicKey:
    """The fields that follow the name, as they stand in a blob and, after the nonce, in a certificate."""
    if name == ED25519:
        return Ed25519Key(_raw_ed25519(reader))
    if name == RSA:
        return RsaKey(exponent=reader.mpint(), modulus=reader.mpint())
    if name == SK_ED25519:
        return Ed25519Key(_raw_ed25519(reader), reader.text(APPLICATION_BYTES_MAX))
    if name == SK_ECDSA:
        curve, point = _point(reader, "nistp256")
        return EcdsaKey(curve, point, reader.text(APPLICATION_BYTES_MAX))
    if name in ECDSA_CURVES:
        return EcdsaKey(*_point(reader, ECDSA_CURVES[name]))
    raise RemoteProtocolError("reading an SSH public key: a kind that is not accepted")


def encode_key_fields(key: PublicKey) -> bytes:
    """The inverse of `read_key_fields`."""
    match key:
        case Ed25519Key(raw, None):
            return encode_string(raw)
        case Ed25519Key(raw, application):
            return encode_string(raw) + encode_text(application or "")
        case EcdsaKey(curve, point, None):
            return encode_text(curve) + encode_string(point)
        case EcdsaKey(curve, point, application):
            return encode_text(curve) + encode_string(point) + encode_text(application or "")
        case RsaKey(exponent, modulus):
            return encode_mpint(exponent) + encode_mpint(modulus)


def ed25519_blob(raw: bytes) -> bytes:
    """The blob of a plain Ed25519 key of 32 bytes."""
    return encode_public_key(ED25519, Ed25519Key(raw))


def parse_public_key_line(text: str) -> bytes:
    """The blob in a line such as `ssh-ed25519 AAAA... comment`; also a certificate's. `Invalid` if it is not one.

    Options before the name, as authorized_keys allows them, are refused: nobody means them here.
    """
    if len(text) > PUBLIC_KEY_LINE_CHARACTERS_MAX:
        raise Invalid("reading a public key: too long")
    words = text.strip().split(None, 2)
    if len(words) < 2 or "\n" in text.strip():
        raise Invalid("reading a public key: one line like `ssh-ed25519 AAAA...` is expected")
    try:
        blob = base64.b64decode(words[1], validate=True)
        inner = FieldReader(blob).text(ALGORITHM_BYTES_MAX)
    except (binascii.Error, ValueError, RemoteProtocolError) as error:
        raise Invalid("reading a public key: its second word is not a key") from error
    if inner != words[0]:
        raise Invalid("reading a public key: its name and its content disagree")
    return blob


def public_key_line(blob: bytes, comment: str = "") -> str:
    """The line that `parse_public_key_line` reads back, without a line end."""
    name = FieldReader(blob).text(ALGORITHM_BYTES_MAX)
    line = f"{name} {base64.b64encode(blob).decode('ascii')}"
    return f"{line} {comment}" if comment else line


def fingerprint(blob: bytes) -> str:
    """`SHA256:` and unpadded base64, as `ssh-keygen -l` prints it."""
    return "SHA256:" + base64.b64encode(hashlib.sha256(blob).digest()).decode("ascii").rstrip("=")


def _raw_ed25519(reader: FieldReader) -> bytes:
    raw = reader.string(32)
    if len(raw) != 32:
        raise RemoteProtocolError("reading an Ed25519 key: 32 bytes are expected")
    return raw


def _point(reader: FieldReader, curve_expected: str) -> tuple[str, bytes]:
    curve = reader.text(ALGORITHM_BYTES_MAX)
    if curve != curve_expected:
        raise RemoteProtocolError("reading an ECDSA key: its curve is not the one in its name")
    point = reader.string(POINT_BYTES_MAX)
    if not point.startswith(b"\x04"):
        raise RemoteProtocolError("reading an ECDSA key: only uncompressed points are accepted")
    return curve, point
