"""OpenSSH certificates, version 01 (PROTOCOL.certkeys), parsed strictly and encoded.

Parsing accepts exactly what encoding would produce: sorted, distinct options, nothing reserved, no bytes left over.
A certificate's own text is kept (`blob`), since signatures cover bytes and not values. Parsing believes nothing:
signature, time, principals and options are for `doorward.domain.certificates` to check.
"""

from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from doorward.wire.errors import RemoteProtocolError
from doorward.wire.ssh.fields import (
    FieldReader,
    encode_string,
    encode_text,
    encode_uint32,
    encode_uint64,
)
from doorward.wire.ssh.public_key import (
    ALGORITHM_BYTES_MAX,
    ECDSA_CURVES,
    ED25519,
    PUBLIC_KEY_BYTES_MAX,
    RSA,
    SK_ECDSA,
    SK_ED25519,
    encode_public_key,
    parse_public_key,
    read_key_fields,
)

CERTIFICATE_BYTES_MAX: Final = 16_384
NONCE_BYTES_MAX: Final = 64
KEY_ID_BYTES_MAX: Final = 256
PRINCIPALS_MAX: Final = 256
"""As in OpenSSH (SSHKEY_CERT_MAX_PRINCIPALS)."""
PRINCIPAL_BYTES_MAX: Final = 256
OPTIONS_MAX: Final = 64
OPTION_NAME_BYTES_MAX: Final = 128
OPTION_DATA_BYTES_MAX: Final = 8_192
SIGNATURE_BYTES_MAX: Final = 4_096

CERTIFIED_KEYS: Final = {
    "ssh-ed25519-cert-v01@openssh.com": ED25519,
    "ssh-rsa-cert-v01@openssh.com": RSA,
    "sk-ssh-ed25519-cert-v01@openssh.com": SK_ED25519,
    "sk-ecdsa-sha2-nistp256-cert-v01@openssh.com": SK_ECDSA,
    **{f"{name}-cert-v01@openssh.com": name for name in ECDSA_CURVES},
}
"""Certificate name -> name of the key inside."""
CERTIFICATE_NAMES: Final = {key: name for name, key in CERTIFIED_KEYS.items()}

Options = tuple[tuple[str, bytes], ...]
"""Names and raw data, in order. A critical option's data is itself an encoded string; a flag's is empty."""


class CertificateType(IntEnum):
    """Whom it speaks for."""

    USER = 1
    HOST = 2


@dataclass(frozen=True, slots=True)
class CertificateFields:
    """What a certificate says; times in whole seconds since 1970, `valid_before` exclusive."""

    type: CertificateType
    serial: int
    key_id: str
    principals: tuple[str, ...]
    valid_after: int
    valid_before: int
    critical_options: Options
    extensions: Options
    public_key: bytes


@dataclass(frozen=True, slots=True)
class SshCertificate:
    """A parsed certificate: `signature_key` is a key blob, `signature` a signature blob over `signed_part`."""

    fields: CertificateFields
    nonce: bytes
    signature_key: bytes
    signature: bytes
    signed_part: bytes
    blob: bytes


def parse_certificate(blob: bytes) -> SshCertificate:
    """The certificate in `blob`, or `RemoteProtocolError`."""
    if len(blob) > CERTIFICATE_BYTES_MAX:
        raise RemoteProtocolError("reading a certificate: too long")
    reader = FieldReader(blob)
    key_name = CERTIFIED_KEYS.get(reader.text(ALGORITHM_BYTES_MAX))
    if key_name is None:
        raise RemoteProtocolError("reading a certificate: a kind that is not accepted")
    nonce = reader.string(NONCE_BYTES_MAX)
    public_key = encode_public_key(key_name, read_key_fields(reader, key_name))
    fields = _read_fields(reader, public_key)
    if reader.uint32() != 0:  # the length of the reserved part, which is empty in version 01
        raise RemoteProtocolError("reading a certificate: its reserved part is not empty")
    signature_key = reader.string(PUBLIC_KEY_BYTES_MAX)
    parse_public_key(signature_key)
    signed_part = blob[: reader.position()]
    signature = reader.string(SIGNATURE_BYTES_MAX)
    reader.expect_end()
    return SshCertificate(fields, nonce, signature_key, signature, signed_part, blob)


def encode_signed_part(fields: CertificateFields, nonce: bytes, signature_key: bytes) -> bytes:
    """The bytes that the authority signs; the caller has checked sizes (a profile makes them)."""
    name_length = int.from_bytes(fields.public_key[:4], "big")
    key_name = fields.public_key[4 : 4 + name_length].decode("ascii")
    return b"".join(
        (
            encode_text(CERTIFICATE_NAMES[key_name]),
            encode_string(nonce),
            fields.public_key[4 + name_length :],
            encode_uint64(fields.serial),
            encode_uint32(fields.type),
            encode_text(fields.key_id),
            encode_string(b"".join(map(encode_text, fields.principals))),
            encode_uint64(fields.valid_after),
            encode_uint64(fields.valid_before),
            _encode_options(fields.critical_options),
            _encode_options(fields.extensions),
            encode_string(b""),
            encode_string(signature_key),
        )
    )


def append_signature(signed_part: bytes, signature: bytes) -> bytes:
    """The whole certificate, from its signed part and a signature blob over it."""
    return signed_part + encode_string(signature)


def _read_fields(reader: FieldReader, public_key: bytes) -> CertificateFields:
    serial = reader.uint64()
    kind = reader.uint32()
    if kind not in (CertificateType.USER, CertificateType.HOST):
        raise RemoteProtocolError("reading a certificate: neither a user's nor a host's")
    key_id = reader.text(KEY_ID_BYTES_MAX)
    principals = _read_principals(reader.string(CERTIFICATE_BYTES_MAX))
    return CertificateFields(
        type=CertificateType(kind),
        serial=serial,
        key_id=key_id,
        principals=principals,
        valid_after=reader.uint64(),
        valid_before=reader.uint64(),
        critical_options=_read_options(reader.string(CERTIFICATE_BYTES_MAX)),
        extensions=_read_options(reader.string(CERTIFICATE_BYTES_MAX)),
        public_key=public_key,
    )


def _read_principals(data: bytes) -> tuple[str, ...]:
    reader = FieldReader(data)
    principals: list[str] = []
    while not reader.at_end():
        if len(principals) == PRINCIPALS_MAX:
            raise RemoteProtocolError("reading a certificate: too many principals")
        principals.append(reader.text(PRINCIPAL_BYTES_MAX))
    return tuple(principals)


def _read_options(data: bytes) -> Options:
    reader = FieldReader(data)
    options: list[tuple[str, bytes]] = []
    while not reader.at_end():
        if len(options) == OPTIONS_MAX:
            raise RemoteProtocolError("reading a certificate: too many options")
        name = reader.text(OPTION_NAME_BYTES_MAX)
        if options and name.encode() <= options[-1][0].encode():
            raise RemoteProtocolError("reading a certificate: options out of order, or one twice")
        options.append((name, reader.string(OPTION_DATA_BYTES_MAX)))
    return tuple(options)


def _encode_options(options: Options) -> bytes:
    return encode_string(b"".join(encode_text(name) + encode_string(data) for name, data in options))
