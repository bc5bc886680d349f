"""What each kind of SSH certificate may say: its type, its one principal, its options and how long it lives.

A profile takes ids, never principals, so a certificate of another shape can not be asked for. Ceilings are refused, not
cut to size: who asks for too much has a mistake in it, or an attacker. Every certificate begins two minutes before now,
for clocks that are a little behind.
"""

import ipaddress
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from doorward.base.clock import EPOCH
from doorward.base.ids import GatewayId, NodeId, SessionId, SignInId, UserId
from doorward.domain.certificates import principals
from doorward.domain.certificates.purposes import Purpose
from doorward.domain.certificates.refusals import BadPublicKey, BadSubject, ExtensionRefused, LifetimeRefused
from doorward.wire.errors import RemoteProtocolError
from doorward.wire.ssh.certificate import CertificateFields, CertificateType, Options
from doorward.wire.ssh.fields import encode_text
from doorward.wire.ssh.public_key import Ed25519Key, PublicKey, RsaKey, parse_public_key

BEFORE: Final = timedelta(minutes=2)
RSA_BITS_MIN: Final = 2048
RSA_BITS_MAX: Final = 16_384
COMMAND_BYTES_MAX: Final = 4_096
SOURCES_MAX: Final = 16
SERIAL_BITS: Final = 63
"""Serials are stored in signed 64-bit columns."""

SESSION_EXTENSIONS: Final = frozenset({"permit-agent-forwarding", "permit-port-forwarding", "permit-pty"})
USER_EXTENSIONS: Final[Options] = tuple((name, b"") for name in sorted(SESSION_EXTENSIONS))
"""A user certificate opens no target; the plan of each session decides what may pass. A server library that reads the
extensions of whoever signs in must not refuse what the plan allows, so all three stand in every user certificate."""


@dataclass(frozen=True, slots=True)
class Lifetime:
    """How long a kind of certificate lives after now, if nothing is said and at most."""

    usual: timedelta
    ceiling: timedelta

    def checked(self, asked: timedelta | None) -> timedelta:
        """`asked`, or what is usual; `LifetimeRefused` outside zero to the ceiling."""
        lifetime = self.usual if asked is None else asked
        if not timedelta(seconds=1) <= lifetime <= self.ceiling:
            raise LifetimeRefused("issuing a certificate: it would live longer than its kind may, or not at all")
        return lifetime


LIFETIMES: Final = {
    Purpose.USER_SSH: Lifetime(timedelta(hours=8), timedelta(hours=24)),
    Purpose.SESSION_SSH: Lifetime(timedelta(minutes=1), timedelta(minutes=1)),
    Purpose.NODE_HOST: Lifetime(timedelta(days=365), timedelta(days=365)),
    Purpose.FACE_HOST: Lifetime(timedelta(minutes=10), timedelta(minutes=10)),
}


def user_fields(
    *,
    user_id: UserId,
    sign_in_id: SignInId,
    public_key: bytes,
    serial: int,
    now: datetime,
    lifetime: timedelta | None = None,
    typed_code: bool = False,
) -> CertificateFields:
    """Who a user is, for one sign-in; `typed_code` marks one that somebody let in from another machine."""
    _checked_key(public_key)
    return _fields(
        Purpose.USER_SSH,
        key_id=principals.sign_in_key_id(sign_in_id, typed_code=typed_code),
        principal=principals.user_principal(user_id),
        public_key=public_key,
        serial=serial,
        now=now,
        lifetime=lifetime,
        extensions=USER_EXTENSIONS,
    )


def session_fields(
    *,
    session_id: SessionId,
    node_id: NodeId,
    login: str,
    public_key: bytes,
    serial: int,
    now: datetime,
    extensions: Collection[str] = (),
    force_command: str | None = None,
    source_addresses: Sequence[str] = (),
) -> CertificateFields:
    """One account on one node for a minute, with what the session's plan allows and nothing else."""
    _checked_ed25519(public_key)
    if not SESSION_EXTENSIONS.issuperset(extensions):
        raise ExtensionRefused("issuing a session certificate: an extension that is never given")
    return _fields(
        Purpose.SESSION_SSH,
        key_id=principals.session_key_id(session_id),
        principal=principals.session_principal(node_id, login),
        public_key=public_key,
        serial=serial,
        now=now,
        lifetime=None,
        critical_options=_session_options(force_command, source_addresses),
        extensions=tuple((name, b"") for name in sorted(set(extensions))),
    )


def node_fields(
    *, node_id: NodeId, public_key: bytes, serial: int, now: datetime, lifetime: timedelta | None = None
) -> CertificateFields:
    """That a host is one node."""
    _checked_key(public_key)
    return _fields(
        Purpose.NODE_HOST,
        key_id=principals.node_key_id(node_id),
        principal=principals.node_principal(node_id),
        public_key=public_key,
        serial=serial,
        now=now,
        lifetime=lifetime,
    )


def face_fields(
    *, gateway_id: GatewayId, name: str, public_key: bytes, serial: int, now: datetime
) -> CertificateFields:
    """That one gateway may show one name for ten minutes."""
    _checked_ed25519(public_key)
    return _fields(
        Purpose.FACE_HOST,
        key_id=principals.face_key_id(gateway_id),
        principal=principals.checked_host_name(name),
        public_key=public_key,
        serial=serial,
        now=now,
        lifetime=None,
    )


def rsa_is_acceptable(key: RsaKey) -> bool:
    """A modulus of 2048 to 16,384 bits and an odd exponent above one."""
    return RSA_BITS_MIN <= key.modulus.bit_length() <= RSA_BITS_MAX and key.exponent > 1 and key.exponent % 2 == 1


def _fields(
    purpose: Purpose,
    *,
    key_id: str,
    principal: str,
    public_key: bytes,
    serial: int,
    now: datetime,
    lifetime: timedelta | None,
    critical_options: Options = (),
    extensions: Options = (),
) -> CertificateFields:
    if not 0 < serial < 1 << SERIAL_BITS:
        raise BadSubject("issuing a certificate: the serial is out of range")
    seconds = int((now - EPOCH).total_seconds())
    lives = LIFETIMES[purpose].checked(lifetime)
    is_host = purpose in (Purpose.NODE_HOST, Purpose.FACE_HOST)
    return CertificateFields(
        type=CertificateType.HOST if is_host else CertificateType.USER,
        serial=serial,
        key_id=key_id,
        principals=(principal,),
        valid_after=seconds - int(BEFORE.total_seconds()),
        valid_before=seconds + int(lives.total_seconds()),
        critical_options=critical_options,
        extensions=extensions,
        public_key=public_key,
    )


def _session_options(force_command: str | None, source_addresses: Sequence[str]) -> Options:
    options: list[tuple[str, bytes]] = []
    if force_command is not None:
        if not 0 < len(force_command.encode()) <= COMMAND_BYTES_MAX or "\0" in force_command:
            raise BadSubject("issuing a session certificate: the command is empty, too long or holds NUL")
        options.append(("force-command", encode_text(force_command)))
    if source_addresses:
        if len(source_addresses) > SOURCES_MAX:
            raise BadSubject("issuing a session certificate: too many source addresses")
        try:
            networks = [str(ipaddress.ip_network(source)) for source in source_addresses]
        except ValueError as error:
            raise BadSubject("issuing a session certificate: a source is neither address nor network") from error
        options.append(("source-address", encode_text(",".join(networks))))
    return tuple(options)


def _checked_key(blob: bytes) -> PublicKey:
    try:
        _, key = parse_public_key(blob)
    except RemoteProtocolError as error:
        raise BadPublicKey("issuing a certificate: the public key can not be read") from error
    if isinstance(key, RsaKey) and not rsa_is_acceptable(key):
        raise BadPublicKey("issuing a certificate: an RSA key has 2048 bits at least")
    return key


def _checked_ed25519(blob: bytes) -> None:
    key = _checked_key(blob)
    if not isinstance(key, Ed25519Key) or key.application is not None:
        raise BadPublicKey("issuing a certificate: an Ed25519 key is expected")
